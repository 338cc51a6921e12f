# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""vTPU: compiles PyTorch modules and MLIR programs to Sentron Instruction Words and runs them on the CPU.

    program = vtpu.compile(module, (x,))
    y = program["main"](x)
"""

from . import _runtime
from ._errors import CompileFailed, CompilerBroken, ImportFailed, ParameterFailed, ProgramFailed, VtpuError, WrongType, WrongValue
from ._export import ExportedModule, Spec, export
from ._program import Entry, Program, assemble, compile, compile_mlir, load, lower_mlir
from ._runtime import Coordinate
from ._space import Region, Space

__all__ = ["CompileFailed", "CompilerBroken", "Coordinate", "Entry", "ExportedModule", "ImportFailed", "ParameterFailed", "Program",
           "ProgramFailed", "Region", "Space", "Spec", "VtpuError", "WrongType", "WrongValue", "assemble", "compile", "compile_mlir", "export",
           "load", "lower_mlir"]
__version__ = _runtime.version()
