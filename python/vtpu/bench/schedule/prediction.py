# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Predicted against measured cycles of generated loops, llvm-mca's simulator beside it. Half of the loops come from seeds chosen now."""

import os
import secrets

from ..measure import bench_json
from ..report import Facts, Line, Picture
from . import calibration


def section(options, folder):
    table = "llvm" if options.quick else calibration.cached_table()
    half = max(5, options.repeats(100))
    seeds = [options.seed or 1, secrets.randbelow(1 << 31) + 1]
    runs = [bench_json(os.path.join(folder, f"{seed}.json"), f"--predictions={half}", f"--seed={seed}", f"--table={table}") for seed in seeds]
    samples = [sample for run in runs for sample in run["samples"]]
    unmeasured = [loop for run in runs for loop in run["not_measured"]]
    facts = means(samples)
    classes = {name: means([s for s in samples if s["class"] == name]) for name in dict.fromkeys(s["class"] for s in samples)}
    yield Facts({key: facts[key] for key in ("port_error_mean", "kendall_tau", "mca_error_mean")})
    yield Facts({"prediction": {"seeds": seeds, "classes": classes, "samples": samples, "not_measured": unmeasured}})
    note = f"{len(samples)} loops, seeds from {seeds[0]} and {seeds[1]} on; " + ", ".join(f"{n} {100 * c['port_error_mean']:.1f} %" for n, c in classes.items())
    if unmeasured:
        note += f"; {len(unmeasured)} others could not be measured"
    yield Line("predicted against measured cycles, mean error", 100 * facts["port_error_mean"], "%", "<=", 8,
               peer=f"llvm-mca 22: {100 * facts['mca_error_mean']:.1f} %", note=note)
    yield Line("Kendall's tau of predicted and measured cycles", facts["kendall_tau"], "", ">=", 0.9, note=f"{len(samples)} loops")
    yield Picture("predictions", lambda pyplot: draw(pyplot, samples))


def draw(pyplot, samples):
    """Predicted against measured cycles, a colour a class; llvm-mca's beside."""
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 4.6), layout="constrained", sharex=True, sharey=True)
    everything = [s[key] for s in samples for key in ("measured", "predicted", "llvm") if s[key] > 0]
    ends = [min(everything) / 1.2, max(everything) * 1.2]
    for panel, key, title in zip(axes, ("predicted", "llvm"), ("vtpu-mca", "llvm-mca 22")):
        panel.plot(ends, ends, color="black", linewidth=0.8)
        for number, name in enumerate(dict.fromkeys(s["class"] for s in samples)):
            points = [s for s in samples if s["class"] == name]
            panel.scatter([s["measured"] for s in points], [s[key] for s in points], s=12, color=f"C{number}", label=name, alpha=0.7, linewidths=0)
        panel.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal", xlabel="measured cycles an iteration",
                  title=f"{title}: mean error {100 * sum(abs(s[key] / s['measured'] - 1) for s in samples) / len(samples):.1f} %")
    axes[0].set_ylabel("predicted cycles an iteration")
    axes[1].legend(frameon=False, loc="upper left")
    return figure


def means(samples):
    """Mean errors, and Kendall's tau-b."""
    measured = [s["measured"] for s in samples]
    def error(key):
        return sum(abs(s[key] / s["measured"] - 1) for s in samples) / len(samples)
    return {"loops": len(samples), "port_error_mean": error("predicted"), "mca_error_mean": error("llvm"),
            "kendall_tau": kendall([s["predicted"] for s in samples], measured)}


def kendall(x, y):
    """Kendall's tau-b of two lists of numbers (Kendall, Biometrika 1945)."""
    concordant = discordant = ties_x = ties_y = 0
    for i in range(len(x)):
        for j in range(i):
            a, b = (x[i] > x[j]) - (x[i] < x[j]), (y[i] > y[j]) - (y[i] < y[j])
            concordant += a * b > 0
            discordant += a * b < 0
            ties_x += a == 0 and b != 0
            ties_y += b == 0 and a != 0
    total = concordant + discordant
    return (concordant - discordant) / ((total + ties_x) * (total + ties_y)) ** 0.5 if total else 0.0
