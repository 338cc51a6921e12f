# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Parameter files: safetensors written atomically, read by mapping, checked by hash."""

import json
import mmap
import os
import struct
import tempfile
import zlib

from ._errors import ParameterFailed

_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16",
          "I8": "int8", "U8": "uint8", "BOOL": "bool"}
_CODES = {v: k for k, v in _NAMES.items()}


def write_atomically(path, *chunks):
    """Writes beside the target and renames; a failure (a full disk) leaves no partial file."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        handle, temporary = tempfile.mkstemp(prefix="." + os.path.basename(path) + ".", dir=folder)
    except OSError as error:
        raise ParameterFailed(f"cannot write '{path}': {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as stream:
            for chunk in chunks:
                stream.write(chunk)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        raise ParameterFailed(f"cannot write '{path}': {error.strerror}; free some space or choose another folder") from error


def raw_bytes(tensor):
    """The bytes of a tensor in row-major order, without a copy where it is contiguous."""
    import torch

    flat = tensor.detach().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else memoryview(b"")


def write(path, tensors):
    """Writes named tensors; a storage used under two names is written under both (tied names are merged earlier)."""
    header, offset = {}, 0
    order = sorted(tensors, key=lambda n: (-tensors[n].element_size(), n))  # safetensors wants alignment by element size
    for name in order:
        tensor = tensors[name]
        size = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _CODES[str(tensor.dtype).removeprefix("torch.")], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    write_atomically(path, struct.pack("<Q", len(text)) + text, *(raw_bytes(tensors[n]) for n in order))


def read(path):
    """Named tensors over one private mapping of the file."""
    import torch

    try:
        with open(path, "rb") as stream:
            data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        raise ParameterFailed(f"cannot read parameter file '{path}': {error.strerror}; pass parameters=<file>") from error
    except ValueError as error:
        raise ParameterFailed(f"parameter file '{path}' is empty") from error
    try:
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8:8 + size])
        tensors = {}
        for name, row in header.items():
            if name == "__metadata__":
                continue
            dtype = getattr(torch, _NAMES[row["dtype"]])
            begin, end = row["data_offsets"]
            count = (end - begin) // dtype.itemsize
            if 8 + size + end > len(data):
                raise ValueError(f"tensor '{name}' lies outside of the file")
            tensors[name] = (torch.frombuffer(data, dtype=dtype, count=count, offset=8 + size + begin) if count
                             else torch.empty(0, dtype=dtype)).reshape(row["shape"])
    except (struct.error, ValueError, KeyError, RuntimeError, UnicodeDecodeError) as error:
        raise ParameterFailed(f"parameter file '{path}' is not a valid safetensors file: {error}") from error
    return tensors


def digest(tensor):
    """CRC-32 of a tensor's bytes, as programs record it: guards against a wrong file, not against an attacker."""
    return f"crc32:{zlib.crc32(raw_bytes(tensor)):08x}"
