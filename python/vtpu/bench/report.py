# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A report of a suite: one line a figure, what was wanted, who the peer was, met or missed, and what it was before on this processor."""

import dataclasses
import json
import os
import pathlib
import statistics
import time

from .._analysis import write_picture
from .measure import machine, stolen_seconds

BASELINES = pathlib.Path(__file__).resolve().with_name("baselines.json")
# A figure that is this much worse than the baseline of the same processor is named.
TOLERANCE = 0.10


@dataclasses.dataclass
class Options:
    """How a suite runs. `quick` shows that everything works; its figures mean little. `pictures`: a folder for what is drawn."""

    seed: int = 0
    quick: bool = False
    say: object = print
    pictures: str | None = None
    sections: tuple[str, ...] = ()  # of suites in sections; none: all

    def repeats(self, count):
        return 1 if self.quick else count

    def seconds(self, length):
        return 0.001 if self.quick else length


@dataclasses.dataclass
class Line:
    """One figure. `value` is compared with `target` by `relation`, ">=" or "<="; `samples` are what it was made of, {contestant: [...]}."""

    name: str
    value: float
    unit: str
    relation: str
    target: float
    peer: str = ""
    note: str = ""
    samples: dict = dataclasses.field(default_factory=dict)

    @property
    def met(self):
        return self.value >= self.target if self.relation == ">=" else self.value <= self.target

    def as_json(self):
        spread = {who: {"median": statistics.median(v), "min": min(v), "max": max(v), "count": len(v)} for who, v in self.samples.items() if v}
        return {"name": self.name, "value": self.value, "unit": self.unit, "relation": self.relation, "target": self.target, "met": self.met,
                "peer": self.peer, "note": self.note, "samples": spread}


@dataclasses.dataclass
class Facts:
    """Figures that stand in the JSON under names of their own."""

    values: dict


@dataclasses.dataclass
class Picture:
    """What is drawn where pictures are wanted: a function of pyplot that returns a figure."""

    name: str
    drawing: object


class NotMeasured(Exception):
    """A part of a suite cannot be measured on this machine; the text says why."""


@dataclasses.dataclass
class Absent:
    """What stands in a report for a part that was not measured."""

    name: str
    reason: str


def number(value):
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def load_baselines():
    return json.loads(BASELINES.read_text()) if BASELINES.exists() else {}


def worse(line, before):
    """By which share a line is worse than before; 0 if it is not."""
    if not before:
        return 0.0
    loss = 1 - line.value / before if line.relation == ">=" else line.value / before - 1
    return max(loss, 0.0)


def run(suite, name, options):
    """Runs a suite, a function of the options that yields lines, `Facts`, `Picture`s, or `Absent`s for parts that were not measured; returns (text,
    figures)."""
    began, stolen = time.monotonic(), stolen_seconds()
    facts, rows, absent, named = machine(), [], [], {}
    before = load_baselines().get(facts["cpu"], {}).get(name, {})
    for line in suite(options):
        if isinstance(line, Facts):
            named.update(line.values)
            continue
        if isinstance(line, Picture):
            if options.pictures:
                os.makedirs(options.pictures, exist_ok=True)
                write_picture(os.path.join(options.pictures, f"{name}-{line.name}.svg"), line.drawing)
            continue
        if isinstance(line, Absent):
            absent.append(line)
            options.say(f"{line.name}: not measured")
            continue
        old = before.get(line.name)
        verdict = "met" if line.met else "**missed**"
        if worse(line, old) > TOLERANCE:
            verdict += f"; was {number(old)}"
        rows.append((line, verdict))
        options.say(f"{line.name}: {number(line.value)} {line.unit} ({verdict})")
    seconds = time.monotonic() - began
    text = [f"Processor: {facts['cpu']}, {facts['cores']} cores, AVX-512 {'yes' if facts['avx512'] else 'no'}; PyTorch {facts['torch']}; "
            f"{seconds:.0f} s, of which the host took {stolen_seconds() - stolen:.1f} s for others.", "",
            "| Figure | Value | Wanted | | Peer, threads | Details |", "|---|---|---|---|---|---|"]
    text += [f"| {l.name} | {number(l.value)} {l.unit} | {l.relation} {number(l.target)} | {verdict} | {l.peer} | {l.note} |" for l, verdict in rows]
    lines = [line.as_json() for line, _ in rows]
    figures = {**named, "suite": name, "machine": facts, "seconds": seconds, "lines": lines, "met": sum(l["met"] for l in lines), "missed": sum(not l["met"] for l in lines)}
    figures["absent"] = [dataclasses.asdict(part) for part in absent]
    text += ["", *(f"Not measured: {part.name}: {part.reason}" for part in absent), f"{figures['met']} met, {figures['missed']} missed"]
    return "\n".join(text), figures


def keep_baselines(figures):
    """Makes the figures the baseline of this processor."""
    baselines = load_baselines()
    baselines.setdefault(figures["machine"]["cpu"], {})[figures["suite"]] = {line["name"]: float(f"{line['value']:.4g}") for line in figures["lines"]}
    BASELINES.write_text(json.dumps(baselines, indent=1, sort_keys=True) + "\n")
