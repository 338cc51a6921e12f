# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Intervals of generated loops: how often the heuristic finds the least one, how often the solver proves it, and how fast the heuristic is."""

import os

from ..measure import bench_json
from ..report import Facts, Line


def section(options, folder):
    figures = bench_json(os.path.join(folder, "pipelining.json"), f"--pipelining={options.repeats(70)}", f"--exact={120 if not options.quick else 0.1}",
                         f"--seed={options.seed or 1}")
    classes = ", ".join(f"{name} {100 * one['ii_optimal_share']:.1f} %" for name, one in figures["classes"].items())
    loops, solver = f"{figures['loops']} loops", f"{figures['solver']}, {figures['solver_seconds_an_interval']} s an interval"
    yield Facts({key: figures[key] for key in ("loops", "ii_optimal_share", "ii_optimal_share_exact", "ii_over_mii_geomean", "ops_per_second", "p99_ms")})
    yield Facts({"pipelining": figures})
    yield Line("loops whose interval is the least", 100 * figures["ii_optimal_share"], "%", ">=", 98, peer=solver, note=f"{loops}: {classes}")
    yield Line("the same with the solver as fallback", 100 * figures["ii_optimal_share_exact"], "%", ">=", 100, peer=solver, note=loops)
    yield Line("interval over its bound, geometric mean", figures["ii_over_mii_geomean"], "x", "<=", 1.02, note=loops)
    timed = f"{figures['timed_loops']} schedules of loops up to 256 operations"
    yield Line("modulo scheduling", figures["ops_per_second"] / 1e6, "M operations/s", ">=", 1, note=timed)
    yield Line("modulo scheduling of a loop, 99th percentile", figures["p99_ms"], "ms", "<=", 1, note=timed)
