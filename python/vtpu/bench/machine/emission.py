# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From the words of a program to machine code that may run: decoding, verification, emission with relocation, mapping."""

import os

import vtpu

from ..measure import native_benchmark
from ..models import PRODUCT
from ..report import Line


def section(options, folder):
    path = os.path.join(folder, "matmul-512.vtpu")
    vtpu.compile_mlir(PRODUCT.format(m=512, n=512, k=512)).save(path)
    rows = native_benchmark(options, folder, ["--emission", path])
    for name in sorted({row.split(":")[1] for row in rows}, key=lambda name: rows[f"decode:{name}"]["words"]):
        words = rows[f"decode:{name}"]["words"]
        phases = {phase: 1e3 * rows[f"{phase}:{name}"]["min"] / words for phase in ("decode", "verify", "emit", "load") if f"{phase}:{name}" in rows}
        if "load" not in phases:
            continue
        mapping = (phases["load"] - phases["verify"] - phases["emit"]) * words / 1e3
        note = (f"{words:.0f} words; decoding {phases['decode']:.1f}, verification {phases['verify']:.1f}, emission with relocation {phases['emit']:.1f} ns; "
                f"mapping a program's code {mapping:.1f} us")
        yield Line(f"verified, emitted and relocated, {name}", phases["verify"] + phases["emit"], "ns a word", "<=", 40, note=note)
