# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Set-up shared by all Python tests: one seed, one thread, counts of checks per tier."""

import os

import pytest
import torch

CHECKS = {"jit": 0, "interpreter": 0}
SEED = int(os.environ.get("VTPU_SEED", "20261124"))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"seed {SEED}; comparisons per tier: " + ", ".join(f"{k} {v}" for k, v in CHECKS.items()))
