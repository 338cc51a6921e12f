# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs for rows over a space with cells: they make the same cells as the oracle has, run a row on operands near them, and compare results and
all cells at the end."""

import itertools
import struct

import forms
import oracle
from oracle.coordinates import component, packed, with_component
from oracle.machine import WIDTHS
from values import numbers
from writer import Program

CASES = 24
RULES = ["geometry.field", "geometry.tensor", "geometry.cells"]


def uniform(value):
    return packed([value] * 11)


def box(origin, extents):
    """Coordinates of a box: dimension to extent."""
    for steps in itertools.product(*(range(extent) for extent in extents.values())):
        c = origin
        for dimension, step in zip(extents, steps):
            c = with_component(c, dimension, component(origin, dimension) + step)
        yield c


class World:
    """Cells with numbers of a type, in the shapes that the rows need."""

    def __init__(self, type, random):
        self.random, self.type = random, type
        self.core, self.keys = uniform(20), uniform(60)
        self.factors = [uniform(30), uniform(40), uniform(50)]
        self.tensors = [*box(self.core, {8: 2, 9: 2, 10: 3})] + [c for f in self.factors for c in box(f, {9: 3, 10: 3})]
        scattered = [*box(uniform(5), {8: 3, 9: 3, 10: 3}), *box(uniform(0), {0: 2, 10: 3})]
        scattered += box(with_component(with_component(uniform(2047), 0, 2046), 10, 2045), {0: 2, 10: 3})
        self.field = [*box(uniform(5), {8: 2, 9: 2, 10: 2})]
        for dimension in (8, 9, 10):  # the components of a vector field
            scattered += box(with_component(uniform(5), 3, dimension), {8: 2, 9: 2, 10: 2})
        scattered += box(with_component(uniform(5), 10, 1), {8: 3, 9: 3, 10: 3})  # where delimiters lead
        self.places = sorted(set(c for c in scattered if random.random() < 0.65))
        dense = self.tensors + [c for c in box(self.keys, {9: 5, 10: 18}) if random.random() < 0.98]
        self.cells = {c: self.number() for c in self.places + dense}

    def number(self, least=-64, most=64):
        return int.from_bytes(struct.pack({"f32": "<f", "f64": "<d"}[self.type], self.random.randint(least, most) / 32), "little")

    def near(self):
        """A cell of the scattered ones, or a place beside it."""
        c, dimension = self.random.choice(self.places), self.random.choice((0, 3, 8, 9, 10))
        return with_component(c, dimension, component(c, dimension) + self.random.choice((-1, 0, 0, 0, 1)))

    def beside(self):
        """Two cells that differ by one, if there are such among those that are drawn."""
        pairs = [pair for pair in itertools.combinations(self.places, 2) if sum(abs(component(pair[0], d) - component(pair[1], d))
                                                                              for d in range(11)) == 1]
        return self.random.choice(pairs)

    def small(self, *dimensions, most=2):
        c = 0
        for dimension in dimensions:
            c = with_component(c, dimension, self.random.randint(0, most))
        return c


def message(coordinates):
    return b"".join(c.to_bytes(16, "little") for c in coordinates).ljust(64, b"\0")


def masks(world):
    return sum(1 << d for d in world.random.sample((3, 8, 9, 10), world.random.randint(1, 3)))


def deltas(world):
    return message(world.random.choice([1] * 8 + [2, 1 << 11]) for _ in range(4))


def rows_of_factors(world):
    return message([with_component(f, 9, component(f, 9) + world.random.randint(0, 2)) for f in world.factors] + [0])


def observation(world):
    """A value and a small rate, so that repeated steps stay bounded."""
    width = WIDTHS[world.type]
    return (world.number().to_bytes(8, "little")[:width] + world.number(0, 2).to_bytes(8, "little")[:width]).ljust(64, b"\0")


#: Rows and what they take: by class of operand, or "imm"; the rest is drawn by class.
DRAWS = {
    "ssimplex": {"imm": masks}, "scocycle": {"imm": masks, "r": lambda w: w.random.choice((0, 1, 1, 2, 2**64 - 1))}, "sdiffuse": {"imm": lambda w: 2047 ^ masks(w)},
    "scurve": {"pp": World.beside}, "ckg": {"m": deltas, "p": lambda w: w.random.choice([*w.places, w.keys, w.keys + 12])},
    "dgradient": {"imm": lambda w: w.random.choice((0, 8, 9, 10))}, "ddiverg": {"imm": lambda w: w.random.choice((3, 3, 8)), "p": lambda w: w.random.choice(w.field)}, "slaplace": {},
    "stensor": {"m": lambda w: message([w.core, *w.factors]), "p": lambda w: w.small(8, 9, 10, most=3)},
    "strfactor": {"m": rows_of_factors, "v": observation},
    "cattend": {"p": lambda w: w.random.choice((w.keys, w.keys + 1, w.keys + (1 << 11))), "imm": lambda w: w.random.choice((9, 9, 10))},
}
BY_CLASS = {"p": World.near, "r": lambda w: w.random.choice((0, 1, 2, 5, 17, 2**64 - 1)), "v": lambda w: numbers(w.type, w.random)}


def drawn(row, operands, world):
    """Values of the registers that are read, and the immediate."""
    draws = {**BY_CLASS, **DRAWS[row["Mnemonic"]]}
    sources = [register for register, _ in operands.loads if register not in operands.outputs]
    values = {register: draws[register[0]](world) for register in sources}
    values.update({register: numbers("f64", world.random) for register in operands.outputs if register[0] == "v"})
    if "pp" in draws and world.random.random() < 0.9:
        values.update(zip(sources, draws["pp"](world)))
    limits = next((operand for operand in row["Operands"] if operand["Field"] == "imm"), None)
    immediate = None
    if limits:
        immediate = draws["imm"](world) if "imm" in draws else world.random.randint(limits["Low"], limits["High"])
    return values, immediate


def put_cells(program, cells):
    records = b"".join(c.to_bytes(16, "little") + bits.to_bytes(8, "little") + bytes(8) for c, bits in cells.items())
    at = program.constant(records)
    program.word("C: kset k1, 1")
    program.load_integer("r1", at)
    loop = program.label()
    program.word("S: sldp p15, [r0 + r1]")
    program.word("S: slds.i64 v12, [r0 + r1 + 16]")
    program.word("S: cput.i64.128 v12, p15 {k1}")
    program.word("C: caddi r1, r1, 32")
    program.word(f"C: cbcci.lt r1, {at + len(records)}, {loop}")


def expect_cells(program, cells):
    records = b"".join(c.to_bytes(16, "little") + bits.to_bytes(8, "little") + bytes(8) for c, bits in cells.items())
    at = program.constant(records)
    program.load_integer("r1", at)
    loop = program.label()
    program.word("S: sldp p15, [r0 + r1]")
    program.word("S: cget.i64.128 v12, p15 {k1}{z}")
    program.word("D: dget.i64 r8, v12")
    program.expect_scalar("r8", "[r0 + r1 + 16]", "a cell")
    program.word("C: caddi r1, r1, 32")
    program.word(f"C: cbcci.lt r1, {at + len(records)}, {loop}")


def program_of(row, type, random):
    world = World(type or "f64", random)
    machine = oracle.Machine(".func main entry\n  { C: cret }\n.end")
    machine.space = dict(world.cells)
    frame = oracle.Frame(machine, None, [])
    program = Program(forms.rules_of(row) + RULES)
    program.scratch()
    put_cells(program, world.cells)
    for head, row_type, _, _, _ in forms.forms_of(row):
        if row_type != type:
            continue
        for mask in forms.masks_of(row):
            operands = forms.Operands(row, type, None)
            for number in range(CASES if not row["HasLen"] else CASES // 3):
                values, immediate = drawn(row, operands, world)
                if mask:
                    program.load_integer("r6", forms.MASKS[number % len(forms.MASKS)])
                    program.word("C: kput k7, r6")
                state = oracle.State()
                state.k[7] = forms.MASKS[number % len(forms.MASKS)]
                for register, value in values.items():
                    getattr(state, register[0])[int(register[1:])] = value
                    program.load(register, f"[r0 + {program.constant(forms.value_bytes(register, value))}]")
                text = f"{head} {', '.join(part.format(immediate=immediate) for part in operands.text)}{mask}"
                program.word(f"S: {text}")
                oracle.step(oracle.parse_word(f"{{ S: {text} }}"), state, frame)
                for register in operands.outputs:
                    expected = forms.value_bytes(register, getattr(state, register[0])[int(register[1:])])
                    program.expect(register, f"[r0 + {program.constant(expected)}]", "i64", text)
    expect_cells(program, machine.space)
    return program


def space_programs(table, random):
    """Name to text: a program for each row and type."""
    programs = {}
    for row in table:
        if row["Mnemonic"] in DRAWS:
            for type in row["Types"] or [None]:
                name = ".".join(part for part in ("space", row["Mnemonic"], type) if part)
                programs[f"{name}.siw"] = program_of(row, type, random).text()
    return programs
