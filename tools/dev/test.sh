#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Sets up, builds, runs every test (GoogleTest, lit, pytest) and closes with one line of totals over all.
set -uo pipefail
cd "$(dirname "$0")/../.."
bash tools/dev/setup.sh || exit 1
exec .venv/bin/python tools/dev/run_tests.py
