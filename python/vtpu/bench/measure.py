# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measuring: contestants in turns, facts about the machine, the tools of this build."""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys
import time

import torch

import vtpu

from .._errors import VtpuError


def build_tool(name):
    """A tool of the build this package was imported from, or of the path."""
    for folder in (pathlib.Path(vtpu.__file__).absolute().parents[2] / "bin", pathlib.Path(vtpu.__file__).resolve().parents[2] / "build" / "bin"):
        if (folder / name).exists():
            return str(folder / name)
    return name


def run_tool(name, *arguments, **environment):
    """Runs a tool of this build to its end; what it prints."""
    done = subprocess.run([build_tool(name), *arguments], capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise VtpuError(f"{name} failed: {(done.stderr.strip().splitlines() or [f'code {done.returncode}'])[-1]}")
    return done.stdout


# Of `vtpu-bench`; its rates too.
COUNTERS = ("FLOPS", "words", "items_per_second", "count", "accesses", "checked", "polls")


def native_benchmark(options, folder, arguments, repetitions=15, turn=0.1):
    """Runs `vtpu-bench`, each turn of a contestant `turn` seconds: {benchmark: {aggregate: microseconds, counter: value}}."""
    path = os.path.join(folder, "vtpu-bench.json")
    run_tool("vtpu-bench", f"--json={path}", f"--repetitions={max(3, options.repeats(repetitions))}", f"--min-time={options.seconds(turn)}", *arguments)
    rows = {}
    with open(path, encoding="utf-8") as stream:
        for row in json.load(stream)["benchmarks"]:
            if row.get("error_occurred"):
                raise VtpuError(f"vtpu-bench failed: {row['name']}: {row['error_message']}")
            kept = rows.setdefault(row["run_name"].split("/")[0], {})
            kept[row["aggregate_name"]] = row["real_time"]
            if row["aggregate_name"] == "median":
                kept.update({name: row[name] for name in COUNTERS if name in row})
    return rows


def bench_json(path, *arguments):
    """What a mode of `vtpu-bench` that writes figures of its own writes to `path`."""
    run_tool("vtpu-bench", f"--json={path}", *arguments)
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


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


# A process inherits the peak of the one that starts it, so a small one stands between.
_CHILD = """import json, resource, subprocess, sys, time
start = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(json.dumps([code, time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]))"""


def child(command):
    """Runs a process; (seconds, peak MiB)."""
    done = subprocess.run([sys.executable, "-c", _CHILD, *command], capture_output=True, text=True,
                          env=dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(os.path.abspath(vtpu.__file__)))))
    code, seconds, peak = json.loads(done.stdout) if done.returncode == 0 else (done.returncode, 0, 0)
    if code != 0:
        raise VtpuError(f"{' '.join(command[:4])} ... failed: {done.stderr.strip()[-400:]}")
    return seconds, peak


_CHAIN, _ROUNDS, _MULTIPLY_CYCLES = 64, 2000, 3


def clock_hertz():
    """The core's clock now: a chain of dependent multiplications, three cycles each on every x86-64 core with AVX-512, timed as words."""
    lines = ["%p = siw.cptr {imm = 0 : i64} : () -> !siw.r", "%s = siw.cimm {imm = 3 : i64} : () -> !siw.r",
             "%zero = siw.cimm {imm = 0 : i64} : () -> !siw.r",
             f"%out = siw.for from %zero bound {_ROUNDS} step 1 nonempty inits(%s) : (!siw.r, !siw.r) -> !siw.r {{", "^bb0(%i: !siw.r, %x0: !siw.r):",
             *(f"%x{i + 1} = siw.cmul %x{i}, %s : (!siw.r, !siw.r) -> !siw.r" for i in range(_CHAIN)), f"siw.yield %x{_CHAIN} : !siw.r", "}",
             'siw.sstr %out, %p {imm = 0 : i64, mem = "i64"} : (!siw.r, !siw.r) -> ()', "siw.cret : () -> ()"]
    binding = '{kind = "output", name = "y", size = 8 : i64, align = 8 : i64, writable, dtype = "i64", shape = array<i64: 1>}'
    text = f"siw.func entry @main attributes {{bindings = [{binding}]}} {{\n" + "\n".join(lines) + "\n}\n"
    chain = vtpu.compile_mlir(text, compile_from="siw")["main"]
    return _CHAIN * _ROUNDS * _MULTIPLY_CYCLES / (min(interleaved({"chain": chain}, 30)["chain"]) / 1e3)


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
