# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares compiled programs with PyTorch, computed in f64 where the result is a float."""

import concurrent.futures

import torch
import vtpu
from conftest import CHECKS, COMPILER


class Wrap(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


def _flat(value):
    return [v for v in torch.utils._pytree.tree_leaves(value) if isinstance(v, torch.Tensor)]


def _widen(value):
    return value.double() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _close(actual, expected, exact, tolerance, what):
    assert actual.dtype == expected.dtype, f"{what}: type {actual.dtype}, expected {expected.dtype}"
    assert actual.shape == expected.shape, f"{what}: shape {tuple(actual.shape)}, expected {tuple(expected.shape)}"
    if not expected.is_floating_point():
        assert torch.equal(actual, expected), f"{what}: {actual.flatten()[:8]} expected {expected.flatten()[:8]}"
        return
    reference = expected.double()
    if exact.shape == expected.shape and exact.is_floating_point():
        # What overflows in the result's type has no closer answer than PyTorch's.
        overflows = ~torch.isfinite(expected) | (exact.abs() > torch.finfo(expected.dtype).max)
        reference = torch.where(overflows, reference, exact.double())
    torch.testing.assert_close(actual.double(), reference, rtol=tolerance, atol=tolerance, equal_nan=True, msg=lambda m: f"{what}: {m}")


def tolerance_of(tensors):
    """By the narrowest float among the results."""
    widths = {torch.float16: 2e-3, torch.bfloat16: 2e-2, torch.float32: 2e-5, torch.float64: 1e-12}
    return max([widths[t.dtype] for t in tensors if t.is_floating_point()], default=0.0)


def same_bits(a, b):
    """Of two tensors; so -0 is not 0. NaNs are one class: which of them comes out is the host's choice."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    a, b = a.contiguous(), b.contiguous()
    numbers = ~a.isnan()
    integers = {2: torch.int16, 4: torch.int32, 8: torch.int64}[a.element_size()]
    return torch.equal(numbers, ~b.isnan()) and torch.equal(a.view(integers)[numbers], b.view(integers)[numbers])


def check(module, args, tolerance=None, wide=True, threads=True, undivided=True):
    """Compares a program with PyTorch, as it is compiled by default (`undivided`: small programs are not divided), and, divided wherever it
    can be, on one and on two sentrons in both tiers: all give the same bits, from two callers at once too. Returns the program."""
    module = module if isinstance(module, torch.nn.Module) else Wrap(module)
    module = module.eval()
    with torch.no_grad():
        expected = _flat(module(*[a.clone() if isinstance(a, torch.Tensor) else a for a in args]))
        exact = expected
        if wide and any(e.is_floating_point() for e in expected):
            import copy

            exact = _flat(copy.deepcopy(module).double()(*[_widen(a) for a in args]))
            if any(a.shape != b.shape for a, b in zip(exact, expected)):
                exact = expected
    tolerance = tolerance_of(expected) if tolerance is None else tolerance
    tensors = [a for a in args if isinstance(a, torch.Tensor)]
    exported = vtpu.export(module, args)
    with COMPILER.dividing_from(0):
        divided = vtpu.compile(exported)
    program = vtpu.compile(exported) if undivided else divided
    results = _flat(program["main"](*tensors))
    assert len(results) == len(expected), f"{len(results)} results, expected {len(expected)}"
    for actual, want, fine in zip(results, expected, exact):
        _close(actual, want, fine, tolerance, program.tier)

    def compare(outputs, what):
        assert all(same_bits(a, b) for a, b in zip(_flat(outputs), results, strict=True)), f"{what}: other bits than before"

    for tier in dict.fromkeys(["interpreter", program.tier]):
        for sentrons in (1, 2):
            entry = divided.with_tier(tier, threads=sentrons)["main"]
            compare(entry(*tensors), f"{tier}, {sentrons} threads")
            CHECKS[f"{tier} on {sentrons}"] += 1
    CHECKS["divided in fact"] += entry.stats()["sentrons"] == 2
    CHECKS["also compiled undivided"] += undivided
    if threads:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for outputs in pool.map(lambda _: program["main"](*tensors), range(2)):
                compare(outputs, "two callers")
    return program
