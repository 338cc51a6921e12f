#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Applies a TextMate grammar (match patterns, and begin/end without nesting) to a file; prints each token with its scope."""

import json
import re
import sys

rules = [
    (rule["name"], re.compile(rule.get("match") or f"{rule['begin']}(?:\\\\.|[^\"\\\\])*{rule['end']}"))
    for rule in json.load(open(sys.argv[1]))["patterns"]
]
tokens = set()
for line in open(sys.argv[2]):
    position = 0
    while True:
        # As editors do: the earliest match wins, the first rule among equals.
        matches = ((match.start(), i, match) for i, (_, rule) in enumerate(rules) if (match := rule.search(line, position)))
        _, i, match = min(matches, default=(0, 0, None))
        if not match:
            break
        tokens.add((rules[i][0], match.group().strip()))
        position = max(match.end(), position + 1)
for scope, text in sorted(tokens):
    print(f"{scope}: {text}")
