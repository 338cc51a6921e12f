# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Words of every row with the bytes that the manual gives them: one function that need not run, and a line of hexadecimal digits a word."""

import forms
from oracle import text
from oracle.encoding import encode, is_legal_slot, items

DRAWS = 3


def draw_operand(operand, row, random):
    field, bank, access = operand
    counts = {"r": 16, "v": 32, "k": 8, "p": 16, "m": 8}
    if bank in counts:
        return f"{bank}{random.randrange(counts[bank])}"
    letters = {"binding": "b", "table": "t", "code": "m", "host": "h"}
    if bank in letters:
        return f"{letters[bank]}0"
    if bank == "target":
        return random.choice(("-3", "+1", "+2000"))
    if bank in ("i64", "cmp64"):
        return str(random.choice((0, -1, 2**63 - 1, -2**63, random.getrandbits(62))))
    return None


def word_text(table_row, row, form, random):
    order, index = items(row)
    parts = []
    for operand in order:
        if operand is None:
            address = f"r{random.randrange(16)}"
            if index and (index[1] == "v" or random.random() < 0.5):
                address += f" + {'v' if index[1] == 'v' else 'r'}{random.randrange(16)}*{random.choice((1, 2, 4, 8))}"
            displacement = random.choice((0, 1, -1, 2**31 - 1, -2**31, 4096))
            parts.append(f"[{address} {'-' if displacement < 0 else '+'} {abs(displacement)}]")
        else:
            drawn = draw_operand(operand, row, random)
            parts.append(str(random.choice(list(forms.immediates_of(table_row)))) if drawn is None else drawn)
    mask = random.choice(forms.masks_of(table_row)).replace("k7", f"k{random.randrange(1, 8)}")
    return f"{row.pipe}: {form[0]} {', '.join(parts)}{mask}"


def write(table, manual, random):
    """(text of the program, lines of hexadecimal digits)."""
    words = []
    for table_row in table:
        row = manual[table_row["Mnemonic"]]
        for form in forms.forms_of(table_row):
            for _ in range(DRAWS):
                while True:
                    word = word_text(table_row, row, form, random)
                    if is_legal_slot(text.parse_word(f"{{ {word} }}").slots[row.pipe], row):
                        break
                coordinate = ".".join(str(random.randrange(2048)) for _ in range(11))
                slashed = "/".join(".".join(coordinate.split(".")[i:j]) for i, j in ((0, 3), (3, 6), (6, 11)))
                has_immediate = any(operand[0] in ("i0", "i1") for operand in row.operands)
                words.append(f"{{ {word} }}" + ("" if has_immediate or random.random() < 0.5 else f" @{slashed}"))
    parsed = [text.parse_word(word) for word in words]
    lines = [encode(word, parsed[i - 1] if i else None, manual, i).hex() for i, word in enumerate(parsed)]
    program = ['.message "m"', ".func f entry", "  .binding arena a size=64 align=64 writable", "  .table g"]
    program += [f"  {word}" for word in words] + ["  { C: cret }", ".end", ".func g", "  { C: cret }", ".end", ""]
    return "\n".join(program), lines
