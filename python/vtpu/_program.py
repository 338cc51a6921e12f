# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiled programs: `compile`, `compile_mlir`, `load`, and what they return."""

import contextlib
import os
import secrets
import tempfile

import numpy
import torch

from . import _compiler, _parameters, _runtime
from ._dtypes import DTYPES, NUMBERS, numpy_dtype
from ._errors import CompileFailed, CompilerBroken, ProgramFailed, WrongType, WrongValue
from ._export import ExportedModule, export
from ._signature import KEPT, Signature

_TIERS = {"default": 0, "interpreter": 1, "jit": 2, "orc": 3}
# Parameters of these types that are structure become constants of the program.
_STRUCTURE = (torch.int32, torch.int64)


def _is_array(value):
    """True for what is one flat input by itself; containers and numbers are bound by the signature."""
    return isinstance(value, (torch.Tensor, numpy.ndarray)) or hasattr(value, "__dlpack__")


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
        self.inputs = [(label, DTYPES[d], tuple(s)) for label, d, s in handle.tensors(index, True)]
        every = [(label, DTYPES[d], tuple(s)) for label, d, s in handle.tensors(index, False)]
        self.outputs = [row for row in every if not row[0].startswith(KEPT)]  # kept tensors stand behind the results
        #: What the submodules named in `keep` returned in the last call, by name.
        self.kept = {}
        self._kept_names = [label.removeprefix(KEPT) for label, _, _ in every[len(self.outputs):]]
        # What an argument must be to be taken as it is; NumPy has no bfloat16.
        self._wanted = [(numpy_dtype(d), getattr(torch, d), s) for _, d, s in self.inputs]
        self._results = [(numpy_dtype(d), getattr(torch, d), s) for _, d, s in every]
        self._torch_only = any(d == "bfloat16" for _, d, _ in every)
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
                raise WrongType(f"{self.name}: input '{label}' is on device {value.device}; move it with .cpu()")
            value = value.detach().contiguous()
            actual = str(value.dtype).removeprefix("torch.")
        else:
            if not isinstance(value, numpy.ndarray) and hasattr(value, "__dlpack__"):
                value = numpy.from_dlpack(value)
            value = numpy.ascontiguousarray(value) if getattr(value, "ndim", 0) else numpy.asarray(value)
            actual = str(value.dtype)
        if actual != dtype:
            raise WrongType(f"{self.name}: input '{label}' has type {actual}, expected {dtype}; convert it first")
        if tuple(value.shape) != shape:
            raise WrongValue(f"{self.name}: input '{label}' has shape {tuple(value.shape)}, expected {shape}")
        return value

    def __call__(self, *args, **kwargs):
        return self._call(args, kwargs, None)

    def call_in(self, space, /, *args, **kwargs):
        """The call in a `vtpu.Space`: its inputs, outputs, kept tensors and parameters have coordinates there until the next call of this entry."""
        return self._call(args, kwargs, space)

    def coordinate(self, name, index=None):
        """The `vtpu.Coordinate` of an element of an input, output or parameter in the space of a call; no index: of the first element.

        Names are those of `inputs` and `outputs`, `keep.NAME` of a kept tensor, and the key of a parameter. KeyError: there is no such tensor;
        WrongValue: the index is outside of it, or it has no coordinates (the message says why).
        """
        return self._program._handle.coordinate(self._index, name, None if index is None else list(index))

    def _call(self, args, kwargs, space):
        if kwargs or len(args) != len(self.inputs) or not all(map(_is_array, args)):
            args = self._signature.bind(self.name, args, kwargs)
        use_torch, inputs, keep = self._torch_only, [], []  # kept alive through the call
        for position, (value, (numpy_type, torch_type, shape)) in enumerate(zip(args, self._wanted)):
            kind = type(value)
            if kind is torch.Tensor:
                ready = value.dtype is torch_type and value.shape == shape and value.is_cpu and value.is_contiguous()
            else:
                ready = kind is numpy.ndarray and value.dtype is numpy_type and value.shape == shape and value.flags.c_contiguous
            if not ready:
                value = self._convert(value, position)
                keep.append(value)
            elif space is not None:
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
            if space is None:
                self._program._handle.call(self._index, inputs, outputs, None)
            else:
                space._run(self._program._handle, self._index, inputs, outputs, [*keep, *results])
        except _runtime.RuntimeError as error:
            raise ProgramFailed(f"{self.name}: {error}") from None
        if self._kept_names:
            self.kept = dict(zip(self._kept_names, results[len(self.outputs):]))
            results = results[:len(self.outputs)]
        return results[0] if self._assemble is None else self._assemble(results)

    def stats(self):
        """Words, filled slots, seconds of the last call."""
        return self._program._handle.stats(self._index)


class Program:
    """A loaded program: `program["main"](x)`, `program.save("model.vtpu")`."""

    def __init__(self, data, *, tier="default", threads=1, cpu_features="", parameters=None, tensors=None, signatures=None):
        if tier not in _TIERS:
            raise WrongValue(f"tier: '{tier}' is unknown; legal are {', '.join(_TIERS)}")
        self._data = data
        self._tensors = dict(tensors or {})
        self._signatures = signatures or {}
        self._options = {"threads": threads, "cpu_features": cpu_features, "parameters": parameters}
        try:
            self._handle = _runtime.Program(data, _TIERS[tier], threads, cpu_features, parameters or "")
            for key, tensor in self._tensors.items():
                self._handle.set_parameter(key, NUMBERS[str(tensor.dtype).removeprefix("torch.")], list(tensor.shape), tensor.data_ptr())
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
        """Which tier runs this program: 'jit', 'orc' or 'interpreter'."""
        return next(name for name, number in _TIERS.items() if number == self._handle.tier())

    def with_tier(self, tier, threads=None):
        """The same program in another tier, with as many threads unless told otherwise."""
        options = self._options if threads is None else {**self._options, "threads": threads}
        return Program(self._data, tier=tier, tensors=self._tensors, signatures=self._signatures, **options)

    def save(self, path):
        """Writes the program, and its parameters to `<path>.safetensors` beside it unless it will find them where they are."""
        path = os.fspath(path)
        beside = os.path.splitext(path)[0] + ".safetensors"
        files, data, source = [], self._data, self._options["parameters"]
        if not isinstance(data, bytes):
            source = self._handle.parameter_file(None)
            with open(data, "rb") as stream:
                data = stream.read()
        if self._tensors:
            files.append((beside, _parameters.chunks(self._tensors)))
        elif source and os.path.isfile(source) and os.path.realpath(source) != os.path.realpath(self._handle.parameter_file(path)):
            files.append((beside, [_parameters.mapped(source)]))
        _parameters.write_all([*files, (path, [data])])


def compile_mlir(text_or_path, *, compile_from="input", tier="default", threads=1, parameters=None, tensors=None, name="program",
                 reproducer=None, port_table="", schedule="modulo", on_phase=None, output=None):
    """Compiles a program on linalg, tensor, arith, math, scf and cf in text form.

    `parameters`: path of a safetensors file, which the program names as seen from `output`, where it will be saved, or from here;
    `tensors`: parameters by key, in memory; `reproducer`: file for what reproduces a failure of the compiler (default: one in the temporary
    folder); `port_table`: name of the table that schedules the words; `schedule`: how, "list" (straight runs), "modulo" (iterations of
    loops may overlap too) or "exact" (a solver looks for the shortest intervals, which takes long); `on_phase`: called with the name of every phase as it begins. Raises
    CompileFailed with all diagnostics.
    """
    text, label = _read(text_or_path)
    recorded = f"{name}.safetensors"
    if parameters:
        parameters = os.path.abspath(parameters)
        recorded = os.path.relpath(parameters, os.path.dirname(os.path.abspath(output)) if output else None)
    data = _lower([text], label, _known(parameters, tensors), reproducer, compile_from=compile_from, parameter_file=recorded, port_table=port_table,
                  schedule=schedule, on_phase=on_phase)
    return Program(data, tier=tier, threads=threads, parameters=parameters, tensors=tensors)


def _read(text_or_path):
    """The text, and the name of its place."""
    if not isinstance(text_or_path, os.PathLike):
        if "\n" in text_or_path or not (text_or_path.endswith(".mlir") or os.path.exists(text_or_path)):
            return text_or_path, "<text>"
    label = os.fspath(text_or_path)
    try:
        with open(label, encoding="utf-8") as stream:
            return stream.read(), label
    except OSError as error:
        raise CompileFailed(f"cannot read '{label}': {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CompileFailed(f"cannot read '{label}': it is no text ({error.reason} at byte {error.start})") from None


def _known(parameters, tensors):
    """Parameters by key, of which the compiler takes what the program marks as structure."""
    return tensors or (_parameters.read(parameters) if parameters else {})


def _lower(texts, label, known, reproducer=None, **options):
    """Runs the compiler; a failure names the file that reproduces it, where it is more than an ordinary diagnostic."""
    structures = {key: numpy.frombuffer(_parameters.raw_bytes(tensor), numpy.uint8) for key, tensor in known.items()
                  if tensor.dtype in _STRUCTURE and tensor.numel()}
    path = reproducer or os.path.join(tempfile.gettempdir(), f"vtpu-reproducer-{secrets.token_hex(8)}.mlir")
    try:
        return _compiler.compile(texts, label, reproducer=os.fspath(path), structures=structures, **options)
    except _compiler.CompileError as error:
        said = str(error).splitlines()
        lines = [line for line in said if not line.endswith(_REPRODUCED)]
        if lines or not said:
            if not reproducer:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            raise CompileFailed("\n".join(lines)) from None
        where = f"what reproduces it is in '{path}'" if os.path.exists(path) else f"no reproducer could be written to '{path}'"
        raise CompilerBroken(f"{label}: a pass of the compiler failed without a word; {where}, report it with that file") from None


# What MLIR says when it has written a reproducer after a failed pass, or a crashed one.
_REPRODUCED = ("Failures have been detected while processing an MLIR pass pipeline", "A signal was caught while processing the MLIR module:")


def lower_mlir(text_or_path, *, compile_from="input", compile_to="bundled", parameters=None, tensors=None, reproducer=None, port_table="",
               schedule="modulo", on_phase=None):
    """The text of a later phase, of the program that `compile_mlir` makes of the same parameters; the phase `binary` is bytes."""
    text, label = _read(text_or_path)
    result = _lower([text], label, _known(parameters, tensors), reproducer, compile_from=compile_from, compile_to=compile_to, port_table=port_table,
                    schedule=schedule, on_phase=on_phase)
    return result if compile_to == "binary" else result.decode()


def compile(module, args=(), kwargs=None, *, name="main", tier="default", threads=1, reproducer=None, port_table="", schedule="modulo",
            keep=(), on_phase=None):  # noqa: A001 - the name users expect
    """Compiles a PyTorch module called with example arguments. `module` may be an ExportedModule, or a list of them (one entry each).

    What the submodules named in `keep` return can be read after a call: `program["main"].kept["encoder.layer.0"]`.
    """
    exported = module if isinstance(module, (list, ExportedModule)) else export(module, args, kwargs, name=name, keep=keep)
    exported = exported if isinstance(exported, list) else [exported]
    tensors, structures, texts = {}, {}, []
    for one in exported:
        for key, tensor, role in one.parameters:
            group = structures if role == "structure" and tensor.dtype in _STRUCTURE and tensor.numel() else tensors
            known = group.setdefault(key, tensor.contiguous())
            if known.shape != tensor.shape or known.dtype != tensor.dtype:
                raise CompileFailed(f"entries disagree about parameter '{key}'; export them from one module")
        texts.append(one.mlir_text)
    data = _lower(texts, "<export>", structures, reproducer, parameter_file=f"{name}.safetensors", port_table=port_table, schedule=schedule,
                  on_phase=on_phase)
    return Program(data, tier=tier, threads=threads, tensors=tensors, signatures={e.name: e.signature for e in exported})


def assemble(text, name="<text>"):
    """The bytes of a program in assembly text, which `Program` loads; errors name the place in `name`."""
    try:
        return _runtime.assemble(text, name)
    except _runtime.RuntimeError as error:
        raise CompileFailed(str(error)) from None


def load(path, *, tier="default", threads=1, parameters=None, cpu_features=""):
    """Loads a `.vtpu` file; parameters are mapped from the file it names, or from `parameters`."""
    path = os.fspath(path)
    if not os.path.exists(path):
        raise ProgramFailed(f"cannot open {path}: No such file or directory")
    return Program(path, tier=tier, threads=threads, parameters=parameters, cpu_features=cpu_features)
