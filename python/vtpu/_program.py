# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled programs: `compile`, `compile_mlir`, `load`, and what they return."""

import os

import numpy
import torch

from . import _compiler, _parameters, _runtime
from ._errors import CompileFailed, ProgramFailed
from ._export import ExportedModule, export
from ._signature import Signature

_TIERS = {"default": 0, "interpreter": 1, "jit": 2}
# Numbers of the C API's vtpu_dtype to NumPy's names; bf16 crosses as 16-bit patterns outside of torch.
_DTYPES = {1: "bool", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "uint8", 7: "uint16", 8: "uint32", 9: "uint64", 10: "float16",
           11: "bfloat16", 12: "float32", 13: "float64"}
_NUMBERS = {name: number for number, name in _DTYPES.items()}
# Parameters of these types that are structure become constants of the program.
_STRUCTURE = (torch.int32, torch.int64)


def _numpy_dtype(name):
    return None if name == "bfloat16" else numpy.dtype(name)


class Entry:
    """One callable of a program, called as the module was: by position or keyword, with nested containers.

    Takes NumPy arrays, torch tensors or DLPack exporters; returns torch tensors if it was given one, else NumPy arrays. A contiguous
    argument of the right type is read where it lies; results are written where they are returned. A loaded program returns nested results
    as tuples and dictionaries, and knows nothing of Python numbers among them.
    """

    def __init__(self, program, index, name, signature):
        self._program = program
        self._index = index
        self.name = name
        handle = program._handle
        self.inputs = [(label, _DTYPES[d], tuple(s)) for label, d, s in handle.tensors(index, True)]
        self.outputs = [(label, _DTYPES[d], tuple(s)) for label, d, s in handle.tensors(index, False)]
        # What an argument must be to be taken as it is; NumPy has no bfloat16.
        self._wanted = [(_numpy_dtype(d), getattr(torch, d), s) for _, d, s in self.inputs]
        self._results = [(_numpy_dtype(d), getattr(torch, d), s) for _, d, s in self.outputs]
        self._torch_only = any(d == "bfloat16" for _, d, _ in self.outputs)
        self._signature = signature or Signature.of_names([n for n, _, _ in self.inputs])
        self._assemble = self._signature.assemble([n for n, _, _ in self.outputs])

    def __repr__(self):
        def text(rows):
            return ", ".join(f"{n}: {d}[{', '.join(map(str, s))}]" for n, d, s in rows)

        return f"<vtpu entry {self.name}({text(self.inputs)}) -> ({text(self.outputs)})>"

    def _convert(self, value, position):
        """A contiguous NumPy array or torch tensor of the right type and shape, without a copy where the layout allows."""
        label, dtype, shape = self.inputs[position]
        if isinstance(value, torch.Tensor):
            if value.device.type != "cpu":
                raise TypeError(f"{self.name}: input '{label}' is on device {value.device}; move it with .cpu()")
            value = value.detach().contiguous()
            actual = str(value.dtype).removeprefix("torch.")
        else:
            if not isinstance(value, numpy.ndarray) and hasattr(value, "__dlpack__"):
                value = numpy.from_dlpack(value)
            value = numpy.ascontiguousarray(value) if getattr(value, "ndim", 0) else numpy.asarray(value)
            actual = str(value.dtype)
        if actual != dtype:
            raise TypeError(f"{self.name}: input '{label}' has type {actual}, expected {dtype}; convert it first")
        if tuple(value.shape) != shape:
            raise ValueError(f"{self.name}: input '{label}' has shape {tuple(value.shape)}, expected {shape}")
        return value

    def __call__(self, *args, **kwargs):
        if kwargs or len(args) != len(self.inputs):
            args = self._signature.bind(self.name, args, kwargs)
        use_torch, inputs, keep = self._torch_only, [], []
        for position, (value, (numpy_type, torch_type, shape)) in enumerate(zip(args, self._wanted)):
            kind = type(value)
            if kind is torch.Tensor:
                ready = value.dtype is torch_type and value.shape == shape and value.is_cpu and value.is_contiguous()
            else:
                ready = kind is numpy.ndarray and value.dtype is numpy_type and value.shape == shape and value.flags.c_contiguous
            if not ready:
                if isinstance(value, (list, tuple, dict)):
                    return self(*self._signature.bind(self.name, args, kwargs))
                value = self._convert(value, position)
                keep.append(value)
            if isinstance(value, torch.Tensor):
                use_torch = True
                value = value.data_ptr()
            inputs.append(value)
        if use_torch:
            results = [torch.empty(shape, dtype=dtype) for _, dtype, shape in self._results]
            outputs = [r.data_ptr() for r in results]
        else:
            results = outputs = [numpy.empty(shape, dtype) for dtype, _, shape in self._results]
        try:
            self._program._handle.call(self._index, inputs, outputs)
        except _runtime.RuntimeError as error:
            raise ProgramFailed(f"{self.name}: {error}") from None
        return results[0] if self._assemble is None else self._assemble(results)

    def stats(self):
        """Words, filled slots, seconds of the last call."""
        return self._program._handle.stats(self._index)


class Program:
    """A loaded program: `program["main"](x)`, `program.save("model.vtpu")`."""

    def __init__(self, data, *, tier="default", threads=1, cpu_features="", parameters=None, tensors=None, signatures=None):
        if tier not in _TIERS:
            raise ValueError(f"tier: '{tier}' is unknown; legal are {', '.join(_TIERS)}")
        self._data = data
        self._tensors = dict(tensors or {})
        self._signatures = signatures or {}
        self._options = {"threads": threads, "cpu_features": cpu_features, "parameters": parameters}
        try:
            self._handle = _runtime.Program(data, _TIERS[tier], threads, cpu_features, parameters or "")
            for key, tensor in self._tensors.items():
                self._handle.set_parameter(key, _NUMBERS[str(tensor.dtype).removeprefix("torch.")], list(tensor.shape), tensor.data_ptr())
        except _runtime.RuntimeError as error:
            raise ProgramFailed(str(error)) from None
        self.entries = {name: Entry(self, i, name, self._signatures.get(name)) for i, name in enumerate(self._handle.entries())}

    def __getitem__(self, name):
        if name not in self.entries:
            raise KeyError(f"no entry '{name}'; the program has {', '.join(self.entries)}")
        return self.entries[name]

    def __iter__(self):
        return iter(self.entries)

    @property
    def tier(self):
        """Which tier runs this program: 'jit' or 'interpreter'."""
        return "jit" if self._handle.tier() == 2 else "interpreter"

    def with_tier(self, tier, threads=1):
        """The same program in another tier."""
        return Program(self._data, tier=tier, tensors=self._tensors, signatures=self._signatures, **{**self._options, "threads": threads})

    def save(self, path):
        """Writes the program, and its parameters to `<path>.safetensors` beside it unless `parameters=` named their file."""
        path = os.fspath(path)
        beside = os.path.splitext(path)[0] + ".safetensors"
        files = []
        if self._tensors:
            files.append((beside, _parameters.chunks(self._tensors)))
        if isinstance(self._data, bytes):
            data = self._data
        else:
            with open(self._data, "rb") as stream:
                data = stream.read()
            mapped = os.path.splitext(self._data)[0] + ".safetensors"
            if os.path.exists(mapped) and os.path.realpath(mapped) != os.path.realpath(beside):
                files.append((beside, [_parameters.mapped(mapped)]))
        _parameters.write_all([*files, (path, [data])])


def compile_mlir(text_or_path, *, compile_from="input", tier="default", threads=1, parameters=None, tensors=None, name="program",
                 reproducer="", port_table="", on_phase=None):
    """Compiles a program on linalg, tensor, arith, math, scf and cf in text form.

    `parameters`: path of a safetensors file; `tensors`: parameters by key, in memory; `reproducer`: file for what reproduces a crash of
    the compiler; `port_table`: name of the table that schedules the words; `on_phase`: called with the name of every phase as it begins. Raises CompileFailed with all diagnostics.
    """
    text, label = text_or_path, "<text>"
    if isinstance(text, str) and "\n" not in text and text.endswith(".mlir") and not os.path.exists(text):
        raise CompileFailed(f"cannot read '{text}': No such file or directory")
    if isinstance(text_or_path, os.PathLike) or ("\n" not in text_or_path and os.path.exists(text_or_path)):
        label = os.fspath(text_or_path)
        with open(label, encoding="utf-8") as stream:
            text = stream.read()
    # Of these the compiler takes what the program marks as structure.
    known = tensors or (_parameters.read(parameters) if parameters else {})
    return _compile_texts([text], label, compile_from, tier, threads, parameters, tensors, known, name, reproducer, port_table, on_phase)


def _compile_texts(texts, label, compile_from, tier, threads, parameters, tensors, known, name, reproducer, port_table, on_phase, signatures=None):
    structures = {key: numpy.frombuffer(_parameters.raw_bytes(tensor), numpy.uint8) for key, tensor in known.items()
                  if tensor.dtype in _STRUCTURE and tensor.numel()}
    try:
        data = _compiler.compile(texts, label, compile_from, "binary", parameters or f"{name}.safetensors", reproducer, structures,
                                 port_table=port_table, on_phase=on_phase)
    except _compiler.CompileError as error:
        raise CompileFailed(str(error)) from None
    return Program(data, tier=tier, threads=threads, parameters=parameters, tensors=tensors, signatures=signatures)


def lower_mlir(text, *, compile_from="input", compile_to="bundled", port_table="", on_phase=None):
    """The text of a later phase."""
    try:
        return _compiler.compile([text], "<text>", compile_from, compile_to, port_table=port_table, on_phase=on_phase).decode()
    except _compiler.CompileError as error:
        raise CompileFailed(str(error)) from None


def compile(module, args=(), kwargs=None, *, name="main", tier="default", threads=1, port_table="", on_phase=None):  # noqa: A001 - the name users expect
    """Compiles a PyTorch module called with example arguments. `module` may be an ExportedModule, or a list of them (one entry each)."""
    exported = module if isinstance(module, (list, ExportedModule)) else export(module, args, kwargs, name=name)
    exported = exported if isinstance(exported, list) else [exported]
    tensors, structures, texts = {}, {}, []
    for one in exported:
        for key, tensor, role in one.parameters:
            group = structures if role == "structure" and tensor.dtype in _STRUCTURE and tensor.numel() else tensors
            known = group.setdefault(key, tensor.contiguous())
            if known.shape != tensor.shape or known.dtype != tensor.dtype:
                raise CompileFailed(f"entries disagree about parameter '{key}'; export them from one module")
        texts.append(one.mlir_text)
    return _compile_texts(texts, "<export>", "input", tier, threads, None, tensors, structures, name, "", port_table, on_phase,
                          {e.name: e.signature for e in exported})


def load(path, *, tier="default", threads=1, parameters=None, cpu_features=""):
    """Loads a `.vtpu` file; parameters are mapped from the file it names, or from `parameters`."""
    path = os.fspath(path)
    if not os.path.exists(path):
        raise ProgramFailed(f"cannot open {path}: No such file or directory")
    return Program(path, tier=tier, threads=threads, parameters=parameters, cpu_features=cpu_features)
