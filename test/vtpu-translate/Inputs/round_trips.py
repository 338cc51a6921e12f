# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""round_trips.py FOLDER ROOT: binary -> assembly -> binary and binary -> MLIR -> binary of all .siw files below ROOT/test and ROOT/python, and of the
.mlir files that tests compile to a binary."""

import pathlib
import subprocess
import sys

folder, root = map(pathlib.Path, sys.argv[1:])
first, text, again = (folder / name for name in ("a.vtpu", "text", "b.vtpu"))


def translate(form, source, target):
    subprocess.run(["vtpu-translate", f"--{form}", source, "-o", target], check=True)


paths = sorted(path for part in ("test", "python") for path in (root / part).rglob("*.siw"))
# What a test wants to be refused, or a fuzzer damaged, need not assemble.
paths = [path for path in paths if "Fuzz" not in path.parts and "// REJECT:" not in path.read_text()]
paths += sorted(path for path in (root / "test").rglob("*.mlir") if "--compile-to=binary -o" in path.read_text())
for path in paths:
    if path.suffix == ".siw":
        translate("assembly-to-binary", path, first)
    else:
        subprocess.run(["vtpu-opt", path, "--compile-to=binary", "-o", first], check=True)
    for form in ("assembly", "mlir"):
        translate(f"binary-to-{form}", first, text)
        translate(f"{form}-to-binary", text, again)
        if first.read_bytes() != again.read_bytes():
            sys.exit(f"{path}: binary -> {form} -> binary changed the program")
print(len(paths), "programs")
