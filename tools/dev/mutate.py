#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plants single faults in templates and semantics and counts how many the tiers' comparison finds.

A scratch copy of the sources is built once. Each fault changes one token of one file there: another host instruction, another operator,
predicate, constant or operand. Only what depends on the file is built again; then `vtpu-fuzz` runs. A fault that does not compile is drawn
again; one that `vtpu-fuzz` misses is printed with its line. The exit code is 1 if one was missed.
"""

import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ["JIT?*.cpp", "Semantics*.cpp"]  # not JIT.cpp, which holds no template
# (pattern, replacements): one match becomes one of the replacements that differs from it.
RULES = [
    (r"\b(?:kIdV\w+|kIdK\w+)\b", None),  # another host instruction of the same file
    (r"(?<=[\w\])] )(?:<=|<|>=|>|==|!=)(?= [\w(-])", ["<", "<=", ">", ">=", "==", "!="]),
    (r"(?<=[\w\])] )[+*&|^-](?= [\w(~])", ["+", "-", "&", "|", "^"]),
    (r"(?<![\w.])(?:1|2|3|4|7|8|16|31|63|64)(?![\w.])", ["0", "1", "2", "4", "8", "32"]),
    (r"(?<=slot\.)(?:ra|rb|rc)\b", ["ra", "rb", "rc"]),
    (r"(?<=Predicate::)(?:lt|le|gt|ge|eq|ne)\b", ["lt", "le", "gt", "ge", "eq", "ne"]),
    (r"(?<=Length::)v(?:128|256|512)\b", ["v128", "v256", "v512"]),
]


def run(command, timeout):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout)
    except subprocess.TimeoutExpired:
        return None


def code_lines(text):
    """(start, end) of each line that holds code inside a function."""
    at = 0
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        if line.startswith("  ") and not stripped.startswith(("//", "static_assert", "#")):
            comment = line.find("//")
            yield at, at + (comment if comment >= 0 else len(line))
        at += len(line)


def draw(source, chance):
    """(file, text with the fault, description) of one fault."""
    while True:
        path = chance.choice(source)
        text = path.read_text()
        pattern, replacements = chance.choice(RULES)
        spans = [(start + m.start(), m.group()) for start, end in code_lines(text) for m in re.finditer(pattern, text[start:end])]
        if not spans:
            continue
        at, old = chance.choice(spans)
        pool = replacements or sorted(set(re.findall(pattern, text)))
        new = chance.choice([choice for choice in pool if choice != old] or [None])
        if new is None:
            continue
        line = text.count("\n", 0, at) + 1
        shown = text.splitlines()[line - 1].strip()
        return path, text[:at] + new + text[at + len(old):], f"{path.name}:{line}: {old} -> {new} in: {shown}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=50, help="faults to plant (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the choice of faults (default 1)")
    parser.add_argument("--programs", type=int, default=600, help="random programs that look for a fault (default 600)")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build" / "mutation", help="folder of the copy")
    options = parser.parse_args()
    scratch = options.scratch.resolve()
    tree, build = scratch / "tree", scratch / "build"
    for folder in ("include", "lib", "tools"):
        shutil.copytree(ROOT / folder, tree / folder, dirs_exist_ok=True)
    for name in ("CMakeLists.txt", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy2(ROOT / name, tree / name)
    configure = ["cmake", "-G", "Ninja", "-S", tree, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DVTPU_BUILD_COMPILER=OFF",
                 "-DVTPU_BUILD_PYTHON=OFF", "-DVTPU_BUILD_TESTS=OFF", f"-DPython_EXECUTABLE={sys.executable}", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"]
    if shutil.which("ccache"):
        configure += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    make = ["ninja", "-C", build, "vtpu-fuzz"]
    look = [build / "bin" / "vtpu-fuzz", f"--programs={options.programs}", "--words=60", "--seed=1"]
    for command in (configure, make, look):
        done = run([str(part) for part in command], 900)
        if done is None or done.returncode != 0:
            sys.exit(f"mutate: without a fault: {command[0]} failed:\n{done.stdout[-2000:] if done else 'no end'}")

    source = sorted(path for pattern in FILES for path in (tree / "lib" / "Runtime").glob(pattern))
    chance = random.Random(options.seed)
    planted = found = 0
    seen = set()
    while planted < options.faults:
        path, text, what = draw(source, chance)
        if what in seen:
            continue
        seen.add(what)
        before = path.read_text()
        path.write_text(text)
        built = run([str(part) for part in make], 300)
        if built is not None and built.returncode == 0:
            planted += 1
            done = run([str(part) for part in look], 120)
            caught = done is None or done.returncode != 0
            found += caught
            how = "no end" if done is None else f"signal {-done.returncode}" if done.returncode < 0 else "difference" if caught else "MISSED"
            print(f"{planted}: {how}: {what}", flush=True)
        path.write_text(before)
    print(f"{found} of {planted} faults found (seed {options.seed}, {options.programs} programs)")
    return 0 if found == planted else 1


if __name__ == "__main__":
    sys.exit(main())
