# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The caller's side of the import worker: starts it on first use, restarts it after a crash, turns its failures into one line."""

import atexit
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading

from . import _worker
from ._errors import ImportFailed


class Importer:
    """One persistent worker process; calls are serialised."""

    def __init__(self):
        self._lock = threading.Lock()
        self._process = None
        self._log = None

    def _start(self):
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(_worker.__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log)

    def close(self):
        """Ends the worker; the next import starts a new one."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):  # what a dead worker never read
                process.stdin.close()
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        if self._log is not None:
            self._log.close()
            self._log = None

    def warm(self):
        """Starts the worker ahead of its first request."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self.close()
                self._start()

    def lower(self, request, what):
        """Generic MLIR text of a request; `what` names the module in errors."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self.close()
                self._start()
            answer = None
            start = os.fstat(self._log.fileno()).st_size
            try:
                _worker.write_frame(self._process.stdin, request)
                answer = _worker.read_frame(self._process.stdout)
            except OSError:
                pass
            except BaseException:  # an interrupt: the answer still to come must not meet the next request
                self._process.kill()
                self.close()
                raise
            if answer is None:
                raise ImportFailed(self._crash(what))
            # Diagnostics of the C++ side stand in the log; the child shares the file's position, so it is not moved here.
            log = os.pread(self._log.fileno(), 1 << 20, start).decode(errors="replace") if "error" in answer else ""
        if "unsupported" in answer:
            raise ImportFailed(_refuse(answer["unsupported"], what))
        if "error" in answer:
            raise ImportFailed(_explain(log + answer["error"], what))
        return answer["text"]

    def _crash(self, what):
        process = self._process
        try:
            code = process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        self.close()
        try:
            cause = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        except ValueError:
            cause = f"signal {-code}"
        return (f"importing {what}: torch-mlir crashed ({cause}) and its process was restarted; "
                "hold index tensors as buffers so that they fold, or write the layer with static shapes")


def _place(location):
    """` at file.py:12` of an MLIR location, if it names a line of Python."""
    place = re.search(r'"([^"]+\.py)":(\d+)', location) or re.search(r"([^\s\"(]+\.py):(\d+)", location)
    return f" at {place[1]}:{place[2]}" if place and not place[1].endswith("vtpu/_export.py") else ""


def _refuse(ops, what):
    """Names all ops, each at its line once, that cannot be lowered."""
    said = list(dict.fromkeys(f"'{name}'{_place(location)}" for name, location in ops))
    lines = "that line" if len(said) == 1 else "those lines"
    return f"importing {what}: torch-mlir has no lowering for {', '.join(said)}; rewrite {lines} with supported operators"


def _explain(error, what):
    """The one line that matters out of torch-mlir's many."""
    lines = re.findall(r"^.*error: .*$", error, re.MULTILINE)
    for line in lines:
        match = re.search(r"failed to legalize operation '([^']+)'", line)
        if match:
            op = match[1]
            if op == "torch.operator":
                name = re.search(r'torch\.operator"?\s*\(?.*?name = "([^"]+)"', error) or re.search(r'torch\.operator "([^"]+)"', error)
                op = name[1] if name else op
            return _refuse([(op, line)], what)
    text = lines[0].strip() if lines else next((l for l in error.splitlines() if l.strip()), error)
    return f"importing {what}: {text[:400]}"


importer = Importer()
atexit.register(importer.close)
