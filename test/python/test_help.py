# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every tool explains itself on one screen and says its version."""

import os
import pathlib
import re
import subprocess

import pytest
import vtpu

BIN = pathlib.Path(os.environ["VTPU_BUILD"]) / "bin"
TOOLS = sorted(path.name for path in BIN.iterdir() if re.fullmatch(r"vtpu(-\w+)*", path.name))
SUBCOMMANDS = [["compile"], ["run"], ["calibrate"], ["analyze"], ["bench"], ["bench", "report"]]
COMMANDS = [[tool] for tool in TOOLS] + [["vtpu", *words] for words in SUBCOMMANDS]
LINES, COLUMNS = 24, 100


def output(*command):
    done = subprocess.run([BIN / command[0], *command[1:]], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def test_all_tools_are_here():
    assert set(TOOLS) >= {"vtpu", "vtpu-as", "vtpu-bench", "vtpu-lsp-server", "vtpu-objdump", "vtpu-opt", "vtpu-reduce", "vtpu-run",
                          "vtpu-translate"}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_a_screen(command):
    text = output(*command, "--help")
    assert f"Usage: {' '.join(command)}" in text
    lines = text.splitlines()
    assert len(lines) <= LINES and max(map(len, lines)) <= COLUMNS, text


@pytest.mark.parametrize("tool", TOOLS)
def test_version(tool):
    assert re.fullmatch(rf"{tool} {re.escape(vtpu.__version__)} \(vTPU toolchain(, LLVM \d+\.\d+\.\d+)?\)\n", output(tool, "--version"))


def test_readme_lists_every_tool():
    readme = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("## Tools"):]
    assert {name for name in TOOLS if f"`{name}`" not in table} == set()
