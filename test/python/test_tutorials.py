# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tutorials do what they say: each page's files are written, each command runs, and prints what stands below it; links lead to labels.

Of what a command prints `...` in a line of its own leaves out any lines. Measured figures are those of some machine."""

import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["VTPU_BUILD"])
PAGES = sorted((pathlib.Path(__file__).resolve().parents[2] / "docs" / "tutorials").glob("*.md"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pattern(printed):
    """What a command may print where the page shows this; blanks at the ends of lines do not count."""
    lines = []
    for line in printed.splitlines():
        if line == "...":
            lines.append(r"(?:.*\n)*?")
        elif line.startswith("Measured "):
            lines.append(re.escape(line.split(":")[0]) + r": .+\n")
        else:
            lines.append(re.escape(line.rstrip()) + r" *\n")
    return "".join(lines)


def test_shortened_output():
    assert re.fullmatch(pattern("a\n...\nz\n"), "a\nb\nc\nz  \n") and re.fullmatch(pattern("a\n...\nz\n"), "a\nz\n")
    assert not re.fullmatch(pattern("a\nz\n"), "a\nb\nz\n") and not re.fullmatch(pattern("...\nz\n"), "z\nb\n")
    assert re.fullmatch(pattern("Measured cycles: 4.1\n"), "Measured cycles: none\n") and not re.fullmatch(pattern("4.1\n"), "401\n")


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
            output = done.stdout + done.stderr
            assert output == printed or re.fullmatch(pattern(printed), output), f"{command}\n{output}"
            commands += 1
    assert commands > 0


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links(page):
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]+))?\)", page.read_text(encoding="utf-8"))
    assert links
    for target, label in links:
        text = (page.parent / target).read_text(encoding="utf-8")
        headings = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        assert not label or f'<a id="{label}"></a>' in text or label in headings, f"{target}#{label}"


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_each_instruction_is_linked(page):
    text = page.read_text(encoding="utf-8")
    used = {m for kind, body in BLOCK.findall(text) if kind == "siw" for m in re.findall(r"[DSC]: (\w+)", body)}
    assert used - set(re.findall(r"#op\.(\w+)\)", text)) == set()
