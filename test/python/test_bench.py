# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The benchmark driver: its report, its judgement, and that it refuses to time wrong answers. No time is asserted."""

import json
import subprocess
import sys
import types

import numpy
import pytest

import vtpu
from vtpu._analysis import write_picture
from vtpu.bench import main_suite, measure, models, report, schedule, sections
from vtpu.bench.schedule import kernels, prediction, remarks, tables


def test_report_of_the_main_suite(tmp_path):
    path = tmp_path / "figures.json"
    done = subprocess.run([sys.executable, "-m", "vtpu", "bench", "report", "--suite", "main", "--quick", "--json", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(path.read_text())
    assert {"suite", "machine", "seconds", "lines", "met", "missed"} <= set(figures)
    names = [line["name"] for line in figures["lines"]]
    for part in ("8x48 kernel", "matmul 512", "matmul 128", "MiniLM, 32 tokens, time of PyTorch", "MiniLM, 128 tokens, ours over time of ONNX", "hypergraph network, time",
                 "compile MiniLM", "peak memory", "load MiniLM", "call of a tiny program from Python", "call of a tiny program from C", "outside words, hypergraph"):
        assert any(part in name for name in names), f"{part} is not among {names}"
    assert figures["met"] + figures["missed"] == len(names)
    for line in figures["lines"]:
        assert line["value"] >= 0 and line["name"] in done.stdout
        assert line["met"] == (line["value"] >= line["target"] if line["relation"] == ">=" else line["value"] <= line["target"])


@pytest.mark.parametrize("tier", ["jit", "orc", "interpreter"])
def test_hand_written_kernel_against_f64(tmp_path, tier):
    path = tmp_path / "kernel.vtpu"
    subprocess.run([measure.build_tool("vtpu-as"), models.KERNEL, "-o", str(path)], check=True)
    m, n, k = models.KERNEL_SHAPE
    random = numpy.random.default_rng(7)
    a, b = random.uniform(-1, 1, (m, k)).astype(numpy.float32), random.uniform(-1, 1, (k, n)).astype(numpy.float32)
    c = vtpu.load(path, tier=tier)["main"](a, b)
    assert abs(c - a.astype(numpy.float64) @ b).max() < 2e-5


def test_wrong_answers_are_not_timed():
    with pytest.raises(vtpu.VtpuError, match="largest error 1 against the f64 reference, allowed 0.1; nothing was timed"):
        models.check("sum", [1.0, 2.0], numpy.array([1.0, 3.0]), 0.1)
    with pytest.raises(vtpu.VtpuError, match="nothing was timed"):
        models.check("sum", [float("nan")], numpy.array([1.0]), 0.1)


def test_missing_peer_is_named():
    with pytest.raises(vtpu.VtpuError, match="peer 'no_such_peer' is not installed; pip install no_such_peer"):
        main_suite.peer_module("no_such_peer")


def test_peak_memory_of_a_child_is_its_own():
    ours = bytearray(256 << 20)
    ours[::4096] = b"1" * (len(ours) // 4096)
    assert measure.child([sys.executable, "-c", "pass"])[1] < 100
    assert measure.child([sys.executable, "-c", "x = bytearray(b'1') * (200 << 20)"])[1] > 200
    with pytest.raises(vtpu.VtpuError, match="-c raise SystemExit\\('no such luck'\\) ... failed: no such luck"):
        measure.child([sys.executable, "-c", "raise SystemExit('no such luck')"])


def test_judgement_and_baselines(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "BASELINES", tmp_path / "baselines.json")

    def suite(speed, seconds):
        def lines(options):
            yield report.Line("speed", speed, "x", ">=", 4, "peer, 1")
            yield report.Line("time", seconds, "s", "<=", 1, samples={"vtpu": [seconds, seconds]})

        return lines

    options = report.Options(say=lambda text: None)
    text, figures = report.run(suite(5, 0.5), "main", options)
    assert figures["met"] == 2 and "| speed | 5 x | >= 4 | met | peer, 1 |" in text
    report.keep_baselines(figures)
    text, figures = report.run(suite(3, 0.9), "main", options)
    assert figures["met"] == 1 and figures["missed"] == 1
    assert "**missed**; was 5" in text and "met; was 0.5" in text
    assert figures["lines"][1]["samples"]["vtpu"] == {"median": 0.9, "min": 0.9, "max": 0.9, "count": 2}
    text, _ = report.run(suite(4.9, 0.52), "main", options)
    assert "was" not in text


@pytest.mark.parametrize("arguments, message", [
    (["--suite", "machine", "--section", "memry"], "Invalid value for --section: no section 'memry'; there are code, emission, hypervectors, memory, orc, sentrons"),
    (["--section", "memory"], "the suite 'main' has no sections; leave --section away"),
    (["--suite", "machine", "--section", "memory", "--keep-baselines"], "--keep-baselines takes the figures of whole suites; leave --section away"),
])
def test_sections_that_cannot_be(arguments, message):
    done = subprocess.run([sys.executable, "-m", "vtpu", "bench", "report", *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and message in done.stderr, done.stderr


def test_one_section():
    assert [module.__name__.rsplit(".", 1)[1] for module in sections.of(schedule, ("remarks", "kernels"))] == ["kernels", "remarks"]
    assert len(sections.of(schedule)) == 6


def test_faster_by_turns():
    times = measure.interleaved({"a": lambda: None, "b": lambda: None}, repeats=3, warm=1)
    assert [len(times[who]) for who in "ab"] == [3, 3]


def test_report_of_the_machine_suite(tmp_path):
    path = tmp_path / "figures.json"
    done = subprocess.run([sys.executable, "-m", "vtpu", "bench", "report", "--suite", "machine", "--quick", "--json", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(path.read_text())
    names = [line["name"] for line in figures["lines"]] + [part["name"] for part in figures["absent"]]
    for part in ("emitted and relocated, loop-64", "emitted and relocated, loop-4096", "emitted and relocated, matmul-512", "emitted code, loop-64",
                 "checks that remain, matmul-512", "looks at the stop flag, hypergraph"):
        assert any(part in name for name in names), f"{part} is not among {names}"


def test_report_of_the_schedule_suite(tmp_path):
    path = tmp_path / "figures.json"
    command = [sys.executable, "-m", "vtpu", "bench", "report", "--suite", "schedule", "--quick", "--json", str(path), "--pictures", str(tmp_path / "pictures")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    figures = json.loads(path.read_text())
    assert {"loops", "ii_optimal_share", "ii_optimal_share_exact", "ii_over_mii_geomean", "port_error_mean", "kendall_tau", "mca_error_mean", "ops_per_second",
            "p99_ms", "port_bound_share_min"} <= set(figures)
    assert {picture.name for picture in (tmp_path / "pictures").iterdir()} == {"schedule-predictions.svg", "schedule-kernels.svg"}
    loops = figures["kernels"]["loops"]
    assert {loop["model"] for loop in loops} == {"kernel 8x48", "matmul 128", "hypergraph network"}
    for loop in loops:
        assert loop["bound"] > 0 and loop["measured"] > 0 and loop["limit"] and loop["share"] == pytest.approx(loop["bound"] / loop["measured"])
    assert figures["port_bound_share_min"] == min(figures["kernels"]["port_bound_share_min"].values())
    assert figures["edits"] and all(edit["instructions"] > 0 and edit["predicted"] <= 1.01 for edit in figures["edits"])
    for model in ("matmul 128", "hypergraph network"):
        assert set(figures["tables"][model]["milliseconds"]) == {"default", "llvm"}
    assert figures["loops"] >= 5 and 0 <= figures["ii_optimal_share"] <= figures["ii_optimal_share_exact"] <= 1 <= figures["ii_over_mii_geomean"]
    assert -1 <= figures["kendall_tau"] <= 1 and len(figures["prediction"]["samples"]) >= 10


def region(measured, predicted=4.0, pressure=None, **more):
    return {"function": "f", "first_word": 3, "last_word": 9, "cycles": predicted, "iterations": None, "measured_cycles": None, "drained_cycles": None,
            "limits": "window and order", "memory": {"level": "L2"}, "relieved_cycles": 3.0, "pressure": pressure or {"fma": 4.0, "load": 2.0}, "waits": {"recurrence": 1.0}, **more,
            "in_calls": {"share": 0.5, "runs": 64, "cycles": measured, "far_cycles": 0.0, "far_level": "L2", **more.get("in_calls", {})}}


def test_what_limits_a_loop():
    assert kernels.bound_of(region(4)) == (4, "port fma")
    assert kernels.bound_of(region(4, pressure={"fma": 4.0, "add": 3.99})) == (4, "port fma, port add")
    assert kernels.bound_of(region(9.5, waits={"recurrence": 9.0})) == (9, "recurrence")
    assert kernels.bound_of(region(6, waits={"recurrence": 9.0})) == (4, "port fma")  # entries overlap
    assert kernels.limit_of(region(6, waits={"recurrence": 9.0})) == (
        "port fma: 4.0 of 6.0 cycles; its recurrence of 9.0 cycles ends while the loop is entered again")
    assert kernels.bound_of(region(4, in_calls={"far_cycles": 5.0})) == (5, "first touches from L2")
    assert kernels.limit_of(region(4.2)) == "port fma: 4.0 of 4.2 cycles"
    assert kernels.limit_of(region(6, predicted=5.8)) == "window and order: 5.8 of 6.0 cycles are predicted"
    assert kernels.limit_of(region(9)) == "port fma: 4.0 of 9.0 cycles; 5.0 cycles are not predicted, which takes its data to be in L2"
    assert kernels.limit_of(region(9, drained_cycles=8.8, iterations=3)) == (
        "it starts and ends: 3 iterations at a time, of which each takes 8.8 cycles if nothing overlaps")
    assert kernels.limit_of(region(9, measured_cycles=4.5, in_calls={"far_cycles": 3.0})) == (
        "port fma: 4.0 of 9.0 cycles; 4.5 cycles where it is timed by itself, the rest is memory that is far in calls; "
        "3.0 cycles of first touches from L2 if nothing delays them")


def test_instructions_that_can_go():
    going = ["D: dfma.f32.512 v28, v1, v2", "D: dadd.f32.512 v3, v3, v4", "D: dmax.f32.512 v3, v4, v3", "S: sst.f32.f32.512 v0, [r0]"]
    staying = ["D: dadd.f32.512 v3, v4, v5", "D: dimm.f32.512 v3, 0", "S: sld.f32.f32.512 v0, [r0]", "C: caddi r0, r0, 1", "D: dadd.f32.512 v3, v31, v30"]
    assert all(map(remarks.can_go, going)) and not any(map(remarks.can_go, staying))
    text = ".func f\n  { D: dfma.f32.512 v0, v1, v2 ; C: cimm r0, 0 } @0.1\nL1:\n  { S: sst.f32.f32.512 v0, [r0] }\n  { D: dfma.f32.512 v0, v1, v2 }\n.end\n"
    edited, count = remarks.take_out(text, "f", {0, 1, 2})
    assert count == 2 and edited == ".func f\n  { C: cimm r0, 0 } @0.1\nL1:\n  { S: sst.f32.f32.512 v0, [r0] }\n  {  }\n.end\n"
    assert remarks.take_out(text, "g", {0, 1, 2}) == (text, 0)


def test_words_that_differ():
    assert tables.differences(["a", "b", "c"], ["a", "x", "b", "c"]) == 0 and tables.differences(["a", "y", "c"], ["a", "c"]) == 1


def test_loops_that_are_spared():
    assert kernels.least_share([{"share": 0.2, "time": 0.06}, {"share": 0.5, "time": 0.03}, {"share": 0.8, "time": 0.02}, {"share": 1.0, "time": 0.8}]) == 0.8
    assert kernels.least_share([{"share": 0.2, "time": 0.11}, {"share": 1.0, "time": 0.8}]) == 0.2
    assert kernels.least_share([{"share": 0.2, "time": 0.05}, {"share": 0.9, "time": 0.04}]) == 0.9
    assert kernels.least_share([]) == 1


def test_pictures_have_the_same_bytes(tmp_path):
    samples = [{"class": cls, "predicted": 2.0 + i, "measured": 2.5 + i, "llvm": 3.0 + i} for i, cls in enumerate(("port", "l2", "port"))]
    paths = [tmp_path / name for name in ("a.svg", "b.svg")]
    for path in paths:
        write_picture(str(path), lambda pyplot: prediction.draw(pyplot, samples))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with pytest.raises(vtpu.VtpuError, match="a picture ends in .svg, .png, .pdf"):
        write_picture(str(tmp_path / "c.txt"), lambda pyplot: None)


def test_kendall():
    assert prediction.kendall([1, 2, 3, 4], [10, 20, 30, 40]) == 1 and prediction.kendall([1, 2, 3], [3, 2, 1]) == -1
    assert prediction.kendall([1, 1, 2], [1, 2, 3]) == pytest.approx(2 / 6**0.5)


def test_a_part_without_its_peer_is_named():
    def section(options, folder):
        yield report.Line("first", 1, "x", ">=", 1)
        raise report.NotMeasured("the peer is not installed")

    some = types.SimpleNamespace(__name__="vtpu.bench.machine.some", section=section)
    text, figures = report.run(lambda options: sections.run([some], options), "machine", report.Options(say=lambda text: None))
    assert figures["absent"] == [{"name": "some", "reason": "the peer is not installed"}] and figures["met"] == 1
    assert "Not measured: some: the peer is not installed" in text
