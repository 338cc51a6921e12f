# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How near the loops of real models come to what their busiest resource allows, and what keeps them from it.

A loop's bound is the work that an iteration has for its busiest resource by this machine's host table, or its longest recurrence. Its time is what calls of
the whole model spend in it, by samples, over its iterations: memory that is far and iterations that are few count as they do in a call.
"""

import json

from .. import models
from ..measure import run_tool
from ..report import Facts, Line, Picture
from . import calibration

# Of its bound that a loop is to reach; of a model's time that loops may take which do not.
WANTED, SPARED = 0.92, 0.1
# Of a model's time: what makes a loop worth a row, and worth to be told of in the text.
LEAST, TOLD = 0.005, 0.02


def section(options, folder):
    table = "llvm" if options.quick else calibration.cached_table()
    rows, time_below, elsewhere = [], {}, {}
    for model in models.every(options):
        program = model.compile()
        model.entry(program)
        report = analysed(table, options, model.save(program, folder), measure=True)
        loops = [row(model.name, region) for region in report["regions"] if region["kind"] == "loop" and region["in_calls"]["share"] >= LEAST]
        rows += loops
        time_below[model.name] = sum(loop["time"] for loop in loops if loop["share"] < WANTED)
        elsewhere[model.name] = 1 - sum(loop["time"] for loop in loops)
        note = "; ".join(f"{loop['name']} {100 * loop['share']:.0f} %, {100 * loop['time']:.0f} % of the time: {loop['limit']}"
                         for loop in sorted(loops, key=lambda loop: -loop["time"]) if loop["share"] < WANTED and loop["time"] >= TOLD)
        yield Line(f"{model.name}, time in loops below {100 * WANTED:.0f} % of their port bound", 100 * time_below[model.name], "%", "<=", 100 * SPARED,
                   note=f"{len(loops)} loops hold {100 - 100 * elsewhere[model.name]:.0f} %" + (f"; {note}" if note else ""))
    least = {name: least_share([loop for loop in rows if loop["model"] == name]) for name in time_below}
    worst = min(least, key=least.get)
    yield Facts({"port_bound_share_min": least[worst]})
    yield Facts({"kernels": {"loops": rows, "port_bound_share_min": least, "time_below": time_below, "time_elsewhere": elsewhere}})
    yield Line("least share of the port bound, loops beyond a tenth of the time", 100 * least[worst], "%", ">=", 100 * WANTED,
               note=", ".join(f"{name} {100 * share:.0f} %" for name, share in least.items()))
    helped = [loop for loop in rows if loop["relieved"] < loop["predicted"]]
    yield Line("loops that are predicted to be faster with less of what their remark names", 100 * len(helped) / max(1, len(rows)), "%", ">=", 100,
               note=f"{len(rows)} loops" + "".join(f"; {loop['model']} {loop['name']}: {loop['remark']}" for loop in rows if loop not in helped))
    yield Picture("kernels", lambda pyplot: draw(pyplot, rows))


def draw(pyplot, rows):
    """How near each loop comes to its bound, by model; a wide bar holds much of its model's time."""
    names = list(dict.fromkeys(loop["model"] for loop in rows))
    figure, axes = pyplot.subplots(len(names), 1, figsize=(8, 1.5 * len(names)), layout="constrained", squeeze=False, sharex=True, sharey=True)
    for axis, name in zip(axes[:, 0], names):
        left = 0.0
        for loop in sorted((loop for loop in rows if loop["model"] == name), key=lambda loop: -loop["time"]):
            axis.bar(100 * left, 100 * loop["share"], 100 * loop["time"], align="edge", color="C0" if loop["share"] >= WANTED else "C3", edgecolor="white")
            left += loop["time"]
        axis.axhline(100 * WANTED, color="black", linestyle=":", linewidth=1)
        axis.set(title=name, ylabel="% of bound", xlim=(0, 100), ylim=(0, 130))
    axes[-1, 0].set_xlabel("% of the model's time, loop by loop")
    return figure


def analysed(table, options, arguments, views="summary,bottleneck,pressure", measure=False):
    """What vtpu-mca tells of a program's regions, where the time of calls goes among it."""
    return json.loads(run_tool("vtpu-mca", f"--table={table}", "--json", f"--views={views}", f"--profile={options.seconds(6)}",
                               *(["--measure"] if measure and not options.quick else []), *arguments))


def overlaps(region):
    """Whether a recurrence is no bound: iterations take less, because the next time that the loop is entered begins before its end."""
    calls = region["in_calls"]
    return calls["cycles"] is not None and calls["cycles"] < region["waits"]["recurrence"]


def bound_of(region):
    """Cycles an iteration that the busiest resource or the longest recurrence allows at best, and which that is."""
    bounds = {f"port {name}": cycles for name, cycles in region["pressure"].items()}
    if not overlaps(region):
        bounds["recurrence"] = region["waits"]["recurrence"]
    calls = region["in_calls"]
    if calls["far_cycles"]:
        bounds[f"first touches from {calls['far_level']}"] = calls["far_cycles"]
    most = max(bounds.values())
    return most, ", ".join(sorted((name for name, cycles in bounds.items() if cycles >= 0.99 * most), key=lambda name: -bounds[name]))


def row(model, region):
    calls = region["in_calls"]
    bound, what = bound_of(region)
    return {"name": f"{region['function']}:{region['first_word']}-{region['last_word']}", "model": model, "time": calls["share"], "iterations": calls["runs"],
            "bound": bound, "bound_by": what, "predicted": region["cycles"], "measured": calls["cycles"], "measured_alone": region["measured_cycles"],
            "share": bound / calls["cycles"], "limit": limit_of(region), "remark": region["limits"], "relieved": region["relieved_cycles"]}


def limit_of(region):
    """What limits a loop, in a remark. What comes beyond the bound is what a prediction explains, or else what none does."""
    bound, what = bound_of(region)
    calls = region["in_calls"]
    measured, alone, drained = calls["cycles"], region["measured_cycles"], region["drained_cycles"]
    text = f"{what}: {bound:.1f} of {measured:.1f} cycles"
    if bound >= WANTED * measured:
        return text
    if overlaps(region):
        return f"{text}; its recurrence of {region['waits']['recurrence']:.1f} cycles ends while the loop is entered again"
    if region["cycles"] >= WANTED * measured:
        return f"{region['limits']}: {region['cycles']:.1f} of {measured:.1f} cycles are predicted"
    if drained and drained >= WANTED * measured:
        return f"it starts and ends: {region['iterations']} iterations at a time, of which each takes {drained:.1f} cycles if nothing overlaps"
    reasons = []
    if alone and WANTED * bound <= alone < WANTED * measured:  # less than the bound is a wrong time
        reasons.append(f"{alone:.1f} cycles where it is timed by itself, the rest is memory that is far in calls")
    if calls["far_cycles"] > (1 - WANTED) * measured:
        reasons.append(f"{calls['far_cycles']:.1f} cycles of first touches from {calls['far_level']} if nothing delays them")
    if drained:
        reasons.append(f"{region['iterations']} iterations at a time")
    if not reasons:
        reasons.append(f"{measured - max(bound, region['cycles']):.1f} cycles are not predicted, which takes its data to be in {region['memory']['level']}")
    return "; ".join([text, *reasons])


def least_share(loops):
    """The least share of the port bound, without the loops of least share that together take no more than is spared of the time."""
    spared = 0.0
    for loop in sorted(loops, key=lambda loop: loop["share"]):
        spared += loop["time"]
        if spared > SPARED:
            return loop["share"]
    return max((loop["share"] for loop in loops), default=1.0)
