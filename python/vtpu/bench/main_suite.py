# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The suite `main`: matrix products, the sentence encoder, the hypergraph network, compile, load and call; peers in turns in one process."""

import os
import statistics
import sys
import tempfile

import numpy
import torch

import vtpu

from .._errors import VtpuError
from . import models
from .measure import build_tool, child, interleaved, native_benchmark
from .models import check
from .report import Line
from .workloads import load_encoder, train_network

TINY = """func.func @main(%x: tensor<16xf32>) -> tensor<16xf32> {
  %y = arith.addf %x, %x : tensor<16xf32>
  return %y : tensor<16xf32>
}
"""


def peer_module(name, package=None):
    """The module of a peer; `package`: what pip calls it, if not so."""
    try:
        return __import__(name)
    except ImportError:
        raise VtpuError(f"the benchmark's peer '{name}' is not installed; pip install {package or name}") from None


def outside(name, entry):
    stats = entry.stats()
    share = 100 * stats["host_seconds"] / stats["total_seconds"] if stats["total_seconds"] else 0.0
    return Line(f"time outside words, {name}", share, "%", "<=", 0)


def products(options, folder):
    arguments = []
    for model in (*models.hand_written(options), *models.products(options, (512, 128))):
        program = model.compile()
        entry = model.entry(program)
        (m, k), (_, n) = (value.shape for value in model.inputs)
        arguments.append(f"{model.save(program, folder)[0]}={2 * m * n * k}")
        if model.name == "matmul 512":
            largest = entry
    path = os.path.join(folder, "tiny.vtpu")
    tiny = vtpu.compile_mlir(TINY)
    tiny.save(path)
    arguments.append(path)
    rows = native_benchmark(options, folder, arguments)
    peak = rows["fma-peak"]["FLOPS"]
    for name, title, target in (("kernel-8x48", "hand-written 8x48 kernel", 95), ("matmul-512", "matmul 512x512x512", 85),
                                ("matmul-128", "matmul 128x128x128", 70)):
        rate = rows[name]["FLOPS"]
        yield Line(f"{title}, share of the FMA peak", 100 * rate / peak, "%", ">=", target, "measured peak, 1",
                   f"{rate / 1e9:.1f} of {peak / 1e9:.1f} GFLOP/s; C API, run-time operands")
    yield outside("matmul", largest)
    yield Line("warm call of a tiny program from C", rows["tiny"]["median"], "us", "<=", 0.5)
    entry, x = tiny["main"], numpy.ones(16, numpy.float32)

    def calls():
        for _ in range(1000):
            entry(x)

    times = interleaved({"vtpu": calls}, options.repeats(20), 2)  # ms of 1000 calls: us of one
    yield Line("warm call of a tiny program from Python", statistics.median(times["vtpu"]), "us", "<=", 5, samples=times)


def encoder(options, folder):
    onnxruntime = peer_module("onnxruntime")
    peer_module("onnxscript")
    model, _ = load_encoder()
    exports = []
    for tokens in (32, 128):
        ids, mask = torch.randint(1000, 20000, (1, tokens)), torch.ones(1, tokens, dtype=torch.int64)
        exported = vtpu.export(model, (ids, mask), name=f"tokens_{tokens}")
        exports.append(exported)
        program = vtpu.compile(exported)
        entry, divided = (program.with_tier("default", threads=n)[f"tokens_{tokens}"] for n in (1, 2))
        with torch.no_grad():
            path = os.path.join(folder, f"minilm-{tokens}.onnx")
            torch.onnx.export(model, (ids, mask), path, dynamo=True, input_names=["ids", "mask"], verbose=False)
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads = 1
            session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
            feed = {"ids": ids.numpy(), "mask": mask.numpy()}
            exact = model.double()(ids, mask).numpy()
            model.float()
            error = check(f"MiniLM, {tokens} tokens", entry(ids, mask), exact, 1e-5)
            check(f"MiniLM, {tokens} tokens, ONNX Runtime", session.run(None, feed)[0], exact, 1e-4)
            times = interleaved({"vtpu": lambda: entry(ids, mask), "eager": lambda: model(ids, mask), "onnxruntime": lambda: session.run(None, feed)},
                                options.repeats(40))
        ours, eager, ort = (statistics.median(times[who]) for who in ("vtpu", "eager", "onnxruntime"))
        note = f"{ours:.2f} ms against {{:.2f}} ms; error {error:.1g}"
        yield Line(f"MiniLM, {tokens} tokens, time of PyTorch eager over ours", eager / ours, "x", ">=", 1, f"PyTorch {torch.__version__} eager, 1",
                   note.format(eager), times)
        yield Line(f"MiniLM, {tokens} tokens, ours over time of ONNX Runtime", ours / ort, "x", "<=", 1.3, f"ONNX Runtime {onnxruntime.__version__}, 1",
                   note.format(ort), times)
        yield outside(f"MiniLM {tokens} tokens", entry)
        if tokens == 128 and os.cpu_count() > 1:
            if not torch.equal(divided(ids, mask), entry(ids, mask)):
                raise VtpuError(f"MiniLM, {tokens} tokens: two threads give other bits than one; nothing was timed")
            times = interleaved({"one": lambda: entry(ids, mask), "two": lambda: divided(ids, mask)}, options.repeats(40))
            one, two = (statistics.median(times[who]) for who in ("one", "two"))
            yield Line(f"MiniLM, {tokens} tokens, time on one thread over time on two", one / two, "x", ">=", 1.5, "ours, 1",
                       f"{one:.2f} ms against {two:.2f} ms; waiting {1e3 * divided.stats()['barrier_seconds']:.2f} ms in the last call", times)
    yield from compile_and_load(options, folder, exports[0])


def compile_and_load(options, folder, exported):
    exported.save(folder)
    text, program = os.path.join(folder, exported.name + ".mlir"), os.path.join(folder, "minilm.vtpu")
    command = [sys.executable, "-m", "vtpu", "compile", text, "-o", program, "--parameters", os.path.join(folder, exported.name + ".safetensors")]
    runs = [child(command) for _ in range(options.repeats(3))]
    seconds, peak = [r[0] for r in runs], [r[1] for r in runs]
    yield Line("compile MiniLM from text and safetensors to a saved binary", statistics.median(seconds), "s", "<=", 20,
               note="process start included", samples={"vtpu": seconds})
    yield Line("the same, peak memory", max(peak), "MiB", "<=", 1536, samples={"vtpu": peak})
    tokens = exported.inputs[0].shape[1]
    command = [build_tool("vtpu-run"), program, f"--parameters={os.path.join(folder, exported.name + '.safetensors')}",
               f"--input=1x{tokens}xi64=2000", f"--input=1x{tokens}xi64=1", "--output=" + os.path.join("@" + folder, "out.npy")]
    seconds = [child(command)[0] for _ in range(options.repeats(5))]
    yield Line("load MiniLM and first run, whole process", statistics.median(seconds), "s", "<=", 1, samples={"vtpu": seconds})


def hypergraph(options, folder):
    geometric = peer_module("torch_geometric")
    model, x, _, _ = train_network()
    entry = next(iter(vtpu.compile(model, (x,)).entries.values()))
    with torch.no_grad():
        exact = model.double()(x.double()).numpy()
        model.float()
        error = check("hypergraph network", entry(x), exact, 1e-4)
        times = interleaved({"vtpu": lambda: entry(x), "eager": lambda: model(x)}, options.repeats(200))
    ours, eager = (statistics.median(times[who]) for who in ("vtpu", "eager"))
    yield Line("hypergraph network, time of PyG eager over ours", eager / ours, "x", ">=", 4, f"PyG {geometric.__version__} eager, 1",
               f"{ours:.3f} ms against {eager:.3f} ms; error {error:.1g}", times)
    yield outside("hypergraph network", entry)


def suite(options):
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory(prefix="vtpu-bench-") as folder:
        yield from products(options, folder)
        yield from encoder(options, folder)
        yield from hypergraph(options, folder)
