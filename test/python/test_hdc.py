# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hypervectors and ternaries against their formulas in NumPy, and against torchhd where it is installed; in both tiers."""

import importlib.util
import sys

import numpy
import pytest
import torch

import vtpu
from vtpu import hdc
from vtpu.bench import report
from vtpu.bench.machine import hypervectors as bench

TIERS = ["jit", "interpreter"]
DIMENSIONS = [1, 511, 512, 1000, 10000]


def draw(seed, *shape):
    return numpy.random.default_rng(seed).integers(0, 2, shape).astype(bool)


def bipolar(bits):
    return numpy.where(bits, -1, 1).astype(numpy.float32)


def majority(rows, tie=None):
    rows = rows if tie is None else numpy.concatenate([rows, tie[None]])
    return rows.sum(0) * 2 > len(rows)


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_packing_there_and_back(dimensions):
    bits = draw(0, 3, dimensions)
    packed = hdc.pack(bits)
    assert packed.dtype == numpy.uint64 and packed.shape == (3, 8 * -(-dimensions // 512))
    assert (hdc.unpack(packed, dimensions) == bits).all()
    assert sum(bin(int(word)).count("1") for word in packed.ravel()) == bits.sum(), "what is beyond the dimensions is zero"


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_binary_operations(tier, dimensions):
    bits, others = draw(1, 2, dimensions), draw(2, 5, dimensions)
    a, b, many = hdc.pack(bits[0]), hdc.pack(bits[1]), hdc.pack(others)
    shift = max(1, dimensions * 3 // 7)

    def everything(a, b, many):
        return (hdc.bind(a, many), hdc.bundle(many), hdc.bundle([a, b], b), hdc.bundle([a, b, many], a), hdc.permute(a, shift), hdc.permute(many, -1),
                hdc.similarity(a, b), hdc.similarity(hdc.permute(a, shift), many), hdc.similarity(many, hdc.bind(many, b)))

    results = hdc.kernel(everything, dimensions=dimensions, tier=tier)(a, b, many)
    equal = (others[:, None] == (others ^ bits[1])[None]).sum(-1)
    expected = [bits[0] ^ others, majority(others), majority(bits, bits[1]), majority(numpy.concatenate([bits, others])),
                numpy.roll(bits[0], shift), numpy.roll(others, -1, -1),
                (bits[0] == bits[1]).sum(), (numpy.roll(bits[0], shift) == others).sum(-1), equal]
    for result, wanted in zip(results, expected):
        if wanted.dtype == bool:
            assert (result == hdc.pack(wanted)).all()
        else:
            assert result.dtype == numpy.int64 and result.shape == wanted.shape and (result == wanted).all()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("kinds", [("float32", "float32"), ("int8", "int8"), ("int8", "int32")])
@pytest.mark.parametrize("dimensions", [1, 16, 1000, 10000])
def test_bipolar_operations(tier, kinds, dimensions):
    rows, many = bipolar(draw(3, 2, dimensions)).astype(kinds[0]), bipolar(draw(4, 4, dimensions)).astype(kinds[1])
    a, b = rows
    shift = dimensions * 2 // 3

    def everything(a, b, many):
        both = hdc.bind(a, b)
        return hdc.bind(many, a), hdc.bundle([a, many]), hdc.permute(both, shift), hdc.similarity(both, a), hdc.similarity(many, hdc.bundle([both, a]))

    results = hdc.kernel(everything, tier=tier)(a, b, many)
    a, b, many = (v.astype(numpy.float64) for v in (a, b, many))
    expected = [many * a, a + many.sum(0), numpy.roll(a * b, shift), (a * b) @ a, many @ (a * b + a)]
    for result, wanted in zip(results, expected):  # sums of whole numbers below 2^24 are exact in any order
        assert result.dtype == (numpy.float32 if kinds[0] == "float32" else numpy.int32)
        assert result.shape == wanted.shape and (result == wanted).all()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("dimensions", [1, 512, 1000, 10000])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 31, 40])
def test_packed_bipolar_similarities(tier, dimensions, count):
    bits, items = draw(12, count, dimensions), draw(13, 9, dimensions)

    def everything(rows, items):
        total = hdc.bundle(hdc.permute(rows, 1))
        return hdc.similarity(rows, items), hdc.similarity(total, items), hdc.similarity(items, total), hdc.similarity(total, hdc.bundle(items))

    results = hdc.kernel(everything, dimensions=dimensions, bipolar=True, tier=tier)(hdc.pack(bits), hdc.pack(items))
    rows, items = (bipolar(v).astype(numpy.int64) for v in (bits, items))
    total = numpy.roll(rows, 1, -1).sum(0)
    for result, wanted in zip(results, [rows @ items.T, items @ total, items @ total, total @ items.sum(0)]):
        assert result.dtype == numpy.int64 and result.shape == wanted.shape and (result == wanted).all()


@pytest.mark.parametrize("count", [2, 3, 4, 7, 8, 31, 64, 101])
def test_majority_of_many(count):
    bits, tie = draw(count, count, 1000), draw(5, 1000)
    result = hdc.unpack(hdc.bundle(hdc.pack(bits), hdc.pack(tie)), 1000)
    assert (result == majority(bits, tie if count % 2 == 0 else None)).all()


def test_calls_by_themselves():
    bits = draw(6, 3, 10000)
    a, b, tie = hdc.pack(bits)
    assert (hdc.bind(hdc.bind(a, b), b) == a).all()
    assert (hdc.unpack(hdc.bundle([a, b], tie=tie), 10000) == numpy.where(bits[0] == bits[1], bits[0], bits[2])).all()
    assert (hdc.unpack(hdc.permute(a, 4321, dimensions=10000), 10000) == numpy.roll(bits[0], 4321)).all()
    assert hdc.similarity(a, b, dimensions=10000) == (bits[0] == bits[1]).sum()
    numbers = torch.from_numpy(bipolar(bits))
    product = hdc.bind(numbers[0], numbers[1])
    assert isinstance(product, torch.Tensor) and torch.equal(product, numbers[0] * numbers[1])


def torchhd_pairs():
    return [("BSC", torch.bool), ("MAP", torch.float32)] if importlib.util.find_spec("torchhd") else []


@pytest.mark.parametrize("tier", TIERS)
def test_agrees_with_torchhd(tier):
    for kind, _ in torchhd_pairs():
        import torchhd

        torch.manual_seed(0)
        keys, values, items = (torchhd.random(7, 10000, kind) for _ in range(3))
        peer = torchhd.multiset(torchhd.bind(keys, values))
        convert = hdc.pack if kind == "BSC" else lambda t: t.as_subclass(torch.Tensor).numpy()
        kernel = hdc.kernel(lambda k, v, i: (hdc.bundle(hdc.bind(k, v)), hdc.similarity(hdc.permute(hdc.bundle(hdc.bind(k, v)), 5), i)),
                            dimensions=10000, tier=tier)
        bundle, agree = kernel(*(convert(t) for t in (keys, values, items)))
        wanted = torchhd.permute(peer, shifts=5)
        wanted = torchhd.hamming_similarity(wanted, items) if kind == "BSC" else torchhd.dot_similarity(wanted, items)
        assert (bundle == convert(peer)).all() and (agree == wanted.numpy()).all()


def encoding_model(coordinate, index, seed):
    """One register, in Python's whole numbers, as include/vtpu/Runtime/Encoding.h words it."""

    def mix(x, y):
        z = (x + (y + 1) * 0x9E3779B97F4A7C15) % 2**64
        for _ in range(2):
            z = (z ^ z >> 32) * 0xD6E8FEB86659FD93 % 2**64
        return z ^ z >> 32

    key = mix(seed, index)
    bits = numpy.array([mix(key, i // 64) >> i % 64 & 1 for i in range(512)])
    for d, component in enumerate(coordinate):
        k = mix(key, 8 + d)
        rank = numpy.arange(512)
        for n in range(3):
            rank = (rank * (k >> 20 * n & 511 | 1) + (k >> 20 * n + 9 & 511)) % 512
            rank ^= rank >> 4
        assert sorted(rank) == list(range(512)), "an order of all bits"
        bits ^= rank < (256 * component + k % 2047) // 2047
    return bits.astype(bool)


@pytest.mark.parametrize("tier", TIERS)
def test_encoding_of_coordinates(tier):
    coordinates = numpy.random.default_rng(11).integers(0, 2048, (4, 11))
    vectors = hdc.encode(coordinates, 10000, seed=5, tier=tier)
    bits = hdc.unpack(vectors, 10000)
    for row, coordinate in zip(bits, coordinates):
        assert (row == numpy.concatenate([encoding_model(coordinate, index, 5) for index in range(20)])[:10000]).all()
    # Along one dimension agreement falls from all bits to about half of them; far coordinates agree in half.
    line = numpy.zeros((64, 11), int)
    line[:, 3] = numpy.linspace(0, 2047, 64)
    agree = hdc.similarity(hdc.encode(line[0]), hdc.encode(line), dimensions=10000)
    assert agree[0] == 10000 and (numpy.diff(agree) < 0).all() and abs(agree[-1] - 5000) < 300
    assert abs(hdc.similarity(vectors, vectors, dimensions=10000)[0, 1:] - 5000).max() < 400
    assert (hdc.encode(line[5]) != hdc.encode(line[5][::-1])).any()


@pytest.mark.parametrize("count", [1, 16, 255, 256, 1000, 10000])
def test_packed_trits_there_and_back(count):
    signs = numpy.random.default_rng(count).integers(-1, 2, (3, count))
    assert (hdc.unpack_trits(hdc.pack_trits(signs * 2.5), count) == signs).all()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("shape", [(1,), (16,), (255,), (10000,), (1, 300), (8, 256), (21, 1000)])
def test_ternary_products(tier, shape):
    random = numpy.random.default_rng(7)
    signs, x = random.integers(-1, 2, shape), random.uniform(-1, 1, shape[-1]).astype(numpy.float32)
    result = hdc.ternary_dot(hdc.pack_trits(signs), x, tier=tier)
    wanted = signs.astype(numpy.float64) @ x.astype(numpy.float64)
    assert result.shape == wanted.shape and abs(result - wanted).max() <= 1e-6 * shape[-1]


def test_facts_of_the_ternary_product():
    def dot(trits, values):
        return float(hdc.ternary_dot(hdc.pack_trits(trits), numpy.float32(values)))

    assert dot([1, -1], [7, 7]) == 0 and dot([1, 1, 1, 1], [5, 5, 5, 5]) == 20 and dot([1, -1], [3, 7]) == -4
    assert dot([1, -1, 0, 1], [10, 20, 30, 40]) == 30 and dot([1, -1, 0, 1, -1, 0, 0, 1], [1, 2, 3, 4, 5, 6, 7, 8]) == 6


def test_bad_operands():
    a = hdc.pack(draw(8, 512))
    ones = numpy.ones(16, numpy.float32)
    for error, message, call in [
        (vtpu.WrongType, "a kernel takes hypervectors of one kind, uint64 .packed., float32 or int8 and int32; it got float32, uint64", lambda: hdc.bind(a, ones)),
        (vtpu.WrongType, "it got int64", lambda: hdc.bind([1], [2])),
        (vtpu.WrongValue, "of one length in arrays of one or two dimensions; it got .8,., .16,.", lambda: hdc.bind(a, numpy.tile(a, 2))),
        (vtpu.WrongValue, "packed hypervectors have 7 words; they must fill registers", lambda: hdc.bind(a[:7], a[:7])),
        (vtpu.WrongValue, "bundle of 2 binary hypervectors may have ties; give tie=", lambda: hdc.bundle([a, a])),
        (vtpu.WrongValue, "tie holds 2 hypervectors; it must be one", lambda: hdc.bundle([a, a], numpy.stack([a, a]))),
        (vtpu.WrongValue, "bind of 2 with 3 hypervectors", lambda: hdc.bind(numpy.stack([a] * 2), numpy.stack([a] * 3))),
        (vtpu.WrongValue, "dimensions: 513 do not fit hypervectors of 8 words", lambda: hdc.similarity(a, a, dimensions=513)),
        (vtpu.WrongType, "bind takes hypervectors, not a similarity", lambda: hdc.kernel(lambda x: hdc.bind(hdc.similarity(x, x), x))(a)),
        (vtpu.WrongType, "a kernel returned int; it must return", lambda: hdc.kernel(lambda x: 3)(a)),
        (vtpu.WrongValue, "a kernel with 14 arguments and results; it may have 13", lambda: hdc.kernel(lambda *x: hdc.bundle(list(x)))(*[a] * 13)),
        (vtpu.WrongValue, "a bundle of packed bipolar hypervectors holds numbers; compare it", lambda: hdc.kernel(lambda *x: hdc.bundle(x), bipolar=True)(a, a)),
        (vtpu.WrongValue, "pack: booleans have shape .0,.", lambda: hdc.pack([])),
        (vtpu.WrongValue, "unpack: uint64.8. holds no hypervectors of 513 dimensions", lambda: hdc.unpack(a, 513)),
        (vtpu.WrongValue, "encode: coordinates are float64.11.", lambda: hdc.encode(numpy.zeros(11))),
        (vtpu.WrongValue, "encode: components reach from -1 to 2048; they must be 0..2047", lambda: hdc.encode([-1, 2048] + [0] * 9)),
        (vtpu.WrongValue, "encode: dimensions: 0 is not above 0", lambda: hdc.encode([0] * 11, 0)),
        (vtpu.WrongValue, "pack_trits: values have shape ..", lambda: hdc.pack_trits(1)),
        (vtpu.WrongValue, "unpack_trits: uint64.8. holds no 3 trits", lambda: hdc.unpack_trits(a, 3)),
        (vtpu.WrongType, "ternary_dot takes packed trits in uint32 and float32 numbers; it got uint64 and float32", lambda: hdc.ternary_dot(a, ones)),
        (vtpu.WrongValue, "ternary_dot: trits of shape .32,. do not fit .16,. numbers", lambda: hdc.ternary_dot(hdc.pack_trits(numpy.ones(300)), ones)),
    ]:
        with pytest.raises(error, match=message):
            call()


def test_benchmark_names_its_missing_peer(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchhd", None)
    with pytest.raises(report.NotMeasured, match="peer 'torchhd' is not installed; pip install torch-hd"):
        next(bench.hypervectors(report.Options(quick=True)))


def test_benchmark_of_ternaries():
    (line,) = bench.ternaries(report.Options(quick=True))
    assert line.value > 0 and "weights/ns" in line.note


def test_assembler_names_the_place():
    with pytest.raises(vtpu.CompileFailed, match="^part.siw:2:"):
        vtpu.assemble(".func main entry\n  { D: nothing }\n.end\n", "part.siw")
