# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The template JIT beside the ORC tier (LLVM's passes at -O2 over the same words): time to load, speed of the code."""

import os
import time

import numpy
import vtpu

from ..measure import interleaved, run_tool
from ..models import PRODUCT
from ..report import Line, NotMeasured
from ..workloads import train_network


def loading(options, folder):
    """Loads in turns: all of decoding, verification and emission, or LLVM's compilation."""
    for words in (64,) if options.quick else (64, 512, 2048):
        path = os.path.join(folder, f"words-{words}.vtpu")
        run_tool("vtpu-gen", f"--words={words}", "--calls=0", f"--seed={options.seed + 1}", "-o", path)
        seconds = {"jit": [], "orc": []}
        for turn in range(options.repeats(15)):
            for tier, times in seconds.items():
                if tier == "orc" and turn:  # it takes a minute
                    continue
                started = time.perf_counter()
                program = vtpu.load(path, tier=tier)
                times.append(time.perf_counter() - started)
        count = program["main"].stats()["words"]
        jit, orc = (min(times) for times in seconds.values())
        yield Line(f"loading {count} words, times faster than ORC", orc / jit, "x", ">=", 200, peer="LLVM 22 ORC, -O2",
                   note=f"{1e6 * jit:.0f} us against {1e6 * orc:.0f} us, file and verifier included", samples=seconds)


def speed(options, folder):
    model, x, _, _ = train_network()
    matrices = [numpy.random.default_rng(options.seed).standard_normal((512, 512), numpy.float32) for _ in range(2)]
    programs = {"matmul-512": (vtpu.compile_mlir(PRODUCT.format(m=512, n=512, k=512)), matrices), "hypergraph network": (vtpu.compile(model, (x,)), [x])}
    for name, (program, inputs) in programs.items():
        entries = {"jit": next(iter(program.with_tier("jit").entries.values())), "orc": next(iter(program.with_tier("orc").entries.values()))}
        results = [numpy.asarray(entry(*inputs)) for entry in entries.values()]
        if not numpy.array_equal(*results, equal_nan=True):
            raise NotMeasured(f"the tiers differ on {name}")
        samples = interleaved({tier: lambda entry=entry: entry(*inputs) for tier, entry in entries.items()}, repeats=options.repeats(40))
        jit, orc = min(samples["jit"]), min(samples["orc"])
        yield Line(f"emitted code, {name}, speed over ORC's", orc / jit, "x", ">=", 0.95, peer="LLVM 22 ORC, -O2",
                   note=f"{1e3 * jit:.0f} us against {1e3 * orc:.0f} us, calls from Python", samples=samples)


def section(options, folder):
    yield from loading(options, folder)
    yield from speed(options, folder)
