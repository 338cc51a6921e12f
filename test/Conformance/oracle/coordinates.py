# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The S pipe: coordinate registers. A coordinate is one integer, dimension 10 in its lowest eleven bits ([state.p])."""

from .machine import Trap, operation, signed

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


def components(coordinate):
    return [component(coordinate, dimension) for dimension in range(11)]


def saturated(values):
    return packed(max(0, min(MOST, value)) for value in values)


def of_components(mnemonic, function):
    """A coordinate from two, component by component."""

    @operation(mnemonic)
    def compute(e):
        e.set_coordinate(0, saturated(map(function, components(e.coordinate(1)), components(e.coordinate(2)))))


of_components("padd", lambda a, b: a + b)
of_components("psub", lambda a, b: a - b)
of_components("pmul", lambda a, b: a * b)


@operation("pscale")
def pscale(e):
    factor = signed(e.integer(2))
    e.set_coordinate(0, saturated(value * factor for value in components(e.coordinate(1))))


@operation("pcmp")
def pcmp(e):
    a, b = components(e.coordinate(1)), components(e.coordinate(2))
    e.set_scalar(0, (a > b) - (a < b))


@operation("pdist")
def pdist(e):
    e.set_scalar(0, sum(abs(a - b) for a, b in zip(components(e.coordinate(1)), components(e.coordinate(2)))))


@operation("shypdist")
def shypdist(e):
    e.set_scalar(0, sum(a != b for a, b in zip(components(e.coordinate(1)), components(e.coordinate(2)))))


@operation("sindex")
def sindex(e):
    value = component(e.coordinate(1), e.operand(3)) + signed(e.integer(2))
    e.set_coordinate(0, with_component(e.coordinate(1), e.operand(3), value))


def behind(coordinate, delimiters):
    """Where reading delimiters leads to."""
    start, delimiters = components(coordinate), components(delimiters)
    outermost = next((d for d in range(11) if delimiters[d]), 11)
    moved = [start[d] + delimiters[d] if d == outermost else 1 + delimiters[d] for d in range(outermost, 11)]
    return saturated(start[:outermost] + moved)


@operation("cdelta")
def cdelta(e):
    e.set_coordinate(0, behind(e.coordinate(1), e.coordinate(2)))


@operation("chier")
def chier(e):
    coordinate = e.coordinate(1)
    depth = max((d + 1 for d in range(11) if component(coordinate, d)), default=0)
    if e.operand(3) == 0:
        changed, value = depth - 1, 0
    else:
        changed, value = depth, signed(e.integer(2))
    e.set_coordinate(0, with_component(coordinate, changed, value) if 0 <= changed < 11 else coordinate)


LOW, HIGH = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93


def hash_of(coordinate):
    """[coordinate.hash]"""
    wrap = (1 << 64) - 1
    upper = (coordinate >> 64) * HIGH & wrap
    value = (coordinate & wrap) * LOW & wrap ^ (upper << 32 & wrap | upper >> 32)
    value ^= value >> 32
    value = value * HIGH & wrap
    return value ^ value >> 29


@operation("cshard")
def cshard(e):
    e.set_scalar(0, hash_of(e.coordinate(1)) % e.frame.machine.sentrons)


@operation("cmoe")
def cmoe(e):
    if e.integer(2) == 0:
        raise Trap("divide")
    e.set_scalar(0, hash_of(e.coordinate(1)) % e.integer(2))
