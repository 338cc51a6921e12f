# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The exceptions of the package: one line each, naming the value, the place and the way out."""


class VtpuError(Exception):
    """Base of every error that the package raises by itself."""


class ImportFailed(VtpuError, ImportError):
    """A module could not be brought from PyTorch to MLIR text."""


class CompileFailed(VtpuError):
    """The compiler refused a program; the message holds its diagnostics."""


class CompilerBroken(CompileFailed):
    """The compiler failed by its own mistake; the message names the file that reproduces it."""


class WrongType(VtpuError, TypeError):
    """An argument of another type than what is expected."""


class WrongValue(VtpuError, ValueError):
    """An argument of the right type with an illegal value or shape."""


class ParameterFailed(VtpuError):
    """A parameter file is missing, unreadable or not the one that the program was compiled for."""


class ProgramFailed(VtpuError):
    """A program could not be loaded, or trapped while it ran."""
