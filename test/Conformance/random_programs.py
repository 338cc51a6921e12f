# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Random straight-line programs: the oracle executes each word as it is drawn, and the program compares its whole state at the end.

A word joins if the manual fixes its result to the bit: it must not trap, and no float operation in it may have made a NaN, whose payload is open.
"""

import itertools
import struct

import forms
import oracle
from oracle.dense import FORMATS
from oracle.encoding import is_legal_slot, items, reads_and_writes, temporaries
from oracle.machine import WIDTHS, Effects
from values import lane_values, pack
from writer import Program

MEMORY = 512
#: r12 points to the memory, r13 and r14 to the constants and to themselves at the end; words write the others.
POINTER, FREE = "r12", [f"r{i}" for i in range(12)]
COUNTS = {"r": 12, "v": 32, "k": 8, "p": 16, "m": 8}
MOVES = {"dmov", "dbcast", "dset", "dimm", "dsel", "dperm", "dperm2", "dcompress", "dexpand", "sbcast", "sgather", "slds"}


class Unfit(Exception):
    """A drawn word that cannot stand in the program."""


def slot_text(row, manual_row, form, random):
    """A slot of a row in one of its forms, over random registers."""
    order, index = items(manual_row)
    parts = []
    for operand in order:
        if operand is None and index[1] == "v":
            parts.append(f"[{POINTER} + v{random.randrange(32)}*{random.choice((1, 2, 4, 8))} + {random.randrange(64, 448)}]")
        elif operand is None:
            moved = f" + {random.choice(FREE)}*{random.choice((1, 2, 4, 8))}" if random.random() < 0.3 else ""
            parts.append(f"[{POINTER}{moved} + {random.randrange(0, 448)}]")
        elif operand[1] in COUNTS:
            parts.append(f"{operand[1]}{random.randrange(COUNTS[operand[1]])}")
        else:
            parts.append(str(random.choice(list(forms.immediates_of(row)))))
    mask = random.choice(forms.masks_of(row)).replace("k7", f"k{random.randrange(1, 8)}")
    return f"{form[0]} {', '.join(parts)}{mask}"


def is_parallel(effects):
    """True if the slots can share a word: one writer a register, and an order in which none reads what an earlier one wrote."""
    for (_, a), (_, b) in itertools.combinations(effects, 2):
        if a & b:
            return False
    return any(all(not (order[i][1] & order[j][0]) for i in range(len(order)) for j in range(i + 1, len(order)))
               for order in itertools.permutations(effects))


def makes_nan(slot, state, written):
    """True if a float operation left a NaN in a vector that it wrote."""
    if slot.mnemonic in MOVES or not slot.types or slot.types[0] not in FORMATS:
        return False
    if slot.mnemonic == "sld" and slot.types[0] == slot.types[1]:
        return False
    type = slot.types[0]
    width = WIDTHS[type]
    for bank, number in written:
        if bank == "v":
            data = state.v[number]
            if any(FORMATS[type].is_nan(int.from_bytes(data[i:i + width], "little")) for i in range(0, 64, width)):
                return True
    return False


def draw_word(rows, random, state, region):
    """A word that joins: (text, state after it, memory after it)."""
    pipes = random.sample(["D", "S", "C"], random.choice((1, 2, 3, 3)))
    slots, effects, tmp = {}, [], []
    used_immediates = 0
    for pipe in pipes:
        row, manual_row, form_list = random.choice(rows[pipe])
        text = slot_text(row, manual_row, random.choice(form_list), random)
        slot = oracle.parse_word(f"{{ {pipe}: {text} }}").slots[pipe]
        if not is_legal_slot(slot, manual_row):
            raise Unfit("slot")
        used_immediates += any(operand[0] == "i0" for operand in manual_row.operands)
        slots[pipe] = (text, slot)
        effects.append(reads_and_writes(slot, manual_row))
        tmp += temporaries(slot, manual_row)
        if slot.mnemonic == "sst" and slot.types[0] in FORMATS and slot.types[0] != slot.types[1]:
            if any(FORMATS[slot.types[0]].is_nan(lane) for lane in Effects(state, slot, None).vector(0)):
                raise Unfit("a NaN's payload")
    if used_immediates > 1 or not is_parallel(effects):
        raise Unfit("word")
    text = "{ " + " ; ".join(f"{pipe}: {slots[pipe][0]}" for pipe in pipes) + " }"
    after, memory = state.copy(), bytearray(region.buffer)
    shadow = oracle.Region(memory)
    after.r[12] = oracle.Pointer(shadow)
    try:
        oracle.step(oracle.parse_word(text), after, forms.ALONE)
    except oracle.Trap as trap:
        raise Unfit("trap") from trap
    for (_, slot), (_, written) in zip(slots.values(), effects):
        if makes_nan(slot, after, written):
            raise Unfit("NaN")
    resets = []
    for bank, number in tmp:  # unspecified now: set again before anything reads it
        getattr(after, bank)[number] = bytes(64) if bank == "v" else 0
        resets.append(f"{{ D: dimm.i64.512 v{number}, 0 }}" if bank == "v" else f"{{ C: kset k{number}, 0 }}")
    return [text] + resets, after, memory


def random_program(table, manual, random, length, seed):
    rows = {pipe: [] for pipe in "DSC"}
    for row in table:
        classes = {operand["Class"] for operand in row["Operands"]}
        fits = row["Mnemonic"] in oracle.OPERATIONS and classes <= {*COUNTS, "i32", "i64", "idx"}
        if fits and not row["HasSideEffects"] and not row["IsBranch"] and len(row["Operands"]) > 1:
            rows[row["Pipe"]].append((row, manual[row["Mnemonic"]], list(forms.forms_of(row))))
    program = Program(["slot.parallel", "slot.sequence", "slot.memory", "memory.bounds"], seed)
    program.binding(f"arena a size={MEMORY} align=64 writable")
    program.binding("stack s size=64 align=64 writable")
    state = oracle.State()
    for i in range(32):
        type = random.choice(("f32", "f64", "i32", "i64", "i64"))
        state.v[i] = pack([random.choice(lane_values(type)) if random.random() < 0.5 else random.getrandbits(8 * WIDTHS[type])
                           for _ in range(64 // WIDTHS[type])], type)
    state.k = [random.getrandbits(64) >> random.randrange(64) for _ in range(8)]
    state.p = [random.getrandbits(121) for _ in range(16)]
    state.m = [random.randbytes(64) for _ in range(8)]
    state.r = [random.choice(forms.SCALARS) if random.random() < 0.6 else random.randrange(32) for _ in range(16)]
    memory = bytearray(random.randbytes(MEMORY))

    program.word(f"C: cptr {POINTER}, b1")
    for i in range(0, MEMORY, 64):
        program.word(f"S: sld.i64.i64.512 v0, [r0 + {program.constant(memory[i:i + 64])}]")
        program.word(f"S: sst.i64.i64.512 v0, [{POINTER} + {i}]")
    for bank in "mvkp":
        for i, value in enumerate(getattr(state, bank)):
            program.load(f"{bank}{i}", f"[r0 + {program.constant(forms.value_bytes(bank, value))}]")
    for i in range(12):
        program.load_integer(f"r{i}", state.r[i])
    region = oracle.Region(memory)
    state.r[12] = oracle.Pointer(region)
    drawn = 0
    while drawn < length:
        try:
            texts, after, memory = draw_word(rows, random, state, region)
        except Unfit:
            continue
        program.words += [f"  {text}" for text in texts]
        state, region = after, oracle.Region(memory)
        state.r[12] = oracle.Pointer(region)
        drawn += 1
    # Everything is compared: integer registers first, they hold what the comparison needs.
    program.word("C: cptr r13, b2")
    program.word("S: sstr.i64 r7, [r13 + 8]")
    program.word("S: sstr.i64 r6, [r13]")
    program.word("S: sstr.i64 r0, [r13 + 16]")
    program.word("C: cptr r0, b0")
    for i in range(12):
        if i in (0, 6, 7):
            program.word(f"S: sldr.i64 r14, [r13 + {(16, 0, 8)[(0, 6, 7).index(i)]}]")
        register = "r14" if i in (0, 6, 7) else f"r{i}"
        program.expect_scalar(register, f"[r0 + {program.constant(struct.pack('<Q', state.r[i]))}]", f"r{i}")
    program.word("C: cptr r4, b2")
    program.word("S: sst.i64.i64.512 v10, [r13]")  # comparisons overwrite it, and v11
    for bank in "kvpm":
        for i, value in enumerate(getattr(state, bank)):
            if (bank, i) != ("v", 10):
                program.expect(f"{bank}{i}", f"[r0 + {program.constant(forms.value_bytes(bank, value))}]", "i64", f"{bank}{i}")
            if (bank, i) == ("v", 11):
                program.word("S: sld.i64.i64.512 v11, [r13]")
                program.expect_vector("v11", f"[r0 + {program.constant(state.v[10])}]", "i64", "v10")
    for i in range(0, MEMORY, 64):
        program.word(f"S: sld.i64.i64.512 v11, [{POINTER} + {i}]")
        program.expect_vector("v11", f"[r0 + {program.constant(memory[i:i + 64])}]", "i64", f"memory {i}")
    return program
