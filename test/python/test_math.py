# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Errors of the elementary functions in units of the last place, as docs/Math.md bounds them, and their special values."""

import math
import pathlib
import re

import mpmath
import numpy
import pytest
import torch
import vtpu

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "Math.md").read_text(encoding="utf-8")
BOUNDS = {row[0]: {"f32": float(row[1]), "f64": float(row[2])} for row in re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.M)}
TYPES = {"f32": numpy.float32, "f64": numpy.float64}
BINARY = ("powf", "atan2")
HUGE = {"f32": 1e5, "f64": 1e8}  # where sin, cos and tan begin to call
LEAST = {"f32": -88.7, "f64": -709.7}  # where exp(-x) overflows and sigmoid begins to give zero

# Where mpmath's name differs.
EXACT = {
    "rsqrt": lambda x: 1 / mpmath.sqrt(x), "exp2": lambda x: mpmath.power(2, x), "log2": lambda x: mpmath.log(x, 2), "powf": mpmath.power,
    "erfc": lambda x: mpmath.erfc(min(x, 1000)), "sigmoid": lambda x: 1 / (1 + mpmath.exp(-min(x, 1000))),
}


def samples(kind, name):
    """Floats of every size, of the sizes that programs use, and near where functions turn; both signs."""
    generator = numpy.random.default_rng(7)
    dtype, integer = TYPES[kind], {"f32": numpy.uint32, "f64": numpy.uint64}[kind]
    count = 2000 if kind == "f32" else 800
    parts = [
        generator.integers(0, numpy.iinfo(integer).max, count, dtype=integer, endpoint=True).view(dtype),  # any bits
        (10.0 ** generator.uniform(-9, 3, count)).astype(dtype),
        generator.uniform(-1.05, 1.05, count).astype(dtype),
        generator.uniform(-12, 12, count).astype(dtype),
        generator.uniform(-110, 100, count).astype(dtype) * dtype(1 if kind == "f32" else 7.2),
        (1 + generator.uniform(-1, 1, count) * 10.0 ** generator.uniform(-7, 0, count)).astype(dtype),
        generator.integers(1, 1 << 20, 200).astype(integer).view(dtype),  # denormals
        (generator.integers(0, 60000, count) * (numpy.pi / 2)).astype(dtype),  # nearly zeros of sine and cosine
        numpy.linspace(0.99, 1.01, 200).astype(dtype) * dtype(HUGE[kind]),
    ]
    x = numpy.concatenate(parts)
    x = x[numpy.isfinite(x) & (x != 0)]
    if name in BINARY:
        return pairs(x, generator, dtype)
    x = numpy.concatenate([x, -x])
    return x[x > LEAST[kind]] if name == "sigmoid" else x


def pairs(x, generator, dtype):
    """Bases and exponents whose power is often finite, and both arbitrary; the second half for exponents that are whole."""
    y = generator.permutation(x)
    with numpy.errstate(all="ignore"):
        moderate = (generator.uniform(-1, 1, x.size) * numpy.log2(numpy.finfo(dtype).max) / numpy.log2(numpy.abs(x.astype(float)))).astype(dtype)
    whole = numpy.round(generator.uniform(-20, 20, x.size)).astype(dtype)
    a = numpy.concatenate([numpy.abs(x), x, -x, -x])
    b = numpy.concatenate([numpy.nan_to_num(moderate), y, whole, y])
    return numpy.stack([a, b])


def program(name, kind, count):
    if name == "sigmoid":  # no op of the math dialect: what PyTorch's becomes
        return vtpu.compile(torch.nn.Sigmoid(), (torch.zeros(count, dtype={"f32": torch.float32, "f64": torch.float64}[kind]),))
    vector = f"tensor<{count}x{kind}>"
    names = ["%x", "%y"][:2 if name in BINARY else 1]
    maps = ", ".join(["affine_map<(d) -> (d)>"] * (len(names) + 1))
    return vtpu.compile_mlir(f"""
func.func @main({", ".join(f"{n}: {vector}" for n in names)}) -> {vector} {{
  %e = tensor.empty() : {vector}
  %r = linalg.generic {{indexing_maps = [{maps}], iterator_types = ["parallel"]}}
      ins({", ".join(names)} : {", ".join([vector] * len(names))}) outs(%e : {vector}) {{
    ^bb0({", ".join(f"%{i}: {kind}" for i in range(len(names)))}, %o: {kind}):
      %v = math.{name} {", ".join(f"%{i}" for i in range(len(names)))} : {kind}
      linalg.yield %v : {kind}
  }} -> {vector}
  return %r : {vector}
}}""")


def exact(name, arguments):
    """The exact result, or None where there is no real one."""
    try:
        value = (EXACT.get(name) or getattr(mpmath, name))(*map(mpmath.mpf, arguments))
    except (ValueError, ZeroDivisionError):
        return None
    return None if isinstance(value, mpmath.mpc) and value.imag else mpmath.re(value)


def worst_error(name, kind, x, result):
    """Largest error in units of the last place, and the arguments where it stands."""
    info = numpy.finfo(TYPES[kind])
    beyond = mpmath.ldexp(1, info.maxexp)
    worst, place = 0.0, None
    for arguments, value in zip(x.T.reshape(result.size, -1).tolist(), result.tolist()):
        true = exact(name, arguments)
        if true is None or numpy.isnan(value):
            assert true is None and numpy.isnan(value), f"{name}{tuple(arguments)}: {value}, exact {true}"
            continue
        true = max(min(true, beyond), -beyond)
        exponent = min(max(mpmath.frexp(true)[1] if true else -10**6, info.minexp + 1), info.maxexp)  # true = m 2^exponent, m < 1
        value = mpmath.sign(value) * beyond if numpy.isinf(value) else mpmath.mpf(value)
        error = float(abs(value - true) / mpmath.ldexp(1, exponent - info.nmant - 1))
        if error > worst:
            worst, place = error, arguments
    return worst, place


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_ulp(name, kind):
    x = samples(kind, name)
    compiled = program(name, kind, x.shape[-1])
    result = compiled["main"](*(x if name in BINARY else [x]))
    numpy.testing.assert_array_equal(compiled.with_tier("interpreter")["main"](*(x if name in BINARY else [x])), result)
    with mpmath.workprec(220 if name in ("acosh", "atanh", "asinh", "tanh") else 140):
        worst, place = worst_error(name, kind, x, result)
    print(f"{name} {kind}: {worst:.3f} at {place}")
    assert worst <= BOUNDS[name][kind], f"{name} {kind}: {worst:.3f} ulp at {place}, docs/Math.md says {BOUNDS[name][kind]}"


SPECIAL = [0.0, -0.0, numpy.inf, -numpy.inf, numpy.nan, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, 1e-40, -1e-40, 3e38, -3e38]
C_NAMES = {"powf": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh",
           "atanh": "arctanh"}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_special_values(name, kind):
    """Signed zeros, infinities and NaN as in C, whose functions NumPy and Python call."""
    x = numpy.array(SPECIAL, dtype=TYPES[kind])
    arguments = [x]
    if name in BINARY:
        arguments = [a.flatten() for a in numpy.meshgrid(x, x)]
    if name in ("erf", "erfc", "rsqrt", "sigmoid"):
        function = {"sigmoid": lambda v: 1 / (1 + numpy.exp(-v)),
                    "erf": numpy.vectorize(math.erf), "erfc": numpy.vectorize(math.erfc), "rsqrt": lambda v: 1 / numpy.sqrt(v)}[name]
    else:
        function = getattr(numpy, C_NAMES.get(name, name))
    with numpy.errstate(all="ignore"):
        want = function(*[a.astype(float) for a in arguments]).astype(TYPES[kind])
    got = program(name, kind, arguments[0].size)["main"](*arguments)
    numpy.testing.assert_allclose(got, want, rtol=float(numpy.finfo(TYPES[kind]).eps) * 4, atol=float(numpy.finfo(TYPES[kind]).tiny))
    numpy.testing.assert_array_equal(numpy.signbit(got[~numpy.isnan(got)]), numpy.signbit(want[~numpy.isnan(got)]))


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", BOUNDS)
def test_no_host_call(name, kind):
    """Moderate arguments spend no time outside words; huge ones of sin, cos and tan do, and are counted."""
    x = numpy.linspace(0.1, 0.9, 40, dtype=TYPES[kind]) + (1 if name == "acosh" else 0)
    entry = program(name, kind, 40)["main"]
    entry(*([x, x] if name in BINARY else [x]))
    assert entry.stats()["host_seconds"] == 0
    if name in ("sin", "cos", "tan"):
        entry(x * TYPES[kind](HUGE[kind] * 100))
        assert entry.stats()["host_seconds"] > 0
