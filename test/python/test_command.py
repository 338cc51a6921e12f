# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The `vtpu` command, as a process."""

import os
import subprocess
import sys

import numpy

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
