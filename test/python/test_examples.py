# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The examples in the descriptions of all ops parse, verify and come back from their printed form.

An example leaves the values that it uses undefined. They are defined here by an op of no dialect; their types are what the parser asks for.
"""

import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["VTPU_BUILD"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = [ROOT / "include/vtpu/Dialect/VTPU/IR/VTPUOps.td", ROOT / "include/vtpu/Dialect/SIW/IR/SIWOps.td",
           *BUILD.glob("include/vtpu/Dialect/SIW/IR/SIWInstructionOps.td")]
OP = re.compile(r'^def \w+ ?: (VTPU|SIW)_(?:Op|Instruction)<"(\w+)"', re.MULTILINE)
EXAMPLE = re.compile(r"^( *)```mlir\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def examples():
    """(op or the line it stands behind, text) of every example."""
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        ops = list(OP.finditer(text))
        for match in EXAMPLE.finditer(text):
            before = [op for op in ops if op.start() < match.start()]
            label = f"{before[-1][1].lower()}.{before[-1][2]}" if before else path.name
            if match[2].lstrip().startswith("#"):  # an attribute, not an op
                continue
            yield label, "\n".join(line[len(match[1]):] for line in match[2].splitlines())


EXAMPLES = list(examples())


def undefined(text):
    """Names of values that are used and not defined, in order."""
    left = re.findall(r"^ *(%[^=]*) = ", text, re.MULTILINE)
    defined = {name for side in left for name in re.findall(r"%\w+", side)} | set(re.findall(r"(%\w+): ", text))
    return [name for name in dict.fromkeys(re.findall(r"%\w+", text)) if name not in defined]


def opt(text):
    return subprocess.run([BUILD / "bin/vtpu-opt", "--allow-unregistered-dialect", "--verify-roundtrip"], input=text, capture_output=True,
                          text=True, timeout=60)


def wrapped(text, types):
    if re.match(r"\s*(siw\.func|func\.func|module)\b", text):
        return text
    values = "".join(f'  {name} = "example.value"() : () -> {kind}\n' for name, kind in types.items())
    return f"func.func @example() {{\n{values}{text}\n  return\n}}\n"


@pytest.mark.parametrize("label, text", EXAMPLES, ids=[label for label, _ in EXAMPLES])
def test_example(label, text):
    assert label in text, "the example shows another op"
    types = {name: "none" for name in undefined(text)}
    for _ in range(len(types) + 1):
        done = opt(wrapped(text, types))
        asked = re.search(r"use of value '(%\w+)' expects different type than prior uses: '(.*?)' vs 'none'", done.stderr)
        if not asked:
            break
        types[asked[1]] = asked[2]
    assert done.returncode == 0, done.stderr
    assert label in done.stdout and "none" not in types.values()


def test_every_op_stands_in_an_example():
    shown = {f"{dialect}.{name}" for _, text in EXAMPLES for dialect, name in re.findall(r"\b(vtpu|siw)\.(\w+)", text)}
    ops = {f"{dialect.lower()}.{name}" for path in SOURCES for dialect, name in OP.findall(path.read_text(encoding="utf-8"))}
    assert len(ops) > 100 and ops - shown == set()
