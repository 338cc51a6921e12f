# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whether what is told to bind a loop does: half of the instructions that use its busiest port are taken out of the words of real kernels, and what
that is predicted to save is compared with what it saves in calls. The edited programs compute something else; only their time counts."""

import re

from .. import models
from ..measure import run_tool
from ..report import Facts, Line
from . import calibration
from .kernels import analysed

# Of a model's time that makes a loop worth an edit; how far the ratios may be apart.
LEAST, ALLOWED = 0.05, 0.10


def section(options, folder):
    table = "llvm" if options.quick else calibration.cached_table()
    rows = []
    for model in models.small(options):
        program = model.compile()
        model.entry(program)
        arguments = model.save(program, folder)
        before = analysed(table, options, arguments, views="summary,bottleneck,pressure,words")
        loops = [region for region in before["regions"] if region["kind"] == "loop" and region["in_calls"]["share"] >= LEAST]
        text = run_tool("vtpu-objdump", "--assembly", arguments[0])
        edits = []
        for loop in loops:
            port, words = users(loop)
            text, count = take_out(text, loop["function"], words)
            if count:
                edits.append((loop, port, count))
        path = arguments[0].removesuffix(".vtpu") + "-edited"
        with open(f"{path}.siw", "w", encoding="utf-8") as stream:
            stream.write(text)
        run_tool("vtpu-as", f"{path}.siw", "-o", f"{path}.vtpu")
        after = {(region["function"], region["first_word"]): region for region in analysed(table, options, [f"{path}.vtpu", *arguments[1:]])["regions"]}
        for loop, port, count in edits:
            edited = after[loop["function"], loop["first_word"]]
            rows.append({"model": model.name, "name": f"{loop['function']}:{loop['first_word']}-{loop['last_word']}", "port": port, "instructions": count,
                         "predicted": edited["cycles"] / loop["cycles"], "measured": edited["in_calls"]["cycles"] / loop["in_calls"]["cycles"]})
    yield Facts({"edits": rows})
    near = [row for row in rows if abs(row["predicted"] / row["measured"] - 1) <= ALLOWED]
    yield Line("edited loops whose time changes as predicted, within 10 %", 100 * len(near) / max(1, len(rows)), "%", ">=", 100,
               note="; ".join(f"{row['model']} {row['name']}, {row['instructions']} less on port {row['port']}: {row['predicted']:.2f} predicted, "
                              f"{row['measured']:.2f} measured" for row in rows))


def users(loop):
    """The busiest port that words of a loop use, and those words."""
    work = {}
    for word in loop["words"]:
        for port, cycles in word["pressure"].items():
            if port != "issue":
                work[port] = work.get(port, 0.0) + cycles
    port = max(work, key=work.get)
    return port, {word["word"] for word in loop["words"] if word["pressure"].get(port)}


def can_go(slot):
    """True for an instruction without which no register is undefined: it updates one, or it stores."""
    if slot.startswith("S: sst"):
        return True
    found = re.match(r"D: (\w+)\S* (v\d+), (.*)", slot)
    return bool(found) and (found[1] == "dfma" or re.search(rf"\b{found[2]}\b", found[3]) is not None)


def take_out(text, function, words):
    """Assembly without every second instruction that can go of these words of a function, and how many those are."""
    lines, inside, number, seen, count = text.splitlines(), False, 0, 0, 0
    for i, line in enumerate(lines):
        if line.startswith(".func "):
            inside, number = line.split()[1] == function, 0
        elif inside and line.startswith("  {"):
            if number in words:
                body, rest = re.fullmatch(r"  \{ (.*?) ?\}(.*)", line).groups()
                kept = []
                for slot in body.split(" ; "):
                    if can_go(slot):
                        seen += 1
                        if seen % 2:
                            count += 1
                            continue
                    kept.append(slot)
                lines[i] = f"  {{ {' ; '.join(kept)} }}{rest}"
            number += 1
    return "\n".join(lines) + "\n", count
