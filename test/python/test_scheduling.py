# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Orders of instructions: random siw functions against their meaning in NumPy, and the registers that they need."""

import itertools
import pathlib
import random
import re

import numpy
import pytest
import vtpu

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = str(ROOT / "test" / "Unit" / "Scheduling" / "SampleCPU.json")  # a CPU of one's own
TABLES = sorted(path.stem for path in (ROOT / "lib" / "Scheduling" / "PortTables").glob("*.json"))
INPUTS, ROWS = 1024, 64  # rows of 16 numbers: read, and written
VECTOR = 'length = 512 : i32, type = "i32"'
BINARY = {"dadd": lambda a, b: a + b, "dsub": lambda a, b: a - b, "dmul": lambda a, b: a * b, "dxor": lambda a, b: a ^ b}


class Writer:
    """Writes a function and remembers it as steps (function, result, operands) on rows of numbers."""

    def __init__(self, rng, width):
        self.rng, self.width, self.lines, self.count = rng, width, [], 0
        self.fresh = itertools.count()  # rows: no two loads are the same

    def name(self):
        self.count += 1
        return f"%n{self.count}"

    def load(self, steps):
        result, row = self.name(), next(self.fresh)
        self.lines.append(f'{result} = siw.sld %x {{imm = {64 * row} : i64, mem = "i32", {VECTOR}}} : (!siw.r) -> !siw.v')
        steps.append(lambda env, x, y: env.__setitem__(result, x[row].copy()))
        return result

    def store(self, steps, value, row):
        self.lines.append(f'siw.sst {value}, %y {{imm = {64 * row} : i64, mem = "i32", {VECTOR}}} : (!siw.v, !siw.r) -> ()')
        steps.append(lambda env, x, y: y.__setitem__(row, env[value]))

    def reload(self, steps, row):
        result = self.name()
        self.lines.append(f'{result} = siw.sld %y {{imm = {64 * row} : i64, mem = "i32", {VECTOR}}} : (!siw.r) -> !siw.v')
        steps.append(lambda env, x, y: env.__setitem__(result, y[row].copy()))
        return result

    def binary(self, steps, a, b):
        result, kind = self.name(), self.rng.choice(list(BINARY))
        self.lines.append(f"{result} = siw.{kind} {a}, {b} {{{VECTOR}}} : (!siw.v, !siw.v) -> !siw.v")
        steps.append(lambda env, x, y: env.__setitem__(result, BINARY[kind](env[a], env[b])))
        return result

    def join(self, steps, values):
        """Two of the values become one: nothing is dead code, or equal code."""
        a, b = (values.pop(self.rng.randrange(len(values))) for _ in range(2))
        values.append(self.binary(steps, a, b))

    def run(self, steps, values, length):
        """A straight run. About `width` values are alive; at its end stands a chain, which should have begun at its start."""
        values = list(values)
        for _ in range(length):
            what = self.rng.random()
            if what < 0.5 or len(values) < 2:
                values.append(self.load(steps))
            elif what < 0.6:
                row = self.rng.randrange(ROWS)
                self.store(steps, self.rng.choice(values), row)
                if what < 0.55:
                    values.append(self.reload(steps, row))
            elif what < 0.8:
                values.append(self.binary(steps, self.load(steps), self.rng.choice(values)))
            else:
                self.join(steps, values)
            while len(values) > self.width:
                self.join(steps, values)
        last = self.load(steps)
        for _ in range(self.rng.randrange(6)):
            last = self.binary(steps, last, self.rng.choice(values))
        return values + [last]

    def loop(self, steps, values):
        starts = self.rng.sample(values, min(len(values), self.rng.randrange(1, 6)))
        outs, arguments, trips, body = [self.name() for _ in starts], [self.name() for _ in starts], self.rng.randrange(1, 4), []
        n, types, packed, counter = len(outs), ", ".join(["!siw.v"] * len(outs)), self.name(), self.name()
        self.lines.append(f"{packed}:{n} = siw.for from %zero bound {trips} step 1 nonempty inits({', '.join(starts)}) : (!siw.r, {types}) -> ({types}) {{")
        self.lines.append(f"^bb0({counter}: !siw.r, " + ", ".join(f"{a}: !siw.v" for a in arguments) + "):")
        inside = self.run(body, arguments + self.rng.sample(values, min(4, len(values))), self.rng.randrange(5, 60))
        while len(inside) > len(starts):
            self.join(body, inside)
        yields = [inside[i % len(inside)] for i in range(len(starts))]
        self.lines += [f"siw.yield {', '.join(yields)} : {types}", "}"]
        results = []
        for i, out in enumerate(outs):
            self.lines.append(f"{out} = siw.dmov {packed}#{i} {{{VECTOR}}} : (!siw.v) -> !siw.v")
            results.append(out)

        def repeat(env, x, y):
            now = [env[s] for s in starts]
            for _ in range(trips):
                env.update(zip(arguments, now))
                for step in body:
                    step(env, x, y)
                now = [env[v] for v in yields]
            env.update(zip(outs, now))

        steps.append(repeat)
        return [v for v in values if v not in starts] + results


def make_function(rng, width):
    writer, steps = Writer(rng, width), []
    values = []
    for _ in range(3):
        values = writer.run(steps, values, rng.randrange(5, 120))
        values = writer.loop(steps, values)
    for row, value in enumerate(values):
        writer.store(steps, value, row)
    bindings = ", ".join(
        f'{{kind = "{kind}", name = "{name}", size = {64 * rows} : i64, align = 64 : i64, dtype = "i32", shape = array<i64: {rows}, 16>{more}}}'
        for kind, name, rows, more in (("input", "x", INPUTS, ""), ("output", "y", ROWS, ", writable"))
    )
    head = ["%x = siw.cptr {imm = 0 : i64} : () -> !siw.r", "%y = siw.cptr {imm = 1 : i64} : () -> !siw.r", "%zero = siw.cimm {imm = 0 : i64} : () -> !siw.r"]
    clear = [f"%clear = siw.dimm {{imm = 0 : i64, {VECTOR}}} : () -> !siw.v"]
    clear += [f'siw.sst %clear, %y {{imm = {64 * row} : i64, mem = "i32", {VECTOR}}} : (!siw.v, !siw.r) -> ()' for row in range(ROWS)]
    text = f"siw.func entry @main attributes {{bindings = [{bindings}]}} {{\n" + "\n".join(head + clear + writer.lines) + "\nsiw.cret : () -> ()\n}\n"
    return text, steps


def needs(text):
    """Bytes of spilled registers and number of copies of an allocated function."""
    stack = re.search(r'name = "stack", size = (\d+)', text)
    return int(stack[1]) if stack else 0, text.count("siw.dmov")


@pytest.mark.parametrize("table", [*TABLES, SAMPLE], ids=lambda name: pathlib.Path(name).stem)
@pytest.mark.parametrize("width", [6, 16, 22, 26, 29, 31, 40])
def test_orders_keep_meaning_and_registers(width, table):
    """`width` values are alive at once; 32 registers hold them or do not."""
    reordered = 0
    for seed in range(4):
        rng = random.Random(1000 * width + seed)
        text, steps = make_function(rng, width)
        given = vtpu.lower_mlir(text, compile_from="scheduled", compile_to="allocated")
        # Pipelining, part of the default, adds words; what it makes is run below.
        ordered = vtpu.lower_mlir(text, compile_from="siw", compile_to="allocated", port_table=table, schedule="list")
        (spilled, copies), (given_spilled, given_copies) = needs(ordered), needs(given)
        assert spilled <= given_spilled and copies <= given_copies + 1, f"seed {seed}"  # a copy to the same register, which is none, is luck
        before, after = (re.findall(r"= siw\.(?!dmov)[a-z]+", t) for t in (given, ordered))
        assert sorted(before) == sorted(after)  # copies depend on the order
        reordered += before != after
        program = vtpu.compile_mlir(text, compile_from="siw", port_table=table)
        x = numpy.array([[rng.getrandbits(32) - (1 << 31) for _ in range(16)] for _ in range(INPUTS)], dtype=numpy.int32)
        expected, env = numpy.zeros((ROWS, 16), numpy.int32), {}
        with numpy.errstate(over="ignore"):
            for step in steps:
                step(env, x, expected)
        for tier in ("interpreter", "jit") if program.tier == "jit" else ("interpreter",):
            numpy.testing.assert_array_equal(numpy.asarray(program.with_tier(tier)["main"](x)), expected, err_msg=f"seed {seed}, {tier}")
    assert reordered or width > 16, "no function got a new order"


def test_the_table_chooses_the_order():
    def loads_before_the_first_sum(table):
        text = vtpu.lower_mlir(ROOT / "test" / "Pipelines" / "sample-cpu.mlir", compile_from="siw", compile_to="scheduled", port_table=table)
        assert f'siw.port_table = "{"sample" if table == SAMPLE else table}"' in text
        return text[:text.index("siw.dfma")].count("siw.sld")

    assert loads_before_the_first_sum("zen5") == 17 > loads_before_the_first_sum(SAMPLE)


def test_an_unknown_schedule_is_named():
    with pytest.raises(vtpu.CompileFailed, match="^unknown schedule 'greedy'; legal are list, modulo, exact$"):
        vtpu.compile_mlir("module {}\n", schedule="greedy")


def test_an_unknown_port_table_is_named():
    known = ", ".join(TABLES)
    with pytest.raises(vtpu.CompileFailed, match=f"^unknown port table 'pentium'; known are {known}, 'host' after 'vtpu calibrate', and any FILE.json$"):
        vtpu.compile_mlir("module {}\n", port_table="pentium")
