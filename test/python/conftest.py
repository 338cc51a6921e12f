# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Set-up shared by all Python tests: one seed, one thread, round trips of all programs, counts of comparisons."""

import collections
import contextlib
import os

import pytest
import torch
import vtpu._compiler
from round_trip import check_round_trip

# How many programs were compared with PyTorch and bit by bit with each other, per tier and threads (sentrons).
CHECKS = collections.Counter()
SEED = int(os.environ.get("VTPU_SEED", "20261124"))


class Compiler:
    """Stands before `vtpu._compiler.compile`: sets the work from which programs are divided over sentrons, and keeps all programs for their
    round trips."""

    def __init__(self, compile_texts):
        self.compile_texts = compile_texts
        self.divide_from = None
        self.waiting = {}
        self.seen = set()

    def __call__(self, *args, **options):
        data = self.compile_texts(*args, **{"divide_from": self.divide_from, **options})
        if data.startswith(b"\x7fELF") and hash(data) not in self.seen:
            self.seen.add(hash(data))
            self.waiting[hash(data)] = data
        return data

    @contextlib.contextmanager
    def dividing_from(self, work):
        before, self.divide_from = self.divide_from, work
        try:
            yield
        finally:
            self.divide_from = before


COMPILER = vtpu._compiler.compile = Compiler(vtpu._compiler.compile)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def round_trips():
    """Every program that a test compiled comes back the same from assembly and from MLIR."""
    yield
    while COMPILER.waiting:
        check_round_trip(COMPILER.waiting.popitem()[1])


def pytest_terminal_summary(terminalreporter):
    counts = ", ".join(f"{what}: {count}" for what, count in CHECKS.items())
    terminalreporter.write_line(f"seed {SEED}; round trips: {len(COMPILER.seen)} programs; comparisons per tier on a number of threads: {counts or 'none'}")
