# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Suites in sections: a package whose modules have a function `section(options, folder)` each, which yields `report.Line`s and `report.Facts`.

`folder` is a temporary folder of the section. One that cannot be measured here, for want of a tool or of a peer, raises `report.NotMeasured` and says
why: the report names it and goes on.
"""

import importlib
import pkgutil
import tempfile

from .report import Absent, NotMeasured


def of(package, wanted=()):
    """The modules of a package's sections, in the order of their names: those `wanted`, or all. ValueError names what is none of them."""
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    for name in wanted:
        if name not in names:
            raise ValueError(f"no section '{name}'; there are {', '.join(names)}")
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names if not wanted or name in wanted]


def run(modules, options):
    """What the sections yield, one after the other."""
    for module in modules:
        with tempfile.TemporaryDirectory(prefix="vtpu-bench-") as folder:
            try:
                yield from module.section(options, folder)
            except NotMeasured as reason:
                yield Absent(module.__name__.rsplit(".", 1)[1], str(reason))
