#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Plants single faults in templates, semantics and routines and counts how many the bounded tests find.

A scratch copy of the sources is built once. Each fault changes one token of one file there: another host instruction, another operator,
predicate, constant or operand. Only what depends on the file is built again; then the test programs run, the quickest first, until one fails.
What none of them sees runs once more under AddressSanitizer and UBSan: a buffer that is too short need not change a result. A fault that does not
compile is drawn again, and so is one of EQUIVALENT, which changes nothing that a program can see. A fault that the tests miss is printed with its
line. The exit code is 1 if one was missed. Fault number N of a seed depends on the two and the sources alone.
"""

import argparse
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Not JIT.cpp, which holds no template, nor SlotTemplates.cpp: what that gets wrong it finds itself and leaves to the assembler.
FILES = ["JIT?*.cpp", "Semantics*.cpp", "Routines/*.cpp"]
TESTS = ["ConformanceTests", "CoordinateRowsTests", "GeometryRowsTests", "SpaceRowsTests", "MessagesTests", "CAPITests", "RuntimeTests",
         "AnalysisTests", "GeneratorTests"]
# (file, line, old, new; None: any): why no program can see the change.
EQUIVALENT = {
    ("SemanticsMemory.cpp", "return slot.type == Type::i32 ? widen<int32_t, int32_t>(memory, lane) : widen<int64_t, int32_t>(memory, lane);",
     "==", "<"): "only the low 32 bits of a lane of i32 are used, and sign extension leaves them",
    ("JITHypervector.cpp", "mask = slot.length == Length::v512 ? mask._1to8() : slot.length == Length::v256 ? mask._1to4() : mask._1to2();",
     None, None): "the encoding says only that an element is broadcast; the length is that of the registers",
    ("Semantics.cpp", "int power = int(whole > T(least) ? whole < T(most) ? whole : T(most) : T(least)); // NaN: the least",
     ">", ">="): "equals are equal",
    ("Semantics.cpp", "int power = int(whole > T(least) ? whole < T(most) ? whole : T(most) : T(least)); // NaN: the least",
     "<", "<="): "equals are equal",
    ("Semantics.cpp", "const int step = power > highest ? highest : power < lowest ? down : 0;", ">", ">="): "the next factor is 1 then",
    ("Semantics.cpp", "const int step = power > highest ? highest : power < lowest ? down : 0;",
     "<", "<="): "what the first factor rounds vanishes then",
    ("Semantics.cpp", "const T end = b > 0 ? Limits::infinity() : T(0);", ">", ">="): "used where b is infinite",
    ("SpaceAccess.cpp", "frame.space().prefetch(&frame.p(frame.slot.ra), 1, mem::PrefetchHint(frame.slot.imm));",
     None, None): "a prefetch changes no state",
    ("MessagesLight.cpp", "if (!context.group || context.sentrons <= 1)", "<=", "<"): "one sentron alone passes its barrier the long way too",
    ("MessagesLight.cpp", "if (!context.group || context.sentrons <= 1)", "<=", "=="): "there is no group without sentrons",
    ("MessagesLight.cpp",
     "const auto quick = group->trySend(uint32_t(frame.context.sentron), frame.r(frame.slot.rb), messageOf(frame, frame.slot.ra));",
     "rb", "rc"): "there is no rc, so no sentron of that number: it is sent the long way",
    ("Host.cpp", "for (unsigned at = 0; at < bytes; at += sizeof(T)) {", "<", "!="): "bytes is a multiple of the step",
}
# (pattern, replacements): one match becomes one of the replacements that differs from it.
RULES = [
    (r"\b(?:kIdV\w+|kIdK\w+)\b", None),  # another host instruction of the same file
    (r"(?<=[\w\])] )(?:<=|<|>=|>|==|!=)(?= [\w(-])", ["<", "<=", ">", ">=", "==", "!="]),
    (r"(?<=[\w\])] )[+*&|^-](?= [\w(~])", ["+", "-", "&", "|", "^"]),
    (r"(?<![\w.])(?<!alignas\()(?<!kCode, )(?:1|2|3|4|7|8|16|31|63|64)(?![\w.])", ["0", "1", "2", "4", "8", "32"]),  # alignment is there for speed
    (r"(?<=slot\.)(?:ra|rb|rc)\b", ["ra", "rb", "rc"]),
    (r"(?<=Predicate::)(?:lt|le|gt|ge|eq|ne)\b", ["lt", "le", "gt", "ge", "eq", "ne"]),
    (r"(?<=Length::)v(?:128|256|512)\b", ["v128", "v256", "v512"]),
]


# As run_tests.py has it: tests ask for more memory than there is.
SANITIZER_ENV = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1")


def run(command, timeout, seconds=None):
    """A finished command; none: it took longer than `timeout`. `seconds` of processor time end it by a signal, whatever else the machine does."""
    limit = (lambda: resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))) if seconds else None
    try:
        return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=timeout, env=SANITIZER_ENV, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return None


class BuildFailure(Exception):
    pass


def copy_changed(source, target):
    """A file that differs gets a new time, whatever the source's: what a run that was ended left behind is built again."""
    target = pathlib.Path(target)
    if not target.exists() or target.read_bytes() != pathlib.Path(source).read_bytes():
        shutil.copy(source, target)


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
    """(file, text with the fault, (name, line, old, new), line number) of one fault."""
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
        number = text.count("\n", 0, at) + 1
        return path, text[:at] + new + text[at + len(old):], (path.name, text.splitlines()[number - 1].strip(), old, new), number


def configure(tree, build, *more):
    command = ["cmake", "-G", "Ninja", "-S", tree, "-B", build, "-DCMAKE_BUILD_TYPE=Release", "-DVTPU_BUILD_COMPILER=OFF",
               "-DVTPU_BUILD_PYTHON=OFF", f"-DPython_EXECUTABLE={sys.executable}", *more]
    if shutil.which("ccache"):
        command += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    done = run(command, 300)
    if done is None or done.returncode != 0:
        sys.exit(f"mutate: cmake failed:\n{done.stdout[-2000:] if done else 'no end'}")


def look(build, seconds, jobs, title=""):
    """How the tests find a fault; none: they miss it. Each program is built when it is asked; BuildFailure: there is no program."""
    for name in TESTS:
        built = run(["ninja", "-C", build, f"-j{jobs}", name], 3600)
        if built is None or built.returncode != 0:
            raise BuildFailure(built.stdout if built else "no end")
        done = run([build / "test" / "Unit" / name, "--gtest_brief=1", "--gtest_fail_fast"], 10 * seconds, seconds)
        if done is None:
            return f"{name}{title}: no end"
        if done.returncode != 0:
            return f"{name}{title}: signal {-done.returncode}" if done.returncode < 0 else f"{name}{title}"
    return None


def expect_nothing(*arguments):
    try:
        if how := look(*arguments):
            sys.exit(f"mutate: without a fault: {how} fails")
    except BuildFailure as failure:
        sys.exit(f"mutate: without a fault the build fails:\n{str(failure)[-2000:]}")


class Sanitized:
    """The build under sanitizers, made and tried without a fault when the first fault needs it."""

    def __init__(self, tree, build, jobs):
        self.tree, self.build, self.jobs, self.ready = tree, build, jobs, False

    def look(self, path, fault, before):
        title = " under sanitizers"
        if not self.ready:
            path.write_text(before)
            configure(self.tree, self.build, "-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22", "-DVTPU_SANITIZE=address,undefined")
            expect_nothing(self.build, 1800, self.jobs, title)
            path.write_text(fault)
            self.ready = True
        return look(self.build, 1800, self.jobs, title)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=55, help="faults to plant (default 55)")
    parser.add_argument("--first", type=int, default=0, help="number of the first fault (default 0)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the choice of faults (default 1)")
    parser.add_argument("--jobs", type=int, default=2, help="processes that build at once (default 2)")
    parser.add_argument("--seconds", type=int, default=180,
                        help="processor time after which a test program counts as one that does not end (default 180)")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build" / "mutation", help="folder of the copy")
    options = parser.parse_args()
    scratch = options.scratch.resolve()
    tree, build = scratch / "tree", scratch / "build"
    for folder in ("docs", "include", "lib", "test", "tools"):
        shutil.copytree(ROOT / folder, tree / folder, copy_function=copy_changed, dirs_exist_ok=True)
    for name in ("CMakeLists.txt", "LICENSE", "README.md"):
        copy_changed(ROOT / name, tree / name)
    configure(tree, build, "-DCMAKE_CXX_FLAGS_RELEASE=-O1")
    expect_nothing(build, 600, options.jobs)
    sanitized = Sanitized(tree, scratch / "sanitized", options.jobs)

    source = sorted(path for pattern in FILES for path in (tree / "lib" / "Runtime").glob(pattern))
    found = 0
    for number in range(options.first, options.first + options.faults):
        chance = random.Random(f"{options.seed}.{number}")
        while True:
            path, text, fault, line = draw(source, chance)
            if fault in EQUIVALENT or fault[:2] + (None, None) in EQUIVALENT:
                continue
            before = path.read_text()
            path.write_text(text)
            try:
                how = look(build, options.seconds, options.jobs) or sanitized.look(path, text, before)
                break
            except BuildFailure:
                continue
            finally:
                path.write_text(before)
        found += how is not None
        print(f"{number}: {how or 'MISSED'}: {fault[0]}:{line}: {fault[2]} -> {fault[3]} in: {fault[1]}", flush=True)
    print(f"{found} of {options.faults} faults found (seed {options.seed}, faults {options.first} to {options.first + options.faults - 1})")
    return 0 if found == options.faults else 1


if __name__ == "__main__":
    sys.exit(main())
