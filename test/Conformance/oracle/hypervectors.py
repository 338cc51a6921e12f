# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The D pipe: registers as hypervectors and packed trits."""

from .dense import FORMATS, lane_bits, map_lanes
from .machine import operation

map_lanes("dhdbind", integers=lambda bits, a, b: a ^ b)
map_lanes("dhdbund", integers=lambda bits, d, a, b: (d & a) | (d & b) | (a & b), sources=(0, 1, 2))
map_lanes("dhdsim", integers=lambda bits, a, b: bits - bin(a ^ b).count("1"))
map_lanes("dpopcnt", integers=lambda bits, a: bin(a).count("1"), sources=(1,))


def whole(e, position):
    """The register's bits within the length as one integer ([hyper.bits])."""
    return int.from_bytes(e.before.v[e.operand(position).number][:e.slot.length // 8], "little")


def set_whole(e, value):
    length = e.slot.length
    value %= 1 << length
    e.set_vector(0, [value >> i & ((1 << 64) - 1) for i in range(0, length, 64)], "i64")


@operation("dhdperm")
def dhdperm(e):
    distance = e.operand(3) % e.slot.length
    bits = whole(e, 1)
    set_whole(e, bits << distance | bits >> (e.slot.length - distance))


@operation("dhdperm2")
def dhdperm2(e):
    distance = e.operand(4) % e.slot.length
    set_whole(e, whole(e, 1) << distance | whole(e, 2) >> (e.slot.length - distance))


def trit(lane, number):
    """[trit.code]"""
    return {1: 1, 2: -1}.get(lane >> 2 * number & 3, 0)


def trits(e):
    """The slot's trit of each lane of rb as a number of the type."""
    bits = lane_bits(e.type)
    values = [trit(lane, e.operand(4) % (bits // 2)) for lane in e.vector(2)]
    return [FORMATS[e.type].from_integer(value) if e.type in FORMATS else value for value in values]


@operation("dternary")
def dternary(e):
    multiply = FORMATS[e.type].multiply if e.type in FORMATS else lambda a, t: a * t
    e.set_vector(0, [multiply(a, t) for a, t in zip(e.vector(1), trits(e))])


@operation("dtacc")
def dtacc(e):
    add = FORMATS[e.type].multiply_add if e.type in FORMATS else lambda a, t, d: a * t + d
    e.set_vector(0, [add(a, t, d) for a, t, d in zip(e.vector(1), trits(e), e.vector(0))])


@operation("dtpop")
def dtpop(e):
    e.set_vector(0, [sum(trit(lane, i) != 0 for i in range(lane_bits(e.type) // 2)) for lane in e.vector(1)])
