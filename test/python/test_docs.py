# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The pages know the tools: each option that a command of theirs gives to one of our tools or scripts is one that it has."""

import functools
import os
import pathlib
import re
import subprocess

import pytest
from vtpu.__main__ import main as vtpu_command

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ["VTPU_BUILD"]) / "bin"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOOLS = {path.name for path in BIN.iterdir() if re.fullmatch(r"vtpu(-\w+)*", path.name)}
SCRIPTS = {path.name: path for path in (ROOT / "tools").rglob("*") if path.suffix in (".py", ".sh")}
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
CODE = re.compile(r"^```\w*\n(.*?)^```$|^((?: {4}[^\n]*\n)+)|(`+)((?:[^\n]|\n(?!\n))+?)\3(?!`)", re.MULTILINE | re.DOTALL)


@functools.lru_cache(maxsize=None)
def options(*command):
    """Those that the help of a tool tells of, and each further help that it names; or the text of a script and of the module that it runs."""
    if command[0] == "vtpu":
        here = functools.reduce(lambda group, name: group.commands[name], command[1:], vtpu_command)
        return {name for option in here.params for name in option.opts} | {"--help"}
    if command[0] in SCRIPTS:
        text = SCRIPTS[command[0]].read_text(encoding="utf-8")
        modules = [ROOT / "python" / f"{module.replace('.', '/')}.py" for module in re.findall(r"-m (vtpu\.[\w.]+)", text)]
        return {"--help"}.union(*(OPTION.findall(part) for part in [text, *(module.read_text(encoding="utf-8") for module in modules)]))

    def run(option):
        return subprocess.run([BIN / command[0], option], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True, timeout=60).stdout

    text = run("--help")
    found = set(OPTION.findall("\n".join([text, *map(run, set(re.findall(r"--help-\w+", text)))])))
    return found | {f"-{name}" for name in found if len(name) == 2}  # one dash or two


def commands(group=vtpu_command, path=("vtpu",)):
    """The Python command and all commands below it."""
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


COMMANDS = [*commands(), *((tool,) for tool in sorted(TOOLS - {"vtpu"})), *((script,) for script in sorted(SCRIPTS))]


def used(code):
    """(command, option) for each option of one of ours in a piece of code; the command is empty for an option by itself."""
    for line in re.sub(r"\\\n", " ", code).splitlines():
        for part in re.split(r"\||&&|;", re.sub(r"\s#\s.*", "", line).removeprefix("$ ")):
            words = re.sub(r'"[^"]*"' + r"|'[^']*'", lambda quoted: re.sub(r"\s", "_", quoted[0]), part).split()
            command = ()
            for word in words:
                name = word.rsplit("/", 1)[-1]
                if name in TOOLS or name in SCRIPTS:
                    command = (name,)
                elif (*command, word) in COMMANDS:
                    command = (*command, word)
                elif match := re.match(r"""["'\[]*(--?[A-Za-z][\w-]*)""", word):
                    if command or (match[1].startswith("--") and word is words[0]):
                        yield command, match[1]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_options_exist(page):
    unknown = []
    for fenced, indented, _, inline in CODE.findall(page.read_text(encoding="utf-8")):
        for command, option in used(fenced or indented or inline):
            if not any(option in options(*one) for one in ([command] if command else COMMANDS)):
                unknown.append((" ".join(command), option))
    assert unknown == []


def test_what_is_checked():
    assert list(used("build/bin/vtpu-mca --table=x -o y a.siw | grep -v b")) == [(("vtpu-mca",), "--table"), (("vtpu-mca",), "-o")]
    assert list(used("python -m vtpu compile m.mlir --port-table=host  # --not")) == [(("vtpu", "compile"), "--port-table")]
    assert list(used("llvm-objcopy --remove-section=x")) == [] and list(used("--views=LIST")) == [((), "--views")]
    assert "--views" in options("vtpu-mca") and "--cache" in options("vtpu-mca") and "--nowhere" not in options("vtpu-mca")
