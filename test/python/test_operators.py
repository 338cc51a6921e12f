# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the operator matrix in both tiers."""

import pytest
from checking import check
from operators import CASES

# Random polynomial-heavy results whose f32 rounding is worse than the default tolerance.
LOOSE = {"tan": 2e-4, "prod_all": 2e-4, "prod_1": 1e-4, "prod_last": 1e-4, "cumprod": 1e-4, "std_all": 1e-4, "pow": 1e-4}


def test_matrix_is_large():
    assert len(CASES) >= 600


@pytest.mark.parametrize("name", CASES)
def test_operator(name):
    """All are divided; every second one is compiled by default too."""
    function, args = CASES[name]
    check(function, args, tolerance=LOOSE.get(name), undivided=list(CASES).index(name) % 2 == 0)
