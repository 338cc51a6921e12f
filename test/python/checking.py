# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compares compiled programs with PyTorch, computed in f64 where the result is a float."""

import threading

import torch
import vtpu
from conftest import CHECKS
from round_trip import check_round_trip


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


def check(module, args, tolerance=None, wide=True, threads=True):
    """Compiles, runs in both tiers (and from two threads at once), compares. Returns the program."""
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
    program = vtpu.compile(module, args)
    check_round_trip(program._data)
    tensors = [a for a in args if isinstance(a, torch.Tensor)]
    tiers = {"interpreter": program.with_tier("interpreter")}
    if program.tier == "jit":
        tiers["jit"] = program
    outputs = {}
    for tier, loaded in tiers.items():
        got = loaded["main"](*tensors)
        outputs[tier] = _flat(got)
        assert len(outputs[tier]) == len(expected), f"{len(outputs[tier])} results, expected {len(expected)}"
        for actual, want, fine in zip(outputs[tier], expected, exact):
            _close(actual, want, fine, tolerance, tier)
        CHECKS[tier] += 1
    if "jit" in outputs:
        for a, b in zip(outputs["jit"], outputs["interpreter"]):
            same = torch.equal(a.nan_to_num(), b.nan_to_num()) if a.is_floating_point() else torch.equal(a, b)
            assert same, "the tiers disagree"
        if threads:
            results = [None, None]

            def run(slot):
                results[slot] = program["main"](*tensors)

            workers = [threading.Thread(target=run, args=(slot,)) for slot in range(2)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            for result in results:
                for a, b in zip(_flat(result), outputs["jit"]):
                    assert torch.equal(a.nan_to_num() if a.is_floating_point() else a, b.nan_to_num() if b.is_floating_point() else b)
    return program
