# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Points in registers, simplices of coordinates, and fields over the space."""

import math
import struct

import numpy

from .coordinates import from_bytes, packed, to_bytes
from .dense import FORMATS
from .floats import F64
from .machine import operation, signed


def to_double(bits, type):
    """The number of a float type as a float64."""
    return numpy.float64(struct.unpack("<d", F64.convert(bits, FORMATS[type]).to_bytes(8, "little"))[0])


def rounded(value, type):
    """A float64 as bits of the type, rounded once."""
    return FORMATS[type].convert(struct.unpack("<Q", struct.pack("<d", value))[0], F64)


def point(e, position):
    """The active lanes as a list of (lane, number)."""
    return [(i, to_double(bits, e.type)) for i, bits in enumerate(e.vector(position)) if e.active(i)]


def immediate(e, position):
    return to_double(e.operand(position) % (1 << FORMATS[e.type].width), e.type)


def set_point(e, numbers):
    lanes = [0] * e.lanes
    for i, value in numbers:
        lanes[i] = rounded(value, e.type)
    e.set_vector(0, lanes)


def in_order(values):
    total = numpy.float64(0)
    for value in values:
        total = total + value
    return total


def dot(a, b):
    return in_order(x * y for (_, x), (_, y) in zip(a, b))


def of_points(mnemonic):
    """Registers a function whose arithmetic is that of IEEE 754, without complaints."""

    def register(function):
        @operation(mnemonic)
        def compute(e):
            with numpy.errstate(all="ignore"):
                function(e)

        return function

    return register


@of_points("dsoft")
def dsoft(e):
    """[points.compute]"""
    z = [(i, x / immediate(e, 2)) for i, x in point(e, 1)]
    greatest = max((x for _, x in z if not math.isnan(x)), default=-math.inf)
    exponentials = [(i, numpy.float64(math.exp(x - greatest))) for i, x in z]
    total = in_order(x for _, x in exponentials)
    set_point(e, [(i, x / total) for i, x in exponentials])


@of_points("dhypadd")
def dhypadd(e):
    a, b, c = point(e, 1), point(e, 2), immediate(e, 3)
    aa, ab, bb = dot(a, a), dot(a, b), dot(b, b)
    for_a = 1 + 2 * c * ab + c * bb
    for_b = 1 - c * aa
    divisor = 1 + 2 * c * ab + c * c * aa * bb
    set_point(e, [(i, (for_a * x + for_b * y) / divisor) for (i, x), (_, y) in zip(a, b)])


@of_points("dhypmul")
def dhypmul(e):
    a, c, factor = point(e, 1), immediate(e, 3), to_double(e.vector(2)[0], e.type)
    length = numpy.sqrt(c * dot(a, a))
    if length != 0:
        inside = numpy.float64(1 - 2**-53) if length >= 1 else length
        factor = numpy.float64(math.tanh(factor * math.atanh(inside))) / length
    set_point(e, [(i, factor * x) for i, x in a])


@operation("shypmap")
def shypmap(e):
    components = [0] * 11
    for i, bits in enumerate(e.vector(1)[:11]):
        x = float(to_double(bits, e.type))
        components[i] = 0 if math.isnan(x) else round(min(max(x, 0), 2047))  # ties to even
    e.set_coordinate(0, packed(components))


def coordinates_of(message):
    return [from_bytes(message[16 * i:16 * i + 16]) for i in range(4)]


def set_coordinates(e, position, coordinates):
    e.set_message(position, b"".join(map(to_bytes, coordinates)).ljust(64, b"\0"))


@operation("sboundary")
def sboundary(e):
    removed, vertices = signed(e.integer(3)), coordinates_of(e.message(2))[:e.operand(4) + 1]
    exists = 0 <= removed < len(vertices)
    set_coordinates(e, 0, [c for i, c in enumerate(vertices) if i != removed] if exists else [])
    e.set_scalar(1, (-1)**removed if exists else 0)
