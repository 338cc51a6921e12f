# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The main job as a process: its exit code, and all figures of its report. No time is asserted."""

import json
import re
import subprocess
import sys

MINILM = {"cosine_min", "max_abs_error", "vtpu_ms", "eager_ms", "words", "fill", "outside_words_share", "compile_s", "peak_mib", "load_ms"}
HYPERGRAPH = {"vtpu_accuracy", "torch_accuracy", "same_predictions", "vtpu_ms", "eager_ms", "outside_words_share"}


def test_main_job(tmp_path):
    report = tmp_path / "figures.json"
    done = subprocess.run([sys.executable, "-m", "vtpu.demo", "--json", report, "--folder", tmp_path], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("the answers agree with PyTorch\n")
    further = re.search(r"^look further: (.*vtpu-objdump -d .*); (.*vtpu compile .* --compile-to=siw)", done.stdout, re.MULTILINE)
    for command, shown in zip(further.groups(), ("dfma", "siw.func"), strict=True):
        assert shown in subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert {"minilm", "hypergraph", "machine"} <= set(figures)
    minilm, hypergraph = figures["minilm"], figures["hypergraph"]
    assert MINILM <= set(minilm) and HYPERGRAPH <= set(hypergraph)
    assert minilm["cosine_min"] >= 0.99999
    assert minilm["max_abs_error"] <= 1e-5
    assert minilm["outside_words_share"] == 0 and hypergraph["outside_words_share"] == 0
    assert set(minilm["fill"]) == {"D", "S", "C"} and all(0 < share <= 1 for share in minilm["fill"].values())
    assert all(minilm[figure] > 0 for figure in ("vtpu_ms", "eager_ms", "words", "compile_s", "peak_mib", "load_ms"))
    assert hypergraph["same_predictions"] is True
    assert hypergraph["vtpu_accuracy"] == hypergraph["torch_accuracy"] > 0.9
