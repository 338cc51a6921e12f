# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions that need more registers than there are: random siw programs with structured control, against their meaning in Python."""

import random

import numpy
import pytest
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
                inner = self.structure(block, ints, pointers, depth - 1)
                new[-1] = self.op(block, "cadd", [new[-1], self.rng.choice(inner)])
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
        for i, out in enumerate(outs):
            self.lines.append(f"{out} = siw.cmov {packed}#{i} : (!siw.r) -> !siw.r")
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
