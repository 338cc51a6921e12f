# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The oracle of the conformance suite stands alone, and agrees with the programs that were written by hand."""

import ast
import collections
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUITE = ROOT / "test" / "Conformance"
sys.path.insert(0, str(SUITE))
import oracle  # noqa: E402

ALLOWED = set(sys.stdlib_module_names) - {"ctypes", "subprocess", "importlib", "multiprocessing", "socket"} | {"numpy"}
#: The names of the original's four families; CROUTE is two of them.
NAMES = """
CGET CPUT CRANGE CDELTA CNEAREST CHIER CROUTE CATTEND CMOE CKG
DFMA DADD DSUB DMUL DCMP DRED DSEL DMOV DHDENC DHDBIND DHDBUND DHDPERM DHDSIM DTERNARY DTPOP DTACC
SGATHER SSCATTR SINDEX SDEDUP SPREFCH SFLUSH SALLOC SFREE SASSOC SROUTE SNEIGHBR
CPACK CSEND CRECV CROUTE CFANOUT CBAR CFENCE CREDUCE CCAST CSLICE CMERGE
SHYPER SHWRITE SSIMPLEX SBOUNDARY SCOCYCLE SHYPDIST SHYPBALL SHYPMAP STENSOR STRFACTOR SLAPLACE SCURVE SDIFFUSE DHYPADD DHYPMUL DGRADIENT DDIVERG
""".split()
RULES = sorted((SUITE / "rules").glob("*.siw"))


def directive(text, name):
    match = re.search(rf"^// {name}: (.*)$", text, re.M)
    return match[1] if match else None


def imports(path):
    """Modules that a file imports from outside its package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Name) and node.id in ("__import__", "eval", "exec", "open"):
            yield node.id


def test_oracle_imports_nothing_of_the_project():
    files = sorted((SUITE / "oracle").rglob("*.py"))
    assert len(files) >= 8
    foreign = {f"{path.name}: {name}" for path in files for name in imports(path) if name not in ALLOWED}
    assert not foreign


def test_oracle_loads_nothing_of_the_project():
    # NumPy loads ctypes for itself.
    script = ("import sys, numpy; before = set(sys.modules); import oracle; names = {n.partition('.')[0] for n in set(sys.modules) - before}; "
              "print('\\n'.join(sorted(names))); "
              "maps = open('/proc/self/maps').read(); assert 'libvtpu' not in maps.lower() and 'ctypes' not in names")
    run = subprocess.run([sys.executable, "-c", script], cwd=SUITE, capture_output=True, text=True, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert run.returncode == 0, run.stderr
    foreign = set(run.stdout.split()) - {"oracle", "numpy"} - set(sys.stdlib_module_names)
    assert not foreign


@pytest.mark.parametrize("path", [path for path in RULES if not directive(path.read_text(), "REJECT")], ids=lambda path: path.stem)
def test_oracle_agrees_with_the_program(path):
    text = path.read_text()
    machine = oracle.Machine(text, int(directive(text, "THREADS") or 1))
    inputs = [bytes(binding.size) for function in machine.program.functions if function.entry
              for binding in function.bindings if binding.kind == "input"]
    expected = directive(text, "TRAP")
    try:
        machine.call(inputs)
    except oracle.Trap as trap:
        assert expected, f"word {trap.word}: {trap.cause} {trap.message}"
        place = re.match(r"function (\w+), word (\d+)", expected)
        if trap.word is not None:
            assert (trap.function, trap.word) == (place[1], int(place[2]))
        assert trap.message in expected
    else:
        assert expected is None


def test_manual_lists_the_names():
    assert len(NAMES) == 65
    chapter = (ROOT / "docs" / "Instructions.md").read_text().partition("## The names of the original")[2]
    listed = collections.Counter(re.findall(r"^\| ([A-Z]+) \|", chapter, re.M))
    assert listed == collections.Counter(NAMES)
