# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The suite `machine`: what words cost by themselves. Every module is a section (`bench/sections.py`)."""

import sys

from .. import sections


def suite(options):
    return sections.run(sections.of(sys.modules[__name__], options.sections), options)
