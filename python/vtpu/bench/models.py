# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The programs whose kernels are looked at one by one: matrix products, the sentence encoder, the hypergraph network."""

import copy
import dataclasses
import functools
import os

import numpy
import torch

import vtpu

from .._errors import VtpuError
from .workloads import load_encoder, train_network

KERNEL = os.path.join(os.path.dirname(os.path.realpath(__file__)), "kernel-8x48.siw")
KERNEL_SHAPE = (512, 48, 256)
PRODUCT = """func.func @main(%a: tensor<{m}x{k}xf32>, %b: tensor<{k}x{n}xf32>) -> tensor<{m}x{n}xf32> {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<{m}x{n}xf32>
  %start = linalg.fill ins(%zero : f32) outs(%empty : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  %c = linalg.matmul ins(%a, %b : tensor<{m}x{k}xf32>, tensor<{k}x{n}xf32>) outs(%start : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>
  return %c : tensor<{m}x{n}xf32>
}}
"""


def check(what, ours, reference, tolerance):
    """Refuses to time a wrong answer; the reference is in f64."""
    error = float(numpy.abs(numpy.asarray(ours, dtype=numpy.float64) - reference).max())
    if not error <= tolerance:
        raise VtpuError(f"{what}: largest error {error:.3g} against the f64 reference, allowed {tolerance:g}; nothing was timed")
    return error


@dataclasses.dataclass
class Model:
    """`compile` takes the options of `vtpu.compile` that choose schedules; `exact` is the result in f64, which answers may differ from by `tolerance`."""

    name: str
    compile: object
    inputs: list
    exact: numpy.ndarray
    tolerance: float

    def entry(self, program):
        """The program's only entry; its answer is checked."""
        entry = next(iter(program.entries.values()))
        check(self.name, entry(*self.inputs), self.exact, self.tolerance)
        return entry

    def save(self, program, folder):
        """Writes program, parameters and inputs; returns the arguments by which vtpu-mca runs it."""
        path = os.path.join(folder, self.name.replace(" ", "-").replace(",", ""))
        program.save(f"{path}.vtpu")
        arguments = [f"{path}.vtpu"]
        if os.path.exists(f"{path}.safetensors"):
            arguments.append(f"--parameters={path}.safetensors")
        for number, value in enumerate(self.inputs):
            numpy.save(f"{path}-{number}.npy", numpy.asarray(value))
            arguments.append(f"--input=@{path}-{number}.npy")
        return arguments


def product(options, name, shape, compile_program):
    """Of m x k and k x n numbers below 1: rounding of k products and sums."""
    m, n, k = shape
    random = numpy.random.default_rng(options.seed)
    a, b = (random.uniform(-1, 1, size).astype(numpy.float32) for size in ((m, k), (k, n)))
    return Model(name, compile_program, [a, b], a.astype(numpy.float64) @ b, 2e-7 * k)


def products(options, sizes):
    for size in sizes:
        text = PRODUCT.format(m=size, n=size, k=size)
        yield product(options, f"matmul {size}", (size, size, size), lambda text=text, **choices: vtpu.compile_mlir(text, **choices))


def hand_written(options):
    """The kernel in assembly, which nothing compiles."""
    with open(KERNEL, encoding="utf-8") as stream:
        program = vtpu.Program(vtpu.assemble(stream.read(), KERNEL))
    yield product(options, "kernel 8x48", KERNEL_SHAPE, lambda **choices: program)


@functools.cache
def network():
    model, x, _, _ = train_network()
    exported = vtpu.export(model, (x,))
    with torch.no_grad():
        exact = copy.deepcopy(model).double()(x.double()).numpy()
    return Model("hypergraph network", lambda **choices: vtpu.compile(exported, **choices), [x], exact, 1e-4)


@functools.cache
def encoder(tokens, seed):
    model, _ = load_encoder()
    generator = torch.Generator().manual_seed(seed)
    ids, mask = torch.randint(1000, 20000, (1, tokens), generator=generator), torch.ones(1, tokens, dtype=torch.int64)
    exported = vtpu.export(model, (ids, mask), name=f"tokens_{tokens}")
    with torch.no_grad():
        exact = copy.deepcopy(model).double()(ids, mask).numpy()
    return Model(f"MiniLM {tokens} tokens", lambda **choices: vtpu.compile(exported, **choices), [ids, mask], exact, 1e-5)


def small(options):
    """Programs whose data is near."""
    yield from hand_written(options)
    yield from products(options, (128,) if options.quick else (128, 512))
    yield network()


def compiled(options):
    """All that the compiler makes; quick: the small ones."""
    yield from products(options, (128,) if options.quick else (128, 512))
    yield network()
    if not options.quick:
        yield from (encoder(tokens, options.seed) for tokens in (32, 128))


def every(options):
    yield from hand_written(options)
    yield from compiled(options)
