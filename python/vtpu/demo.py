# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The main job: all-MiniLM-L6-v2 and a hypergraph network, from PyTorch to words, checked against PyTorch.

`python -m vtpu.demo [--json FILE] [--folder FOLDER]`. The exit code is 0 only if the answers agree.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
import torch.nn.functional as F

import vtpu
from vtpu.bench.measure import build_tool, child, clock_hertz, interleaved, machine
from vtpu.bench.workloads import load_encoder, train_network

SENTENCES = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "A man is riding a horse.",
    "A woman is playing violin.",
    "Two men pushed carts through the woods.",
    "A man is riding a white horse on an enclosed ground.",
    "A monkey is playing drums.",
    "A cheetah is running behind its prey.",
    "The weather is lovely today, and we plan to walk along the river until the sun goes down.",
    "Compilers turn programs into schedules for the execution pipes of a processor.",
    "Hypergraphs connect any number of nodes with one edge.",
]
BUCKETS = (16, 32, 128)
COSINE_BOUND, ERROR_BOUND = 0.99999, 1e-5


def say(text):
    print(text, flush=True)


def medians(calls):
    return {name: statistics.median(values) for name, values in interleaved(calls).items()}


def ops_per_cycle(program, entry, inputs, milliseconds):
    """Operations that the words of one call execute, counted by the interpreter, over the core's cycles in that time; 0 without the JIT."""
    if program.tier != "jit":
        return 0.0
    counting = program.with_tier("interpreter")[entry]
    counting(*inputs)
    return counting.stats()["executed_ops"] / (milliseconds / 1e3 * clock_hertz())


def run_without_python(program, entry, inputs, folder):
    """Runs an entry in vtpu-run, a process without Python; returns the result and vtpu-run's statistics text."""
    arguments = [build_tool("vtpu-run"), program, f"--function={entry}", "--stats"]
    for i, value in enumerate(inputs):
        path = os.path.join(folder, f"input{i}.npy")
        numpy.save(path, value.numpy())
        arguments.append(f"--input=@{path}")
    out = os.path.join(folder, "output.npy")
    arguments.append(f"--output=@{out}")
    done = subprocess.run(arguments, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"demo: vtpu-run failed: {done.stderr.strip()}")
    return torch.from_numpy(numpy.load(out)), done.stdout


def minilm(folder):
    say("== MiniLM: all-MiniLM-L6-v2, transformers to words")
    model, tokenizer = load_encoder()
    exports = []
    for length in BUCKETS:
        start = time.perf_counter()
        example = (torch.ones(1, length, dtype=torch.int64), torch.ones(1, length, dtype=torch.int64))
        exports.append(vtpu.export(model, example, name=f"tokens_{length}"))
        say(f"exported {length} tokens in {time.perf_counter() - start:.1f} s")
    path = os.path.join(folder, "minilm.vtpu")
    start = time.perf_counter()
    program = vtpu.compile(exports, name="minilm")
    program.save(path)
    compile_s = time.perf_counter() - start
    say(f"compiled and saved {len(BUCKETS)} entries to {path} ({os.path.getsize(path) / 1024:.0f} KiB, weights beside it) in {compile_s:.2f} s")
    # This process holds PyTorch's copy of the model and the traces: the compiler's memory is that of a process that compiles the largest entry.
    exports[-1].save(folder)
    source = os.path.join(folder, f"{exports[-1].name}.mlir")
    alone = ["-o", os.path.join(folder, "alone.vtpu"), "--parameters", os.path.join(folder, f"{exports[-1].name}.safetensors")]
    alone_s, peak_mib = child([sys.executable, "-m", "vtpu", "compile", source, *alone])
    say(f"compiled and saved {BUCKETS[-1]} tokens from text and safetensors in a process of its own in {alone_s:.2f} s, peak {peak_mib:.0f} MiB")

    start = time.perf_counter()
    loaded = vtpu.load(path)
    first = loaded[f"tokens_{BUCKETS[0]}"]
    first(torch.ones(1, BUCKETS[0], dtype=torch.int64), torch.ones(1, BUCKETS[0], dtype=torch.int64))
    load_ms = (time.perf_counter() - start) * 1e3

    ours, theirs = [], []
    for sentence in SENTENCES:
        tokens = tokenizer(sentence, return_tensors="pt")
        length = next(b for b in BUCKETS if b >= tokens["input_ids"].shape[1])
        pad = length - tokens["input_ids"].shape[1]
        ids, mask = F.pad(tokens["input_ids"], (0, pad)), F.pad(tokens["attention_mask"], (0, pad))
        result, text = run_without_python(path, f"tokens_{length}", (ids, mask), folder)
        ours.append(result[0])
        with torch.no_grad():
            theirs.append(model(tokens["input_ids"], tokens["attention_mask"])[0])
    ours, theirs = torch.stack(ours), torch.stack(theirs)
    cosine_min = float(F.cosine_similarity(ours.double(), theirs.double()).min())
    error = float((ours - theirs).abs().max())
    say("similarities (x 100), by words:")
    for sentence, row in zip(SENTENCES, ours @ ours.t()):
        say(" ".join(f"{100 * float(v):3.0f}" for v in row) + f"  {sentence}")
    say(f"worst cosine against PyTorch {cosine_min:.8f}, largest error {error:.2e} (bounds {COSINE_BOUND}, {ERROR_BOUND:g})")

    ids, mask = torch.randint(1000, 20000, (1, 32)), torch.ones(1, 32, dtype=torch.int64)
    entry = loaded["tokens_32"]
    with torch.no_grad():
        times = medians({"vtpu": lambda: entry(ids, mask), "eager": lambda: model(ids, mask)})
    stats = entry.stats()
    outside = stats["host_seconds"] / stats["total_seconds"]
    filled = {pipe: stats[pipe] / stats["words"] for pipe in "DSC"}
    ops = ops_per_cycle(program, "tokens_32", (ids, mask), times["vtpu"])
    say(f"32 tokens, 1 thread: words {times['vtpu']:.2f} ms, PyTorch eager {times['eager']:.2f} ms; {stats['words']} words, "
        f"fill D {filled['D']:.2f} S {filled['S']:.2f} C {filled['C']:.2f}, {ops:.2f} operations a host cycle, outside words {100 * outside:.2f} %, "
        f"load and first run {load_ms:.0f} ms")
    say(f"look further: {build_tool('vtpu-objdump')} -d {path}; {build_tool('vtpu')} compile {source} --compile-to=siw (or any other phase)")
    figures = {"cosine_min": cosine_min, "max_abs_error": error, "vtpu_ms": times["vtpu"], "eager_ms": times["eager"], "words": stats["words"],
               "fill": filled, "ops_per_cycle": ops, "outside_words_share": outside, "compile_s": compile_s, "peak_mib": peak_mib, "load_ms": load_ms}
    return figures, cosine_min >= COSINE_BOUND and error <= ERROR_BOUND


def hypergraph(folder):
    say("== Hypergraph network: two PyG HypergraphConv layers on scikit-learn's digits")
    model, x, y, test = train_network()
    path = os.path.join(folder, "hypergraph.vtpu")
    start = time.perf_counter()
    program = vtpu.compile(model, (x,), name="forward")
    program.save(path)
    say(f"exported, compiled and saved to {path} in {time.perf_counter() - start:.1f} s")
    with torch.no_grad():
        expected = model(x)
    result, _ = run_without_python(path, next(iter(program)), (x,), folder)
    ours, theirs = result.argmax(1), expected.argmax(1)
    same = bool((ours == theirs).all())
    accuracy = {"vtpu": float((ours == y)[test].float().mean()), "torch": float((theirs == y)[test].float().mean())}
    entry = program[next(iter(program))]
    with torch.no_grad():
        times = medians({"vtpu": lambda: entry(x), "eager": lambda: model(x)})
    stats = entry.stats()
    outside = stats["host_seconds"] / stats["total_seconds"]
    say(f"test accuracy: words {accuracy['vtpu']:.4f}, PyTorch {accuracy['torch']:.4f}; predictions {'identical' if same else 'DIFFER'}")
    ops = ops_per_cycle(program, next(iter(program)), (x,), times["vtpu"])
    say(f"forward, 1 thread: words {times['vtpu']:.3f} ms, PyG eager {times['eager']:.3f} ms; {stats['words']} words, {ops:.2f} operations a host "
        f"cycle, outside words {100 * outside:.2f} %")
    figures = {"vtpu_accuracy": accuracy["vtpu"], "torch_accuracy": accuracy["torch"], "same_predictions": same, "vtpu_ms": times["vtpu"],
               "eager_ms": times["eager"], "words": stats["words"], "ops_per_cycle": ops, "outside_words_share": outside}
    return figures, same


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", metavar="FILE", help="write all figures")
    parser.add_argument("--folder", metavar="FOLDER", help="where programs and weights go (default: a new temporary folder)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.folder or tempfile.mkdtemp(prefix="vtpu-demo-")
    os.makedirs(folder, exist_ok=True)
    figures, good = {}, True
    figures["minilm"], agrees = minilm(folder)
    good &= agrees
    figures["hypergraph"], agrees = hypergraph(folder)
    good &= agrees
    figures["machine"] = machine()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
    say("the answers agree with PyTorch" if good else "the answers DIFFER from PyTorch")
    return 0 if good else 2


if __name__ == "__main__":
    sys.exit(main())
