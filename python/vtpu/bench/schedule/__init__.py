# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The suite `schedule`: schedules against proven ones, predicted against measured cycles. Every module is a section (`bench/sections.py`)."""

import sys

from .. import sections


def suite(options):
    return sections.run(sections.of(sys.modules[__name__], options.sections), options)
