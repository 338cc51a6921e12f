# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The D pipe: lanes of vector registers."""

from .floats import F16, F32, F64
from .machine import WIDTHS, operation, signed

FORMATS = {"f16": F16, "f32": F32, "f64": F64}


def lane_bits(type):
    return 8 * WIDTHS[type]


def map_lanes(mnemonic, floats=None, integers=None, sources=(1, 2)):
    """Registers an instruction that computes each lane from the same lane of its sources.

    `floats(format, *lanes)` and `integers(bits, *lanes)` take bit patterns; integers may return any integer, of which the low bits count.
    """

    @operation(mnemonic)
    def compute(e):
        operands = [e.vector(position) for position in sources]
        function, first = (floats, FORMATS[e.type]) if e.type in FORMATS else (integers, lane_bits(e.type))
        e.set_vector(0, [function(first, *lanes) for lanes in zip(*operands)])


def on_signed(function):
    return lambda bits, *lanes: function(*(signed(lane, bits) for lane in lanes))


map_lanes("dadd", lambda f, a, b: f.add(a, b), lambda bits, a, b: a + b)
map_lanes("dsub", lambda f, a, b: f.subtract(a, b), lambda bits, a, b: a - b)
map_lanes("dmul", lambda f, a, b: f.multiply(a, b), lambda bits, a, b: a * b)
map_lanes("dfma", lambda f, d, a, b: f.multiply_add(a, b, d), sources=(0, 1, 2))
map_lanes("dfnma", lambda f, d, a, b: f.multiply_add(f.negate(a), b, d), sources=(0, 1, 2))
map_lanes("ddiv", lambda f, a, b: f.divide(a, b))
map_lanes("dsqrt", lambda f, a: f.square_root(a), sources=(1,))
map_lanes("dmin", lambda f, a, b: f.minimum(a, b), on_signed(min))
map_lanes("dmax", lambda f, a, b: f.maximum(a, b), on_signed(max))
map_lanes("dminu", integers=lambda bits, a, b: min(a, b))
map_lanes("dmaxu", integers=lambda bits, a, b: max(a, b))
map_lanes("dand", integers=lambda bits, a, b: a & b)
map_lanes("dor", integers=lambda bits, a, b: a | b)
map_lanes("dxor", integers=lambda bits, a, b: a ^ b)
map_lanes("dandn", integers=lambda bits, a, b: ~a & b)
map_lanes("dshl", integers=lambda bits, a, n: a << n if n < bits else 0)
map_lanes("dshr", integers=lambda bits, a, n: a >> n if n < bits else 0)
map_lanes("dsar", integers=lambda bits, a, n: signed(a, bits) >> min(n, bits - 1))
map_lanes("dmov", lambda f, a: a, lambda bits, a: a, sources=(1,))
map_lanes("dabs", integers=on_signed(abs), sources=(1,))
map_lanes("dlzcnt", integers=lambda bits, a: bits - a.bit_length(), sources=(1,))
map_lanes("dscale", lambda f, a, b: f.scale(a, b))
map_lanes("dgetexp", lambda f, a: f.exponent(a), sources=(1,))
map_lanes("dgetmant", lambda f, a: f.mantissa(a), sources=(1,))


def shift_by_immediate(mnemonic, shift):
    @operation(mnemonic)
    def compute(e):
        bits = lane_bits(e.type)
        count = e.operand(2) % bits
        e.set_vector(0, [shift(lane, count, bits) for lane in e.vector(1)])


shift_by_immediate("dshli", lambda a, n, bits: a << n)
shift_by_immediate("dshri", lambda a, n, bits: a >> n)
shift_by_immediate("dsari", lambda a, n, bits: signed(a, bits) >> n)


@operation("dround")
def dround(e):
    e.set_vector(0, [FORMATS[e.type].round_to_integer(lane, e.operand(2)) for lane in e.vector(1)])


def holds(predicate, order):
    """A predicate on the order -1, 0, 1, or None when unordered."""
    if predicate in ("ord", "uno"):
        return (order is None) == (predicate == "uno")
    if order is None:
        return predicate in ("ne", "ult", "ule", "ugt", "uge", "ueq")
    if predicate in ("ult", "ule", "ugt", "uge", "ueq"):
        predicate = predicate[1:]
    return {"eq": order == 0, "ne": order != 0, "one": order != 0, "lt": order < 0, "le": order <= 0, "gt": order > 0,
            "ge": order >= 0}[predicate]


def compare_integers(predicate, a, b, bits):
    if predicate not in ("ult", "ule", "ugt", "uge"):
        a, b = signed(a, bits), signed(b, bits)
    return holds(predicate, (a > b) - (a < b))


@operation("dcmp")
def dcmp(e):
    result = 0
    for i, (a, b) in enumerate(zip(e.vector(1), e.vector(2))):
        if e.type in FORMATS:
            true = holds(e.slot.predicate, FORMATS[e.type].compare(a, b))
        else:
            true = compare_integers(e.slot.predicate, a, b, lane_bits(e.type))
        result |= int(true and e.active(i)) << i
    e.set_mask(0, result)


@operation("dcmp3")
def dcmp3(e):
    if e.type in FORMATS:
        f = FORMATS[e.type]
        e.set_vector(0, [f.from_integer(f.compare(a, b) or 0) for a, b in zip(e.vector(1), e.vector(2))])
    else:
        bits = lane_bits(e.type)
        pairs = ((signed(a, bits), signed(b, bits)) for a, b in zip(e.vector(1), e.vector(2)))
        e.set_vector(0, [(a > b) - (a < b) for a, b in pairs])


@operation("dsel")
def dsel(e):
    chosen = e.mask(3)
    e.set_vector(0, [a if chosen >> i & 1 else b for i, (a, b) in enumerate(zip(e.vector(1), e.vector(2)))])


@operation("dbcast")
def dbcast(e):
    e.set_vector(0, [e.vector(1)[0]] * e.lanes)


@operation("dset")
def dset(e):
    e.set_vector(0, [e.integer(1)] * e.lanes)


@operation("dimm")
def dimm(e):
    e.set_vector(0, [e.operand(1)] * e.lanes)


@operation("dfmai")
def dfmai(e):
    first, constant = FORMATS[e.type], e.operand(2) % (1 << lane_bits(e.type))
    e.set_vector(0, [first.multiply_add(d, a, constant) for d, a in zip(e.vector(0), e.vector(1))])


@operation("dget")
def dget(e):
    lane = e.vector(1, lanes=1)[0]
    e.set_scalar(0, lane if e.type in FORMATS else signed(lane, lane_bits(e.type)))


def convert_lane(lane, to, source):
    """One lane of `source` as one of `to` ([convert.float], [convert.integer], [convert.truncate])."""
    if to in FORMATS and source in FORMATS:
        return FORMATS[to].convert(lane, FORMATS[source])
    if source in FORMATS:
        return FORMATS[source].to_integer(lane, lane_bits(to))
    value = lane if source.startswith("u") else signed(lane, lane_bits(source))
    return FORMATS[to].from_integer(value) if to in FORMATS else value


@operation("dcvt")
def dcvt(e):
    to, source = e.slot.types
    lanes = e.slot.length // 8 // max(WIDTHS[to], WIDTHS[source])
    e.set_vector(0, [convert_lane(lane, to, source) for lane in e.vector(1, source, lanes)])


@operation("drnd")
def drnd(e):
    target, narrow = (FORMATS[type] for type in e.slot.types)
    e.set_vector(0, [target.convert(narrow.convert(lane, target), narrow) for lane in e.vector(1)])


def reduction(kind, type):
    """The pairwise function of `dred`; the lower half's lane comes first."""
    bitwise = {4: lambda a, b: a & b, 5: lambda a, b: a | b, 6: lambda a, b: a ^ b}
    if kind in bitwise:
        return bitwise[kind]
    if type in FORMATS:
        f = FORMATS[type]
        return (f.add, f.multiply, f.minimum, f.maximum)[kind]
    bits = lane_bits(type)
    if kind < 2:
        return (lambda a, b: (a + b) % (1 << bits), lambda a, b: a * b % (1 << bits))[kind]
    choose = min if kind == 2 else max
    return lambda a, b: choose(a, b, key=lambda lane: signed(lane, bits))


@operation("dred")
def dred(e):
    combine = reduction(e.operand(3), e.type)
    lanes = e.vector(1)
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [combine(lanes[i], lanes[i + half]) for i in range(half)]
    e.set_vector(0, lanes)


@operation("dperm")
def dperm(e):
    source = e.vector(2)
    e.set_vector(0, [source[index % e.lanes] for index in e.vector(1)])


@operation("dperm2")
def dperm2(e):
    source = e.vector(1) + e.vector(2)
    e.set_vector(0, [source[index % len(source)] for index in e.vector(0)])


@operation("dcompress")
def dcompress(e):
    packed = [lane for i, lane in enumerate(e.vector(1)) if e.active(i)]
    rest = [0] * e.lanes if e.slot.zeroing else e.vector(0)
    e.set_vector(0, packed + rest[len(packed):], masked=False)


@operation("dexpand")
def dexpand(e):
    source = iter(e.vector(1))
    e.set_vector(0, [next(source) if e.active(i) else 0 for i in range(e.lanes)])
