# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Graph structure held in buffers: constants of the program, sums over each target's messages, no parameter of it."""

import os

import numpy
import pytest
import torch
import vtpu

NODES, EDGES, COLUMNS = 50, 400, 24


class Messages(torch.nn.Module):
    """Weighted messages along constant edges, combined at their targets."""

    def __init__(self, reduce, ordered=False):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        source, target = torch.randint(0, NODES, (2, EDGES), generator=generator)
        target[target == 7] = 8  # a target without messages
        self.register_buffer("source", source)
        self.register_buffer("target", target.sort().values if ordered else target)
        self.weight = torch.nn.Parameter(torch.randn(EDGES, 1, generator=generator))
        self.reduce = reduce

    def forward(self, x):
        messages = x[self.source] * self.weight
        base = torch.full((NODES, COLUMNS), 0.5, dtype=x.dtype)
        return base.scatter_reduce(0, self.target[:, None].expand(-1, COLUMNS), messages, self.reduce).relu()


class Sums(Messages):
    def forward(self, x):
        messages = x[self.source] * self.weight
        rows = torch.zeros(NODES, COLUMNS, dtype=x.dtype).scatter_add(0, self.target[:, None].expand(-1, COLUMNS), messages)
        columns = torch.ones(COLUMNS, NODES, dtype=x.dtype).index_add(1, self.target, messages.T)
        return rows, columns, x.index_add(0, self.target, messages)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("model", [Sums, lambda *a: Messages("sum", *a), lambda *a: Messages("amax", *a), lambda *a: Messages("amin", *a)])
def test_messages(model, ordered):
    model = (model("sum", ordered) if model is Sums else model(ordered)).eval()
    x = torch.randn(NODES, COLUMNS, generator=torch.Generator().manual_seed(4))
    program = vtpu.compile(model, (x,))
    with torch.no_grad():
        expected = model.double()(x.double())
    for tier in ("interpreter", "jit") if program.tier == "jit" else ("interpreter",):
        torch.testing.assert_close(program.with_tier(tier)["main"](x), expected, rtol=1e-5, atol=1e-5, check_dtype=False, msg=lambda text: f"{tier}: {text}")


def exported():
    model = Sums("sum").eval()
    return vtpu.export(model, (torch.randn(NODES, COLUMNS),)), model


def tensors_of(program):
    return {name: tensor for name, tensor, _ in program.parameters}


def test_structure_is_no_parameter_of_the_program(tmp_path):
    program, model = exported()
    assert "vtpu.structure" in program.mlir_text
    assert [role for name, _, role in program.parameters if name == "weight"] == ["weight"]
    vtpu.compile(program).save(tmp_path / "p.vtpu")
    x = torch.randn(NODES, COLUMNS)
    assert os.path.getsize(tmp_path / "p.safetensors") < 4 * EDGES + 512  # the weight alone
    torch.testing.assert_close(vtpu.load(tmp_path / "p.vtpu")["main"](x), model(x), rtol=1e-5, atol=1e-5)


def test_structure_comes_from_the_parameter_file(tmp_path):
    program, model = exported()
    program.save(tmp_path)
    x = torch.randn(NODES, COLUMNS)
    again = vtpu.compile_mlir(tmp_path / "main.mlir", parameters=str(tmp_path / "main.safetensors"))
    torch.testing.assert_close(again["main"](x), model(x), rtol=1e-5, atol=1e-5)


def test_unknown_structure_is_read_when_the_program_runs():
    """Without its values the program still compiles: loops over the messages as they come."""
    program, model = exported()
    structure = {n for n, _, role in program.parameters if role == "structure"}
    compiled = vtpu.compile_mlir(program.mlir_text, tensors={n: t for n, t in tensors_of(program).items() if n not in structure})
    x = torch.randn(NODES, COLUMNS)
    with pytest.raises(vtpu.ProgramFailed, match="parameter"):
        compiled["main"](x)
    for name, tensor in tensors_of(program).items():
        if name in structure:
            compiled._handle.set_parameter(name, 5, list(tensor.shape), tensor.data_ptr())
    torch.testing.assert_close(compiled["main"](x), model(x), rtol=1e-5, atol=1e-5)


def test_changed_structure_is_refused():
    program, _ = exported()
    tensors = tensors_of(program)
    name = next(n for n, _, role in program.parameters if role == "structure")
    with pytest.raises(vtpu.CompileFailed, match=rf"parameter '{name}' has the hash crc32:\w+, but the program records crc32:\w+; pass the file"):
        vtpu.compile_mlir(program.mlir_text, tensors={**tensors, name: tensors[name] ^ 1})
    text = program.mlir_text
    while "vtpu.hash" in text:  # hashes are optional; sizes are not
        before, _, rest = text.partition("vtpu.hash = ")
        text = before + rest[rest.index(", ") + 2 :]
    with pytest.raises(vtpu.CompileFailed, match=rf"parameter '{name}' has 800 bytes, which do not make its type tensor<400xi64>"):
        vtpu.compile_mlir(text, tensors={**tensors, name: tensors[name][: EDGES // 4]})


def test_known_place_outside_of_the_target_traps():
    text = """
func.func @main(%u: tensor<2x1x6xf32>, %x: tensor<3x6xf32>) -> tensor<3x6xf32> {
  %i = arith.constant dense<[[2], [3]]> : tensor<2x1xi64>
  %0 = "tm_tensor.scatter"(%u, %i, %x) <{dimension_map = array<i64: 0>, operandSegmentSizes = array<i32: 2, 1>, unique_indices = false}> ({
  ^bb0(%a: f32, %b: f32):
    "tm_tensor.yield"(%a) : (f32) -> ()
  }) : (tensor<2x1x6xf32>, tensor<2x1xi64>, tensor<3x6xf32>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}"""
    with pytest.raises(vtpu.ProgramFailed, match="index out of range: expected 0 <= index < 3 in dimension 0 of a scatter"):
        vtpu.compile_mlir(text)["main"](numpy.zeros((2, 1, 6), numpy.float32), numpy.zeros((3, 6), numpy.float32))


@pytest.mark.parametrize("index, shape", [(lambda k: k.expand(4, 4), (6, 4)), (lambda k: k[:, None].expand(4, 4), (6, 4)),
                                          (lambda k: k[:, None, None].expand(4, 2, 4), (6, 2, 4)), (lambda k: k[:, None].expand(4, 4, 4), (6, 4, 4))])
def test_only_an_index_per_row_adds_rows(index, shape):
    """Of an index that is expanded along rows, and along others, both as an input."""
    k, v = torch.tensor([3, 1, 0, 1]), torch.randn(index(torch.arange(4)).shape)

    def function(v, k):
        return torch.zeros(shape).scatter_add(0, index(k), v)

    torch.testing.assert_close(vtpu.compile(function, (v, k))["main"](v, k), function(v, k))


def test_phases_shown_are_those_of_the_program():
    program, _ = exported()
    known = tensors_of(program)
    names = [name for name, _, role in program.parameters if role == "structure"]
    shown = vtpu.lower_mlir(program.mlir_text, compile_to="vtpu", tensors=known)
    assert names and not any(f'"{name}"' in shown for name in names)
    assert any(f'"{name}"' in vtpu.lower_mlir(program.mlir_text, compile_to="vtpu") for name in names)
