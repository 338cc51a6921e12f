# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad input, one test a row of test/bad_inputs.json: a one-line error that names the place and the way out (below it stands what the assembler
shows of the line), the right exit code, no partial file. Python rows run in this process, which must live on."""

import json
import os
import pathlib
import re
import resource
import shlex
import struct
import subprocess

import pytest
import torch

import vtpu

HERE = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ["VTPU_BUILD"]) / "bin"
ROWS = json.loads((HERE / "bad_inputs.json").read_text(encoding="utf-8"))


class Op(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args):
        return self.function(*args)


def section(data, wanted):
    """(offset, size) of an ELF section."""
    (table,) = struct.unpack_from("<Q", data, 40)
    count, names = struct.unpack_from("<HH", data, 60)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, table + 64 * i) for i in range(count)]
    for header in headers:
        start = headers[names][4] + header[0]
        if data[start:data.index(b"\0", start)].decode() == wanted:
            return header[4], header[5]
    raise KeyError(wanted)


def make(path, recipe):
    """Makes one file as its row says."""
    if "assemble" in recipe:
        subprocess.run([BIN / "vtpu-as", HERE / "Inputs" / recipe["assemble"], "-o", path], check=True)
    elif "copy" in recipe:
        path.write_bytes((HERE / "Inputs" / recipe["copy"]).read_bytes())
    elif "tensor" in recipe:
        key, dtype, shape, value = recipe["tensor"]
        count = 1
        for extent in shape:
            count *= extent
        header = json.dumps({key: {"dtype": dtype, "shape": shape, "data_offsets": [0, 4 * count]}}).encode()
        path.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack(f"<{count}f", *[value] * count))
    else:
        path.write_text(recipe["text"])
    data = bytearray(path.read_bytes())
    if "flip" in recipe:
        name, offset, bit = recipe["flip"]
        data[section(data, name)[0] + offset] ^= 1 << bit
    if "replace" in recipe:
        old, new = (text.encode("latin-1") for text in recipe["replace"])
        assert old in data
        data = data.replace(old, new, 1)
    path.write_bytes(data[:recipe.get("truncate", len(data))])


class FileSize:
    """Files of this process stay below a size: a full disk without one."""

    def __init__(self, size):
        self.size = size

    def __enter__(self):
        self.old = resource.getrlimit(resource.RLIMIT_FSIZE)
        if self.size:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.old[1]))

    def __exit__(self, *_):
        resource.setrlimit(resource.RLIMIT_FSIZE, self.old)


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_bad_input(row, tmp_path):
    for name, recipe in row.get("files", {}).items():
        make(tmp_path / name, recipe)
    if "run" in row:
        command = shlex.split(row["run"].format(bin=BIN))
        # A file limit must not cut off the bytecode that Python keeps for later.
        env = dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", PYTHONDONTWRITEBYTECODE="1")
        # Python ignores SIGXFSZ, and the child inherits that: the write fails instead.
        result = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, restore_signals=False,
                                preexec_fn=lambda: FileSize(row.get("file_size")).__enter__())
        text = (result.stdout + result.stderr).strip()
        assert result.returncode == row["exit"], text
        assert text.count("\n") == row["message"].count("\n"), text
    else:
        with FileSize(row.get("file_size")), pytest.raises(Exception) as caught:
            exec(row["python"], {"vtpu": vtpu, "torch": torch, "Op": Op, "folder": str(tmp_path)})  # noqa: S102 - the table is ours
        names = {kind.__name__ for kind in type(caught.value).__mro__}
        assert row["error"] in names, repr(caught.value)
        text = str(caught.value)
    assert re.fullmatch(row["message"], text), text
    left = {path.name for path in tmp_path.iterdir()} - set(row.get("files", {})) - {"y.npy"}
    assert not left & set(row.get("absent", [])) and not any(".vtpu." in name for name in left), left
