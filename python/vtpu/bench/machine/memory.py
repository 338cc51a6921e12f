# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Memory by coordinate: translation over 1,024 live pages, the curves, and tiled kernels against plain pointers."""

from ..measure import native_benchmark
from ..report import Line


def section(options, folder):
    rows = {name.split(":", 1)[1]: row for name, row in native_benchmark(options, folder, ["--memory"]).items() if name.startswith("memory:")}

    def nanoseconds(name):
        return 1e3 * rows[name]["min"] / rows[name]["count"]

    single, cached = nanoseconds("translate-single"), nanoseconds("translate-cached")
    yield Line("translation, batched", nanoseconds("translate-batched"), "ns an access", "<=", 2,
               note=f"1,024 live pages, random; one at a time {single:.1f} ns, of 64 places through a cache {cached:.1f} ns")
    curves = ", ".join(f"{name} {nanoseconds(name):.1f}" for name in ("morton-encode", "morton-decode", "hilbert-encode", "hilbert-decode"))
    overhead = 100 * (rows["product-region"]["min"] / rows["product-plain"]["min"] - 1)
    light = 100 * (rows["tiled-region"]["min"] / rows["tiled-plain"]["min"] - 1)
    yield Line("translation in a tiled product", overhead, "% over plain pointers", "<=", 2,
               note=f"tiles of 64 by 64, two translations a step; {light:.1f} % in a sum of squares; curves in ns a coordinate: {curves}")
