# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The S pipe: coordinate registers. A coordinate is one integer, dimension 10 in its lowest eleven bits ([state.p])."""

from .machine import operation, signed

MOST = 2047
BITS = 121


def packed(components):
    value = 0
    for component in components:
        value = value << 11 | component
    return value


def place_of(dimension):
    return 11 * (10 - dimension)


def component(coordinate, dimension):
    return coordinate >> place_of(dimension) & MOST


def with_component(coordinate, dimension, value):
    """One component replaced, saturating ([coordinate.saturate])."""
    value = max(0, min(MOST, value))
    return coordinate & ~(MOST << place_of(dimension)) | value << place_of(dimension)


def from_bytes(data):
    return int.from_bytes(data, "little") & ((1 << BITS) - 1)


def to_bytes(coordinate):
    return coordinate.to_bytes(16, "little")


@operation("pcoord")
def pcoord(e):
    e.set_coordinate(0, packed(e.word.coordinate))


@operation("pmov")
def pmov(e):
    e.set_coordinate(0, e.coordinate(1))


@operation("sldp")
def sldp(e):
    region, offset = e.place(1)
    e.set_coordinate(0, from_bytes(region.load(offset, 16)))


@operation("sstp")
def sstp(e):
    region, offset = e.place(1)
    e.store(region, offset, to_bytes(e.coordinate(0)))


@operation("pins")
def pins(e):
    e.set_coordinate(0, with_component(e.coordinate(0), e.operand(2), signed(e.integer(1))))


@operation("pext")
def pext(e):
    e.set_scalar(0, component(e.coordinate(1), e.operand(2)))
