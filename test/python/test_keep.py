# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`keep=`: what submodules return is readable after a call, and no part of what the call returns."""

import pytest
import torch
import vtpu
from click.testing import CliRunner
from vtpu.__main__ import main


class Twice(torch.nn.Module):
    """A submodule called twice, one that returns a container, one that is never called."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(8, 8)
        self.recurrent = torch.nn.GRU(8, 4, batch_first=True)
        self.unused = torch.nn.Linear(2, 2)

    def forward(self, x):
        y = self.linear(self.linear(x))
        return {"y": y, "state": self.recurrent(y)[1], "n": 3}


def test_kept_tensors_stand_beside_the_results(tmp_path):
    module, x = Twice().eval(), torch.randn(2, 3, 8)
    program = vtpu.compile(module, (x,), keep=["linear", "recurrent", "linear"])
    with torch.no_grad():
        want, first = module(x), module.linear(x)
        second = module.linear(first)
        recurrent = module.recurrent(second)
    program.save(tmp_path / "twice.vtpu")
    for entry in (program["main"], vtpu.load(tmp_path / "twice.vtpu")["main"]):
        got = entry(x)
        assert [name for name, _, _ in entry.outputs] == ["result.y", "result.state"]
        torch.testing.assert_close(got["y"], want["y"])
        torch.testing.assert_close(got["state"], want["state"])
        assert list(entry.kept) == ["linear.0", "linear.1", "recurrent.0", "recurrent.1"]
        for name, value in zip(entry.kept, [first, second, *recurrent]):
            torch.testing.assert_close(entry.kept[name], value)
    assert program["main"](x)["n"] == 3


@pytest.mark.parametrize("keep, error, message", [
    (["linaer"], vtpu.WrongValue, "keep: Twice has no submodule 'linaer'; near are linear"),
    ([""], vtpu.WrongValue, "keep: Twice has no submodule ''"),
    (["unused"], vtpu.ImportFailed, "keep: submodule 'unused' is never called"),
    ("linear", vtpu.WrongType, "keep: expected a list of names of submodules, got 'linear'"),
])
def test_what_cannot_be_kept(keep, error, message):
    with pytest.raises(error) as caught:
        vtpu.compile(Twice().eval(), (torch.randn(2, 3, 8),), keep=keep)
    assert str(caught.value) == message


def test_on_the_command_line(tmp_path):
    (tmp_path / "net.py").write_text("import torch\nmodule = torch.nn.Sequential(torch.nn.Linear(4, 2)).eval()\nargs = (torch.ones(1, 4),)\n")
    result = CliRunner().invoke(main, ["compile", str(tmp_path / "net.py"), "--keep", "0"])
    assert result.exit_code == 0, result.output
    entry = vtpu.load(tmp_path / "net.vtpu")["main"]
    x = torch.ones(1, 4)
    assert torch.equal(entry(x), entry.kept["0"])
    (tmp_path / "net.mlir").write_text("module {}")
    result = CliRunner().invoke(main, ["compile", str(tmp_path / "net.mlir"), "--keep", "0"])
    assert "net.mlir: --keep is for Python modules; MLIR text returns what it names" in str(result.exception)
