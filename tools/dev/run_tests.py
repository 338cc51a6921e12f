#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs every test of a build and closes with one line of totals: `N passed, N failed, N skipped`.

The kinds of tests each write JUnit reports; the totals are read from the reports, and a runner that dies without a report counts as one
failure. `--only` picks kinds, `--build` another build folder. The kind `sanitizers` builds the runtime's side under sanitizers by itself, in
folders of the build folder, and runs its test programs there.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ["unit", "lit", "python", "sanitizers"]
# Value of VTPU_SANITIZE: the programs that run under it. A sanitizer of threads has nothing to find where there is one.
THREADED = ["CAPITests", "ConformanceTests", "FabricTests", "MemoryTests", "MessagesTests"]
SANITIZED = {
    "address,undefined": THREADED + ["AssemblyTests", "CoordinateRowsTests", "FuzzTests", "GeneratorTests", "GeometryRowsTests", "ISATests",
                                     "ObjectTests", "ReplayTests", "RuntimeTests", "SpaceRowsTests"],
    "thread": THREADED,
}


def read_report(path):
    """(passed, failed, skipped, names of the failed) of one JUnit file."""
    passed = failed = skipped = 0
    names = []
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
            names.append(f"{case.get('classname', '')}.{case.get('name', '')}")
        elif case.find("skipped") is not None or case.get("status") == "notrun" or case.get("result") == "suppressed":
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped, names


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.names = []

    def run(self, title, command, report, env=None):
        """Runs one runner and adds its report."""
        report.unlink(missing_ok=True)
        started = time.monotonic()
        print(f"== {title}", flush=True)
        code = subprocess.run([str(part) for part in command], cwd=ROOT, env=env).returncode
        try:
            passed, failed, skipped, names = read_report(report)
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            passed, failed, skipped, names = 0, 1, 0, [f"{title}: no report ({error})"]
        if code != 0 and failed == 0:
            failed, names = 1, [f"{title}: exit code {code}"]
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        self.names += names
        print(f"== {title}: {passed} passed, {failed} failed, {skipped} skipped ({time.monotonic() - started:.0f} s)", flush=True)


def build_sanitized(sanitizers, folder, programs):
    """Builds test programs under sanitizers, with clang; true if that succeeded. What was said is printed only if not."""
    configure = ["cmake", "-G", "Ninja", "-S", ROOT, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_COMPILER=clang-22",
                 "-DCMAKE_CXX_COMPILER=clang++-22", "-DVTPU_BUILD_COMPILER=OFF", "-DVTPU_BUILD_PYTHON=OFF", f"-DVTPU_SANITIZE={sanitizers}",
                 f"-DPython_EXECUTABLE={sys.executable}"]
    if shutil.which("ccache"):
        configure += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    for command in (configure, ["ninja", "-C", folder, *programs]):
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode != 0:
            print(done.stdout, flush=True)
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder (default: build)")
    parser.add_argument("--only", choices=KINDS, action="append", help="kind of tests to run; may be repeated")
    options = parser.parse_args()
    build = options.build.resolve()
    kinds = options.only or KINDS
    reports = build / "reports"
    reports.mkdir(parents=True, exist_ok=True)
    totals = Totals()

    if "unit" in kinds:
        programs = sorted((build / "test" / "Unit").glob("*Tests"))
        if not programs:
            sys.exit(f"run_tests: no test programs in {build / 'test' / 'Unit'}; build first: cmake --build {options.build}")
        for program in programs:
            report = reports / f"{program.name}.xml"
            totals.run(program.name, [program, "--gtest_brief=1", f"--gtest_output=xml:{report}"], report)
    if "lit" in kinds:
        report = reports / "lit.xml"
        lit = (build / "test" / "lit-path.txt").read_text().strip()
        totals.run("lit", [sys.executable, lit, "-q", f"--xunit-xml-output={report}", build / "test"], report)
    if "python" in kinds:
        report = reports / "pytest.xml"
        env = dict(os.environ, PYTHONPATH=str(build / "python"), VTPU_BUILD=str(build))
        totals.run("pytest", [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", f"--junitxml={report}",
                              ROOT / "test" / "python"], report, env)
    if "sanitizers" in kinds:
        # Tests ask for more memory than there is: as without a sanitizer, there is none then.
        env = dict(os.environ, ASAN_OPTIONS="allocator_may_return_null=1", TSAN_OPTIONS="allocator_may_return_null=1",
                   UBSAN_OPTIONS="print_stacktrace=1")
        for sanitizers, programs in SANITIZED.items():
            name = sanitizers.replace(",", "-")
            folder = build / "sanitizers" / name
            print(f"== building under {sanitizers}", flush=True)
            started = time.monotonic()
            if not build_sanitized(sanitizers, folder, programs):
                totals.failed += 1
                totals.names.append(f"build under {sanitizers}")
                continue
            print(f"== built under {sanitizers} ({time.monotonic() - started:.0f} s)", flush=True)
            for program in programs:
                report = reports / f"{program}-{name}.xml"
                totals.run(f"{program} under {sanitizers}",
                           [folder / "test" / "Unit" / program, "--gtest_brief=1", f"--gtest_output=xml:{report}"], report, env)

    for name in totals.names:
        print(f"failed: {name}")
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    return 1 if totals.failed or not totals.passed else 0


if __name__ == "__main__":
    sys.exit(main())
