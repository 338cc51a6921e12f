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
        rate = {name: rows[name]["items_per_second"] * rows[name]["median"] / rows[name]["min"] for name in (words, raw)}
        note = f"{1e9 / rate[words]:.0f} ns in words, {1e9 / rate[raw]:.0f} ns in C++"
        yield Line(what, rate[raw] / rate[words], "times the time of a cache line", "<=", 1.3, peer=raw, note=note)
