# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tutorials do what they say: each page's files are written, each command runs, and prints what stands below it; links lead to labels."""

import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["VTPU_BUILD"])
PAGES = sorted((pathlib.Path(__file__).resolve().parents[2] / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_page(page, tmp_path):
    blocks, commands = BLOCK.findall(page.read_text(encoding="utf-8")), 0
    environment = dict(os.environ, PATH=f"{BUILD / 'bin'}{os.pathsep}{os.environ['PATH']}")
    for i, (kind, body) in enumerate(blocks):
        if kind == "siw":  # the next commands begin with the one that assembles it
            following = next(text for other, text in blocks[i + 1:] if other == "console")
            (tmp_path / re.search(r"[\w-]+\.siw", following)[0]).write_text(body)
        if kind != "console":
            continue
        for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE):
            done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
            assert done.stdout + done.stderr == printed, command
            commands += 1
    assert commands > 0


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links(page):
    links = re.findall(r"\]\(([^)#]+)#([^)]+)\)", page.read_text(encoding="utf-8"))
    assert links
    for target, label in links:
        assert f'<a id="{label}"></a>' in (page.parent / target).read_text(encoding="utf-8"), f"{target}#{label}"


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_each_instruction_is_linked(page):
    text = page.read_text(encoding="utf-8")
    used = {m for kind, body in BLOCK.findall(text) if kind == "siw" for m in re.findall(r"[DSC]: (\w+)", body)}
    assert used - set(re.findall(r"#op\.(\w+)\)", text)) == set()
