# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs that run one row of the instruction table in every legal form: types, lengths, predicates, masks, immediates, address modes."""

import itertools

import oracle
from oracle.dense import FORMATS
from oracle.machine import WIDTHS
from oracle.text import PREDICATES
from values import lane_values, numbers, pack, vectors
from writer import NAN_LANES, Program

#: Rows that trap on zero, and where their cases hold the divisor.
DIVISIONS = {"cdiv": "r9", "crem": "r9", "cdivu": "r9", "cremu": "r9", "cmoe": "r8"}
#: Rows over points and scores: most of their results are NaNs over edge values, so that they get numbers between -1 and 1 besides.
POINTS = ("dsoft", "dhypadd", "dhypmul")
CASES = 6  # of a form that does not run every pair of values
INTEGER_PREDICATES = PREDICATES[:10]
MASKS = [0x5A5A5A5A5A5A5A5A, 0, (1 << 64) - 1, 1, 0x8001_0000_0000_8081, 0xFFFF_0000_FFFF_7FFE]
#: Immediates at the edges of what a row takes; the others take any shift count.
IMMEDIATES = {"dround": range(4), "dred": range(7), "sboundary": range(4), "ssimplex": (1, 3, 1029, 1793), "kset": (0, 1, 2, 15, 16, 31, 32, 63, 64),
              "caddi": (0, 1, -1, 2**31 - 1, -2**31), "cmuli": (0, 1, -1, 7, 2**31 - 1, -2**31), "candi": (0, 1, -1, 255, 2**31 - 1, -2**31)}
SHIFTS = (0, 1, 7, 31, 32, 33, 63, 64, -1)
SCALARS = [0, 1, 2, 3, 7, 31, 63, 64, 65, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63,
           2**64 - 1, 2**64 - 2, 2**63 + 1, 0x123456789ABCDEF0, 2**64 - 2**31, 2**64 - 128, 2**64 - 129]


#: Rules of the manual that the forms of a row test, besides op.<mnemonic>.
RULES = {"dadd": "int.wrap float.round float.nan", "dsub": "int.wrap", "dmul": "int.wrap", "dabs": "int.wrap", "dfma": "float.round float.nan",
         "dfnma": "float.round", "dfmai": "float.round float.nan", "ddiv": "float.round float.nan", "dsqrt": "float.round float.nan",
         "dmin": "float.minmax", "dmax": "float.minmax",
         "dround": "float.integral", "dscale": "float.scale", "dgetexp": "float.parts", "dgetmant": "float.parts", "drnd": "convert.half",
         "dcmp": "compare.predicates mask.zeroing", "cset": "compare.predicates", "dred": "reduce.tree length.tail", "dperm": "permute.index",
         "dperm2": "permute.index", "dcompress": "compress.order", "dexpand": "compress.order", "sgather": "memory.gather",
         "sscatter": "memory.gather", "cext": "int.extend",
         "candi": "int.extend", "csub": "int.wrap", "cmul": "int.wrap",
         "dcvt": "convert.types convert.integer convert.float convert.truncate int.extend",
         "sld": "memory.types int.extend convert.float", "sst": "memory.types convert.float", "sldr": "int.extend"}
RULES.update({name: "int.shift" for name in ("dshl", "dshr", "dsar", "dshli", "dshri", "dsari", "cshl", "cshr", "csar", "cshli", "cshri", "csari")})
RULES.update({name: "hyper.bits" for name in ("dhdbind", "dhdperm", "dhdperm2")})
RULES.update({name: "trit.code" for name in ("dternary", "dtacc", "dtpop")})
RULES.update({name: "state.p" for name in ("sldp", "sstp", "pext")})
RULES.update({name: "state.m" for name in ("cpack", "cunpack", "cpackp", "cunpackp")})
RULES.update({name: "int.divide" for name in DIVISIONS})
RULES.update({name: "coordinate.saturate" for name in ("pins", "padd", "psub", "pmul", "pscale", "sindex", "cdelta", "chier")})
RULES.update({"dsoft": "points.compute", "dhypadd": "points.compute points.ball", "dhypmul": "points.compute points.ball"})
RULES.update({"dhdenc": "hyper.encode", "cshard": "coordinate.hash", "cmoe": "coordinate.hash int.divide"})


def rules_of(row):
    rules = [f"op.{row['Mnemonic']}"] + RULES.get(row["Mnemonic"], "").split()
    writes_vector = any(operand["Class"] == "v" and operand["Access"] in ("out", "inout") for operand in row["Operands"])
    if row["HasLen"] and writes_vector:
        rules += ["length.lanes", "length.tail"]
    if row["Maskable"] and writes_vector:
        rules += ["mask.none", "mask.merging", "mask.zeroing"] if row["Mnemonic"] != "sgather" else ["mask.zeroing"]
    return rules


def is_legal(row, type, memory_type):
    """Which pairs of types a row takes ([mem.types], [convert.types])."""
    if not (row["Types"] and row["MemTypes"]):
        return True
    is_float = lambda t: t in FORMATS  # noqa: E731
    unsigned = memory_type.startswith("u")
    if row["IsLoad"] or row["IsStore"]:
        if is_float(type) != is_float(memory_type) or WIDTHS[type] < WIDTHS[memory_type] or (type, memory_type) == ("f64", "f16"):
            return False
        if row["IsStore"]:
            return not unsigned and (type, memory_type) != ("f64", "f32")
        return (type, memory_type) != ("i32", "u32")
    return type != memory_type and (type, memory_type) != ("i32", "u32") if row["Mnemonic"] == "dcvt" else True


def masks_of(row):
    """Spellings of the mask that a row takes."""
    if not row["Maskable"]:
        return [""]
    if row["Mnemonic"] in ("dcompress", "dexpand"):
        return [" {k7}", " {k7}{z}"]
    if row["Mnemonic"] in ("dcmp", "sgather"):
        return ["", " {k7}{z}"]
    return ["", " {k7}"] if row["Operands"][0]["Access"] == "in" else ["", " {k7}", " {k7}{z}"]


def forms_of(row):
    """(head with suffixes, element type, memory type, predicate, length) of every legal form, masks and immediates left open."""
    for type, memory_type in itertools.product(row["Types"] or [None], row["MemTypes"] or [None]):
        if not is_legal(row, type, memory_type):
            continue
        predicates = [None]
        if row["HasPred"]:
            predicates = PREDICATES if type in FORMATS else INTEGER_PREDICATES
        for predicate in predicates:
            for length in (512, 256, 128) if row["HasLen"] else (None,):
                if row["Mnemonic"] == "dperm" and length == 128 and WIDTHS[type] == 8:
                    continue
                head = ".".join(str(part) for part in (row["Mnemonic"], predicate, type, memory_type, length) if part is not None)
                yield head, type, memory_type, predicate, length


class Operands:
    """Registers for the operands of a row that touches registers only, and the values that its cases need."""

    def __init__(self, row, type, memory_type):
        self.text, self.loads, self.outputs = [], [], []
        counts = {"v": 1, "k": 2, "r": 8, "p": 5, "m": 4}  # apart, so that no field stands for another
        results = {"v": ["v0"], "k": ["k1"], "r": ["r11", "r5"], "p": ["p0"], "m": ["m0"]}
        for operand in row["Operands"]:
            bank, access = operand["Class"], operand["Access"]
            if bank not in counts:
                self.text.append("{immediate}")
                continue
            if access == "tmp":
                self.text.append({"v": "v9", "k": "k3"}[bank])
                continue
            if access == "in":
                register = f"{bank}{counts[bank]}"
                counts[bank] += 1
                self.loads.append((register, self.lane_type(row, operand, type, memory_type)))
            else:
                register = results[bank].pop(0)
                self.outputs.append(register)
                if bank == "v" or access == "inout":  # its old value matters: tied operands, merging, tails
                    self.loads.append((register, self.lane_type(row, operand, type, memory_type)))
            self.text.append(register)

    @staticmethod
    def lane_type(row, operand, type, memory_type):
        name = row["Mnemonic"]
        index = (name == "dperm" and operand["Field"] == "ra") or (name == "dperm2" and operand["Field"] == "rd")
        if index:
            return NAN_LANES.get(type, type)
        return (memory_type if name == "dcvt" and operand["Field"] == "ra" else type) or "i64"


def immediates_of(row):
    classes = [operand["Class"] for operand in row["Operands"]]
    if "i64" in classes and "i32" in classes:  # both take the same value
        return (0, 1, 159)
    if "i64" in classes:
        return (0, -1, 1, -2**63, 2**63 - 1, 0x3F800000, 0x7FC00000, 0x3FF0000000000000)
    if "i32" in classes:
        operand = row["Operands"][classes.index("i32")]
        values = IMMEDIATES.get(row["Mnemonic"], SHIFTS)
        return [value for value in values if operand.get("Low", value) <= value <= operand.get("High", value)]
    return (None,)


def scalar_cases(count, random):
    if count == 0:
        return [()]
    if count == 1:
        return [(value,) for value in SCALARS]
    if count == 2:
        return list(itertools.product(SCALARS, SCALARS))
    return [tuple(random.choice(SCALARS) for _ in range(count)) for _ in range(64)]


def coordinate(random):
    """Packed components at and between the edges; some have only zeros behind a dimension."""
    depth = random.choice((0, 1, 5, 10, 11, 11, 11))
    out = 0
    for dimension in range(11):
        out = out << 11 | (random.choice((0, 1, 2, 1023, 2046, 2047, random.randrange(2048))) if dimension < depth else 0)
    return out


def register_cases(row, operands, random):
    """Values of the registers that a row reads, as dictionaries from register to a v or m register's bytes, or to an integer."""
    wide_types = [(register, lane) for register, lane in operands.loads if register[0] in "vm"]
    scalars = [register for register, _ in operands.loads if register[0] in "rk"]
    coordinates = [register for register, _ in operands.loads if register[0] == "p"]
    sources = [item for item in wide_types if item[0] not in operands.outputs]
    drawn = vectors([lane for _, lane in wide_types], random, 40 if len(sources) > 1 or row["Mnemonic"] == "dfma" else 24)
    drawn = [dict(zip([register for register, _ in wide_types], case)) for case in drawn]
    if row["Mnemonic"] in POINTS:
        drawn = [{register: numbers(lane, random) for register, lane in wide_types} for _ in range(24)] + drawn
    if 1 <= len(sources) <= 2 and not scalars:  # every pair of edge values over a random old destination
        crossed = vectors([lane for _, lane in sources], random, 0, cross=True)
        extra = [{**drawn[i % len(drawn)], **dict(zip([register for register, _ in sources], case))} for i, case in enumerate(crossed)]
        drawn = drawn[:CASES] + extra + drawn[CASES:]
    scalar = [dict(zip(scalars, case)) for case in scalar_cases(len(scalars), random)]
    cases = drawn if wide_types and not scalars else scalar
    if wide_types and scalars:
        cases = [{**drawn[i % len(drawn)], **case} for i, case in enumerate(scalar)]
    if coordinates:
        cases = [{**cases[i % len(cases)], **{register: coordinate(random) for register in coordinates}} for i in range(max(len(cases), 40))]
    return cases


def register_program(row, random):
    """A row that reads and writes registers only."""
    program = Program(rules_of(row))
    name = row["Mnemonic"]
    if any(operand["Class"] == "p" for operand in row["Operands"]):
        program.scratch()
    records = {}
    for head, type, memory_type, predicate, length in forms_of(row):
        operands = Operands(row, type, memory_type)
        key = tuple(operands.loads)
        if key not in records:
            records[key] = register_cases(row, operands, random)
        immediates = immediates_of(row)
        for mask, immediate in itertools.product(masks_of(row), immediates):
            few = mask or length not in (512, None) or (row["HasLen"] and len(immediates) > 4) or name == "dred"
            if name == "dcmp":
                few = few or predicate not in ("eq", "lt", "ueq", "ugt", "uno")
            cases = records[key][:CASES] if few else records[key]
            if name in DIVISIONS:
                cases = [case for case in cases if case[DIVISIONS[name]] != 0]
            emit_form(program, row, head, operands, mask, immediate, cases, type)
    return program


#: Where a word under test runs: one sentron.
ALONE = oracle.Frame(oracle.Machine(".func main entry\n  { C: cret }\n.end"), None, [])
SIZES = {"v": 64, "m": 64, "p": 16, "r": 8, "k": 8}


def value_bytes(register, value):
    return value if isinstance(value, bytes) else value.to_bytes(SIZES[register[0]], "little")


def emit_form(program, row, head, operands, mask, immediate, cases, type):
    """A loop over the cases of one form: load registers, run the word, compare what it wrote."""
    parts = [part.format(immediate=immediate) for part in operands.text]
    text = f"{head} {', '.join(parts)}{mask}"
    word = f"{row['Pipe']}: {text}"
    parsed = oracle.parse_word(f"{{ {word} }}")
    loads = [register for register, _ in operands.loads] + (["k7"] if mask else [])
    inputs, expected = bytearray(), bytearray()
    for number, case in enumerate(cases):
        state = oracle.State()
        case = {**case, "k7": MASKS[number % len(MASKS)]}
        for register in loads:
            getattr(state, register[0])[int(register[1:])] = case[register]
            inputs += value_bytes(register, case[register])
        oracle.step(parsed, state, ALONE)
        for register in operands.outputs:
            expected += value_bytes(register, getattr(state, register[0])[int(register[1:])])
    stride = sum(SIZES[register[0]] for register in loads)
    program.load_integer("r1", program.constant(inputs))
    program.load_integer("r2", program.constant(expected))
    loop = program.label()
    at = 0
    for register in loads:
        program.load(register, f"[r0 + r1 + {at}]")
        at += SIZES[register[0]]
    program.word(word)
    at = 0
    for register in operands.outputs:
        lane = type if type in NAN_LANES and register[0] == "v" else wide(type)
        program.expect(register, f"[r0 + r2 + {at}]", lane, text)
        at += SIZES[register[0]]
    program.word(f"C: caddi r2, r2, {at}")
    program.word(f"C: caddi r1, r1, {stride}")
    program.word(f"C: cbcci.lt r1, {program.constant(inputs) + len(inputs)}, {loop}")


def wide(type):
    """The lane type for comparing bits."""
    return type if type in ("i32", "i64") else "i64"


ADDRESSES = [("[{p} + {d}]", 0, 1), ("[{p} + r9 + {d}]", 3, 1), ("[{p} + r9*2 + {d}]", 5, 2), ("[{p} + r9*4 + {d}]", -4, 4),
             ("[{p} + r9*8 - 8]", 9, 8)]


def memory_values(memory_type, type, random):
    """512 bytes of elements."""
    values = lane_values(memory_type) if memory_type in WIDTHS else lane_values("i64")
    count = 512 // WIDTHS[memory_type]
    lanes = [values[i % len(values)] if i < 2 * len(values) else random.getrandbits(8 * WIDTHS[memory_type]) for i in range(count)]
    return pack(lanes, memory_type)


def address_of(form, pointer, displacement):
    text, index, _ = form
    return text.format(p=pointer, d=displacement), index


def load_program(row, random):
    """Loads from the constants."""
    program = Program(rules_of(row))
    register = {"r": "r11", "v": "v0", "p": "p0"}[row["Operands"][0]["Class"]]
    if register == "p0":
        program.scratch()
    memory = {}
    for memory_type in row["MemTypes"] or row["Types"] or ["i64"]:
        memory[memory_type] = memory_values(memory_type, None, random)
    data = b"".join(memory.values())
    starts = {memory_type: 512 * i for i, memory_type in enumerate(memory)}
    at = program.constant(data)
    gather = row["Mnemonic"] == "sgather"
    program.word("C: cptr r12, b0")
    program.word(f"C: caddi r12, r12, {at}")
    number = 0
    for head, type, memory_type, _, length in forms_of(row):
        for mask, form in itertools.product(masks_of(row), ADDRESSES if not gather else (1, 2, 4, 8)):
            number += 1
            state = oracle.State()
            state.r[12] = oracle.Pointer(oracle.Region(bytearray(data)))
            old = vectors(["i64"], random, 1)[0][0]
            active = MASKS[number % len(MASKS)]
            state.v[0], state.k[7] = old, active
            element = memory_type or type or "i64"
            displacement = starts[element] + WIDTHS[element] * (number % 7) + 64
            if gather:
                width = WIDTHS[type]
                indices = pack([random.randrange(-8, 40) % (1 << 8 * width) for _ in range(64 // width)], "i32" if width == 4 else "i64")
                state.v[8] = indices
                operands = f"v0, [r12 + v8{'' if form == 1 else f'*{form}'} + {displacement}], k3{mask}"
                program.word(f"S: sld.i64.i64.512 v8, [r0 + {program.constant(indices)}]")
            else:
                address, index = address_of(form, "r12", displacement)
                state.r[9] = index % (1 << 64)
                program.load_integer("r9", index)
                operands = f"{register}, {address}{mask}"
            text = f"{head} {operands}"
            if register == "v0":
                program.load("v0", f"[r0 + {program.constant(old)}]")
            if mask:
                program.load_integer("r6", active)
                program.word("C: kput k7, r6")
            program.word(f"S: {text}")
            oracle.step(oracle.parse_word(f"{{ S: {text} }}"), state, None)
            expected = value_bytes(register, getattr(state, register[0])[int(register[1:])])
            program.expect(register, f"[r0 + {program.constant(expected)}]", type if type in NAN_LANES else wide(type), text)
    return program


def store_program(row, random):
    """Stores to an arena, of which every byte is compared."""
    program = Program(rules_of(row))
    program.binding("arena a size=320 align=64 writable")
    program.word("C: cptr r12, b1")
    background = vectors(["i64"], random, 1)[0][0]
    scatter = row["Mnemonic"] == "sscatter"
    number = 0
    for head, type, memory_type, _, length in forms_of(row):
        for mask, form in itertools.product(masks_of(row), ADDRESSES if not scatter else (1, 2, 4, 8)):
            number += 1
            state = oracle.State()
            region = oracle.Region(bytearray(background * 5))
            state.r[12] = oracle.Pointer(region)
            active = MASKS[number % len(MASKS)]
            state.k[7] = active
            lane_type = type or memory_type or "i64"
            # A narrowed NaN's payload is open: only rules that ask for the class store it.
            values = [v for v in lane_values(lane_type) if type == memory_type or lane_type not in FORMATS or not FORMATS[lane_type].is_nan(v)]
            source = pack([random.choice(values) for _ in range(64 // WIDTHS[lane_type])], lane_type)
            program.word(f"S: sld.i64.i64.512 v1, [r0 + {program.constant(background)}]")
            for i in range(5):
                program.word(f"S: sst.i64.i64.512 v1, [r12 + {64 * i}]")
            register = "v0"
            if row["Mnemonic"] == "sstr":
                register = "r11"
                value = int.from_bytes(source[:8], "little") ^ random.getrandbits(64)
                state.r[11] = value
                program.load_integer("r11", value)
            elif row["Operands"][0]["Class"] == "p":
                register = "p0"
                state.p[0] = random.getrandbits(121)
                program.load("p0", f"[r0 + {program.constant(value_bytes('p0', state.p[0]))}]")
            else:
                state.v[0] = source
                program.word(f"S: sld.i64.i64.512 v0, [r0 + {program.constant(source)}]")
            if scatter:
                width = WIDTHS[type]
                places = [random.randrange(-8, 8 if form == 8 else 16) % (1 << 8 * width) for _ in range(64 // width)]
                state.v[8] = pack(places, "i32" if width == 4 else "i64")
                program.word(f"S: sld.i64.i64.512 v8, [r0 + {program.constant(state.v[8])}]")
                operands = f"{register}, [r12 + v8{'' if form == 1 else f'*{form}'} + 128], k3{mask}"
            else:
                address, index = address_of(form, "r12", 72 + number % 5)
                if "*8" in address:
                    index = 12
                state.r[9] = index % (1 << 64)
                program.load_integer("r9", index)
                operands = f"{register}, {address}{mask}"
            if mask:
                program.load_integer("r6", active)
                program.word("C: kput k7, r6")
            text = f"{head} {operands}"
            program.word(f"S: {text}")
            oracle.step(oracle.parse_word(f"{{ S: {text} }}"), state, None)
            for i in range(5):
                program.word(f"S: sld.i64.i64.512 v2, [r12 + {64 * i}]")
                expected = bytes(region.buffer[64 * i:64 * i + 64])
                program.expect_vector("v2", f"[r0 + {program.constant(expected)}]", "i64", text)
    return program


def program_of(row, random):
    """The program of a row, or None if its meaning is not a function of registers and memory: rules/ holds those."""
    if row["IsLoad"]:
        return load_program(row, random)
    if row["IsStore"]:
        return store_program(row, random)
    classes = {operand["Class"] for operand in row["Operands"]}
    outputs = [operand for operand in row["Operands"] if operand["Access"] in ("out", "inout")]
    if row["IsBranch"] or row["HasSideEffects"] or not outputs or not classes <= {*SIZES, "i32", "i64"} or len(row["Operands"]) == 1:
        return None
    return register_program(row, random)
