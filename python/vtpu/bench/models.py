# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The programs whose kernels are looked at one by one: matrix products, the sentence encoder, the hypergraph network."""

import copy
import dataclasses
import functools
import os

import numpy
import torch

import vtpu

from .main_suite import KERNEL, KERNEL_SHAPE, PRODUCT, check
from .workloads import load_encoder, train_network


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


def products(options):
    random = numpy.random.default_rng(options.seed)

    def product(name, shape, compile_program):
        m, n, k = shape
        a, b = (random.uniform(-1, 1, size).astype(numpy.float32) for size in ((m, k), (k, n)))
        return Model(name, compile_program, [a, b], a.astype(numpy.float64) @ b, 2e-7 * k)

    for size in (128,) if options.quick else (128, 512):
        text = PRODUCT.format(m=size, n=size, k=size)
        yield product(f"matmul {size}", (size, size, size), lambda text=text, **choices: vtpu.compile_mlir(text, **choices))


def hand_written(options):
    """The kernel in assembly, which nothing compiles."""
    m, n, k = KERNEL_SHAPE
    random = numpy.random.default_rng(options.seed)
    a, b = (random.uniform(-1, 1, size).astype(numpy.float32) for size in ((m, k), (k, n)))
    with open(KERNEL, encoding="utf-8") as stream:
        program = vtpu.Program(vtpu.assemble(stream.read(), KERNEL))
    yield Model("kernel 8x48", lambda **choices: program, [a, b], a.astype(numpy.float64) @ b, 2e-7 * k)


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
    yield from products(options)
    yield network()


def compiled(options):
    """All that the compiler makes; quick: the small ones."""
    yield from products(options)
    yield network()
    if not options.quick:
        yield from (encoder(tokens, options.seed) for tokens in (32, 128))


def every(options):
    yield from hand_written(options)
    yield from compiled(options)
