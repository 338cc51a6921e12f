# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Benchmarks: `python -m vtpu bench report --suite main`."""
