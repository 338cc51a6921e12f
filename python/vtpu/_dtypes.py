# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Element types by the names that NumPy and torch give them."""

import numpy

from ._errors import WrongType

# Numbers of the C API's vtpu_dtype to NumPy's names; NumPy has no bfloat16: such tensors are torch's.
DTYPES = {1: "bool", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "uint8", 7: "uint16", 8: "uint32", 9: "uint64", 10: "float16",
          11: "bfloat16", 12: "float32", 13: "float64"}
NUMBERS = {name: number for number, name in DTYPES.items()}


def numpy_dtype(name):
    """NumPy's type of a name; None for bfloat16."""
    return None if name == "bfloat16" else numpy.dtype(name)


def name_of(dtype, what):
    """The name of a NumPy or torch type, or of whatever `numpy.dtype` takes; WrongType names `what` it is for."""
    name = str(dtype).removeprefix("torch.")
    if name not in NUMBERS:
        try:
            name = numpy.dtype(dtype).name
        except TypeError:
            pass
    if name not in NUMBERS:
        raise WrongType(f"{what}: element type {name} is unknown; legal are {', '.join(NUMBERS)}")
    return name
