# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs that end in a trap: each access of the table once at the last place inside its binding, then just outside, above and below."""

import forms
import oracle
from oracle.machine import WIDTHS

SIZE = 256
#: The end of a trap's message, by cause of the oracle.
CAUSES = {"bounds": "memory access outside binding 0 (a): {bytes} bytes{mask} at byte {offset} of {size}; an index is out of range"}


def access_bytes(row, type, memory_type, length):
    """Bytes that an unmasked access of a form touches from its address."""
    if row["Mnemonic"] in ("sld", "sst"):
        return length // 8 // WIDTHS[type] * WIDTHS[memory_type]
    return WIDTHS[memory_type or type]


def access_text(head, row, index, mask):
    """The access at the address in r1, an offset that the verifier does not know; gathers have it in v1."""
    name = row["Mnemonic"]
    value = "r3" if name in ("sldr", "sstr") else "v0"
    if index:
        return f"S: {head} {value}, [r0 + v1], k3{mask}"
    return f"S: {head} {value}, [r0 + r1]{mask}"


def trap_program(row, form, below, masked):
    head, type, memory_type, _, length = form
    index = row["Mnemonic"] in ("sgather", "sscatter")
    bytes_touched = access_bytes(row, type, memory_type, length)
    inside, outside = (0, -1) if below else (SIZE - bytes_touched, SIZE - bytes_touched + 1)
    mask = forms.masks_of(row)[-1] if masked else ""
    words = ["C: cptr r0, b0", "D: dimm.i64.512 v0, 0", f"C: kset k7, {length // 8 // WIDTHS[type] if mask else 1}", "C: cimm r3, 0"]
    for offset in (inside, outside):
        words += [f"C: cimm r1, {offset}", "S: sstr.i64 r1, [r0 + 128]", "S: sldr.i64 r1, [r0 + 128]"]
        if index:  # one lane alone leaves the binding
            lane = "i32" if WIDTHS[type] == 4 else "i64"
            words += [f"D: dimm.{lane}.512 v1, 0", "C: kset k1, 1", f"D: dset.{lane}.512 v1, r1 {{k1}}"]
        words.append(access_text(head, row, index, mask))
    program = [".func main entry", f"  .binding arena a size={SIZE} align=64 writable"]
    program += [f"  {{ {word} }}" for word in words] + ["  { C: cret }", ".end", ""]
    text = "\n".join(program)
    try:
        oracle.Machine(text).call()
        raise AssertionError(f"{head}: no trap")
    except oracle.Trap as trap:
        cause = CAUSES[trap.cause].format(bytes=bytes_touched, mask=" under a mask" if mask and not index else "", offset=outside, size=SIZE)
        header = ["// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception",
                  "// Written by test/Conformance/generate.py; the trap is the oracle's.",
                  f"// RULE: op.{row['Mnemonic']} memory.bounds trap.word",
                  f"// TRAP: function {trap.function}, word {trap.word}: {cause}"]
    return "\n".join(header) + "\n" + text


def trap_programs(table, random):
    """Name to text: two forms of each access, above and below its binding, with and without a mask."""
    programs = {}
    for row in table:
        bindings = {operand["Class"] for operand in row["Operands"]}
        if not (row["IsLoad"] or row["IsStore"]) or row["Mnemonic"] not in oracle.OPERATIONS or not bindings <= {"r", "v", "k", "idx", "i32"}:
            continue
        all_forms = list(forms.forms_of(row))
        for number, (below, masked) in enumerate(((False, False), (True, False), (False, True), (True, True))):
            if masked and not row["Maskable"]:
                continue
            name = f"trap.{row['Mnemonic']}.{number}.siw"
            programs[name] = trap_program(row, random.choice(all_forms), below, masked)
    return programs
