# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Words, traps and refusals name the Python line of the user's module."""

import inspect
import os
import pathlib
import subprocess

import pytest
import torch
import vtpu

BIN = pathlib.Path(os.environ["VTPU_BUILD"]) / "bin"
HERE = str(pathlib.Path(__file__).resolve())


def scaled(x):
    return torch.relu(x) * 2  # line: helper


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)
        self.table = torch.nn.Embedding(10, 4)

    def forward(self, x, i):
        y = self.linear(x)  # line: linear
        y = y + self.table(i)  # line: table
        return scaled(y).softmax(-1)  # line: softmax


def place(label):
    """`file:line` of the source line that carries a label."""
    lines = pathlib.Path(HERE).read_text(encoding="utf-8").splitlines()
    return f"{HERE}:{1 + next(i for i, line in enumerate(lines) if line.endswith('# line: ' + label))}"


@pytest.fixture(scope="module")
def program():
    return vtpu.compile(Layer().eval(), (torch.randn(3, 4), torch.tensor([1, 2, 3])))


def test_words(program, tmp_path):
    program.save(tmp_path / "layer.vtpu")
    listing = subprocess.run([BIN / "vtpu-objdump", "-S", tmp_path / "layer.vtpu"], capture_output=True, text=True, check=True).stdout
    shown = {line[2:] for line in listing.splitlines() if line.startswith("; ")}
    assert shown == {place(label) for label in ("helper", "linear", "table", "softmax")}


@pytest.mark.parametrize("tier", ["interpreter", "default"])
@pytest.mark.parametrize("index", [10, -1])
def test_traps(program, tier, index):
    with pytest.raises(vtpu.ProgramFailed) as caught:
        program.with_tier(tier)["main"](torch.randn(3, 4), torch.tensor([1, index, 3]))
    assert f"({place('table')}): index out of range: expected 0 <= index < 10 in dimension 0 of a gather" in str(caught.value)


def test_equal_gathers_keep_their_lines():
    class Two(torch.nn.Module):
        def forward(self, x, i, j):
            a = x[i]  # line: first gather
            return a + x[j]  # line: second gather

    program = vtpu.compile(Two(), (torch.randn(4, 4), torch.zeros(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)))
    good, bad = torch.zeros(2, dtype=torch.int64), torch.full((2,), 4)
    for args, label in [((bad, good), "first gather"), ((good, bad), "second gather")]:
        with pytest.raises(vtpu.ProgramFailed, match="out of range") as caught:
            program["main"](torch.randn(4, 4), *args)
        assert place(label) in str(caught.value)


def test_a_library_and_its_caller():
    from torch_geometric.nn import MLP

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mlp = MLP([4, 8, 2], norm=None)

        def forward(self, x):
            return self.mlp(x)  # line: library

    text = vtpu.export(Net().eval(), (torch.randn(3, 4),)).mlir_text
    library = inspect.getsourcefile(MLP)
    assert f'callsite("{library}":' in text or f'"{library}":' in text
    assert place("library").rsplit(":", 1)[0] in text
    program = vtpu.compile(Net().eval(), (torch.randn(3, 4),))
    assert f" at {place('library')}".encode() in program._data


def test_a_module_of_torch_alone():
    text = vtpu.export(torch.nn.Linear(4, 4), (torch.randn(3, 4),)).mlir_text
    assert f'"{inspect.getsourcefile(torch.nn.Linear)}":' in text


def test_the_second_road_keeps_lines_too():
    class Folded(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", torch.tensor([True, False, True, True]))

        def forward(self, x):
            picked = torch.arange(4)[self.mask]
            return x[picked] + 1  # line: folded

    program = vtpu.compile(Folded(), (torch.randn(4, 4),))
    assert place("folded").encode() in program._data


def test_importer_refusal():
    class Eigen(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.eigvalsh(x * 2)  # line: eigen

    with pytest.raises(vtpu.ImportFailed) as caught:
        vtpu.compile(Eigen(), (torch.eye(3),))
    assert f"at {place('eigen')};" in str(caught.value)


def test_importer_refuses_all_at_once():
    class Three(torch.nn.Module):
        def forward(self, x):
            y = torch.linalg.eigvalsh(x * 2)  # line: first of three
            z = torch.exp(torch.diagonal_scatter(x, y))  # line: second of three
            return z + torch.linalg.eigvalsh(z)  # line: third of three

    with pytest.raises(vtpu.ImportFailed) as caught:
        vtpu.compile(Three(), (torch.eye(3),))
    assert str(caught.value) == (
        f"importing Three: torch-mlir has no lowering for 'torch.aten._linalg_eigh' at {place('first of three')}, "
        f"'torch.aten.diagonal_scatter' at {place('second of three')}, 'torch.aten._linalg_eigh' at {place('third of three')}; "
        "rewrite those lines with supported operators")


def test_a_module_that_fails_names_its_line():
    class Fails(torch.nn.Module):
        def forward(self, x):
            y = x * 2
            return y @ torch.ones(7, 2)  # line: fails

    with pytest.raises(vtpu.ImportFailed) as caught:
        vtpu.compile(Fails(), (torch.ones(3, 4),))
    assert str(caught.value).endswith(f" at {place('fails')}; the module must be traceable by torch.export")


def test_data_dependent_shape():
    class Masked(torch.nn.Module):
        def forward(self, x):
            return x[x > 0] * 2  # line: masked

    with pytest.raises(vtpu.ImportFailed) as caught:
        vtpu.compile(Masked(), (torch.randn(8),))
    assert f"at {place('masked')} makes a size" in str(caught.value)


def test_contract_names_all_operations_with_lines():
    class Foreign(torch.nn.Module):
        def forward(self, x):
            y = torch.exp(x)  # line: first foreign
            return torch.exp(y * 2)  # line: second foreign

    text = vtpu.export(Foreign(), (torch.randn(4),)).mlir_text.replace('"math.exp"', '"foreign.exp"')
    with pytest.raises(vtpu.CompileFailed) as caught:
        vtpu.compile_mlir(text)
    assert str(caught.value).splitlines() == [
        f"{place(label)}: 'foreign.exp' is not supported; legal dialects are linalg, tensor, arith, math, scf and cf"
        for label in ("first foreign", "second foreign")]
