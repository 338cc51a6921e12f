# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""IEEE 754 binary formats on bit patterns, in exact integer arithmetic.

Numbers are bit patterns (unsigned integers); a finite number is a pair of integers, numerator and denominator, until it is rounded once. Every
NaN result is the format's canonical quiet NaN: the manual leaves NaN payloads open ([float.nan]).
"""

import math


class Format:
    """A binary interchange format with `exponent_bits` and `fraction_bits`."""

    def __init__(self, exponent_bits, fraction_bits):
        self.fraction_bits = fraction_bits
        self.width = 1 + exponent_bits + fraction_bits
        self.sign_bit = 1 << (self.width - 1)
        self.infinity = ((1 << exponent_bits) - 1) << fraction_bits
        self.nan = self.infinity | 1 << (fraction_bits - 1)
        self.bias = (1 << (exponent_bits - 1)) - 1
        self.least_exponent = 1 - self.bias
        self.one = self.bias << fraction_bits

    def sign(self, bits):
        return bits >> (self.width - 1)

    def magnitude(self, bits):
        return bits & (self.sign_bit - 1)

    def is_nan(self, bits):
        return self.magnitude(bits) > self.infinity

    def is_infinite(self, bits):
        return self.magnitude(bits) == self.infinity

    def is_zero(self, bits):
        return self.magnitude(bits) == 0

    def with_sign(self, sign, magnitude):
        return magnitude | (self.sign_bit if sign else 0)

    def ratio(self, bits):
        """A finite number as (signed numerator, denominator), the denominator a power of two."""
        magnitude = self.magnitude(bits)
        field = magnitude >> self.fraction_bits
        fraction = magnitude & ((1 << self.fraction_bits) - 1)
        if field:
            fraction |= 1 << self.fraction_bits
        exponent = max(field, 1) - self.bias - self.fraction_bits
        if self.sign(bits):
            fraction = -fraction
        return (fraction << exponent, 1) if exponent >= 0 else (fraction, 1 << -exponent)

    def round(self, numerator, denominator, zero_sign=0):
        """The nearest number, ties to even; `zero_sign` is the sign of an exact zero."""
        if numerator == 0:
            return self.with_sign(zero_sign, 0)
        sign, numerator = int(numerator < 0), abs(numerator)
        exponent = numerator.bit_length() - denominator.bit_length()  # floor(log2) or one more
        if (numerator << max(-exponent, 0)) < (denominator << max(exponent, 0)):
            exponent -= 1
        exponent = max(exponent, self.least_exponent)
        unit = exponent - self.fraction_bits
        quotient, rest = divmod(numerator << max(-unit, 0), denominator << max(unit, 0))
        divisor = denominator << max(unit, 0)
        if 2 * rest > divisor or (2 * rest == divisor and quotient & 1):
            quotient += 1
        # The leading one of a normal number adds one to the exponent field, and so does a carry out of the fraction.
        bits = ((exponent - self.least_exponent) << self.fraction_bits) + quotient
        return self.with_sign(sign, min(bits, self.infinity))

    # Arithmetic.

    def negate(self, a):
        return a ^ self.sign_bit

    def multiply_add(self, a, b, c):
        """a * b + c, rounded once."""
        if self.is_nan(a) or self.is_nan(b) or self.is_nan(c):
            return self.nan
        product_sign = self.sign(a) ^ self.sign(b)
        if self.is_infinite(a) or self.is_infinite(b):
            if self.is_zero(a) or self.is_zero(b) or (self.is_infinite(c) and self.sign(c) != product_sign):
                return self.nan
            return self.with_sign(product_sign, self.infinity)
        if self.is_infinite(c):
            return c
        (an, ad), (bn, bd), (cn, cd) = self.ratio(a), self.ratio(b), self.ratio(c)
        zero_product = an == 0 or bn == 0
        both_zero = zero_product and cn == 0
        zero_sign = product_sign & self.sign(c) if both_zero else 0
        return self.round(an * bn * cd + cn * ad * bd, ad * bd * cd, zero_sign)

    def add(self, a, b):
        return self.multiply_add(a, self.one, b)

    def subtract(self, a, b):
        return self.nan if self.is_nan(b) else self.add(a, self.negate(b))

    def multiply(self, a, b):
        if self.is_nan(a) or self.is_nan(b):
            return self.nan
        sign = self.sign(a) ^ self.sign(b)
        return self.multiply_add(a, b, self.with_sign(sign, 0))  # a zero addend of the product's sign changes nothing

    def divide(self, a, b):
        if self.is_nan(a) or self.is_nan(b):
            return self.nan
        sign = self.sign(a) ^ self.sign(b)
        if self.is_infinite(a):
            return self.nan if self.is_infinite(b) else self.with_sign(sign, self.infinity)
        if self.is_infinite(b):
            return self.with_sign(sign, 0)
        if self.is_zero(b):
            return self.nan if self.is_zero(a) else self.with_sign(sign, self.infinity)
        (an, ad), (bn, bd) = self.ratio(a), self.ratio(b)
        numerator, denominator = an * bd, ad * bn
        if denominator < 0:
            numerator, denominator = -numerator, -denominator
        return self.round(numerator, denominator, sign)

    def square_root(self, a):
        if self.is_nan(a) or (self.sign(a) and not self.is_zero(a)):
            return self.nan
        if self.is_zero(a) or self.is_infinite(a):
            return a
        numerator, denominator = self.ratio(a)
        # An integer root with 2 * 60 more bits than any result holds; a one behind them stands for the rest that is not zero.
        shift = 2 * (self.fraction_bits + self.bias + 8)
        scaled = (numerator << (2 * shift)) // denominator  # the denominator is a power of two far below 2^(2 * shift)
        root = math.isqrt(scaled)
        sticky = int(root * root != scaled)
        return self.round(2 * root + sticky, 2 << shift)

    # Comparison and selection.

    def compare(self, a, b):
        """-1, 0, 1, or None when unordered."""
        if self.is_nan(a) or self.is_nan(b):
            return None
        x, y = self.order(a), self.order(b)
        return (x > y) - (x < y)

    def order(self, a):
        magnitude = self.magnitude(a)
        return -magnitude if self.sign(a) else magnitude

    def minimum(self, a, b):
        return a if self.compare(a, b) == -1 else b

    def maximum(self, a, b):
        return a if self.compare(a, b) == 1 else b

    # Conversions and the parts of a number.

    def convert(self, a, source):
        """A number of the format `source` in this format."""
        if source.is_nan(a):
            return self.nan
        if source.is_infinite(a):
            return self.with_sign(source.sign(a), self.infinity)
        return self.round(*source.ratio(a), source.sign(a))

    def from_integer(self, value):
        return self.round(value, 1)

    def to_integer(self, a, bits):
        """Toward zero into a signed integer of `bits` bits; what does not fit, NaN included, gives the minimum."""
        least = -(1 << (bits - 1))
        if self.is_nan(a) or self.is_infinite(a):
            return least
        value = self.truncate(a)
        return value if least <= value < -least else least

    def truncate(self, a):
        numerator, denominator = self.ratio(a)
        whole = abs(numerator) // denominator
        return -whole if numerator < 0 else whole

    def round_to_integer(self, a, mode):
        """`mode`: 0 to nearest even, 1 down, 2 up, 3 toward zero. The sign survives, also of a zero result."""
        if self.is_nan(a):
            return self.nan
        if self.is_infinite(a):
            return a
        numerator, denominator = self.ratio(a)
        down, rest = divmod(numerator, denominator)
        up = down + (1 if rest else 0)
        if mode == 0:
            whole = down if 2 * rest < denominator or (2 * rest == denominator and down % 2 == 0) else up
        else:
            whole = {1: down, 2: up, 3: up if numerator < 0 else down}[mode]
        return self.round(whole, 1, self.sign(a))

    def is_quiet(self, a):
        return bool(a >> (self.fraction_bits - 1) & 1)

    def scale(self, a, b):
        """a * 2^floor(b)."""
        if self.is_nan(a) and self.is_quiet(a) and self.is_infinite(b):
            return 0 if self.sign(b) else self.infinity
        if self.is_nan(a) or self.is_nan(b):
            return self.nan
        sign = self.sign(a)
        if self.is_infinite(b):
            if self.sign(b):
                return self.nan if self.is_infinite(a) else self.with_sign(sign, 0)
            return self.nan if self.is_zero(a) else self.with_sign(sign, self.infinity)
        if self.is_infinite(a) or self.is_zero(a):
            return a
        numerator, denominator = self.ratio(b)
        power = max(-100000, min(100000, numerator // denominator))
        numerator, denominator = self.ratio(a)
        return self.round(numerator << max(power, 0), denominator << max(-power, 0), sign)

    def exponent(self, a):
        """floor(log2 |a|) as a number of this format."""
        if self.is_nan(a):
            return self.nan
        if self.is_infinite(a):
            return self.infinity
        if self.is_zero(a):
            return self.with_sign(1, self.infinity)
        numerator, denominator = self.ratio(a)
        return self.from_integer(abs(numerator).bit_length() - denominator.bit_length())  # exact: the denominator is a power of two

    def mantissa(self, a):
        """a / 2^floor(log2 |a|), in [1, 2) with a's sign."""
        if self.is_nan(a):
            return self.nan
        sign = self.sign(a)
        if self.is_infinite(a) or self.is_zero(a):
            return self.with_sign(sign, self.one)
        numerator = abs(self.ratio(a)[0])
        return self.with_sign(sign, self.round(numerator, 1 << (numerator.bit_length() - 1)))


F16 = Format(5, 10)
F32 = Format(8, 23)
F64 = Format(11, 52)
