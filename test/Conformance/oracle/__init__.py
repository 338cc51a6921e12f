# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A model of the vTPU written from docs/ISA.md: what programs must compute, by no tier of the runtime.

It imports nothing but the standard library and, where a module needs it, NumPy; test/python/test_conformance.py holds it to that. A new
instruction is one function that `operation` registers, in the file of its kind; README.md shows how.
"""

from . import control, coordinates, dense, geometry, hypervectors, memory, messages, space  # noqa: F401: they register the instructions
from .machine import OPERATIONS, Frame, Machine, Pointer, Region, State, Trap, step
from .text import parse_program, parse_word

__all__ = ["OPERATIONS", "Frame", "Machine", "Pointer", "Region", "State", "Trap", "parse_program", "parse_word", "step"]
