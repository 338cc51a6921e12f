# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`python -m vtpu analyze`: reports and pictures."""

import json
import pathlib
import subprocess

import pytest
from click.testing import CliRunner
from vtpu import __main__
from vtpu._errors import VtpuError
from vtpu.bench.measure import build_tool

CACHES = "--caches=L1:4K:4:64,L2:32K:8:64"
INPUTS = pathlib.Path(__file__).parents[1] / "Analysis" / "Inputs"


def analyze(*arguments):
    return CliRunner().invoke(__main__.main, ["analyze", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.parametrize("mode, conflict", [("cache", "rows"), ("memory", "layout")])
def test_pictures_of_runs(tmp_path, mode, conflict):
    program = tmp_path / "program.siw"
    subprocess.run([build_tool("vtpu-gen"), f"--conflict={conflict}", CACHES, "-o", program], check=True)
    done = analyze(mode, program, CACHES, "--picture", tmp_path / "out.svg", "--json", tmp_path / "out.json")
    assert done.exit_code == 0
    assert (tmp_path / "out.svg").read_text().startswith("<?xml")
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["entry"] == "main" and report["executed_words"] > 0


@pytest.mark.parametrize("mode, files", [("conflicts", 1), ("pair", 2)])
def test_pictures_of_ports(tmp_path, mode, files):
    done = analyze(mode, *[INPUTS / "load-port.siw"] * files, CACHES, "--table=llvm:icelake-server", "--picture", tmp_path / "out.png")
    assert done.exit_code == 0
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_mistakes(tmp_path):
    with pytest.raises(VtpuError, match="none.siw"):
        analyze("cache", tmp_path / "none.siw", CACHES)
    with pytest.raises(VtpuError, match=r"out.txt: a picture ends in .svg, .png, .pdf"):
        analyze("cache", INPUTS / "traps.siw", CACHES, "--picture", tmp_path / "out.txt")
    assert not (tmp_path / "out.txt").exists()
    assert analyze("heat", INPUTS / "traps.siw").exit_code == 2
