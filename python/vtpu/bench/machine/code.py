# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the template JIT's code costs: beside the same instructions from an assembler, with checks of accesses, with looks at the stop flag."""

import os

import vtpu

from ..measure import native_benchmark
from ..models import PRODUCT
from ..report import Line
from ..workloads import train_network

# Many short turns: small differences are told by the least of them.
TURNS = {"repetitions": 150, "turn": 0.005}


def native(options, folder):
    rows = native_benchmark(options, folder, ["--native"], **TURNS)
    for name in sorted({row.split(":")[2] for row in rows}, key=lambda name: int(name.split("-")[1])):
        words, same = (rows[f"code:{side}:{name}"] for side in ("words", "native"))
        count = words["items_per_second"] * words["median"] * 1e-6  # of one call
        yield Line(f"emitted code, {name}, share of the native rate", same["min"] / words["min"], "x", ">=", 0.9, peer="the same instructions, assembled",
                   note=f"{1e3 * words['min'] / count:.3f} ns a word against {1e3 * same['min'] / count:.3f} ns; in L1")


def checks(options, folder):
    paths = [os.path.join(folder, name) for name in ("matmul-512.vtpu", "hypergraph.vtpu")]
    vtpu.compile_mlir(PRODUCT.format(m=512, n=512, k=512)).save(paths[0])
    model, x, _, _ = train_network()
    vtpu.compile(model, (x,)).save(paths[1])
    rows = native_benchmark(options, folder, ["--checks", *paths], **TURNS)
    for path in paths:
        name = os.path.basename(path).removesuffix(".vtpu")
        verified, everything, nothing, unpolled = (rows[f"checks:{variant}:{name}"] for variant in ("verified", "all", "none", "unpolled"))

        def over(row, base):
            return 100 * (row["min"] / base["min"] - 1)

        yield Line(f"checks that remain, {name}", over(verified, nothing), "% over none", "<=", 3,
                   note=f"{verified['checked']:.0f} of {verified['accesses']:.0f} accesses; {over(everything, nothing):.1f} % if all were checked")
        yield Line(f"looks at the stop flag, {name}", over(verified, unpolled), "% over none", "<=", 1, note=f"in {verified['polls']:.0f} loops")


def section(options, folder):
    yield from native(options, folder)
    yield from checks(options, folder)
