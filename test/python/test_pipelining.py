# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loops as software pipelines: random siw loops give the same bits as before, whatever is known of the number of their iterations."""

import os
import pathlib
import random
import re
import subprocess

import numpy
import pytest
import vtpu

OPT = os.path.join(os.environ["VTPU_BUILD"], "bin", "vtpu-opt")
VECTOR = 'length = 512 : i32, type = "i32"'
ROWS, MOST_TRIPS = 256, 40  # rows of 16 numbers in x and in y
BINARY = ["dadd", "dsub", "dmul", "dxor"]


class Loop:
    """Writes one loop: carried vectors that rotate, stay or are sums, pointers that step either way, accesses by pointer, by counter and fixed."""

    def __init__(self, rng, trips, known):
        self.rng, self.lines, self.count = rng, [], 0
        self.step, self.lower = rng.choice([1, 2, 3]), rng.choice([0, 1, 5])
        self.upper = self.lower + trips * self.step - (rng.randrange(self.step) if trips else 0)
        self.known = known

    def name(self):
        self.count += 1
        return f"%n{self.count}"

    def op(self, text):
        result = self.name()
        self.lines.append(f"{result} = {text}")
        return result

    def place(self, pointers, bases):
        """Operands and attributes of an access that stays within 64 * ROWS bytes of one of the bases."""
        kind, near = self.rng.randrange(3), 4 * self.rng.randrange(64)
        fitting = [pointer for pointer, _, base in pointers if base in bases]
        if kind == 0 and fitting:
            return f"{self.rng.choice(fitting)} {{imm = {near} : i64, ", "(!siw.r)"
        if kind == 1:
            return f"{self.rng.choice(bases)}, %i {{imm = {near} : i64, indexed, scale = {self.rng.choice([4, 8])} : i32, ", "(!siw.r, !siw.r)"
        return f"{self.rng.choice(bases)} {{imm = {64 * self.rng.randrange(ROWS)} : i64, ", "(!siw.r)"

    def write(self):
        rng = self.rng
        starts = [self.op(f'siw.sld %x {{imm = {64 * rng.randrange(ROWS)} : i64, mem = "i32", {VECTOR}}} : (!siw.r) -> !siw.v') for _ in range(rng.randrange(1, 5))]
        outside = self.op(f'siw.sld %x {{imm = 128 : i64, mem = "i32", {VECTOR}}} : (!siw.r) -> !siw.v')
        pointers, pointer_starts = [], []
        for _ in range(rng.randrange(1, 4)):
            step, base = rng.choice([4, 64, 128, -64]), rng.choice(["%x", "%y"])
            pointer_starts.append(self.op(f"siw.caddi {base} {{imm = {64 * (MOST_TRIPS + 1) if step < 0 else 4 * rng.randrange(64)} : i64}} : (!siw.r) -> !siw.r"))
            pointers.append((self.name(), step, base))
        arguments = [self.name() for _ in starts]
        outer = self.lines
        self.lines = []
        values = [*arguments, outside]
        for _ in range(rng.randrange(2, 14)):
            what = rng.random()
            if what < 0.35:
                place, types = self.place(pointers, ["%x", "%y"])
                values.append(self.op(f'siw.sld {place}mem = "i32", {VECTOR}}} : {types} -> !siw.v'))
            elif what < 0.5:
                place, types = self.place(pointers, ["%y"])
                self.lines.append(f'siw.sst {rng.choice(values)}, {place}mem = "i32", {VECTOR}}} : (!siw.v, {types[1:]} -> ()')
            else:
                values.append(self.op(f"siw.{rng.choice(BINARY)} {rng.choice(values)}, {rng.choice(values)} {{{VECTOR}}} : (!siw.v, !siw.v) -> !siw.v"))
        steps = [self.op(f"siw.caddi {p} {{imm = {s} : i64}} : (!siw.r) -> !siw.r") for p, s, _ in pointers]
        yields = [rng.choice(values) for _ in starts]
        body, self.lines = self.lines, outer
        types = ", ".join(["!siw.v"] * len(starts) + ["!siw.r"] * len(pointers))
        results, total = self.name(), len(starts) + len(pointers)
        bound, bound_type = (f"bound {self.upper} step {self.step}", "") if self.known else (f"to %n step {self.step}", "!siw.r, ")
        if self.known and self.upper > self.lower:
            bound += " nonempty"
        self.lines += [f"%lower = siw.cimm {{imm = {self.lower} : i64}} : () -> !siw.r",
                       f"{results}:{total} = siw.for from %lower {bound} inits({', '.join(starts + pointer_starts)}) : (!siw.r, {bound_type}{types}) -> ({types}) {{",
                       "^bb0(%i: !siw.r, " + ", ".join([f"{a}: !siw.v" for a in arguments] + [f"{p}: !siw.r" for p, _, _ in pointers]) + "):",
                       *body, f"siw.yield {', '.join(yields + steps)} : {types}", "}"]
        for i in range(len(starts)):
            self.lines.append(f'siw.sst {results}#{i}, %y {{imm = {64 * i} : i64, mem = "i32", {VECTOR}}} : (!siw.v, !siw.r) -> ()')
        return self.lines


def function(loop):
    bindings = ", ".join(f'{{kind = "{kind}", name = "{name}", size = {64 * ROWS} : i64, align = 64 : i64, dtype = "i32", shape = array<i64: {ROWS}, 16>{more}}}'
                         for kind, name, more in (("input", "x", ""), ("output", "y", ", writable")))
    head = ["%x = siw.cptr {imm = 0 : i64} : () -> !siw.r", "%y = siw.cptr {imm = 1 : i64} : () -> !siw.r", "%zero = siw.cimm {imm = 0 : i64} : () -> !siw.r",
            '%n = siw.sldr %x {imm = 0 : i64, mem = "i64"} : (!siw.r) -> !siw.r', f"%clear = siw.dimm {{imm = 0 : i64, {VECTOR}}} : () -> !siw.v",
            f"siw.for from %zero bound {8 * ROWS} step 8 nonempty : (!siw.r) -> () {{", "^bb0(%c: !siw.r):",
            f'siw.sst %clear, %y, %c {{imm = 0 : i64, indexed, scale = 8 : i32, mem = "i32", {VECTOR}}} : (!siw.v, !siw.r, !siw.r) -> ()', "siw.yield", "}"]
    return f"siw.func entry @main attributes {{bindings = [{bindings}]}} {{\n" + "\n".join(head + loop.write()) + "\nsiw.cret : () -> ()\n}\n"


def pipelined(text, folder):
    """The text with every loop that can be as a pipeline, and how many there are."""
    path = pathlib.Path(folder, "loop.mlir")
    path.write_text(text)
    done = subprocess.run([OPT, str(path), "--siw-pipeline-loops=force", "--remarks-filter=siw-pipeline-loops"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout, len(re.findall("remark: \\[Passed\\]", done.stderr))


def outputs(text, x):
    program = vtpu.compile_mlir(text, compile_from="siw")
    return numpy.asarray(program.with_tier("interpreter")["main"](x))


def test_pipelines_keep_meaning(tmp_path):
    seed = int(os.environ.get("VTPU_SEED", "1"), 0)
    taken = 0
    for number in range(60):
        rng = random.Random(1000 * seed + number)
        trips, known = rng.choice([0, 1, 2, 3, 5, 8, 13, 31, MOST_TRIPS]), rng.random() < 0.5
        loop = Loop(rng, trips, known)
        text = function(loop)
        other, count = pipelined(text, tmp_path)
        taken += count
        x = numpy.array([[rng.getrandbits(32) - (1 << 31) for _ in range(16)] for _ in range(ROWS)], dtype=numpy.int32)
        x[0, :2] = numpy.array([loop.upper], dtype=numpy.int64).view(numpy.int32)
        numpy.testing.assert_array_equal(outputs(other, x), outputs(text, x), err_msg=f"VTPU_SEED={seed}, loop {number}")
    assert taken > 15, f"only {taken} loops became pipelines"


@pytest.mark.parametrize("lower, upper", [(2**63 - 3, 2**63 - 1), (-(2**63), -(2**63)), (0, -(2**63)), (5, 5), (-3, 40)])
def test_bounds_at_the_ends_of_the_range(lower, upper, tmp_path):
    """The test for enough iterations does not wrap around."""
    loop = Loop(random.Random(3), 8, known=False)
    loop.lower, loop.step = lower, 1
    text = re.sub(r"siw\.(sld|sst) (.*), %i \{imm", r"siw.\1 \2, %zero {imm", function(loop))
    other, _ = pipelined(text, tmp_path)
    x = numpy.arange(16 * ROWS, dtype=numpy.int32).reshape(ROWS, 16)
    x[0, :2] = numpy.array([upper], dtype=numpy.int64).view(numpy.int32)
    numpy.testing.assert_array_equal(outputs(other, x), outputs(text, x))
