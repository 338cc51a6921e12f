# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions that need more registers than there are: random siw programs with structured control, against their meaning in Python."""

import pathlib
import random
import subprocess
import sys

import numpy
import pytest
import torch
import vtpu

ROW = 64  # 64-bit numbers behind a pointer
MASK = (1 << 64) - 1


def signed(value):
    value &= MASK
    return value - (1 << 64) if value >> 63 else value


class Writer:
    """Writes ops and remembers them as tuples (kind, results, ...) that `evaluate` understands."""

    def __init__(self, rng, width):
        self.rng, self.width, self.lines, self.count = rng, width, [], 0

    def name(self):
        self.count += 1
        return f"%n{self.count}"

    def op(self, block, mnemonic, operands, attributes=""):
        result = self.name()
        types = ", ".join(["!siw.r"] * len(operands))
        self.lines.append(f"{result} = siw.{mnemonic} {', '.join(operands)} {{{attributes}}} : ({types}) -> !siw.r")
        block.append((mnemonic, result, operands, int(attributes.split(" ")[2]) if "imm" in attributes else 0))
        return result

    def step(self, block, ints, pointers):
        """One more integer from what is live."""
        kind = self.rng.choice(["cadd", "csub", "cmul", "cxor", "caddi", "load"])
        if kind == "load":
            return self.op(block, "sldr", [self.rng.choice(pointers)], 'imm = 0 : i64, mem = "i64"')
        if kind == "caddi":
            return self.op(block, "caddi", [self.rng.choice(ints)], f"imm = {self.rng.randrange(-99, 99)} : i64")
        return self.op(block, kind, [self.rng.choice(ints), self.rng.choice(ints)])

    def move(self, block, pointer, ints):
        """Another pointer near this one; loads through it stay inside the row of `spread` steps."""
        if self.rng.random() < 0.5:
            return self.op(block, "caddi", [pointer], "imm = 8 : i64")
        low = self.op(block, "candi", [self.rng.choice(ints)], "imm = 1 : i64")
        step = self.op(block, "cshli", [low], "imm = 3 : i64")
        return self.op(block, "cadd", [pointer, step] if self.rng.random() < 0.5 else [step, pointer])

    def carried(self, block, ints, pointers, depth):
        """A body: everything carried becomes something else."""
        ints, new = list(ints), []
        for _ in ints:
            new.append(self.step(block, ints + new, pointers))
            if depth and self.rng.random() < 0.08:
                # What the body made or carries starts the inner one, and what comes out may be carried as it is.
                starts = [self.rng.choice(pair) for pair in zip(ints, new)] + ints[len(new) :]
                inner = self.rng.choice(self.structure(block, starts, pointers, depth - 1))
                new[-1] = inner if self.rng.random() < 0.5 else self.op(block, "cadd", [new[-1], inner])
        return new, [self.move(block, p, ints) if depth == 0 else p for p in pointers]

    def structure(self, block, ints, pointers, depth):
        kind = self.rng.choice(["for", "if", "while"])
        # Inner bodies carry some, and read the rest from outside.
        share = self.rng.sample(range(len(ints)), max(2, len(ints) // 2)) if depth < 1 else range(len(ints))
        starts = [ints[i] for i in share]
        moved = pointers[: len(pointers) // 2] if depth < 1 else pointers
        outs = [self.name() for _ in starts + moved]
        n, types = len(outs), ", ".join(["!siw.r"] * len(outs))
        text = ", ".join(starts + moved)
        packed = self.name()
        trips = self.rng.randrange(1, 4)
        body = []

        def arguments(extra=()):
            names = [self.name() for _ in outs]
            self.lines.append("^bb0(" + ", ".join(f"{name}: !siw.r" for name in [*extra, *names]) + "):")
            return names

        def inside(names):
            more = [i for i in ints if i not in starts]
            rest = [p for p in pointers if p not in moved]
            new, places = self.carried(body, names[: len(starts)], names[len(starts) :] + rest, depth)
            if more:  # values from outside, read inside
                new[0] = self.op(body, "cadd", [new[0], self.rng.choice(more)])
            return new + places[: len(moved)]

        if kind == "for":
            zero, counter = self.op(block, "cimm", [], "imm = 0 : i64"), self.name()
            self.lines.append(f"{packed}:{n} = siw.for from {zero} bound {trips} step 1 nonempty inits({text}) : (!siw.r, {types}) -> ({types}) {{")
            names = arguments([counter])
            yields = inside(names)
            self.lines += [f"siw.yield {', '.join(yields)} : {types}", "}"]
            block.append(("for", outs, starts + moved, names, counter, trips, body, yields))
        elif kind == "if":
            low = self.op(block, "candi", [self.rng.choice(ints)], "imm = 1 : i64")
            self.lines.append(f"{packed}:{n} = siw.if {low} : (!siw.r) -> ({types}) {{")
            yields = inside(starts + moved)
            self.lines += [f"siw.yield {', '.join(yields)} : {types}", "} else {", f"siw.yield {text} : {types}", "}"]
            block.append(("if", outs, low, body, yields, starts + moved))
        else:
            # Runs while the number of passes, which it carries last, is below `trips`.
            zero = self.op(block, "cimm", [], "imm = 0 : i64")
            outs, n, types = outs + [self.name()], n + 1, types + ", !siw.r"
            self.lines.append(f"{packed}:{n} = siw.while({text}, {zero}) : ({types}) -> ({types}) {{")
            names, test = arguments(), []
            bound = self.op(test, "cimm", [], f"imm = {trips} : i64")
            left = self.op(test, "csub", [bound, names[-1]])
            self.lines += [f"siw.condition {left}, {', '.join(names)} : (!siw.r, {types}) -> ()", "} do {"]
            after = arguments()
            yields = inside(after[:-1])
            yields.append(self.op(body, "caddi", [after[-1]], "imm = 1 : i64"))
            self.lines += [f"siw.yield {', '.join(yields)} : {types}", "}"]
            block.append(("while", outs, starts + moved + [zero], names, test, left, after, body, yields))
        if self.rng.random() < 0.5:
            outs[:] = [f"{packed}#{i}" for i in range(n)]
        else:
            self.lines += [f"{out} = siw.cmov {packed}#{i} : (!siw.r) -> !siw.r" for i, out in enumerate(outs)]
        return outs[: len(starts)]


def evaluate(block, env, data):
    for kind, *rest in block:
        if kind == "for":
            outs, starts, names, counter, trips, body, yields = rest
            values = [env[s] for s in starts]
            for trip in range(trips):
                env.update(zip(names, values))
                env[counter] = trip
                evaluate(body, env, data)
                values = [env[y] for y in yields]
            env.update(zip(outs, values))
        elif kind == "if":
            outs, condition, body, yields, others = rest
            if env[condition]:
                evaluate(body, env, data)
            values = [env[y] for y in (yields if env[condition] else others)]
            env.update(zip(outs, values))
        elif kind == "while":
            outs, starts, names, test, left, after, body, yields = rest
            values = [env[s] for s in starts]
            while True:
                env.update(zip(names, values))
                evaluate(test, env, data)
                if not env[left]:
                    break
                env.update(zip(after, values))
                evaluate(body, env, data)
                values = [env[y] for y in yields]
            env.update(zip(outs, values))
        else:
            result, operands, imm = rest
            a = [env[o] for o in operands]
            env[result] = signed(
                {
                    "cadd": lambda: a[0] + a[1],
                    "csub": lambda: a[0] - a[1],
                    "cmul": lambda: a[0] * a[1],
                    "cxor": lambda: a[0] ^ a[1],
                    "caddi": lambda: a[0] + imm,
                    "candi": lambda: a[0] & imm,
                    "cshli": lambda: a[0] << imm,
                    "cimm": lambda: imm,
                    "cptr": lambda: 0,
                    "sldr": lambda: int(data[(a[0] + imm) // 8]),
                }[kind]()
            )


@pytest.mark.parametrize("width", [2, 12, 24, 40])
@pytest.mark.parametrize("seed", range(6))
def test_more_values_than_registers(width, seed):
    """`width` integers and as many pointers are live at once through loops and conditions; 16 registers hold neither."""
    rng = random.Random(1000 * width + seed)
    writer, block = Writer(rng, width), []
    base = writer.op(block, "cptr", [], "imm = 0 : i64")
    ints = [writer.op(block, "sldr", [base], f'imm = {8 * i} : i64, mem = "i64"') for i in range(width)]
    pointers = []
    for i in range(width):
        row = writer.op(block, "caddi", [base], f"imm = {8 * ROW * i} : i64")
        pointers.append(writer.move(block, row, ints) if i % 3 else row)
    for depth in (1, 1):
        ints = writer.structure(block, ints, pointers, depth)
    results = [writer.op(block, "sldr", [p], 'imm = 0 : i64, mem = "i64"') for p in pointers]
    sums = [writer.op(block, "cadd", [ints[i % len(ints)], r]) for i, r in enumerate(results)]
    target = writer.op(block, "cptr", [], "imm = 1 : i64")
    for i, value in enumerate(sums):
        writer.lines.append(f'siw.sstr {value}, {target} {{imm = {8 * i} : i64, mem = "i64"}} : (!siw.r, !siw.r) -> ()')

    size = ROW * width
    bindings = ", ".join(
        f'{{kind = "{kind}", name = "{name}", size = {8 * n} : i64, align = 64 : i64, dtype = "i64", shape = array<i64: {n}>{more}}}'
        for kind, name, n, more in (("input", "x", size, ""), ("output", "y", width, ", writable"))
    )
    text = f"siw.func entry @main attributes {{bindings = [{bindings}]}} {{\n" + "\n".join(writer.lines) + "\nsiw.cret : () -> ()\n}\n"
    data = numpy.array([rng.getrandbits(64) - (1 << 63) for _ in range(size)], dtype=numpy.int64)
    env = {}
    evaluate(block, env, data)
    expected = numpy.array([env[s] for s in sums], dtype=numpy.int64)

    program = vtpu.compile_mlir(text, compile_from="siw")
    for tier in ("interpreter", "jit") if program.tier == "jit" else ("interpreter",):
        numpy.testing.assert_array_equal(numpy.asarray(program.with_tier(tier)["main"](data)), expected, err_msg=tier)


class Weaver:
    """Random loops of vector sums, many of which update an operand in place; what is carried changes places."""

    SHAPE = 'length = 512 : i32, type = "f64"'

    def __init__(self, rng, width):
        self.rng, self.width, self.lines, self.names = rng, width, [], 0

    def name(self):
        self.names += 1
        return f"%t{self.names}"

    def sums(self, values, depth):
        """The steps, as functions on the values by name, and what is yielded."""
        values, steps = list(values), []
        for _ in range(self.rng.randrange(2, 9)):
            if depth and self.rng.random() < 0.25:
                values += self.loop(steps, [self.rng.choice(values) for _ in range(self.width)], depth - 1)
                continue
            out, a, b = self.name(), self.rng.choice(values), self.rng.choice(values)
            if self.rng.random() < 0.65:
                self.lines.append(f"{out} = siw.dfma {a}, {b}, %one {{{self.SHAPE}}} : (!siw.v, !siw.v, !siw.v) -> !siw.v")
                steps.append(lambda env, out=out, a=a, b=b: env.update({out: env[a] + env[b]}))
            else:
                self.lines.append(f"{out} = siw.dsub {a}, {b} {{{self.SHAPE}}} : (!siw.v, !siw.v) -> !siw.v")
                steps.append(lambda env, out=out, a=a, b=b: env.update({out: env[a] - env[b]}))
            values.append(out)
        return steps, [self.rng.choice(values[-self.width - 2 :]) for _ in range(self.width)]

    def loop(self, steps, starts, depth):
        """Two rounds, counted or under a condition."""
        vectors = ", ".join(["!siw.v"] * self.width)
        args, tested = ([self.name() for _ in starts] for _ in range(2))
        packed, zero, count, passed, two, less, more = (self.name() for _ in range(7))
        named = lambda names: ", ".join(f"{name}: !siw.v" for name in names)
        self.lines.append(f"{zero} = siw.cimm {{imm = 0 : i64}} : () -> !siw.r")
        if self.rng.random() < 0.5:
            self.lines += [f"{packed}:{self.width} = siw.for from {zero} bound 2 step 1 nonempty inits({', '.join(starts)}) : (!siw.r, {vectors}) -> "
                           f"({vectors}) {{", f"^bb0({count}: !siw.r, {named(args)}):"]
            body, yields = self.sums(args, depth)
            self.lines += [f"siw.yield {', '.join(yields)} : {vectors}", "}"]
        else:
            types = f"{vectors}, !siw.r"
            self.lines += [f"{packed}:{self.width + 1} = siw.while({', '.join(starts)}, {zero}) : ({types}) -> ({types}) {{",
                           f"^bb0({named(tested)}, {passed}: !siw.r):", f"{two} = siw.cimm {{imm = 2 : i64}} : () -> !siw.r",
                           f'{less} = siw.cset {passed}, {two} {{pred = "lt"}} : (!siw.r, !siw.r) -> !siw.r',
                           f"siw.condition {less}, {', '.join(tested)}, {passed} : (!siw.r, {types}) -> ()", "} do {",
                           f"^bb0({named(args)}, {count}: !siw.r):"]
            body, yields = self.sums(args, depth)
            self.lines += [f"{more} = siw.caddi {count} {{imm = 1 : i64}} : (!siw.r) -> !siw.r",
                           f"siw.yield {', '.join(yields)}, {more} : {types}", "}"]
        outs = [f"{packed}#{i}" for i in range(self.width)]

        def run(env):
            carried = [env[start] for start in starts]
            for _ in range(2):
                env.update(zip(args, carried))
                for step in body:
                    step(env)
                carried = [env[value] for value in yields]
            env.update(zip(outs, carried))

        steps.append(run)
        return outs


def test_values_that_stand_in_the_registers_of_others():
    for seed in range(60):
        rng = random.Random(seed)
        width = rng.randrange(1, 5)
        weaver, steps = Weaver(rng, width), []
        names = [*(f"%s{i}" for i in range(width)), "%one"]
        weaver.lines += ["%x = siw.cptr {imm = 0 : i64} : () -> !siw.r", "%y = siw.cptr {imm = 1 : i64} : () -> !siw.r"]
        place = f'mem = "f64", {weaver.SHAPE}'
        weaver.lines += [f"{name} = siw.sld %x {{imm = {64 * i} : i64, {place}}} : (!siw.r) -> !siw.v" for i, name in enumerate(names)]
        outs = weaver.loop(steps, names[:-1], rng.randrange(3))
        weaver.lines += [f"siw.sst {out}, %y {{imm = {64 * i} : i64, {place}}} : (!siw.v, !siw.r) -> ()" for i, out in enumerate(outs)]
        bindings = ", ".join(
            f'{{kind = "{kind}", name = "{name}", size = {64 * rows} : i64, align = 64 : i64, dtype = "f64", shape = array<i64: {rows}, 8>{more}}}'
            for kind, name, rows, more in (("input", "x", width + 1, ""), ("output", "y", width, ", writable"))
        )
        text = "\n".join([f"siw.func entry @main attributes {{bindings = [{bindings}]}} {{", *weaver.lines, "siw.cret : () -> ()", "}"])
        x = numpy.array([[rng.randrange(-3, 4) for _ in range(8)] for _ in range(width)] + [[1] * 8], dtype=float)
        env = dict(zip(names, x))
        for step in steps:
            step(env)
        result = vtpu.compile_mlir(text, compile_from="scheduled").with_tier("interpreter")["main"](x)
        numpy.testing.assert_array_equal(numpy.asarray(result), [env[out] for out in outs], err_msg=f"seed {seed}")


MANY = pathlib.Path(__file__).parents[1] / "Dialect" / "SIW" / "Transforms" / "Inputs" / "many_values.py"


def run_many(kind, count, x, size):
    """The first `size` numbers of `main` of many_values.py for 512 numbers, the same in every tier: so many it writes."""
    text = subprocess.run([sys.executable, MANY, kind, str(count)], check=True, capture_output=True, text=True).stdout
    program = vtpu.compile_mlir(text, compile_from="siw")
    tiers = ("interpreter", "jit") if program.tier == "jit" else ("interpreter",)
    results = [numpy.asarray(program.with_tier(tier)["main"](x))[:size] for tier in tiers]
    for result in results[1:]:
        numpy.testing.assert_array_equal(result, results[0])
    return results[0]


@pytest.mark.parametrize("count", [4, 16, 17, 40])
def test_more_coordinates_than_registers(count):
    x = numpy.arange(512) * 3
    origin = vtpu.Coordinate.uniform(1)
    starts = [origin.replace("column", int(x[i])) for i in range(count)]
    rounds = [starts[(i + 9) % count].replace("line", 8) for i in range(count)]
    for kind, expected in (("coordinates", starts), ("carried-coordinates", rounds)):
        words = run_many(kind, count, x, 2 * count).view(numpy.uint64).reshape(count, 2)
        assert [int(low) | int(high) << 64 for low, high in words] == [c.bits for c in expected]


@pytest.mark.parametrize("count", [3, 8, 9, 30])
def test_more_messages_than_registers(count):
    x = numpy.arange(512) * 7
    for kind, expected in (("messages", x[:count]), ("carried-messages", x[(numpy.arange(count) + 9) % count] << 9)):
        numpy.testing.assert_array_equal(run_many(kind, count, x, 8 * count).reshape(count, 8), numpy.repeat(expected, 8).reshape(count, 8))


@pytest.mark.parametrize("kind", ["counters", "bounds"])
@pytest.mark.parametrize("count", [5, 15, 17, 33])
def test_more_counters_than_registers(kind, count):
    start = numpy.arange(count) % 5
    trips = numpy.array([3 if i < 2 or i > count - 3 else 1 for i in range(count)])
    x = numpy.arange(512)
    x[256 : 256 + count] = start + 2 * trips
    sums = (start + trips - 1) * trips  # of a counter over its rounds, start, start + 2, ...
    numpy.testing.assert_array_equal(run_many(kind, count, x, count), x[:count] + sums * (trips.prod() // trips))


def test_a_loop_beside_a_call():
    """No register survives a call, and so everything is made again; what a loop carries may still leave its register."""
    zeros = [f"%z{i} = siw.cimm {{imm = {i} : i64}} : () -> !siw.r" for i in range(24)]
    types = ", ".join(["!siw.r"] * 24)
    body = [f"%n{i} = siw.cadd %a{i}, %a{(i + 1) % 24} : (!siw.r, !siw.r) -> !siw.r" for i in range(24)]
    stores = [f'siw.sstr %out#{i}, %y {{imm = {8 * i} : i64, mem = "i64"}} : (!siw.r, !siw.r) -> ()' for i in range(24)]
    text = "\n".join([
        'siw.func @nothing attributes {bindings = [{kind = "import", name = "x", size = 8 : i64, align = 8 : i64}]} {', "siw.cret : () -> ()", "}",
        'siw.func entry @main attributes {bindings = [{kind = "output", name = "y", size = 192 : i64, align = 64 : i64, writable, dtype = "i64", '
        'shape = array<i64: 24>}]} {', "siw.call @nothing [0, 0]", *zeros,
        f"%out:24 = siw.for from %z0 bound 5 step 1 nonempty inits({', '.join(f'%z{i}' for i in range(24))}) : (!siw.r, {types}) -> ({types}) {{",
        "^bb0(%i: !siw.r, " + ", ".join(f"%a{i}: !siw.r" for i in range(24)) + "):", *body,
        f"siw.yield {', '.join(f'%n{i}' for i in range(24))} : {types}", "}",
        "%y = siw.cptr {imm = 0 : i64} : () -> !siw.r", *stores, "siw.cret : () -> ()", "}"])
    expected = numpy.arange(24)
    for _ in range(5):
        expected = expected + numpy.roll(expected, -1)
    numpy.testing.assert_array_equal(numpy.asarray(vtpu.compile_mlir(text, compile_from="siw")["main"]()), expected)


class Deep(torch.nn.Module):
    """One loop for each of many dimensions that no order of memory lets merge, each with its own strides."""

    def __init__(self, order):
        super().__init__()
        self.order = order

    def forward(self, x, y):
        return torch.sin(x).permute(self.order) * y + y.flip(0)


@pytest.mark.parametrize("rank", [6, 18])
def test_more_dimensions_than_registers(rank):
    order = list(range(rank))
    random.Random(rank).shuffle(order)
    shape = [3 if i in (2, 5) else 2 for i in range(rank)]
    generator = torch.Generator().manual_seed(rank)
    x = torch.randn(shape, generator=generator, dtype=torch.float64)
    y = torch.randn([shape[i] for i in order], generator=generator, dtype=torch.float64)
    program = vtpu.compile(Deep(order), (x, y))
    torch.testing.assert_close(program["main"](x, y), Deep(order)(x, y), rtol=1e-12, atol=1e-12)
