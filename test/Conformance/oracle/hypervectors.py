# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The D pipe: registers as hypervectors and packed trits."""

from .coordinates import components
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


def mix(x, y):
    """[hyper.encode]"""
    wrap = (1 << 64) - 1
    z = x + (y + 1) * 0x9E3779B97F4A7C15 & wrap
    for _ in range(2):
        z = (z ^ z >> 32) * 0xD6E8FEB86659FD93 & wrap
    return z ^ z >> 32


def encoded(coordinate, register, seed):
    """Register number `register` of a coordinate's hypervector, as an integer of 512 bits."""
    key = mix(seed, register)
    bits = sum(mix(key, lane) << 64 * lane for lane in range(8))
    for dimension, value in enumerate(components(coordinate)):
        k = mix(key, 8 + dimension)
        count = (256 * value + k % 2047) // 2047
        for i in range(512):
            rank = i
            for n in range(3):
                rank = (rank * ((k >> 20 * n) % 512 | 1) + (k >> 20 * n + 9) % 512) % 512
                rank ^= rank >> 4
            if rank < count:
                bits ^= 1 << i
    return bits


@operation("dhdenc")
def dhdenc(e):
    value = encoded(e.coordinate(1), e.operand(2), e.operand(3) % (1 << 64))
    e.writes.append(("v", e.operand(0).number, value.to_bytes(64, "little")))
