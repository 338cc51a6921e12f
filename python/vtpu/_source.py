# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which Python line an operation of a graph comes from.

torch keeps the frames of a traced call that are named `forward` and lie outside of a list of its own files; a line in a helper function or
a lambda is lost that way. Here a trace keeps two frames at most: the innermost one outside of torch, and, where that is a library's, the
innermost one of the user's own code that called it.
"""

import contextlib
import os
import re
import sysconfig
import threading
import traceback

import torch
from torch.fx.proxy import TracerBase

_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_LIBRARIES = tuple({sysconfig.get_paths()[name] + os.sep for name in ("purelib", "platlib", "stdlib")})
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')
_tracing = threading.local()


def _choose(summary, root):
    """The one or two frames that a user can act on, outermost first; `root` is the file whose `forward` calls the module."""
    frames = list(summary)
    start = max((i for i, f in enumerate(frames) if f.filename == root and f.name == "forward"), default=None)
    if start is None:
        return []
    frames = [f for f in frames[start + 1:] if not f.filename.startswith("<eval_with_key>")]
    outside = [f for f in frames if not f.filename.startswith(_TORCH)]
    if not outside:  # a module of torch by itself: the line in its own forward
        return [f for f in frames if f.name == "forward"][-1:]
    own = [f for f in outside if not f.filename.startswith(_LIBRARIES)]
    return outside[-1:] if not own or own[-1] is outside[-1] else [own[-1], outside[-1]]


@contextlib.contextmanager
def lines_kept(root):
    """Traces of this thread record the lines of the module that `forward` in file `root` calls."""
    original = TracerBase._filter_traceback_frames

    def keep(tracer, summary):
        root = getattr(_tracing, "root", None)
        return original(tracer, summary) if root is None else traceback.StackSummary.from_list(_choose(summary, root))

    if not getattr(original, "keeps_user_lines", False):
        keep.keeps_user_lines = True
        TracerBase._filter_traceback_frames = keep
    _tracing.root = root
    try:
        yield
    finally:
        _tracing.root = None


def place_of(error, root):
    """` at file.py:12`: the line of the module, called by `forward` in file `root`, that raised; empty where no line of it did."""
    while error is not None:
        if frames := _choose(traceback.extract_tb(error.__traceback__), root):
            return " at " + " at ".join(f"{frame.filename}:{frame.lineno}" for frame in reversed(frames))
        error = error.__cause__ or error.__context__
    return ""


def fill(graph):
    """Operations that a rewrite made get the line of their first user that has one."""
    for node in reversed(graph.nodes):
        if node.op == "call_function" and not node.meta.get("stack_trace"):
            trace = next((t for user in node.users if (t := user.meta.get("stack_trace"))), None)
            if trace:
                node.meta["stack_trace"] = trace


def source_line(node):
    """`file.py:12` of a node, the innermost line; a library's with the line that called it."""
    places = _PLACE.findall(node.meta.get("stack_trace") or "")
    return " at ".join(f"{file}:{line}" for file, line in reversed(places)) or "an unknown line"
