# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What `import vtpu` offers: calls as PyTorch users write them, arrays in and out without copies, files, threads, a worker that may die."""

import dataclasses
import os
import signal
import tempfile
import threading
import types

import numpy
import pytest
import torch
import vtpu
from vtpu import _importer, _parameters, _program, _trace


class Attention(torch.nn.Module):
    """Keywords, defaults, a number, nested inputs and outputs."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x, cache, *, mask=None, scale=2.0):
        y = self.linear(x) * scale
        if mask is not None:
            y = y * mask
        return {"y": y, "cache": [cache["k"] + y, cache["v"]], "scale": scale, "none": None}


def attention_arguments():
    cache = {"k": torch.randn(2, 4), "v": torch.randn(2, 4)}
    return (torch.randn(2, 4), cache), {"mask": torch.rand(2, 4), "scale": 0.5}


@pytest.fixture(scope="module")
def attention():
    module = Attention().eval()
    args, kwargs = attention_arguments()
    return module, vtpu.compile(module, args, kwargs)


def test_called_like_the_module(attention):
    module, program = attention
    (x, cache), kwargs = attention_arguments()
    with torch.no_grad():
        expected = module(x, cache, **kwargs)
    for result in (program["main"](x, cache, **kwargs), program["main"](x, cache=cache, mask=kwargs["mask"]),
                   program["main"](x, cache["k"], cache["v"], kwargs["mask"])):
        assert list(result) == list(expected) and isinstance(result["cache"], list)
        torch.testing.assert_close(result, expected)


def test_a_loaded_program_keeps_names(attention, tmp_path):
    module, program = attention
    program.save(tmp_path / "attention.vtpu")
    loaded = vtpu.load(tmp_path / "attention.vtpu")
    (x, cache), kwargs = attention_arguments()
    with torch.no_grad():
        expected = module(x, cache, **kwargs)
    result = loaded["main"](x, mask=kwargs["mask"], cache=cache)
    assert list(result) == ["y", "cache"] and isinstance(result["cache"], tuple)
    torch.testing.assert_close(result["y"], expected["y"])
    torch.testing.assert_close(list(result["cache"]), expected["cache"])


@pytest.mark.parametrize("call, message", [
    (lambda e, x, c, m: e(x, c), "main: input 'mask' is missing; the inputs are x, cache.k, cache.v, mask"),
    (lambda e, x, c, m: e(x, c, mask=m, scale=3.0), "main: input 'scale' was compiled as 0.5; compile again for another value"),
    (lambda e, x, c, m: e(x, c, mask=m, scale=x), "main: input 'scale' was compiled as 0.5 and takes no tensor; compile again with a tensor there"),
    (lambda e, x, c, m: e(x, c, mask=m, heads=3), "main: there is no input 'heads'; the inputs are x, cache, mask, scale"),
    (lambda e, x, c, m: e(x, c, x=x), "main: input 'x' is given twice"),
    (lambda e, x, c, m: e(x, {**c, "w": x}, mask=m), "main: 'cache.w' was not among the example inputs; compile again with it"),
    (lambda e, x, c, m: e(x, c, m, m, m), "main: 5 arguments given, expected 4: x, cache, mask, scale"),
    (lambda e, x, c, m: e(x, {"k": x, "v": "v"}, mask=m), "main: input 'cache.v' has type <U1, expected float32; convert it first"),
    (lambda e, x, c, m: e(x.to("meta"), c, mask=m), "main: input 'x' is on device meta; move it with .cpu()"),
])
def test_wrong_calls(attention, call, message):
    (x, cache), kwargs = attention_arguments()
    with pytest.raises(TypeError) as caught:
        call(attention[1]["main"], x, cache, kwargs["mask"])
    assert str(caught.value) == message


def test_as_many_arguments_as_flat_inputs():
    def attend(heads, cache, mask):
        y = cache["k"] * heads + cache["v"]
        return y if mask is None else y * mask

    cache = {"k": torch.randn(3), "v": torch.randn(3)}
    program = vtpu.compile(lambda heads, cache: attend(heads, cache, None), (2, cache))
    torch.testing.assert_close(program["main"](2, cache), attend(2, cache, None))
    with pytest.raises(TypeError, match="input 'heads' was compiled as 2; compile again for another value"):
        program["main"](3, cache)
    program = vtpu.compile(lambda mask, heads, cache, more: attend(heads, cache, mask) + more, (None, 2, cache, cache["k"]))
    torch.testing.assert_close(program["main"](None, 2, cache, cache["k"]), attend(2, cache, None) + cache["k"])
    program = vtpu.compile(lambda mask, x, y: x + y, (None, cache["k"], cache["v"]))
    torch.testing.assert_close(program["main"](None, cache["k"], cache["v"]), cache["k"] + cache["v"])
    program = vtpu.compile(lambda x, y: x * y, (cache["k"], torch.tensor(2.0)))
    numpy.testing.assert_allclose(program["main"](cache["k"].numpy(), numpy.float32(3)), 3 * cache["k"].numpy())


def test_another_tier_keeps_the_threads():
    program = vtpu.compile(lambda x: x + 1, (torch.zeros(4),), threads=3)
    assert program.with_tier("interpreter")._options["threads"] == 3
    assert program.with_tier("interpreter", threads=2)._options["threads"] == 2


def test_containers_of_results():
    @dataclasses.dataclass
    class Output:
        first: torch.Tensor
        second: torch.Tensor

    torch.export.register_dataclass(Output, serialized_type_name="test_front_door.Output")
    x = torch.randn(3)
    for function in (lambda x: x + 1, lambda x: (x + 1,), lambda x: [x + 1, x * 2], lambda x: (x + 1, (x * 2, 7)), lambda x: Output(x + 1, x * 2)):
        result, expected = vtpu.compile(function, (x,))["main"](x), function(x)
        assert type(result) is type(expected)
        torch.testing.assert_close(torch.utils._pytree.tree_leaves(result), torch.utils._pytree.tree_leaves(expected))


class Recorder:
    """Stands before the runtime and keeps what crosses."""

    def __init__(self, handle):
        self.handle = handle

    def __getattr__(self, name):
        return getattr(self.handle, name)

    def call(self, index, inputs, outputs, *space):
        self.inputs, self.outputs = inputs, outputs
        return self.handle.call(index, inputs, outputs, *space)


class Exporter:
    """Nothing but DLPack."""

    def __init__(self, tensor):
        self.tensor = tensor

    def __dlpack__(self, **options):
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.tensor.__dlpack_device__()


def address(value):
    """Of an array's first element, or the number that crossed in its place."""
    if isinstance(value, int):
        return value
    return value.data_ptr() if isinstance(value, torch.Tensor) else value.__array_interface__["data"][0]


@pytest.fixture
def doubled():
    program = vtpu.compile(lambda x: x * 2, (torch.zeros(4, 6),))
    program._handle = Recorder(program._handle)
    return program


@pytest.mark.parametrize("make, kind", [(lambda: torch.randn(4, 6), torch.Tensor), (lambda: torch.randn(4, 6).numpy(), numpy.ndarray)])
def test_contiguous_arrays_are_not_copied(doubled, make, kind):
    x = make()
    y = doubled["main"](x)
    assert type(y) is kind
    numpy.testing.assert_array_equal(numpy.asarray(y), 2 * numpy.asarray(x))
    assert address(doubled._handle.inputs[0]) == address(x) and address(doubled._handle.outputs[0]) == address(y)


def test_dlpack_is_not_copied(doubled):
    x = torch.randn(4, 6)
    y = doubled["main"](Exporter(x))
    assert address(doubled._handle.inputs[0]) == x.data_ptr()
    numpy.testing.assert_array_equal(torch.from_dlpack(y).numpy(), 2 * x.numpy())
    assert torch.from_dlpack(y).data_ptr() == address(y)


@pytest.mark.parametrize("make", [lambda: torch.randn(6, 4).T, lambda: torch.randn(6, 4).numpy().T, lambda: torch.randn(4, 12)[:, ::2],
                                  lambda: torch.randn(4, 6, requires_grad=True)])
def test_other_layouts_are_taken(doubled, make):
    x = make()
    plain = x.detach() if isinstance(x, torch.Tensor) else x
    numpy.testing.assert_array_equal(numpy.asarray(doubled["main"](x)), 2 * numpy.asarray(plain))


def test_parameters_stay_where_they_are():
    module = torch.nn.Linear(8, 8)
    program = vtpu.compile(module, (torch.zeros(2, 8),))
    assert program._tensors["weight"].data_ptr() == module.weight.data_ptr()
    assert module.weight.detach().numpy().tobytes() not in program._data


def test_saved_parameters_are_mapped_and_checked(tmp_path):
    module = torch.nn.Linear(64, 64)
    program = vtpu.compile(module, (torch.zeros(2, 64),))
    program.save(tmp_path / "a.vtpu")
    assert (tmp_path / "a.vtpu").stat().st_size < 64 * 64 * 4 < (tmp_path / "a.safetensors").stat().st_size
    x = torch.randn(2, 64)
    loaded = vtpu.load(tmp_path / "a.vtpu")
    torch.testing.assert_close(loaded["main"](x), module(x).detach())
    loaded.save(tmp_path / "b.vtpu")  # a program saved again takes its parameters along
    os.unlink(tmp_path / "a.safetensors")
    torch.testing.assert_close(vtpu.load(tmp_path / "b.vtpu")["main"](x), module(x).detach())
    with pytest.raises(vtpu.ProgramFailed, match="cannot open parameter file .*; name the right file when loading the program"):
        vtpu.load(tmp_path / "a.vtpu")["main"](x)


def test_programs_with_equal_entries_share_a_folder(tmp_path):
    x = torch.randn(2, 4)
    for name in ("main", "other"):
        module = torch.nn.Linear(4, 4)
        vtpu.compile(module, (x,)).save(tmp_path / f"{name}.vtpu")
        expected = module(x).detach()
    torch.testing.assert_close(vtpu.load(tmp_path / "other.vtpu")["main"](x), expected)


def test_threads_call_one_program(attention):
    module, program = attention
    cases = [attention_arguments() for _ in range(8)]
    with torch.no_grad():
        expected = [module(*args, **kwargs) for args, kwargs in cases]
    results = [None] * len(cases)

    def run(slot):
        args, kwargs = cases[slot]
        for _ in range(50):
            results[slot] = program["main"](*args, **kwargs)

    threads = [threading.Thread(target=run, args=(slot,)) for slot in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    torch.testing.assert_close(results, expected)


def test_threads_compile_at_once():
    programs = [None] * 3

    def run(slot):
        programs[slot] = vtpu.compile(lambda x: x + slot, (torch.zeros(4),))

    threads = [threading.Thread(target=run, args=(slot,)) for slot in range(len(programs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slot, program in enumerate(programs):
        torch.testing.assert_close(program["main"](torch.ones(4)), torch.full((4,), 1.0 + slot))


class Abort:
    """Ends the worker when it is unpickled there, as a crash inside torch-mlir does."""

    def __reduce__(self):
        return (os.abort, ())


def test_the_worker_comes_back_after_a_crash():
    with pytest.raises(vtpu.ImportFailed, match="importing Net: torch-mlir crashed \\(SIGABRT\\) and its process was restarted; "):
        _importer.importer.lower(Abort(), "Net")
    x = torch.randn(4)
    torch.testing.assert_close(vtpu.compile(lambda x: x * 3, (x,))["main"](x), x * 3)
    os.kill(_importer.importer._process.pid, signal.SIGKILL)  # between two imports: no one loses anything
    _importer.importer._process.wait()
    torch.testing.assert_close(vtpu.compile(lambda x: x * 4, (x,))["main"](x), x * 4)


def test_an_interrupt_leaves_no_answer_behind(monkeypatch):
    x = torch.randn(4)
    worker = _importer._worker

    def interrupted(stream):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(worker, "read_frame", interrupted)
        vtpu.compile(lambda x: x + 1, (x,))
    torch.testing.assert_close(vtpu.compile(lambda x: x * 5, (x,))["main"](x), x * 5)


def test_warming_a_dead_worker_closes_its_files():
    importer = _importer.Importer()
    importer.warm()
    log, process = importer._log, importer._process
    process.kill()
    process.wait()
    importer.warm()
    assert log.closed and process.stdin.closed and process.stdout.closed and importer._process is not process
    importer.close()


@pytest.mark.parametrize("value", [torch.ones(2, 8, dtype=torch.int64), torch.zeros(3), torch.ones(3), torch.zeros(4, dtype=torch.int32), torch.tensor(7),
                                   torch.ones(3, dtype=torch.bool), torch.tensor([0, 1, 1]), torch.tensor([2, 9, 5, 4]), torch.tensor([0.0, -numpy.inf])])
def test_the_second_trace_sees_other_values(value):
    other = _trace._different(value, 0)
    assert other.shape == value.shape and other.dtype == value.dtype
    assert other.sum() != value.sum() and torch.isfinite(other.double()).all()
    if not value.is_floating_point():
        assert other.max() <= max(value.max(), 1) and other.min() >= min(value.min(), 0)  # indices stay legal


class Writes(torch.nn.Module):
    """Needs the real-mode trace: a constant's values decide a branch."""

    def __init__(self):
        super().__init__()
        self.register_buffer("counts", torch.tensor([1, 3]))

    def forward(self, x):
        x += 1
        return x if self.counts.sum() > 5 else x * 2


def test_a_trace_leaves_the_examples_alone():
    x = torch.zeros(4)
    with pytest.raises(vtpu.ImportFailed, match="importing Writes: the module writes into an input; return the new value instead"):
        vtpu.compile(Writes(), (x,))
    assert torch.equal(x, torch.zeros(4))


@pytest.mark.parametrize("label", [6, -1])
def test_one_hot_of_an_unknown_class_traps(label):
    program = vtpu.compile(lambda x: torch.nn.functional.one_hot(x, 6).float() * 2, (torch.arange(6),))
    with pytest.raises(vtpu.ProgramFailed, match="index out of range: expected 0 <= index < 6"):
        program["main"](torch.tensor([0, 1, label, 3, 4, 5]))


def test_compile_mlir(tmp_path):
    text = "func.func @double(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %0 = arith.addf %x, %x : tensor<4xf32>\n  return %0 : tensor<4xf32>\n}\n"
    (tmp_path / "double.mlir").write_text(text)
    x = numpy.arange(4, dtype=numpy.float32)
    seen = []
    for source in (text, str(tmp_path / "double.mlir"), tmp_path / "double.mlir"):
        numpy.testing.assert_array_equal(vtpu.compile_mlir(source, on_phase=seen.append)["double"](x), 2 * x)
    assert seen[:7] == ["vtpu", "tiled", "siw", "scheduled", "allocated", "bundled", "binary"]
    later = vtpu.lower_mlir(text, compile_to="bundled")
    numpy.testing.assert_array_equal(vtpu.compile_mlir(later, compile_from="bundled", tier="interpreter")["double"](x), 2 * x)

    assert vtpu.lower_mlir(text, compile_to="binary")[:4] == b"\x7fELF"

    def fail(phase):
        raise RuntimeError(phase)

    with pytest.raises(RuntimeError, match="binary"):
        vtpu.compile_mlir(text, on_phase=fail)


def test_a_saved_export_compiles_from_its_files(tmp_path):
    module, x = torch.nn.Linear(4, 4), torch.randn(2, 4)
    vtpu.export(module, (x,), name="net").save(tmp_path)
    program = vtpu.compile_mlir(tmp_path / "net.mlir", parameters=str(tmp_path / "net.safetensors"))
    torch.testing.assert_close(program["net"](x), module(x).detach())


@pytest.mark.parametrize("output", [None, "sub/net.vtpu", "net.vtpu"])
def test_a_program_finds_the_file_of_its_parameters(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    module, x = torch.nn.Linear(4, 4), torch.randn(2, 4)
    vtpu.export(module, (x,), name="net").save("sub")
    os.rename("sub/net.safetensors", "sub/w.safetensors")
    target = output or "sub/net.vtpu"
    vtpu.compile_mlir("sub/net.mlir", parameters="sub/w.safetensors", output=output).save(target)
    torch.testing.assert_close(vtpu.load(target)["net"](x), module(x).detach())
    os.mkdir("away")
    vtpu.load(target).save("away/other.vtpu")  # takes along what it found under the name that it records
    vtpu.load("away/other.vtpu", parameters="sub/w.safetensors").save("away/third.vtpu")
    os.unlink("sub/w.safetensors")
    for name in ("other", "third"):
        torch.testing.assert_close(vtpu.load(f"away/{name}.vtpu")["net"](x), module(x).detach())


def test_files_are_written_where_they_are(tmp_path):
    old = os.umask(0o027)
    try:
        _parameters.write_all([(str(tmp_path / "plain"), [b"1"])])
    finally:
        os.umask(old)
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o640
    (tmp_path / "link").symlink_to("plain")
    _parameters.write_all([(str(tmp_path / "link"), [b"2"])])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "plain").read_bytes() == b"2"
    (tmp_path / "new").symlink_to("later")
    _parameters.write_all([(str(tmp_path / "new"), [b"3"])])
    assert (tmp_path / "new").is_symlink() and (tmp_path / "later").read_bytes() == b"3"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        _parameters.write_all([(str(tmp_path / "pipe"), [b"4", b"5"])])
        assert os.read(reader, 9) == b"45" and (tmp_path / "pipe").is_fifo()
    finally:
        os.close(reader)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["later", "link", "new", "pipe", "plain"]


FOREIGN = 'func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %0 = "foreign.op"(%x) : (tensor<4xf32>) -> tensor<4xf32>\n  return %0 : tensor<4xf32>\n}\n'


def test_a_failed_pass_leaves_what_reproduces_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(vtpu.CompileFailed) as caught:
        vtpu.compile_mlir(FOREIGN)
    assert str(caught.value) == "<text>:2:8: 'foreign.op' is not supported; legal dialects are linalg, tensor, arith, math, scf and cf"
    assert not list(tmp_path.iterdir())  # the message says it all
    with pytest.raises(vtpu.CompileFailed, match="^<text>:2:8: 'foreign.op' is not supported; .*$"):
        vtpu.compile_mlir(FOREIGN, reproducer=tmp_path / "asked.mlir")
    assert "mlir_reproducer" in (tmp_path / "asked.mlir").read_text()

    def fail(texts, label, reproducer, **options):
        with open(reproducer, "w", encoding="utf-8") as stream:
            stream.write("mlir_reproducer")
        raise _program._compiler.CompileError("m.mlir:0: A signal was caught while processing the MLIR module:")

    monkeypatch.setattr(_program, "_compiler", types.SimpleNamespace(compile=fail, CompileError=_program._compiler.CompileError))
    with pytest.raises(vtpu.CompilerBroken, match="<text>: a pass of the compiler failed without a word; what reproduces it is in '(.*)', report it"):
        vtpu.compile_mlir(FOREIGN)
    assert len(list(tmp_path.glob("vtpu-reproducer-*.mlir"))) == 1


def test_several_entries_share_parameters():
    module = torch.nn.Linear(4, 4)
    exports = [vtpu.export(module, (torch.zeros(n, 4),), name=f"rows_{n}") for n in (1, 3)]
    program = vtpu.compile(exports)
    assert list(program) == ["rows_1", "rows_3"] and list(program._tensors) == ["weight", "bias"]
    x = torch.randn(3, 4)
    torch.testing.assert_close(program["rows_3"](x), module(x).detach())


INDEX_TENSORS = """func.func @main(%x: tensor<5x3xindex>, %t: tensor<9xf32>) -> (tensor<5x3xf32>, tensor<5x3xindex>) {
  %two = arith.constant dense<2> : tensor<5x3xindex>
  %y = arith.addi %x, %two : tensor<5x3xindex>
  %e = tensor.empty() : tensor<5x3xf32>
  %g = linalg.generic {indexing_maps = [affine_map<(d, e) -> (d, e)>, affine_map<(d, e) -> (d, e)>], iterator_types = ["parallel", "parallel"]}
      ins(%y : tensor<5x3xindex>) outs(%e : tensor<5x3xf32>) {
    ^bb0(%i: index, %o: f32):
      %v = tensor.extract %t[%i] : tensor<9xf32>
      linalg.yield %v : f32
  } -> tensor<5x3xf32>
  %z = arith.muli %y, %x : tensor<5x3xindex>
  return %g, %z : tensor<5x3xf32>, tensor<5x3xindex>
}
"""


@pytest.mark.parametrize("tier", ["default", "interpreter"])
def test_index_tensors(tier):
    """They cross as int64."""
    main = vtpu.compile_mlir(INDEX_TENSORS, tier=tier)["main"]
    x, t = numpy.arange(15).reshape(5, 3) % 7, numpy.arange(9, dtype=numpy.float32) * 1.5
    got, product = main(x, t)
    assert [dtype for _, dtype, _ in main.inputs + main.outputs] == ["int64", "float32", "float32", "int64"]
    numpy.testing.assert_array_equal(got, t[x + 2])
    numpy.testing.assert_array_equal(product, (x + 2) * x)
