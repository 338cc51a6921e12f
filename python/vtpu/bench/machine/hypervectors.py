# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hypervectors of 10,000 dimensions against torchhd, a ternary product against PyTorch: all on one thread."""

import statistics

import numpy
import torch

from vtpu import hdc

from ..._errors import VtpuError
from ..models import check
from ..measure import interleaved
from ..report import Line, NotMeasured

DIMENSIONS = 10000
# Pairs of a record, and items that it is compared with.
RECORD = 31


def _plain(tensor):
    return tensor.as_subclass(torch.Tensor).numpy()


def _same(what, ours, theirs):
    if not numpy.array_equal(ours, _plain(theirs)):
        raise VtpuError(f"{what}: the results are not torchhd's; nothing was timed")


def hypervectors(options):
    """Lines of ratios: time of torchhd over ours. Both sides compute the same numbers, which is checked before."""
    try:
        import torchhd
    except ImportError:
        raise NotMeasured("the peer 'torchhd' is not installed; pip install torch-hd") from None
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    alike = {"BSC": torchhd.hamming_similarity, "MAP": torchhd.dot_similarity}
    for kind, stored, convert in (("BSC", "packed bits", hdc.pack), ("MAP", "packed bits", lambda rows: hdc.pack(rows < 0)),
                                  ("MAP", "int8", lambda rows: _plain(rows).astype(numpy.int8)), ("MAP", "float32", _plain)):
        similarity = alike[kind]

        def compare(name, peer, ours, arguments, repeats):
            entry = hdc.kernel(ours, dimensions=DIMENSIONS, bipolar=kind == "MAP").program(*arguments)["main"]
            _same(name, entry(*arguments), peer())
            calls = {"torchhd": peer, "vtpu": lambda: entry(*arguments)}
            if stored == "float32":  # what any program takes at least
                flat = [torch.from_numpy(a).reshape(-1) for a in arguments]
                calls["reading"] = lambda: [torch.dot(a, a) for a in flat]
            times = interleaved(calls, options.repeats(repeats))
            theirs, mine = (statistics.median(times[who]) * 1e3 for who in ("torchhd", "vtpu"))
            reading = f"; torch.dot of each operand with itself {statistics.median(times['reading']) * 1e3:.1f} us" if "reading" in times else ""
            note = f"{DIMENSIONS} dimensions, one program; {mine:.1f} us against {theirs:.1f} us{reading}"
            return Line(f"{kind} in {stored}, {name}, time of torchhd over ours", theirs / mine, "x", ">=", 5,
                        f"torchhd {torchhd.__version__} on {peer_type}, 1", note, times)

        a, b, c, d, e = torchhd.random(5, DIMENSIONS, kind)
        peer_type = str(a.dtype).removeprefix("torch.")
        yield compare("similarity of a bundle of three, one bound, with another",
                      lambda: similarity(torchhd.multiset(torch.stack([torchhd.bind(a, b), c, e])), d),
                      lambda a, b, c, d, e: hdc.similarity(hdc.bundle([hdc.bind(a, b), c, e]), d), [convert(v) for v in (a, b, c, d, e)], 500)
        keys, values, items = (torchhd.random(RECORD, DIMENSIONS, kind) for _ in range(3))
        yield compare(f"record of {RECORD} bound pairs compared with {RECORD} items",
                      lambda: similarity(torchhd.multiset(torchhd.bind(keys, values)), items),
                      lambda k, v, i: hdc.similarity(hdc.bundle(hdc.bind(k, v)), i), [convert(v) for v in (keys, values, items)], 100)


def ternaries(options):
    """A product of a ternary matrix with a vector against the same in float32 by PyTorch."""
    random = numpy.random.default_rng(options.seed)
    signs, x = random.integers(-1, 2, (1000, DIMENSIONS)), random.standard_normal(DIMENSIONS, numpy.float32)
    trits, matrix, vector = hdc.pack_trits(signs), torch.from_numpy(signs.astype(numpy.float32)), torch.from_numpy(x)
    torch.set_num_threads(1)
    error = check("ternary product", hdc.ternary_dot(trits, x), signs.astype(numpy.float64) @ x.astype(numpy.float64), 1e-2)
    times = interleaved({"vtpu": lambda: hdc.ternary_dot(trits, x), "torch": lambda: matrix @ vector}, options.repeats(40))
    ours, theirs = (statistics.median(times[who]) for who in ("vtpu", "torch"))
    yield Line("ternary matrix 1000x10000 by vector, time of float32 in PyTorch over ours", theirs / ours, "x", ">=", 1, f"PyTorch {torch.__version__}, 1",
               f"2 bits a weight; {signs.size / ours / 1e6:.1f} weights/ns; {ours:.3f} ms against {theirs:.3f} ms; error {error:.1g}", times)


def section(options, folder):
    yield from ternaries(options)
    yield from hypervectors(options)
