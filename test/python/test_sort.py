# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sorting by counting (short lines) and by merging: stable, NaN last, along any dimension, in both tiers."""

import pytest
import torch
from checking import check

# Around powers of two and around the length where merging begins.
SIZES = [*range(1, 9), 31, 64, 127, 255, 256, 257, 258, 300, 511, 512, 513, 777, 1000, 1023, 1024, 1025, 1500, 2000]


def line(size):
    """Many ties, some NaN, both infinities and zeros."""
    x = torch.randint(-size // 3 - 1, size // 3 + 1, (size,)).float() / 2
    x[torch.rand(size) < 0.05] = float("nan")
    x[torch.rand(size) < 0.03] = float("inf")
    x[torch.rand(size) < 0.03] = -float("inf")
    return x


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("size", SIZES)
def test_line(size, descending):
    check(lambda x: torch.sort(x, dim=0, stable=True, descending=descending), (line(size),), threads=False)


@pytest.mark.parametrize("shape, dim", [((3, 300), 1), ((300, 3), 0), ((2, 260, 3), 1), ((5, 40, 2), 1)])
def test_dimension(shape, dim):
    x = torch.stack([line(shape[dim]) for _ in range(torch.Size(shape).numel() // shape[dim])]).view(
        *shape[:dim], *shape[dim + 1:], shape[dim]).movedim(-1, dim).contiguous()
    check(lambda x: torch.sort(x, dim=dim, stable=True), (x,), threads=False)


@pytest.mark.parametrize("size", [40, 400])
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float64, torch.float16])
def test_type(dtype, size):
    check(lambda x: torch.sort(x, dim=0, stable=True), (torch.randint(-50, 50, (size,)).to(dtype),), threads=False)


def test_input_stays():
    """The caller's array is not sorted in place."""
    x = line(400).nan_to_num()
    before = x.clone()
    check(lambda x: (torch.sort(x, dim=0, stable=True)[1], x + 1), (x,), threads=False)
    assert torch.equal(x, before)
