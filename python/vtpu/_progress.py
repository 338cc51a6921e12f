# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a command is busy with: a line with stage and elapsed seconds on standard error, for anything that takes more than two seconds on a
terminal; silent otherwise."""

import sys
import threading
import time

PATIENCE_S = 2


class Progress:
    """`with Progress("exporting") as progress: ...; progress.stage = "compiling"`."""

    def __init__(self, stage):
        self.stage = stage
        self._done = threading.Event()
        self._thread = None

    def __enter__(self):
        if sys.stderr.isatty():
            self._thread = threading.Thread(target=self._show, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_):
        if self._thread is not None:
            self._done.set()
            self._thread.join()

    def _show(self):
        began = time.monotonic()
        shown = False
        while not self._done.wait(1):
            seconds = int(time.monotonic() - began)
            if seconds >= PATIENCE_S:
                shown = True
                sys.stderr.write(f"\r\033[K{self.stage}: {seconds} s")
                sys.stderr.flush()
        if shown:
            sys.stderr.write("\r\033[K")  # the line was only for waiting
            sys.stderr.flush()
