#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# The main job: sets up, then compiles and runs all-MiniLM-L6-v2 and a hypergraph network and compares both with PyTorch.
# Options go to the driver: --json FILE writes all figures. The exit code is 0 only if the answers agree.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash tools/dev/setup.sh
PYTHONPATH="$PWD/build/python" exec .venv/bin/python -m vtpu.demo "$@"
