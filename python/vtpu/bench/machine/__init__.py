# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The suite `machine`: every module of this package is a section of it.

A module has a function `section(options, folder)` that yields `report.Line`s; `folder` is a temporary folder of the suite. One that cannot be
measured here, for want of a tool or of a peer, raises `report.NotMeasured` and says why: the report names it and goes on.
"""

import importlib
import pkgutil
import tempfile

from ..report import Absent, NotMeasured


def sections():
    """The modules of the sections, in the order of their names."""
    return [importlib.import_module(f"{__name__}.{module.name}") for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name)]


def suite(options):
    for module in sections():
        with tempfile.TemporaryDirectory(prefix="vtpu-bench-") as folder:
            try:
                yield from module.section(options, folder)
            except NotMeasured as reason:
                yield Absent(module.__name__.rsplit(".", 1)[1], str(reason))
