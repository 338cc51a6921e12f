#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Replays the long runs from their seeds and prints their figures: tiers against each other, planted faults, readers under libFuzzer.
# Takes hours on two cores. A finding ends the script with its exit code.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=.venv/bin/python
ninja -C build vtpu-fuzz > /dev/null

echo "== tiers: at least 100 million executed words, every form at least 100 times"
build/bin/vtpu-fuzz --seed=1 --executed=100000000 --iterations=16 --least=100 --coverage=build/coverage.json

echo "== readers: 10 million inputs each under ASan and UBSan"
cmake -G Ninja -S . -B build/fuzz -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
  -DVTPU_BUILD_COMPILER=OFF -DVTPU_BUILD_PYTHON=OFF -DVTPU_BUILD_FUZZERS=ON -DVTPU_SANITIZE=address,undefined \
  -DPython_EXECUTABLE="$PWD/$python" > /dev/null
rm -rf build/fuzz/corpus # a run starts from the seeds alone
for name in object word assembly coordinate; do
  ninja -C build/fuzz "fuzz-$name" > /dev/null
  mkdir -p "build/fuzz/corpus/$name"
  echo "$name:"
  "build/fuzz/bin/fuzz-$name" -runs=10000000 -seed=1 -max_len=4096 -verbosity=0 -print_funcs=0 -print_final_stats=1 -artifact_prefix=build/fuzz/ \
    "build/fuzz/corpus/$name" "test/Fuzz/corpus/$name" 2>&1 | grep -vE "^INFO|^stat::(new|slowest|peak)"
done

# Last: a fault that needs a sanitizer to be seen counts as missed here.
echo "== mutation: 55 planted faults"
"$python" tools/dev/mutate.py --faults 55 --seed 1
