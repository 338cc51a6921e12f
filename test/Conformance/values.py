# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Lane values at the edges of every type, as bit patterns."""

import itertools
from fractions import Fraction

from oracle.dense import FORMATS
from oracle.machine import WIDTHS


def float_values(type):
    f = FORMATS[type]
    largest, least_normal = f.infinity - 1, 1 << f.fraction_bits

    def number(value):
        value = Fraction(value)
        return f.round(value.numerator, value.denominator)

    whole = [number(v) for v in (1, 2, "1/2", "3/2", "5/2", "1/3", 3, 10, 127, 65504, "65519.5", 65520, 2**31, 2**31 - 1, 2**32, 2**63, 2**24 + 2,
                                 Fraction(1, 2**14), Fraction(1, 2**24), Fraction(1, 2**25), Fraction(3, 2**26), "8388607.5", "1e30", "1e-30")]
    whole += [0, 1, 3, least_normal - 1, least_normal, least_normal + 1, largest, f.infinity]
    signed = whole + [f.with_sign(1, bits) for bits in whole]
    nans = [f.nan, f.with_sign(1, f.nan | 5), f.infinity | 1]  # quiet, with a sign and payload, signalling
    return list(dict.fromkeys(signed + nans))


def integer_values(type):
    bits = 8 * WIDTHS[type]
    top = 1 << (bits - 1)
    values = [0, 1, 2, 3, 5, 7, 8, 15, 16, 31, 32, 33, 63, 64, 65, 127, 128, 255, 65535, 65536, top - 1, top, top + 1, 2 * top - 1, 2 * top - 2,
              0x55555555, 0x123456789ABCDEF0, top >> 1, 2**24 + 1, 2**53 + 1, 2**31, 2**32 - 1, 1 - 2**31]
    return list(dict.fromkeys(value % (2 * top) for value in values))


def lane_values(type):
    return float_values(type) if type in FORMATS else integer_values(type)


def pack(lanes, type):
    return b"".join(lane.to_bytes(WIDTHS[type], "little") for lane in lanes)


def vectors(types, random, count, cross=False):
    """Tuples of 64-byte vectors, one a type: lanes drawn from the types' values, or every pair of the values of two types."""
    lanes = [64 // WIDTHS[type] for type in types]
    if cross and len(types) <= 2 and len(set(lanes)) == 1:
        rows = list(itertools.product(*(lane_values(type) for type in types)))
        rows += rows[:-len(rows) % lanes[0]]
        return [tuple(pack([row[i] for row in rows[at:at + lanes[0]]], type) for i, type in enumerate(types))
                for at in range(0, len(rows), lanes[0])]

    def draw(type):
        values = lane_values(type)
        return pack([random.choice(values) if random.random() < 0.75 else random.getrandbits(8 * WIDTHS[type])
                     for _ in range(64 // WIDTHS[type])], type)

    return [tuple(draw(type) for type in types) for _ in range(count)]


def numbers(type, random):
    """A vector of numbers between -1 and 1, of any scale."""
    f, count = FORMATS[type], 64 // WIDTHS[type]
    return pack([f.round(random.randint(-2**20, 2**20), 2**random.choice((20, 20, 22, 60))) for _ in range(count)], type)
