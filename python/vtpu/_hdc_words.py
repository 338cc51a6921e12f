# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Assembly text of programs on hypervectors: expressions over rows in memory, evaluated register by register in loops over their length."""

import dataclasses
from collections import Counter

from ._errors import WrongValue


@dataclasses.dataclass(frozen=True)
class Input:
    argument: int
    row: int


@dataclasses.dataclass(frozen=True)
class Bind:
    a: object
    b: object


@dataclasses.dataclass(frozen=True)
class Bundle:
    rows: tuple
    tie: object


@dataclasses.dataclass(frozen=True)
class Permute:
    a: object
    shift: int


@dataclasses.dataclass(frozen=True)
class Agreement:
    a: object
    b: object


@dataclasses.dataclass(frozen=True)
class Plane:
    """A bit of the counts of ones in a bundle's rows; weight None: no ones at all, the hypervector of ones of a bipolar space."""

    bundle: Bundle
    weight: object


def operands(node):
    if isinstance(node, Bundle):
        return node.rows + (() if node.tie is None or len(node.rows) % 2 else (node.tie,))
    if isinstance(node, (Input, Plane)):
        return ()
    return (node.a,) if isinstance(node, Permute) else (node.a, node.b)


class Emitter:
    """Lines of words, and a pool of v registers. r0 counts lanes in loops, r1 is scratch, bindings begin at r2; k1 masks a last, partial register."""

    REGISTERS, FIRST_POINTER, POINTERS = 32, 2, 14

    def __init__(self):
        self.lines, self.free, self.labels = [], list(range(self.REGISTERS))[::-1], 0

    def word(self, pipe, text):
        self.lines.append(f"  {{ {pipe}: {text} }}")

    def take(self):
        if not self.free:
            raise WrongValue("a kernel needs more than 32 registers at once; split it into kernels")
        return self.free.pop()

    def give(self, *registers):
        self.free.extend(registers)

    def loop(self, end, step, body):
        """Runs `body` with r0 = 0, step, ..., below `end`, at least once."""
        self.labels += 1
        label = f"loop{self.labels}"
        self.lines += [f"  {{ C: cimm r0, 0 }}", f"{label}:"]
        body()
        self.lines += [f"  {{ C: caddi r0, r0, {step} }}", f"  {{ C: cbcci.lt r0, {end}, {label} }}"]


WIDTHS = {"i8": 1, "i32": 4, "f32": 4, "u64": 8, "i64": 8}


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a row begins: `offset` bytes behind what a register points to, in elements of a memory type."""

    pointer: int
    offset: int
    type: str

    def at(self, lane=0, index=""):
        """The address of an element; `index` is a register that counts more of them."""
        width = WIDTHS[self.type]
        offset = self.offset + lane * width
        return f"[r{self.pointer}{f' + {index}*{width}' if index else ''}{f' + {offset}' if offset else ''}]"


class Space:
    """What differs between kinds of hypervectors: `type` of the lanes, `lanes` of a register, `length` of a row in lanes, of which `tail` stand in
    a last register that is not full, and `dtype` of results."""

    @property
    def tail(self):
        return self.length % self.lanes

    @property
    def bytes(self):
        return self.length * WIDTHS[self.type]

    def terms(self, generator, pair):
        """A similarity as a weighted sum of agreements: [(weight, a, b)]."""
        return [(1, pair.a, pair.b)]

    def load(self, e, v, place, lane=0, index="", mask=""):
        memory = "i64" if place.type == "u64" else place.type
        e.word("S", f"sld.{self.type}.{memory}.512 v{v}, {place.at(lane, index)}{mask and f' {{{mask}}}{{z}}'}")

    def store(self, e, v, place, lane=0, index="", mask=""):
        e.word("S", f"sst.{self.type}.{self.type}.512 v{v}, {place.at(lane, index)}{mask and f' {{{mask}}}'}")

    def op(self, e, name, *registers):
        e.word("D", f"{name}.{self.type}.512 " + ", ".join(f"v{r}" for r in registers))


class Binary(Space):
    type, dtype, lanes = "i64", "u64", 8

    def __init__(self, dimensions):
        self.dimensions, self.length = dimensions, -(-dimensions // 512) * 8

    def bind(self, e, target, a, b):
        self.op(e, "dhdbind", target, a, b)

    def bundle(self, e, chunk, node):
        rows = operands(node)
        if len(rows) % 2 == 0:
            raise WrongValue(f"bundle of {len(rows)} binary hypervectors may have ties; give tie=, the hypervector that decides them")
        if len(rows) == 3:
            a, b, c = (chunk.own(row) for row in rows)
            self.op(e, "dhdbund", c, a, b)
            e.give(a, b)
            return c
        # The bits of the count are compared with those of the smallest majority, the lowest first.
        threshold, result = (len(rows) + 1) // 2, None
        for weight, plane in enumerate(self.planes(e, chunk, rows)):
            if threshold >> weight & 1:
                if result is not None:
                    self.op(e, "dand", plane, plane, result)
                    e.give(result)
                result = plane
            else:
                if result is not None:
                    self.op(e, "dor", result, result, plane)
                e.give(plane)
        return result

    def planes(self, e, chunk, rows):
        """Bits of the counts of ones, by carry-save adders: three planes of a weight become one of that weight and one of twice the weight."""
        planes = {}

        def add(weight, register):
            plane = planes.setdefault(weight, [])
            plane.append(register)
            if len(plane) == 3:
                a, b, c = plane
                total = e.take()
                self.op(e, "dxor", total, a, b)
                self.op(e, "dxor", total, total, c)
                self.op(e, "dhdbund", c, a, b)
                e.give(a, b)
                planes[weight] = [total]
                add(weight + 1, c)

        for row in rows:
            add(0, chunk.own(row))
        weight = 0
        while weight in planes:
            if len(planes[weight]) == 2:
                a, b = planes[weight]
                carry = e.take()
                self.op(e, "dand", carry, a, b)
                self.op(e, "dxor", a, a, b)
                e.give(b)
                planes[weight] = [a]
                add(weight + 1, carry)
            weight += 1
        return [planes[w][0] for w in range(weight)]

    def agree(self, e, total, a, b, weight):
        equal = e.take()
        self.op(e, "dhdsim", equal, a, b)
        if weight > 1 and weight & (weight - 1) == 0:
            e.word("D", f"dshli.i64.512 v{equal}, v{equal}, {weight.bit_length() - 1}")
        elif weight != 1:
            factor = e.take()
            e.word("D", f"dimm.i64.512 v{factor}, {weight}")
            self.op(e, "dmul", equal, equal, factor)
            e.give(factor)
        self.op(e, "dadd", total, total, equal)
        e.give(equal)

    result = "i64"

    @property
    def padding(self):
        """Bits beyond the dimensions, which are zero, hence equal, in all hypervectors."""
        return self.length * 64 - self.dimensions

    def scale(self, e, weights):
        """r1 is the sum of weighted agreements, padding included; makes it the similarity."""
        if self.padding:
            e.word("C", f"caddi r1, r1, {-self.padding * weights}")

    def finish(self, e, total, place, weights):
        lane, temporary = e.take(), e.take()
        e.word("D", f"dred.i64.512 v{lane}, v{total}, v{temporary}, 0")
        e.word("D", f"dget.i64 r1, v{lane}")
        self.scale(e, weights)
        e.word("S", f"sstr.i64 r1, {place.at()}")
        e.give(lane, temporary)

    def permute(self, e, source, target, shift):
        """Rotation as two shifts over the whole row: up by the count, down by what is left of the dimensions."""
        shift %= self.dimensions
        a, b, result, other, temporary = (e.take() for _ in range(5))
        registers = self.length // self.lanes

        def load(v, register):
            if 0 <= register < registers:
                self.load(e, v, source, register * self.lanes)
            else:
                e.word("D", f"dimm.i64.512 v{v}, 0")

        def shifted(v, register, by):
            """The bits of this register of the row moved up by `by` bits, which may be negative."""
            whole, rest = divmod(by, 512)
            load(a, register - whole)
            load(b, register - whole - 1)
            e.word("D", f"dhdperm2.i64.512 v{v}, v{a}, v{b}, v{temporary}, {rest}")

        for register in range(registers):
            shifted(result, register, shift)
            if shift and register * 512 < shift:
                shifted(other, register, shift - self.dimensions)
                self.op(e, "dor", result, result, other)
            if register == registers - 1 and self.dimensions % 512:
                e.word("D", f"dimm.i64.512 v{a}, 0")
                e.word("D", f"dimm.i64.512 v{b}, -1")
                e.word("D", f"dhdperm2.i64.512 v{other}, v{a}, v{b}, v{temporary}, {self.dimensions % 512}")
                self.op(e, "dand", result, result, other)
            self.store(e, result, target, register * self.lanes)
        e.give(a, b, result, other, temporary)


class PackedBipolar(Binary):
    """One bit a dimension, set for -1. A bundle is the sum of its planes: with counts of ones c of n rows, n - 2 c = sum of 2^w (1 - 2 plane_w), and
    as often 1 as 2^w - 1 leaves of n."""

    def bundle(self, e, chunk, node):
        raise WrongValue("a bundle of packed bipolar hypervectors holds numbers; compare it in its kernel, or give int8 hypervectors")

    def terms(self, generator, pair):
        return [(v * w, a, b) for v, a in self.summands(generator, pair.a) for w, b in self.summands(generator, pair.b)]

    def summands(self, generator, node):
        if not isinstance(node, Bundle):
            return [(1, node)]
        rest = len(node.rows) - 2 ** generator.planes(node) + 1
        planes = [(2**w, Plane(node, w)) for w in range(generator.planes(node))]
        return planes + ([(rest, Plane(node, None))] if rest else [])

    def scale(self, e, weights):
        e.word("C", "cshli r1, r1, 1")
        e.word("C", f"caddi r1, r1, {-(2 * self.padding + self.dimensions) * weights}")


class Bipolar(Space):
    lanes = 16

    def __init__(self, dimensions, type):
        self.length, self.type = dimensions, type
        self.dtype = self.result = type

    def bind(self, e, target, a, b):
        self.op(e, "dmul", target, a, b)

    def bundle(self, e, chunk, node):
        total = chunk.own(node.rows[0])
        for row in node.rows[1:]:
            self.op(e, "dadd", total, total, chunk.use(row))
            chunk.release(row)
        if node.tie is not None and len(node.rows) % 2 == 0:
            chunk.use(node.tie)
            chunk.release(node.tie)
        return total

    def agree(self, e, total, a, b, weight):
        if self.type == "f32":
            self.op(e, "dfma", total, a, b)
            return
        product = e.take()
        self.op(e, "dmul", product, a, b)
        self.op(e, "dadd", total, total, product)
        e.give(product)

    def finish(self, e, total, place, weights):
        lane, temporary = e.take(), e.take()
        e.word("D", f"dred.{self.type}.512 v{lane}, v{total}, v{temporary}, 0")
        e.word("S", f"ssts.{self.type} v{lane}, {place.at()}")
        e.give(lane, temporary)

    def permute(self, e, source, target, shift):
        """Two copies: all but the end up, the end to the beginning."""
        shift %= self.length
        for begin, end, to in ((0, self.length - shift, shift), (self.length - shift, self.length, 0)):
            self.copy(e, source, begin, target, to, end - begin)

    def copy(self, e, source, begin, target, to, count):
        v, whole = e.take(), count // self.lanes * self.lanes

        def move(lane, index="", mask=""):
            self.load(e, v, source, begin + lane, index, mask)
            self.store(e, v, target, to + lane, index, mask)

        if whole:
            e.loop(whole, self.lanes, lambda: move(0, "r0"))
        if count % self.lanes:
            e.word("C", f"kset k2, {count % self.lanes}")
            move(whole, "", "k2")
        e.give(v)


class Chunk:
    """The evaluation of expressions in one register of their rows. Values are freed behind their last use."""

    def __init__(self, stage, *where):
        self.stage, self.where = stage, where  # lane, index and mask of loads
        self.registers, self.uses = {}, Counter(stage.uses)

    def use(self, node):
        """The register that holds a node's value; every use is followed by a release."""
        if node not in self.registers:
            self.registers[node] = self.compute(node)
        return self.registers[node]

    def release(self, node):
        self.uses[node] -= 1
        if not self.uses[node]:
            self.stage.e.give(self.registers.pop(node))

    def own(self, node):
        """A register with a node's value that the caller may overwrite; it counts as a use with its release."""
        register = self.use(node)
        if self.uses[node] == 1:
            del self.registers[node], self.uses[node]
            return register
        copy = self.stage.e.take()
        self.stage.space.op(self.stage.e, "dmov", copy, register)
        self.release(node)
        return copy

    def compute(self, node):
        stage = self.stage
        if node in stage.places:
            register = stage.e.take()
            stage.space.load(stage.e, register, stage.places[node], *self.where)
            return register
        if isinstance(node, Plane):
            register = stage.e.take()
            stage.e.word("D", f"dimm.{stage.space.type}.512 v{register}, 0")
            return register
        if isinstance(node, Bundle):
            return stage.space.bundle(stage.e, self, node)
        a, b = self.use(node.a), self.use(node.b)
        self.release(node.a)
        self.release(node.b)
        register = stage.e.take()
        stage.space.bind(stage.e, register, a, b)
        return register


class Stage:
    """One pass over the registers of all rows: `stores` are (node, place), `agreements` (terms, place of the result), `planes` (bundle, places)."""

    # Independent sums hide the latency of an addition.
    CHAINS = 4

    def __init__(self, e, space, places, stores=(), agreements=(), planes=()):
        self.e, self.space, self.places = e, space, places
        self.uses, seen = Counter(), set()
        roots = [node for node, _ in stores] + [node for terms, _ in agreements for _, *pair in terms for node in pair]
        roots += [row for bundle, _ in planes for row in bundle.rows]
        self.uses.update(roots)
        while roots:
            node = roots.pop()
            if node not in seen and node not in places:
                seen.add(node)
                self.uses.update(operands(node))
                roots += operands(node)
        chains = max(1, self.CHAINS // len(agreements)) if agreements else 1
        totals = [[e.take() for _ in range(chains)] for _ in agreements]
        for total in sum(totals, []):
            e.word("D", f"dimm.{space.type}.512 v{total}, 0")

        def one(lane, index, mask, chain):
            chunk = Chunk(self, lane, index, mask)
            for node, place in stores:
                space.store(e, chunk.use(node), place, lane, index, mask)
                chunk.release(node)
            for bundle, where in planes:
                for register, place in zip(space.planes(e, chunk, bundle.rows), where):
                    space.store(e, register, place, lane, index, mask)
                    e.give(register)
            for (terms, _), total in zip(agreements, totals):
                for weight, a, b in terms:
                    space.agree(e, total[chain], chunk.use(a), chunk.use(b), weight)
                    chunk.release(a)
                    chunk.release(b)

        whole = space.length // space.lanes
        looped = whole // chains * chains
        if looped:
            e.loop(looped * space.lanes, chains * space.lanes, lambda: [one(space.lanes * c, "r0", "", c) for c in range(chains)])
        for register in range(looped, whole):
            one(space.lanes * register, "", "", register % chains)
        if space.tail:
            one(space.lanes * whole, "", "k1", 0)
        for (terms, place), (first, *rest) in zip(agreements, totals):
            for other in rest:
                space.op(e, "dadd", first, first, other)
            space.finish(e, first, place, sum(weight for weight, _, _ in terms))
            e.give(first, *rest)


# Pairs of rows that one pass compares.
PAIRS = 8


class Generator:
    """A program: inputs, results, and scratch memory for what several passes need."""

    def __init__(self, space, inputs, results):
        self.space, self.inputs, self.results = space, inputs, results
        self.e, self.places, self.scratch = Emitter(), {}, 0
        count = len(inputs) + len(results)
        pointers = range(Emitter.FIRST_POINTER, Emitter.FIRST_POINTER + count)
        if count >= Emitter.POINTERS:
            raise WrongValue(f"a kernel with {count} arguments and results; it may have {Emitter.POINTERS - 1}")
        for argument, (shape, dtype) in enumerate(inputs):
            for row in range(shape[0] if shape else 1):
                self.places[Input(argument, row)] = Place(pointers[argument], row * space.length * WIDTHS[dtype], dtype)
        if space.tail:
            self.e.word("C", f"kset k1, {space.tail}")
        stores, pairs = [], []
        for number, (rows, _) in enumerate(results):
            pointer = pointers[len(inputs) + number]
            for row, node in enumerate(rows):
                if isinstance(node, Agreement):
                    pairs.append((node, Place(pointer, row * WIDTHS[space.result], space.result)))
                else:
                    stores.append((node, Place(pointer, row * space.bytes, space.type)))
        for node, _ in stores + pairs:
            self.permutations(node)
        for store in stores:
            self.stage(stores=[store])
        sums = [(space.terms(self, pair), place) for pair, place in pairs]
        groups = [sums[i : i + PAIRS] for i in range(0, len(sums), PAIRS)]
        used = Counter(node for group in groups for node in {n for terms, _ in group for _, *pair in terms for n in pair})
        for node, times in used.items():
            if times > 1 and not isinstance(node, Plane):
                self.keep(node)
        for group in groups:
            self.stage(agreements=group)

    def stage(self, **what):
        Stage(self.e, self.space, self.places, **what)

    def reserve(self):
        place = Place(Emitter.FIRST_POINTER + len(self.inputs) + len(self.results), self.scratch, self.space.type)
        self.scratch += -(-self.space.bytes // 64) * 64
        return place

    def keep(self, node):
        """Makes a node's value stand in memory."""
        if node not in self.places:
            place = self.reserve()
            self.stage(stores=[(node, place)])
            self.places[node] = place

    def planes(self, bundle):
        """Makes the planes of a bundle stand in memory; their number."""
        count = len(bundle.rows).bit_length()
        if Plane(bundle, 0) not in self.places:
            where = [self.reserve() for _ in range(count)]
            self.stage(planes=[(bundle, where)])
            self.places.update({Plane(bundle, weight): place for weight, place in enumerate(where)})
        return count

    def permutations(self, node):
        for operand in operands(node):
            self.permutations(operand)
        if isinstance(node, Permute) and node not in self.places:
            self.keep(node.a)
            place = self.reserve()
            self.space.permute(self.e, self.places[node.a], place, node.shift)
            self.places[node] = place

    def text(self):
        space, bindings = self.space, []

        def tensor(kind, name, shape, dtype):
            width = size = WIDTHS[dtype]
            for extent in shape:
                size *= extent
            writable = " writable" if kind == "output" else ""
            bindings.append(f"  .binding {kind} {name} size={size} align={width}{writable} dtype={dtype} shape=[{', '.join(map(str, shape))}]")

        for i, (shape, dtype) in enumerate(self.inputs):
            tensor("input", f"a{i}", (*shape, space.length), dtype)
        for i, (rows, shape) in enumerate(self.results):
            if isinstance(rows[0], Agreement):
                tensor("output", f"y{i}", shape, space.result)
            else:
                tensor("output", f"y{i}", (*shape, space.length), space.dtype)
        if self.scratch:
            bindings.append(f"  .binding arena scratch size={self.scratch} align=64 writable")
        pointers = [f"  {{ C: cptr r{Emitter.FIRST_POINTER + i}, b{i} }}" for i in range(len(bindings))]
        return "\n".join([".func main entry", *bindings, *pointers, *self.e.lines, "  { C: cret }", ".end", ""])


def generate(space, inputs, results):
    """Text of the program with inputs as (shape without the length, dtype) and results as (nodes, shape)."""
    return Generator(space, inputs, results).text()


def encoding(rows, registers, seed):
    """Text of a program from packed coordinates, 16 bytes each, to the first `registers` registers of their hypervectors."""
    lines = [".func main entry", f"  .binding input coordinates size={rows * 16} align=8 dtype=u64 shape=[{rows}, 2]",
             f"  .binding output vectors size={rows * registers * 64} align=8 writable dtype=u64 shape=[{rows}, {registers * 8}]",
             "  { C: cptr r1, b0 }", "  { C: cptr r2, b1 }", "  { C: cimm r0, 0 }", "rows:", "  { S: sldp p0, [r1] }"]
    for register in range(registers):
        lines += [f"  {{ D: dhdenc v0, p0, {register}, 0x{seed:x} }}", f"  {{ S: sst.i64.i64.512 v0, [r2 + {64 * register}] }}"]
    return "\n".join([*lines, "  { C: caddi r1, r1, 16 }", f"  {{ C: caddi r2, r2, {64 * registers} }}", "  { C: caddi r0, r0, 1 }",
                      f"  {{ C: cbcci.lt r0, {rows}, rows }}", "  { C: cret }", ".end", ""])


# Rows of trits that share one load of the numbers.
TERNARY_ROWS = 8


def ternary_product(rows, shape, count):
    """Text of y = T x: `rows` rows of packed trits, `count` numbers in f32; y has `shape`."""
    e, registers = Emitter(), -(-count // 256)
    x, temporary, lane = e.take(), e.take(), e.take()
    totals, trits = ([e.take() for _ in range(TERNARY_ROWS)] for _ in range(2))
    stride, whole = registers * 16, count // 256  # lanes
    x_start, x_place, y_place = Place(1, 0, "f32"), Place(4, 0, "f32"), Place(2, 0, "f32")
    if count % 16:
        e.word("C", f"kset k1, {count % 16}")

    def register(group, lane, index, numbers_at, first, numbers):
        for row in range(group):
            e.word("S", f"sld.i32.i32.512 v{trits[row]}, {Place(3, 4 * row * stride, 'i32').at(lane, index)}")
        for part in range(-(-numbers // 16)):
            mask = " {k1}{z}" if numbers - 16 * part < 16 else ""
            e.word("S", f"sld.f32.f32.512 v{x}, {numbers_at.at(first + 16 * part)}{mask}")
            for row in range(group):
                e.word("D", f"dtacc.f32.512 v{totals[row]}, v{x}, v{trits[row]}, v{temporary}, {part}")

    def block(group):
        """Products of `group` rows, whose trits begin at r3; results go to r2."""
        for row in range(group):
            e.word("D", f"dimm.f32.512 v{totals[row]}, 0")
        e.word("C", "cmov r4, r1")
        if whole:
            def body():
                register(group, 0, "r0", x_place, 0, 256)
                e.word("C", "caddi r4, r4, 1024")
            e.loop(whole * 16, 16, body)
        if count % 256:
            register(group, whole * 16, "", x_start, whole * 256, count % 256)
        for row in range(group):
            e.word("D", f"dred.f32.512 v{lane}, v{totals[row]}, v{temporary}, 0")
            e.word("S", f"ssts.f32 v{lane}, {y_place.at(row)}")

    groups = rows // TERNARY_ROWS
    if groups:
        e.lines += ["  { C: cimm r5, 0 }", "rows:"]
        block(TERNARY_ROWS)
        e.word("C", f"caddi r3, r3, {TERNARY_ROWS * stride * 4}")
        e.word("C", f"caddi r2, r2, {TERNARY_ROWS * 4}")
        e.word("C", "caddi r5, r5, 1")
        e.word("C", f"cbcci.lt r5, {groups}, rows")
    if rows % TERNARY_ROWS:
        block(rows % TERNARY_ROWS)
    tail = ", ".join(map(str, shape))
    return "\n".join([".func main entry",
                      f"  .binding input trits size={rows * stride * 4} align=4 dtype=u32 shape=[{tail + ', ' if tail else ''}{registers * 16}]",
                      f"  .binding input x size={4 * count} align=4 dtype=f32 shape=[{count}]",
                      f"  .binding output y size={4 * rows} align=4 writable dtype=f32 shape=[{tail}]",
                      "  { C: cptr r3, b0 }", "  { C: cptr r1, b1 }", "  { C: cptr r2, b2 }", *e.lines, "  { C: cret }", ".end", ""])
