# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The listed host functions of `chost` ([host.list]).

`fmod` and `remainder` are exact. Of the others the manual fixes only the points of C's Annex F and small exact values ([host.exact]); there the
double-precision result of Python's mathematical library is exact too.
"""

import math
import struct

from .floats import F32, F64

NAMES = ("pow", "fmod", "atan2", "atan", "asin", "acos", "sinh", "cosh", "tan", "cbrt", "erfc", "lgamma", "tgamma", "expm1", "log1p", "asinh",
         "acosh", "atanh", "exp", "log", "sin", "cos", "tanh", "erf", "exp2", "log2", "log10", "remainder")
BINARY = ("pow", "fmod", "atan2", "remainder")


def pole(name, x):
    """The infinity that C gives where Python raises; None elsewhere."""
    if name in ("log", "log2", "log10") and x == 0:
        return -math.inf
    if name == "log1p" and x == -1:
        return -math.inf
    if name == "atanh" and abs(x) == 1:
        return math.copysign(math.inf, x)
    if name == "tgamma" and x == 0:
        return math.copysign(math.inf, x)
    if name == "lgamma" and x <= 0 and x == math.floor(x):
        return math.inf
    return None


def function(name):
    spelled = {"tgamma": "gamma"}.get(name, name)
    return getattr(math, spelled)


def call(number, type, a, b):
    """The function of one pair of lanes; bit patterns in and out."""
    name, format = NAMES[number], {"f32": F32, "f64": F64}[type]
    x, y = (struct.unpack("<d", F64.convert(bits, format).to_bytes(8, "little"))[0] for bits in (a, b))
    result = pole(name, x)
    if result is None:
        try:
            result = function(name)(x, y) if name in BINARY else function(name)(x)
        except ValueError:
            result = math.nan
    return format.convert(int.from_bytes(struct.pack("<d", result), "little"), F64)
