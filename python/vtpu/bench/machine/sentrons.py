# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Two sentrons beside two threads: a message there and back, and a barrier."""

import os

from ..measure import native_benchmark
from ..report import Line, NotMeasured


def section(options, folder):
    if len(os.sched_getaffinity(0)) < 2:
        raise NotMeasured("two sentrons need two cores")
    rows = native_benchmark(options, folder, ["--sentrons"], repetitions=60)
    for what, words, raw in (
        ("message there and back", "ping-pong:words", "ping-pong:line"),
        ("barrier of two sentrons", "barrier:words", "barrier:counter"),
    ):
        count = rows[raw]["items_per_second"] * rows[raw]["median"] * 1e-6  # rounds of one call, the same for all
        note = f"{1e3 * rows[words]['min'] / count:.0f} ns in words, {1e3 * rows[raw]['min'] / count:.0f} ns in C++"
        yield Line(what, rows[words]["min"] / rows[raw]["min"], "times the time of a cache line", "<=", 1.3, peer=raw, note=note)
