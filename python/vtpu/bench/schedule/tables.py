# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Models compiled with port tables: this machine's, the default, and one of LLVM's model of this CPU; their calls take turns in one process."""

import difflib
import glob
import os
import statistics

from .. import models
from ..measure import interleaved, run_tool
from ..report import Facts, Line
from . import calibration

# What is within this of the others counts as equally fast: calls of one program differ by that much from run to run.
NOISE = 0.02


def section(options, folder):
    tables = {"default": "", "llvm": llvm_table(folder)}
    if not options.quick:
        calibration.cached_table()
        tables["host"] = "host"
    facts = {}
    for model in models.compiled(options):
        programs = {name: model.compile(port_table=table) for name, table in tables.items()}
        entries = {name: model.entry(program) for name, program in programs.items()}
        listings = {name: listing(program, os.path.join(folder, "program.vtpu")) for name, program in programs.items()}
        times = interleaved({name: lambda entry=entry: entry(*model.inputs) for name, entry in entries.items()}, options.repeats(60))
        # Not the least: a clock that rises for moments would decide.
        usual = {name: statistics.median(samples) for name, samples in times.items()}
        last = list(tables)[-1]
        differ = {name: differences(listings[last], listings[name]) for name in tables if name != last}
        facts[model.name] = {"milliseconds": usual, "words": len(listings[last]), "other_words": differ}
        for name in differ:
            yield Line(f"{model.name}, speed with table {last} over table {name}", usual[name] / usual[last], "x", ">=", 1 - NOISE, peer=f"ours, table {name}",
                       note=f"{usual[last]:.3f} ms against {usual[name]:.3f} ms; {differ[name]} of {len(listings[last])} words are others", samples=times)
    yield Facts({"tables": facts})


def llvm_table(folder):
    """The port table that follows from LLVM's model of this CPU, in a file."""
    run_tool("vtpu-calibrate", "--no-measure", XDG_CACHE_HOME=folder)
    return glob.glob(os.path.join(folder, "vtpu", "*.ports.json"))[0]


def listing(program, path):
    """The words of a program, one a line."""
    program.save(path)
    return [line[line.index("{"):line.rindex("}")] for line in run_tool("vtpu-objdump", "-d", path).splitlines() if "{" in line]


def differences(ours, theirs):
    """How many of our words are not theirs, in the order of both."""
    return len(ours) - sum(block.size for block in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks())
