# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C pipe: scalars, masks, control."""

import math

from . import host
from .dense import compare_integers, lane_bits
from .machine import Pointer, Trap, operation, signed


@operation("cimm")
def cimm(e):
    e.set_scalar(0, e.operand(1))


@operation("cmov")
def cmov(e):
    e.set_scalar(0, e.scalar(1))


def add(a, b):
    if isinstance(a, Pointer):
        return a.moved(signed(b))
    if isinstance(b, Pointer):
        return b.moved(signed(a))
    return a + b


@operation("cadd")
def cadd(e):
    e.set_scalar(0, add(e.scalar(1), e.scalar(2)))


@operation("caddi")
def caddi(e):
    e.set_scalar(0, add(e.scalar(1), e.operand(2)))


def of_registers(mnemonic, function):
    """rd from the unsigned values of two r registers."""

    @operation(mnemonic)
    def compute(e):
        e.set_scalar(0, function(e.integer(1), e.integer(2)))


def with_immediate(mnemonic, function):
    @operation(mnemonic)
    def compute(e):
        e.set_scalar(0, function(e.integer(1), e.operand(2)))


def divide(a, b):
    """Toward zero; Python's integers hold minimum / -1, of which the low 64 bits are the minimum."""
    if b == 0:
        raise Trap("divide")
    quotient = abs(a) // abs(b)
    return -quotient if (a < 0) != (b < 0) else quotient


of_registers("csub", lambda a, b: a - b)
of_registers("cmul", lambda a, b: a * b)
of_registers("cdiv", lambda a, b: divide(signed(a), signed(b)))
of_registers("crem", lambda a, b: signed(a) - signed(b) * divide(signed(a), signed(b)))
of_registers("cdivu", divide)
of_registers("cremu", lambda a, b: a - b * divide(a, b))
of_registers("cand", lambda a, b: a & b)
of_registers("cor", lambda a, b: a | b)
of_registers("cxor", lambda a, b: a ^ b)
of_registers("cshl", lambda a, b: a << b % 64)
of_registers("cshr", lambda a, b: a >> b % 64)
of_registers("csar", lambda a, b: signed(a) >> b % 64)
of_registers("cmin", lambda a, b: min(signed(a), signed(b)))
of_registers("cmax", lambda a, b: max(signed(a), signed(b)))
with_immediate("cmuli", lambda a, imm: a * imm)
with_immediate("cshli", lambda a, imm: a << imm % 64)
with_immediate("cshri", lambda a, imm: a >> imm % 64)
with_immediate("csari", lambda a, imm: signed(a) >> imm % 64)
with_immediate("candi", lambda a, imm: a & imm)


@operation("cset")
def cset(e):
    e.set_scalar(0, int(compare_integers(e.slot.predicate, e.integer(1), e.integer(2), 64)))


@operation("csel")
def csel(e):
    e.set_scalar(0, e.integer(1) if e.integer(3) else e.integer(2))


@operation("cext")
def cext(e):
    bits = lane_bits(e.type)
    low = e.integer(1) & ((1 << bits) - 1)
    e.set_scalar(0, low if e.type.startswith("u") else signed(low, bits))


@operation("cptr")
def cptr(e):
    e.set_scalar(0, Pointer(e.frame.regions[e.operand(1).number]))


def target(e, position):
    """A label, or a distance in words from this word."""
    operand = e.operand(position)
    return operand.number if hasattr(operand, "number") else e.frame.word + operand


@operation("cbr")
def cbr(e):
    e.control = ("branch", target(e, 0))


@operation("cbcc")
def cbcc(e):
    if compare_integers(e.slot.predicate, e.integer(0), e.integer(1), 64):
        e.control = ("branch", target(e, 2))


@operation("cbcci")
def cbcci(e):
    if compare_integers(e.slot.predicate, e.integer(0), e.operand(1) % (1 << 64), 64):
        e.control = ("branch", target(e, 2))


@operation("ccall")
def ccall(e):
    e.control = ("call", e.operand(0).number)


@operation("cret")
def cret(e):
    e.control = ("return",)


@operation("ctrap")
def ctrap(e):
    raise Trap("message", e.frame.machine.program.messages[e.operand(0).number])


@operation("cassert")
def cassert(e):
    if e.integer(0) == 0:
        raise Trap("message", e.frame.machine.program.messages[e.operand(1).number])


def first_lanes(count):
    return (1 << max(0, min(64, count))) - 1


@operation("kset")
def kset(e):
    e.set_mask(0, first_lanes(e.operand(1)))


@operation("kfirst")
def kfirst(e):
    e.set_mask(0, first_lanes(signed(e.integer(1))))


def of_masks(mnemonic, function):
    @operation(mnemonic)
    def compute(e):
        e.set_mask(0, function(e.mask(1), e.mask(2)))


of_masks("kand", lambda a, b: a & b)
of_masks("kor", lambda a, b: a | b)
of_masks("kxor", lambda a, b: a ^ b)
of_masks("kandn", lambda a, b: ~a & b)


@operation("kmov")
def kmov(e):
    e.set_mask(0, e.mask(1))


@operation("kget")
def kget(e):
    e.set_scalar(0, e.mask(1))


@operation("kput")
def kput(e):
    e.set_mask(0, e.integer(1))


@operation("chost")
def chost(e):
    number = e.operand(3).number
    e.set_vector(0, [host.call(number, e.type, a, b) for a, b in zip(e.vector(1), e.vector(2))])


@operation("csid")
def csid(e):
    e.set_scalar(0, e.frame.sentron)


@operation("csnum")
def csnum(e):
    e.set_scalar(0, e.frame.machine.sentrons)


@operation("cslice")
def cslice(e):
    count = max(0, signed(e.integer(1)))
    e.set_scalar(0, (e.frame.sentron + e.operand(2)) * count // e.frame.machine.sentrons)


@operation("cfence")
def cfence(e):
    pass  # sentrons of this model take turns: every access is seen at once
