# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Binary to assembly to binary, and binary to MLIR to binary, give identical bytes."""

import os
import pathlib
import subprocess
import tempfile

BIN = pathlib.Path(os.environ["VTPU_BUILD"]) / "bin"


def check_round_trip(data):
    """`data`: the bytes of a `.vtpu` file. Both ways run at once."""
    with tempfile.TemporaryDirectory() as folder:
        binary, again = pathlib.Path(folder) / "a.vtpu", pathlib.Path(folder) / "b.vtpu"
        binary.write_bytes(data)
        ways = {
            "assembly": ([BIN / "vtpu-objdump", "--assembly", binary], [BIN / "vtpu-as", "-", "-o", again]),
            "MLIR": ([BIN / "vtpu-translate", "--binary-to-mlir", binary], [BIN / "vtpu-translate", "--mlir-to-binary"]),
        }
        running = {}
        for form, (away, back) in ways.items():
            first = subprocess.Popen(away, stdout=subprocess.PIPE)
            running[form] = first, subprocess.Popen(back, stdin=first.stdout, stdout=subprocess.PIPE)
            first.stdout.close()
        results = {form: last.communicate()[0] for form, (_, last) in running.items()}
        for form, (first, last) in running.items():
            assert first.wait() == 0 and last.returncode == 0, f"binary -> {form} -> binary failed"
        results["assembly"] = again.read_bytes()
        for form, result in results.items():
            assert result == data, f"binary -> {form} -> binary changed the program"
