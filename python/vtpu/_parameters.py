# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Parameter files: safetensors written atomically, read by mapping, checked by hash."""

import contextlib
import json
import mmap
import os
import secrets
import struct
import zlib

from ._errors import ParameterFailed

_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16",
          "I8": "int8", "U8": "uint8", "BOOL": "bool"}
_CODES = {v: k for k, v in _NAMES.items()}


def write_all(files):
    """Writes (path, parts as bytes) each beside its target, then renames them; a failure (a full disk) leaves no partial file.

    A symbolic link stays one; what is no regular file (a pipe, a device) is written where it is.
    """
    temporaries = []
    path = None
    try:
        for path, parts in files:
            target = os.path.realpath(path)
            temporary = None
            if os.path.isfile(target) or not os.path.exists(target):
                temporary = os.path.join(os.path.dirname(target), f".{os.path.basename(target)}.{secrets.token_hex(6)}")
                temporaries.append((temporary, target))
            # Made anew, so that its mode is the one that the user's umask gives.
            with open(temporary or target, "xb" if temporary else "wb") as stream:
                for part in parts:
                    stream.write(part)
        for temporary, path in temporaries:
            os.replace(temporary, path)
    except OSError as error:
        for temporary, _ in temporaries:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        raise ParameterFailed(f"cannot write '{path}': {error.strerror}; free some space or choose another folder") from error


def raw_bytes(tensor):
    """The bytes of a tensor in row-major order, without a copy where it is contiguous."""
    import torch

    flat = tensor.detach().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy()) if flat.numel() else memoryview(b"")


def chunks(tensors):
    """The bytes of a safetensors file; a storage used under two names is written under both (tied names are merged earlier)."""
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
    return [struct.pack("<Q", len(text)) + text, *(raw_bytes(tensors[n]) for n in order)]


def mapped(path):
    """The bytes of a file as a private mapping; ParameterFailed if it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    except OSError as error:
        raise ParameterFailed(f"cannot read parameter file '{path}': {error.strerror}; pass parameters=<file>") from error
    except ValueError as error:
        raise ParameterFailed(f"parameter file '{path}' is empty") from error


def read(path):
    """Named tensors over one private mapping of the file."""
    import torch

    data = mapped(path)
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
