#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# All set-up on Debian 12: packages, virtual environment, configure and build. Idempotent: finished steps leave a stamp in build/ or .venv/
# and are skipped. `--no-build` stops before configuring.
set -euo pipefail
cd "$(dirname "$0")/../.."
started=$SECONDS
say() { printf '[setup] %s (%d s)\n' "$*" $((SECONDS - started)); }
build=yes
[ "${1:-}" = --no-build ] && build=no

packages="git ca-certificates cmake ninja-build g++ ccache clang-22 libclang-rt-22-dev lld-22 llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools libzstd-dev
zlib1g-dev libgtest-dev libfmt-dev libelf-dev libasmjit-dev libmsgpack-dev nlohmann-json3-dev libzydis-dev libhwloc-dev libbenchmark-dev libcadical-dev libsimdjson-dev
binutils qemu-user python3 python3-venv python3-dev"
missing=""
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  say "installing packages:$missing"
  as_root=""
  [ "$(id -u)" = 0 ] || as_root="sudo"
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  # LLVM 22 comes from Debian 12's security suite.
  if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
    echo "setup: a package could not be installed; LLVM 22 needs Debian 12 with its security suite enabled (bookworm-security in apt's sources)" >&2
    exit 1
  fi
fi

requirements=tools/dev/requirements.txt
stamp=.venv/stamp-$(sha256sum "$requirements" tools/dev/requirements-nodeps.txt | sha256sum | cut -c1-16)
if [ ! -e "$stamp" ]; then
  [ -d .venv ] || /usr/bin/python3 -m venv .venv
  say "installing Python packages (PyTorch and torch-mlir: more than 500 MB)"
  .venv/bin/pip install -q --disable-pip-version-check -r "$requirements"
  .venv/bin/pip install -q --disable-pip-version-check --no-deps -r tools/dev/requirements-nodeps.txt
  touch "$stamp"
fi

if [ "$build" = yes ]; then
  say "building"
  cmake -G Ninja -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache \
    -DPython_EXECUTABLE="$PWD/.venv/bin/python" >build-configure.log 2>&1 || { cat build-configure.log >&2; exit 1; }
  mv build-configure.log build/configure.log
  cmake --build build
fi
say "done"
