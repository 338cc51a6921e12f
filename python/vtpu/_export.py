# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`vtpu.export`: a PyTorch module as weight-free generic MLIR text beside its parameters."""

import dataclasses
import difflib
import inspect
import io
import json
import os
import re
import threading

import torch
import torch.utils._pytree as pytree
from torch.fx.traceback import preserve_node_meta

from . import _parameters
from ._errors import ImportFailed, WrongType, WrongValue
from ._importer import importer
from ._signature import KEPT, Signature, leaves
from ._trace import trace

_MLIR_TYPES = {torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
               torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "i1"}


@dataclasses.dataclass(frozen=True)
class Spec:
    """One argument or result of an entry."""

    name: str
    dtype: str
    shape: tuple

    def __str__(self):
        return f"{self.name}: {'x'.join([*map(str, self.shape), self.dtype])}"


@dataclasses.dataclass
class ExportedModule:
    """What `export` returns. `parameters` is an ordered list of (argument name, tensor, role)."""

    name: str
    mlir_text: str
    parameters: list
    inputs: list
    outputs: list
    signature: Signature

    def interface(self):
        """Names, types and nesting as plain data."""
        return {
            "name": self.name,
            "inputs": [[s.name, s.dtype, list(s.shape)] for s in self.inputs],
            "outputs": [[s.name, s.dtype, list(s.shape)] for s in self.outputs],
            "parameters": [[n, _MLIR_TYPES[t.dtype], list(t.shape), r] for n, t, r in self.parameters],
        }

    def save(self, folder):
        """Writes `<name>.mlir`, `<name>.safetensors` and `<name>.json` into a folder."""
        os.makedirs(folder, exist_ok=True)
        base = os.path.join(folder, self.name)
        _parameters.write_all([(base + ".safetensors", _parameters.chunks({n: t for n, t, _ in self.parameters})),
                               (base + ".mlir", [self.mlir_text.encode()]),
                               (base + ".json", [json.dumps(self.interface(), indent=1).encode()])])


# PyTorch's tracers and serialisers keep their state in globals.
_tracing = threading.Lock()


class _Replay(torch.nn.Module):
    """Runs a graph node by node, so that exporting it carries every node's source line over."""

    def __init__(self, gm):
        super().__init__()
        self.graph_module = gm

    def forward(self, *args):
        return torch.fx.Interpreter(self.graph_module).run(*args, enable_io_processing=False)


def _as_tensor(value):
    if isinstance(value, torch.Tensor):
        return value.detach()
    if type(value).__module__ == "numpy" and hasattr(value, "dtype"):
        return torch.from_numpy(value) if hasattr(value, "__array_interface__") and value.ndim else torch.as_tensor(value)
    if hasattr(value, "__dlpack__"):
        return torch.from_dlpack(value)
    return value


def _input_names(module, args, kwargs):
    """Names of the positional and keyword arguments, and a readable, unique name for every flat input."""
    forward = module.forward if isinstance(module, torch.nn.Module) else module
    positional = []
    try:
        bound = inspect.signature(forward).bind(*args, **kwargs).arguments
        kinds = inspect.signature(forward).parameters
        for name, value in bound.items():
            if kinds[name].kind is inspect.Parameter.VAR_POSITIONAL:
                positional += [f"{name}.{i}" for i in range(len(value))]
            elif name not in kwargs and kinds[name].kind is not inspect.Parameter.VAR_KEYWORD:
                positional.append(name)
    except (TypeError, ValueError):
        pass
    positional += [f"arg{i}" for i in range(len(positional), len(args))]
    heads, names = positional[:len(args)] + list(kwargs), []
    for head, value in zip(heads, [*args, *kwargs.values()]):
        for name, _ in leaves(value, head):
            while name in names:
                name += "_"
            names.append(name)
    return heads, names


def _output_names(out_spec, count):
    """result, or result.0, result.key ... by the nesting of the outputs."""
    names = [""] * count
    for name, index in leaves(pytree.tree_unflatten(list(range(count)), out_spec), "result"):
        names[index] = name
    return names


def _check_kept(module, keep, what):
    if isinstance(keep, str) or not all(isinstance(one, str) for one in keep):
        raise WrongType(f"keep: expected a list of names of submodules, got {keep!r}")
    known = [name for name, _ in module.named_modules() if name] if isinstance(module, torch.nn.Module) else []
    for one in keep:
        if one not in known:
            near = difflib.get_close_matches(one, known, 3)
            raise WrongValue(f"keep: {what} has no submodule '{one}'" + (f"; near are {', '.join(near)}" if near else ""))


def export(module, args, kwargs=None, *, name="main", keep=()):
    """Exports `module` called with `args` and `kwargs` (example values; shapes and types are fixed by them).

    What the submodules named in `keep` return can be read after a call (`Entry.kept`).

    Raises ImportFailed, naming the Python line, where a size, branch or number depends on the contents of an input.
    """
    if isinstance(args, torch.Tensor) or not isinstance(args, (tuple, list)):
        raise WrongType(f"args: expected a tuple of arguments, got {type(args).__name__}; write vtpu.export(module, (x,))")
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise WrongValue(f"name: expected an identifier, got '{name}'")
    what = type(module).__name__ if isinstance(module, torch.nn.Module) else getattr(module, "__name__", type(module).__name__)
    _check_kept(module, keep, what)
    importer.warm()
    args, kwargs = pytree.tree_map(_as_tensor, (tuple(args), dict(kwargs or {})))
    flat = pytree.tree_leaves((args, kwargs))
    heads, names = _input_names(module, args, kwargs)
    for value, label in zip(flat, names):
        if isinstance(value, torch.Tensor):
            _check_type(value, f"input '{label}'", what)
    with _tracing:
        result = trace(module, args, kwargs, what, list(dict.fromkeys(keep)))
    # Folded constants belong to this entry; several entries of one program share only what the module holds.
    result.parameters = [(f"{name}.{label}" if label.startswith("folded.") else label, tensor, role)
                         for label, tensor, role in result.parameters]
    for label, tensor, _ in result.parameters:
        _check_type(tensor, f"parameter '{label}'", what)
    tensors = [v for v in flat if isinstance(v, torch.Tensor)]
    inputs = [Spec(n, _MLIR_TYPES[v.dtype], tuple(v.shape)) for n, v in zip(names, flat) if isinstance(v, torch.Tensor)]
    regular = len(result.results) - len(result.kept)
    labels = _output_names(result.out_spec, regular) + [KEPT + one for one in result.kept]
    outputs, constants = [], []
    for label, value in zip(labels, result.results):
        if isinstance(value, torch.Tensor):
            _check_type(value, f"output '{label}'", what)
            outputs.append(Spec(label, _MLIR_TYPES[value.dtype], tuple(value.shape)))
            constants.append(None)
        else:
            constants.append((value,))
    values = [t for _, t, _ in result.parameters] + tensors
    stream = io.BytesIO()
    with _tracing, torch.no_grad(), preserve_node_meta():
        torch.export.save(torch.export.export(_Replay(result.graph), tuple(_empty(v) for v in values), strict=False), stream)
    text = importer.lower({
        "program": stream.getvalue(), "name": name,
        "arguments": [{"label": n, "role": r, "hash": _parameters.digest(t), "dtype": _MLIR_TYPES[t.dtype]} for n, t, r in result.parameters]
        + [{"label": s.name, "role": "input", "dtype": s.dtype} for s in inputs],
        "results": [{"label": s.name, "role": "result", "dtype": s.dtype} for s in outputs],
    }, what)
    fixed = [None if isinstance(v, torch.Tensor) else (v,) for v in flat]
    return ExportedModule(name, text, result.parameters, inputs, outputs, Signature(heads, list(zip(names, fixed)), result.out_spec, constants[:regular]))


def _check_type(tensor, label, what):
    if tensor.layout is not torch.strided:
        raise ImportFailed(f"importing {what}: {label} is a sparse tensor; pass its indices and values as dense tensors")
    if tensor.dtype not in _MLIR_TYPES:
        raise ImportFailed(f"importing {what}: {label} has type {str(tensor.dtype).removeprefix('torch.')}; "
                           "supported are " + ", ".join(str(t).removeprefix("torch.") for t in _MLIR_TYPES))


def _empty(tensor):
    """Same shape and type without the data."""
    return torch.empty(tensor.shape, dtype=tensor.dtype)
