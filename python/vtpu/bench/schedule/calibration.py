# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""How long it takes to measure this machine, how long to read what was measured, how far two measurements agree, and how far LLVM's model is off."""

import json
import os
import re
import statistics
import time

from ..measure import run_tool
from ..report import Facts, Line


def calibrate(*options, **environment):
    """Runs `vtpu-calibrate`: path of the host table, seconds of the process, milliseconds of reading a kept table."""
    began = time.monotonic()
    said = run_tool("vtpu-calibrate", *options, **environment)
    took = time.monotonic() - began
    read = re.search(r"^read in (.*) ms$", said, re.MULTILINE)
    return re.search(r"^(?:kept in|written to) (.*?)(?:; --force measures again)?$", said, re.MULTILINE)[1], took, float(read[1]) if read else None


def cached_table():
    """Path of this machine's host table; it is measured if it is not kept yet."""
    return calibrate()[0]


def ratios(a, b, key):
    """Of the forms that both tables measured: the first's figure over the second's."""
    return {form: one[key] / b[form][key] for form, one in a.items() if form in b and one[key] and b[form][key] and one["origin"] == b[form]["origin"] == "measured"}


def section(options, folder):
    tables, seconds = [], []
    how = ["--no-measure"] if options.quick else []
    for number in range(2):
        path, took, _ = calibrate(*how, f"--output={os.path.join(folder, f'{number}.json')}")
        with open(path, encoding="utf-8") as stream:
            tables.append(json.load(stream))
        seconds.append(took)
    first, second = (table["forms"] for table in tables)
    measured = sum(form["origin"] == "measured" for form in first.values())
    # A quick run keeps its table in its own folder: the user's cache gets no figures that were not measured.
    kept = {"XDG_CACHE_HOME": folder} if options.quick else {}
    calibrate(*how, **kept)
    _, processes, reads = zip(*(calibrate(*how, **kept) for _ in range(25)))
    yield Line("calibration, the first time", min(seconds), "s", "<=", 20, note=f"{measured} of {len(first)} forms measured; {seconds[0]:.1f} and {seconds[1]:.1f} s")
    yield Line("calibration from its cache, reading the table", min(reads), "ms", "<=", 5, note="timed by the tool, file included; least of 25")
    yield Line("calibration from its cache, whole process", 1e3 * min(processes), "ms", "<=", 5, note="its start and libraries included; least of 25")
    differences = [abs(ratio - 1) for key in ("throughput", "latency") for ratio in ratios(first, second, key).values()]
    agree = sum(d <= 0.03 for d in differences) / max(1, len(differences))
    yield Line("figures of two calibrations that agree within 3 %", 100 * agree, "%", ">=", 100,
               note=f"median difference {100 * statistics.median(differences or [0]):.2f} %, largest {100 * max(differences or [0]):.0f} %")
    model, *_ = calibrate("--no-measure", f"--output={os.path.join(folder, 'model.json')}")
    with open(model, encoding="utf-8") as stream:
        llvm = json.load(stream)["forms"]
    yield Facts({"calibration": {"seconds": seconds, "cpu": tables[0].get("cpu"), "disturbed": tables[0].get("disturbed", False)},
                 "instructions": {form: {key: {"measured": one[key], "llvm": llvm[form][key], "ratio": one[key] / llvm[form][key] if llvm[form][key] else None}
                                         for key in ("throughput", "latency")}
                                  for form, one in first.items() if form in llvm and one["origin"] == "measured"}})
