# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Binary to assembly to binary, and binary to MLIR to binary, give identical bytes."""

import os
import pathlib
import subprocess
import tempfile

TRANSLATE = pathlib.Path(os.environ["VTPU_BUILD"]) / "bin" / "vtpu-translate"


def check_round_trip(data):
    """`data`: the bytes of a `.vtpu` file. Both ways run at once."""
    with tempfile.TemporaryFile() as binary:
        binary.write(data)
        binary.flush()
        runs = {}
        for form in ("assembly", "mlir"):
            there = [TRANSLATE, f"--binary-to-{form}", f"/dev/fd/{binary.fileno()}"]  # a file of its own for each, from the start
            away = subprocess.Popen(there, pass_fds=[binary.fileno()], stdout=subprocess.PIPE)
            back = subprocess.Popen([TRANSLATE, f"--{form}-to-binary"], stdin=away.stdout, stdout=subprocess.PIPE)
            away.stdout.close()
            runs[form] = away, back
        for form, (away, back) in runs.items():
            again = back.communicate()[0]
            assert away.wait() == 0 and back.returncode == 0, f"binary -> {form} -> binary failed"
            assert again == data, f"binary -> {form} -> binary changed the program"
