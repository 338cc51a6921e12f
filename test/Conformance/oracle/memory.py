# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The S pipe: loads and stores through bindings."""

from .dense import FORMATS, convert_lane, lane_bits
from .machine import WIDTHS, Trap, operation, signed


def widen(data, type, memory_type):
    """An element of the memory type as a lane of the type."""
    lane = int.from_bytes(data, "little")
    return lane if type == memory_type else convert_lane(lane, type, memory_type)


def narrow(lane, type, memory_type):
    """A lane as the bytes of an element: integers keep their low bits, floats round to nearest even."""
    if type in FORMATS and type != memory_type:
        lane = FORMATS[memory_type].convert(lane, FORMATS[type])
    width = WIDTHS[memory_type]
    return (lane & ((1 << 8 * width) - 1)).to_bytes(width, "little")


@operation("sld")
def sld(e):
    type, memory_type = e.slot.types
    width = WIDTHS[memory_type]
    region, offset = e.place(1)
    lanes = []
    for i in range(e.lanes):
        lanes.append(widen(region.load(signed(offset + i * width), width), type, memory_type) if e.active(i) else 0)
    e.set_vector(0, lanes)


@operation("sst")
def sst(e):
    type, memory_type = e.slot.types
    width = WIDTHS[memory_type]
    region, offset = e.place(1)
    for i, lane in enumerate(e.vector(0)):
        if e.active(i):
            e.store(region, signed(offset + i * width), narrow(lane, type, memory_type))


@operation("sbcast")
def sbcast(e):
    width = WIDTHS[e.type]
    region, offset = e.place(1)
    lane = 0
    if any(e.active(i) for i in range(e.lanes)):
        lane = int.from_bytes(region.load(offset, width), "little")
    e.set_vector(0, [lane] * e.lanes)


def gather_places(e, position):
    """(lane, region, offset) of the active lanes: indices are signed, and a sum outside 64 bits is outside every binding."""
    address = e.operand(position)
    region, offset = e.place(position, add_index=False)
    width = WIDTHS[e.type]
    data = e.before.v[address.index.number]
    for i in range(e.lanes):
        if e.active(i):
            index = signed(int.from_bytes(data[i * width:(i + 1) * width], "little"), 8 * width)
            yield i, region, offset + index * address.scale


def address_position(e):
    return next(i for i, operand in enumerate(e.slot.operands) if hasattr(operand, "base"))


@operation("sgather")
def sgather(e):
    lanes = [0] * e.lanes
    for i, region, offset in gather_places(e, address_position(e)):
        lanes[i] = int.from_bytes(region.load(offset, WIDTHS[e.type]), "little")
    e.set_vector(0, lanes)


@operation("sscatter")
def sscatter(e):
    lanes = e.vector(0)
    for i, region, offset in gather_places(e, address_position(e)):
        e.store(region, offset, lanes[i].to_bytes(WIDTHS[e.type], "little"))


@operation("sldr")
def sldr(e):
    region, offset = e.place(1)
    lane = int.from_bytes(region.load(offset, WIDTHS[e.type]), "little")
    e.set_scalar(0, lane if e.type.startswith("u") else signed(lane, lane_bits(e.type)))


@operation("sstr")
def sstr(e):
    region, offset = e.place(1)
    e.store(region, offset, narrow(e.integer(0), "i64", e.type))


@operation("slds")
def slds(e):
    region, offset = e.place(1)
    e.set_vector(0, [int.from_bytes(region.load(offset, WIDTHS[e.type]), "little")])


@operation("ssts")
def ssts(e):
    region, offset = e.place(1)
    e.store(region, offset, e.vector(0, lanes=1)[0].to_bytes(WIDTHS[e.type], "little"))


@operation("sprefch", "sprefch2", "sprefch3", "sprefchn")
def sprefch(e):
    pass  # no state changes, whatever the address ([mem.prefetch])
