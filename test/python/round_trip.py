# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Binary to assembly to binary, and binary to MLIR to binary, give identical bytes: asked of every program that the tests compile."""

import os
import pathlib
import subprocess
import tempfile

BIN = pathlib.Path(os.environ["VTPU_BUILD"]) / "bin" if "VTPU_BUILD" in os.environ else pathlib.Path()


def check_round_trip(data):
    """`data`: the bytes of a `.vtpu` file."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = pathlib.Path(folder) / "a.vtpu", pathlib.Path(folder) / "b.vtpu"
        first.write_bytes(data)
        text = subprocess.run([BIN / "vtpu-objdump", "--assembly", first], check=True, capture_output=True).stdout
        subprocess.run([BIN / "vtpu-as", "-", "-o", second], input=text, check=True)
        assert second.read_bytes() == data, "binary -> assembly -> binary changed the program"
        text = subprocess.run([BIN / "vtpu-translate", "--binary-to-mlir", first], check=True, capture_output=True).stdout
        again = subprocess.run([BIN / "vtpu-translate", "--mlir-to-binary"], input=text, check=True, capture_output=True).stdout
        assert again == data, "binary -> MLIR -> binary changed the program"
