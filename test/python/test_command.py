# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The `vtpu` command, as a process."""

import os
import subprocess
import sys

import numpy
import pytest
import torch
import vtpu
from vtpu import __main__

SOURCE = """
import torch
torch.manual_seed(0)
module = torch.nn.Linear(4, 3).eval()
args = (torch.ones(2, 4),)
"""


def command(*arguments, folder):
    return subprocess.run([sys.executable, "-m", "vtpu", *arguments], cwd=folder, capture_output=True, text=True, env=os.environ)


def test_compile_and_run(tmp_path):
    (tmp_path / "model.py").write_text(SOURCE)
    done = command("compile", "model.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "entry main" in done.stdout
    numpy.save(tmp_path / "x.npy", numpy.ones((2, 4), "float32"))
    done = command("run", "model.vtpu", "--input=x.npy", "--output=y.npy", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    namespace = {}
    exec(SOURCE, namespace)
    expected = namespace["module"](*namespace["args"]).detach().numpy()
    numpy.testing.assert_allclose(numpy.load(tmp_path / "y.npy"), expected, rtol=1e-5, atol=1e-6)


def test_stop_at_a_phase(tmp_path):
    (tmp_path / "model.py").write_text(SOURCE)
    done = command("compile", "model.py", "--compile-to=siw", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "siw.func" in done.stdout and "siw.sld" in done.stdout


def test_parameters_are_found_from_the_program(tmp_path):
    module, x = torch.nn.Linear(4, 3).eval(), torch.randn(2, 4)
    vtpu.export(module, (x,)).save(tmp_path / "sub")
    os.rename(tmp_path / "sub" / "main.safetensors", tmp_path / "sub" / "w.safetensors")
    numpy.save(tmp_path / "x.npy", x.numpy())
    for output in ("sub/main.vtpu", "main.vtpu"):
        done = command("compile", "sub/main.mlir", "--parameters=sub/w.safetensors", "-o", output, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        done = command("run", output, "--input=x.npy", "--output=y.npy", folder=tmp_path)
        assert done.returncode == 0, done.stderr
        numpy.testing.assert_allclose(numpy.load(tmp_path / "y.npy"), module(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    done = command("run", "main.vtpu", "--input=x.npy", "--output=/dev/null", folder=tmp_path)
    assert done.returncode == 0 and not os.path.isfile("/dev/null"), done.stderr


def test_phases_know_the_structure(tmp_path):
    (tmp_path / "graph.py").write_text("""
import torch

class Gather(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("places", torch.arange(400) % 7)

    def forward(self, x):
        return x[self.places]

module, args = Gather(), (torch.ones(9, 4),)
""")
    done = command("compile", "graph.py", "--compile-to=vtpu", folder=tmp_path)
    assert done.returncode == 0 and "vtpu.parameter" not in done.stdout, done.stderr


def test_bfloat16_files_are_patterns(tmp_path):
    x = torch.randn(2, 5).bfloat16()
    vtpu.compile(lambda x: x * 2, (x,)).save(tmp_path / "b.vtpu")
    numpy.save(tmp_path / "x.npy", x.view(torch.uint16).numpy())
    done = command("run", "b.vtpu", "--input=x.npy", "--output=y.npy", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert torch.equal(torch.from_numpy(numpy.load(tmp_path / "y.npy")).view(torch.bfloat16), x * 2)
    numpy.save(tmp_path / "x.npy", x.float().numpy())
    done = command("run", "b.vtpu", "--input=x.npy", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "vtpu: x.npy has type float32, expected the 16-bit patterns of bfloat16; save them as uint16\n"


@pytest.mark.parametrize("error, code", [(TypeError, 3), (ValueError, 3), (vtpu.WrongType, 1), (vtpu.WrongValue, 1), (vtpu.CompilerBroken, 3)])
def test_exit_codes(monkeypatch, capsys, error, code):
    def fail(**options):
        raise error("said")

    monkeypatch.setattr(__main__, "main", fail)
    assert __main__.run() == code
    assert "said" in capsys.readouterr().err
