#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the generated part of the conformance suite: a program for each row of the instruction table, and random ones.

Expectations come from the oracle. The output depends on the table, the oracle and the seed alone.
"""

import argparse
import ast
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import encodings_of_words as encodings  # noqa: E402
import forms  # noqa: E402
import random_programs  # noqa: E402
import space_programs  # noqa: E402
import trap_programs  # noqa: E402
from oracle.encoding import read_manual  # noqa: E402

DEFAULT_SEED = 20261125
RANDOM_PROGRAMS, RANDOM_WORDS = 100, 60


def load_table(path):
    """The rows of the instruction table that tools/isa/gen_isa.py wrote."""
    source = pathlib.Path(path).read_text()
    return ast.literal_eval(source[source.index("INSTRUCTIONS = ") + len("INSTRUCTIONS = "):])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", required=True, help="instructions.py of the build")
    parser.add_argument("--manual", required=True, type=pathlib.Path, help="Instructions.md: the rows of the manual")
    parser.add_argument("--output", required=True, type=pathlib.Path, help="folder for the programs; other .siw files in it are removed")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    programs = {}
    table = load_table(options.table)
    manual = read_manual(options.manual.read_text())
    for row in table:
        if row["Mnemonic"] not in forms.oracle.OPERATIONS:
            continue
        program = forms.program_of(row, random.Random(f"{options.seed} {row['Mnemonic']}"))
        if program:
            programs[f"op.{row['Mnemonic']}.siw"] = program.text()
    for number in range(RANDOM_PROGRAMS):
        seed = f"{options.seed} {number}"
        programs[f"random.{number}.siw"] = random_programs.random_program(table, manual, random.Random(seed), RANDOM_WORDS, seed).text()
    programs.update(trap_programs.trap_programs(table, random.Random(options.seed)))
    programs.update(space_programs.space_programs(table, random.Random(options.seed)))
    encoding, lines = encodings.write(table, manual, random.Random(options.seed))
    (options.output / "encoding.txt").write_text(encoding)
    (options.output / "encoding.hex").write_text("\n".join(lines) + "\n")
    for old in options.output.glob("*.siw"):
        if old.name not in programs:
            old.unlink()
    for name, text in programs.items():
        (options.output / name).write_text(text)


if __name__ == "__main__":
    main()
