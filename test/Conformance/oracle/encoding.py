# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The 64 bytes of a word, from the manual: the layout rules of docs/ISA.md and the rows of docs/Instructions.md."""

import dataclasses
import re
import struct

from .text import PREDICATES, Address

TYPES = (None, "i8", "i16", "i32", "i64", "u8", "u16", "u32", "f32", "f64", "f16", "bf16")
ABSENT = 255
BANKS = ("r", "v", "k", "p", "m")


@dataclasses.dataclass
class Row:
    """An instruction as its row in the manual tells it."""

    pipe: str
    opcode: int
    mnemonic: str
    operands: list  # (field, class, access)
    types: list
    memory_types: list
    properties: list


def read_manual(text):
    """Rows of docs/Instructions.md by mnemonic."""
    rows, pipe = {}, None
    for line in text.splitlines():
        heading = re.match(r"## ([DSC]) pipe", line)
        if heading:
            pipe = heading[1]
        elif line.startswith("## "):
            pipe = None
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not pipe or len(cells) < 5 or not cells[0].isdigit():
            continue
        operands = [re.match(r"(\w+):(\w+)(?: \((\w+)\))?", part).groups(default="in") for part in cells[2].split(", ") if part]
        types, arrow, memory = cells[3].partition("←")
        mnemonic = re.search(r"`(\w+)`", cells[1])[1]
        row = Row(pipe, int(cells[0]), mnemonic, operands, types.split(), memory.split(), cells[4].split(", "))
        if not arrow and row.types and set(row.types) - {"f32", "f64", "i32", "i64"}:  # only a memory type
            row.types, row.memory_types = [], row.types
        rows[mnemonic] = row
    return rows


def items(row):
    """Operands of a row in the order of its text; None stands for the bracketed address."""
    index = next((o for o in row.operands if o[1] == "idx" or (row.pipe == "S" and o[0] == "rc" and o[1] == "v")), None)
    out = []
    for operand in row.operands:
        if index and operand[0] == "ra":
            out.append(None)
        elif not index or (operand != index and operand[0] != "imm"):
            out.append(operand)
    return out, index


def slot_fields(slot, row, number):
    """(12 bytes of the slot, {immediate name: value}) of word `number`."""
    registers = {"rd": 0, "ra": 0, "rb": 0, "rc": 0}
    immediate, scale, wide = 0, 0, {}
    order, index = items(row)
    if index and index[1] == "idx":
        registers[index[0]] = ABSENT
    for operand, value in zip(order, slot.operands):
        if operand is None:
            assert isinstance(value, Address)
            registers["ra"], immediate = value.base.number, value.displacement
            if value.index:
                registers[index[0]], scale = value.index.number, value.scale.bit_length() - 1
        elif operand[0] in ("i0", "i1"):
            wide[operand[0]] = value
        elif operand[0] == "imm":
            immediate = getattr(value, "number", value)
            if getattr(value, "kind", None) == "label":
                immediate -= number
        else:
            registers[operand[0]] = value.number
    types = list(slot.types)
    type = TYPES.index(types.pop(0)) if row.types else 0
    memory_type = TYPES.index(types.pop(0)) if row.memory_types else 0
    length = {128: 0, 256: 1, 512: 2}[slot.length] if "length" in row.properties else 0
    predicate = PREDICATES.index(slot.predicate) if slot.predicate else 0
    data = struct.pack("<BBBBBBBBi", row.opcode, type | memory_type << 4, length | scale << 2 | predicate << 4,
                       slot.mask | int(slot.zeroing) << 3, registers["rd"], registers["ra"], registers["rb"], registers["rc"], immediate)
    return data, wide


def temporaries(slot, row):
    """Registers that a slot leaves with an unspecified value ([slot.temporary])."""
    return [(value.bank, value.number) for operand, value in zip(items(row)[0], slot.operands) if operand and operand[2] == "tmp"]


def is_legal_slot(slot, row):
    """Rules about a slot's registers: temporaries stand apart, k0 is no mask ([slot.temporary], [state.k], [memory.gather])."""
    plain = [(value.bank, value.number) for value in slot.operands if hasattr(value, "bank")]
    indices = [(value.index.bank, value.index.number) for value in slot.operands if isinstance(value, Address) and value.index]
    results = [(value.bank, value.number) for operand, value in zip(items(row)[0], slot.operands)
               if operand and operand[2] == "out" and operand[1] in BANKS]
    for register in temporaries(slot, row):
        if (plain + indices).count(register) > 1 or register in (("k", 0), ("k", slot.mask)):
            return False
    if len(results) == 2 and results[0] == results[1]:
        return False
    if slot.mnemonic == "sgather" and indices[0] == plain[0]:
        return False
    return not (slot.mnemonic == "dsel" and plain[-1] == ("k", 0))


def reads_and_writes(slot, row):
    """Registers as (bank, number)."""
    reads, writes = set(), set()
    order, index = items(row)
    for operand, value in zip(order, slot.operands):
        if operand is None:
            reads.add((value.base.bank, value.base.number))
            if value.index:
                reads.add((value.index.bank, value.index.number))
        elif operand[1] in BANKS:
            register = (value.bank, value.number)
            if operand[2] in ("in", "inout") or (operand[2] == "out" and operand[1] == "v" and slot.mask and not slot.zeroing):
                reads.add(register)
            if operand[2] != "in":
                writes.add(register)
    if slot.mask:
        reads.add(("k", slot.mask))
    return reads, writes


def encode(word, previous, rows, number):
    """The bytes of word `number`; `previous` is the word before it, or None."""
    parts, wide = {}, {}
    for pipe in "DSC":
        parts[pipe] = bytes(12)
        if pipe in word.slots:
            parts[pipe], immediates = slot_fields(word.slots[pipe], rows[word.slots[pipe].mnemonic], number)
            wide.update(immediates)
    dependencies = 0
    for i, reader in enumerate("DSC"):
        for j, writer in enumerate("DSC"):
            if reader in word.slots and previous and writer in previous.slots:
                reads, _ = reads_and_writes(word.slots[reader], rows[word.slots[reader].mnemonic])
                _, writes = reads_and_writes(previous.slots[writer], rows[previous.slots[writer].mnemonic])
                dependencies |= int(bool(reads & writes)) << (3 * i + j)
    if wide:
        tail = struct.pack("<QQ", wide.get("i0", 0) % (1 << 64), wide.get("i1", 0) % (1 << 64))
    else:
        packed = 0
        for component in word.coordinate:
            packed = packed << 11 | component
        tail = packed.to_bytes(16, "little")
    return struct.pack("<BBH", int(bool(wide)), 1, dependencies) + bytes(4) + parts["D"] + bytes(4) + parts["S"] + parts["C"] + tail
