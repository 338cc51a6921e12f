# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C pipe: message registers, 64 bytes each ([state.m])."""

from .coordinates import from_bytes, to_bytes
from .machine import operation


def replaced(message, at, data):
    return message[:at] + data + message[at + len(data):]


@operation("cpack")
def cpack(e):
    pair = e.integer(1).to_bytes(8, "little") + e.integer(2).to_bytes(8, "little")
    e.set_message(0, replaced(e.message(0), 16 * e.operand(3), pair))


@operation("cunpack")
def cunpack(e):
    at = 16 * e.operand(3)
    pair = e.message(2)[at:at + 16]
    e.set_scalar(0, int.from_bytes(pair[:8], "little"))
    e.set_scalar(1, int.from_bytes(pair[8:], "little"))


@operation("cpackv")
def cpackv(e):
    e.set_message(0, e.before.v[e.operand(1).number])


@operation("cunpackv")
def cunpackv(e):
    e.writes.append(("v", e.operand(0).number, e.message(1)))


@operation("cpackp")
def cpackp(e):
    e.set_message(0, replaced(e.message(0), 16 * e.operand(2), to_bytes(e.coordinate(1))))


@operation("cunpackp")
def cunpackp(e):
    at = 16 * e.operand(2)
    e.set_coordinate(0, from_bytes(e.message(1)[at:at + 16]))
