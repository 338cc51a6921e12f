# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the modes of `vtpu-mca` and draws what they tell."""

import json
import os
import subprocess

from ._errors import VtpuError
from .bench.measure import build_tool

MODES = ("cache", "memory", "conflicts", "pair")
PICTURES = ("svg", "png", "pdf")


def analyze(mode, files, arguments=()):
    """The JSON of a mode; `arguments` are more options of the tool."""
    command = [build_tool("vtpu-mca"), f"--{mode}", "--json", *arguments, *files]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise VtpuError("vtpu-mca is not built; run `cmake --build build --target vtpu-mca`") from error
    if done.returncode:
        raise VtpuError(done.stderr.strip().removeprefix("vtpu-mca: error: ") or f"vtpu-mca ended with code {done.returncode}")
    return json.loads(done.stdout)


def draw(mode, report, path):
    """Draws a report of `analyze` into a file; its ending tells the format."""
    drawing = {"cache": _draw_cache, "memory": _draw_memory, "conflicts": _draw_conflicts, "pair": _draw_pair}[mode]
    write_picture(path, lambda pyplot: drawing(pyplot, report))


def write_picture(path, drawing):
    """Writes the figure that a function of pyplot returns; the same figures give the same bytes, and no display is needed."""
    ending = os.path.splitext(path)[1].lstrip(".").lower()
    if ending not in PICTURES:
        raise VtpuError(f"{path}: a picture ends in .{', .'.join(PICTURES)}")
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "vtpu", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib import pyplot

    figure = drawing(pyplot)
    figure.savefig(path, metadata={"Date": None} if ending == "svg" else None, bbox_inches="tight")
    pyplot.close(figure)


def _draw_cache(pyplot, report):
    """Misses by kind at each level, and how conflict misses spread over the sets."""
    levels = report["levels"]
    fought = [level for level in levels if level["conflicts_by_set"]]
    figure, axes = pyplot.subplots(1 + len(fought), 1, figsize=(8, 2.2 * (1 + len(fought))), layout="constrained", squeeze=False)
    kinds, *sets = axes[:, 0]
    left = [0] * len(levels)
    for kind in ("compulsory", "capacity", "conflict"):
        counts = [level["misses"][kind] for level in levels]
        kinds.barh([level["name"] for level in levels], counts, left=left, label=kind)
        left = [a + b for a, b in zip(left, counts)]
    kinds.invert_yaxis()
    kinds.set_xlabel("misses")
    kinds.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    kinds.set_title(f"entry {report['entry']}: " + ("; ".join(_finding_title(finding) for finding in report["findings"]) or "no findings"))
    for axes, level in zip(sets, fought):
        pairs = level["conflicts_by_set"]
        axes.vlines([number for number, _ in pairs], 0, [count for _, count in pairs], linewidth=1)
        axes.set_xlim(-0.5, level["sets"] - 0.5)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"set of {level['name']}")
        axes.set_ylabel("conflict misses")
    return figure


def _finding_title(finding):
    return f"{finding['kind']}{' in ' + finding['level'] if finding['level'] else ''} ({100 * finding['share']:.0f} %)"


def _draw_memory(pyplot, report):
    """Reuse distances beside what each level holds, and the layouts of each tensor."""
    layouts = report["layouts"]
    figure, axes = pyplot.subplots(1 + len(layouts), 1, figsize=(8, 2.6 * (1 + len(layouts))), layout="constrained", squeeze=False)
    reuse, *others = axes[:, 0]
    distances = report["reuse"]["distances"]
    reuse.bar(range(len(distances)), [entry["count"] for entry in distances], width=0.9)
    reuse.set_xticks(range(len(distances)), [f"<{entry['below']}" for entry in distances], rotation=60)
    reuse.set_xlabel("distinct lines between two uses of a line")
    reuse.set_ylabel("accesses")
    reuse.set_title(f"entry {report['entry']}: {report['footprint_lines']} lines touched")
    for cache in report["caches"]:
        if cache["bytes"]:
            place = (cache["bytes"] // report["line"]).bit_length() - 0.5
            if place <= len(distances):
                reuse.axvline(place, color="black", linestyle=":", linewidth=1)
                reuse.annotate(cache["name"], (place, 1), xycoords=("data", "axes fraction"), textcoords="offset points", xytext=(2, -9))
    for axes, comparison in zip(others, layouts):
        possible = [layout for layout in comparison["layouts"] if "refused" not in layout]
        names = [layout["layout"] for layout in possible]
        bars = axes.barh(names, [layout["cycles"] for layout in possible], color=["C2" if name == comparison["best"] else "C0" for name in names])
        axes.bar_label(bars, ["" if layout["nanoseconds"] is None else f"{layout['nanoseconds'] / 1e3:.1f} us" for layout in possible], padding=2)
        axes.axvline(comparison["cycles"], color="black", linestyle=":", linewidth=1)
        axes.invert_yaxis()
        axes.set_xlabel(f"memory cycles with {comparison['object']} in that layout")
    return figure


def _draw_conflicts(pyplot, report):
    """How busy the ports of each region are; those that bind stand out."""
    regions = report["regions"]
    figure, all_axes = pyplot.subplots(max(len(regions), 1), 1, figsize=(8, 1 + 2.2 * max(len(regions), 1)), layout="constrained", squeeze=False)
    for axes, region in zip(all_axes[:, 0], regions):
        names = [name for name, busy in region["pressure"].items() if busy > 0]
        binding = {conflict["port"]: conflict for conflict in region["conflicts"]}
        bars = axes.barh(names, [100 * region["pressure"][name] for name in names], color=["C3" if name in binding else "C0" for name in names])
        axes.bar_label(bars, [f"{binding[name]['relieved_cycles']:.2f} cycles with twice of it" if name in binding else "" for name in names], padding=2)
        axes.invert_yaxis()
        axes.set_xlim(0, 130)
        axes.set_xlabel("% busy")
        axes.set_title(f"{region['function']}, words {region['first_word']} to {region['last_word']}: {region['cycles']:.2f} cycles, {region['bottleneck']}")
    return figure


def _draw_pair(pyplot, report):
    """How much slower both programs are together than alone, predicted and measured."""
    figure, axes = pyplot.subplots(figsize=(8, 3), layout="constrained")
    cases, width = report["cases"], 0.25
    axes.bar([i - width for i in range(len(cases))], [case["predicted_slowdown"] for case in cases], width, color="C7", label="predicted, both")
    for p, program in enumerate(report["programs"]):
        measured = [(i, case["measured_slowdown"][p]) for i, case in enumerate(cases) if case["measured_slowdown"]]
        if measured:
            axes.bar([i + p * width for i, _ in measured], [value for _, value in measured], width, color=f"C{p}", label=f"measured, {os.path.basename(program['file'])}")
    axes.set_xticks(range(len(cases)), [case["name"] + (f"\n({case['not_possible']})" if case["not_possible"] else "") for case in cases])
    axes.axhline(1, color="black", linestyle=":", linewidth=1)
    axes.set_ylabel("time over time alone")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
