# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs whose work is divided give the same bits on every number of sentrons, in both tiers, as undivided ones give."""

import threading

import numpy
import pytest
import torch
import vtpu
from checking import Wrap, same_bits
from conftest import COMPILER
from operators import CASES
from test_models import MODELS
from vtpu.bench.models import PRODUCT

# Every thirtieth case of the operator matrix, and two of each kind that is divided in a way of its own.
KINDS = ("matmul", "bmm", "conv2d", "softmax", "attention", "max_pool")
OPERATORS = sorted({"linear_long", *list(CASES)[::30], *(name for kind in KINDS for name in [case for case in CASES if kind in case][:2])})


@pytest.fixture
def divide_from():
    """Sets the work from which programs are divided."""
    with COMPILER.dividing_from(None):
        yield lambda work: setattr(COMPILER, "divide_from", work)


def flat(result):
    return [torch.as_tensor(t) for t in torch.utils._pytree.tree_leaves(result)]


def check_threads(build, inputs, divide_from, tiers=("jit", "interpreter")):
    """Gives the most sentrons that ran."""
    divide_from(1 << 62)
    whole = build()
    name = next(iter(whole))
    expected = flat(whole[name](*inputs))
    assert whole.with_tier(whole.tier, threads=3)[name].stats()["sentrons"] == 1
    divide_from(0)
    divided = build()
    for tier in tiers if whole.tier == "jit" else ["interpreter"]:
        for threads in (1, 2, 3):
            entry = divided.with_tier(tier, threads=threads)[name]
            assert all(same_bits(a, b) for a, b in zip(flat(entry(*inputs)), expected, strict=True)), f"{tier}, {threads} threads"
    return entry.stats()["sentrons"]


@pytest.mark.parametrize("name", MODELS)
def test_models(name, divide_from):
    model, args = MODELS[name]()
    # The interpreter needs half a minute for the encoder, whose words are those of the block.
    tiers = ("jit",) if name == "minilm" else ("jit", "interpreter")
    assert check_threads(lambda: vtpu.compile(model.eval(), args), args, divide_from, tiers) == 3


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name, divide_from):
    function, args = CASES[name]
    module = function if isinstance(function, torch.nn.Module) else Wrap(function)
    check_threads(lambda: vtpu.compile(module.eval(), args), [a for a in args if isinstance(a, torch.Tensor)], divide_from)


@pytest.mark.parametrize("m, n, k", [(96, 500, 400), (130, 40, 70), (37, 96, 33), (3, 1000, 50), (64, 17, 200)])
def test_products(m, n, k, divide_from):
    """Divided by strips of columns, by rows, with and without rests and packing."""
    random = numpy.random.default_rng(m)
    a, b = (random.uniform(-1, 1, size).astype(numpy.float32) for size in ((m, k), (k, n)))
    assert check_threads(lambda: vtpu.compile_mlir(PRODUCT.format(m=m, n=n, k=k)), (a, b), divide_from) == 3


def test_more_sentrons_than_work(divide_from):
    divide_from(0)
    program = vtpu.compile_mlir(PRODUCT.format(m=3, n=100, k=5))
    a, b = numpy.arange(15, dtype=numpy.float32).reshape(3, 5), numpy.arange(500, dtype=numpy.float32).reshape(5, 100)
    entry = program.with_tier("default", threads=24)["main"]
    numpy.testing.assert_array_equal(entry(a, b), a @ b)
    assert entry.stats()["sentrons"] == 24


def test_several_callers(divide_from):
    divide_from(0)
    entry = vtpu.compile_mlir(PRODUCT.format(m=64, n=96, k=64)).with_tier("default", threads=3)["main"]
    random = numpy.random.default_rng(0)
    a = random.integers(-8, 8, (64, 64)).astype(numpy.float32)
    wrong = []

    def call(number):
        b = numpy.full((64, 96), number, numpy.float32)
        for _ in range(50):
            if not numpy.array_equal(entry(a, b), a @ b):
                wrong.append(number)

    callers = [threading.Thread(target=call, args=(number,)) for number in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_small_programs_stay_on_one_thread():
    program = vtpu.compile_mlir(PRODUCT.format(m=32, n=32, k=32), threads=4)
    assert program["main"].stats()["sentrons"] == 1
    program = vtpu.compile_mlir(PRODUCT.format(m=256, n=256, k=256), threads=4)
    assert program["main"].stats()["sentrons"] == 4
