# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measuring: contestants in turns, facts about the machine, the tools of this build."""

import os
import pathlib
import platform
import re
import time

import torch

import vtpu


def build_tool(name):
    """A tool of the build this package was imported from, or of the path."""
    for folder in (pathlib.Path(vtpu.__file__).absolute().parents[2] / "bin", pathlib.Path(vtpu.__file__).resolve().parents[2] / "build" / "bin"):
        if (folder / name).exists():
            return str(folder / name)
    return name


def interleaved(calls, repeats=40, warm=5):
    """Milliseconds of every call, taken in turns: {name: [...]}."""
    times = {name: [] for name in calls}
    for i in range(repeats + warm):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if i >= warm:
                times[name].append((time.perf_counter() - start) * 1e3)
    return times


def machine():
    """Facts about the machine: the processor by name, family and model, its cores, and the versions in play."""
    text = pathlib.Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""

    def field(name):
        match = re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE)
        return match[1] if match else ""

    cpu = field("model name") or platform.processor()
    if field("cpu family"):
        cpu += f", family {field('cpu family')} model {field('model')}"
    return {"cpu": cpu, "cores": os.cpu_count(), "avx512": " avx512f " in text, "torch": torch.__version__,
            "python": platform.python_version(), "vtpu": vtpu.__version__}


def stolen_seconds():
    """Processor time that the host gave to others since it started, over all cores; 0 where it does not tell."""
    try:
        fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
        return int(fields[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0
