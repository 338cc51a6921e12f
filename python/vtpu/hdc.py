# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Hypervectors and packed trits: bind, bundle, permute, similarity and ternary products as generated words.

A binary hypervector (BSC) is packed: uint64 words, whole registers of 512 bits, zero beyond its dimensions; `pack` and `unpack` convert booleans.
A bipolar one (MAP) is one number a dimension: float32, or int8 and int32, which a kernel may mix and whose results are int32. Rows stand in the last axis, and a two-dimensional array is many hypervectors.

    a, b, c = hdc.pack(bits)                              # bits: bool[3, 10000]
    agree = hdc.similarity(hdc.bind(a, b), c, dimensions=10000)

    @hdc.kernel                                           # the same and more as one program
    def closest(keys, values, items):
        return hdc.similarity(hdc.bundle(hdc.bind(keys, values)), items)

Every function takes NumPy arrays, torch tensors or DLPack exporters, and inside a kernel what the kernel's functions return.
"""

import dataclasses
import functools

import numpy

from . import _hdc_words as words
from ._errors import WrongType, WrongValue
from ._program import Program, assemble

REGISTER_BITS = 512
# Trits of one register: 16 in each of 16 lanes.
REGISTER_TRITS = 256


@dataclasses.dataclass(frozen=True)
class Value:
    """What a kernel computes with: the rows of one operand, or the agreements of pairs of rows."""

    rows: tuple
    shape: tuple  # () for one hypervector; of a similarity, its own shape

    @property
    def many(self):
        return bool(self.shape)


def _value(operand, what):
    if not isinstance(operand, Value) or isinstance(operand.rows[0], words.Agreement):
        raise WrongType(f"{what} takes hypervectors, not {type(operand).__name__ if not isinstance(operand, Value) else 'a similarity'}")
    return operand


def _is_traced(*operands):
    return any(isinstance(o, Value) or isinstance(o, (list, tuple)) and _is_traced(*o) for o in operands)


def _pairs(a, b, what):
    if a.many and b.many and len(a.rows) != len(b.rows):
        raise WrongValue(f"{what} of {len(a.rows)} with {len(b.rows)} hypervectors; one of the numbers must be 1 or both equal")
    count = max(len(a.rows), len(b.rows))
    return [(a.rows[i if a.many else 0], b.rows[i if b.many else 0]) for i in range(count)], a.shape or b.shape


def bind(a, b):
    """The hypervector unlike both from which either gives back the other: xor (BSC), product (MAP). Row by row."""
    if not _is_traced(a, b):
        return _BIND(a, b)
    pairs, shape = _pairs(_value(a, "bind"), _value(b, "bind"), "bind")
    return Value(tuple(words.Bind(x, y) for x, y in pairs), shape)


def bundle(vectors, tie=None):
    """The hypervector similar to all rows of an array or of a list: bitwise majority (BSC), sum in order (MAP).

    An even number of binary hypervectors needs `tie`, the hypervector that decides where as many bits are one as zero; otherwise it has no effect.
    """
    vectors = list(vectors) if isinstance(vectors, (list, tuple)) else [vectors]
    if not _is_traced(vectors, tie):
        return _bundle(len(vectors))(*vectors, *(() if tie is None else (tie,)))
    rows = [row for v in vectors for row in _value(v, "bundle").rows]
    if tie is not None and _value(tie, "bundle").many:
        raise WrongValue(f"bundle: tie holds {len(tie.rows)} hypervectors; it must be one")
    return Value((words.Bundle(tuple(rows), tie and tie.rows[0]),), ())


def permute(a, shift=1, *, dimensions=None):
    """Every dimension moved up by `shift`, those at the end to the beginning. `dimensions` of packed ones: default all of their bits."""
    if not _is_traced(a):
        return _permute(int(shift), dimensions)(a)
    return Value(tuple(words.Permute(row, int(shift)) for row in _value(a, "permute").rows), a.shape)


def similarity(a, b, *, dimensions=None):
    """The number of equal dimensions as int64 (BSC), the dot product in float32 or int32 (MAP): of one with one, one with many, or each with each."""
    if not _is_traced(a, b):
        return _similarity(dimensions)(a, b)
    a, b = _value(a, "similarity"), _value(b, "similarity")
    return Value(tuple(words.Agreement(x, y) for x in a.rows for y in b.rows), a.shape + b.shape)


def _shape_of(value):
    kind = str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
    return kind, tuple(getattr(value, "shape", ()))


class kernel:  # noqa: N801 - a decorator
    """A function of hypervectors as one program for each choice of argument shapes; it returns a hypervector, a similarity or a tuple of them.

    `bipolar`: packed hypervectors are bipolar ones, a set bit for -1. Similarities are then dot products, in int64, and a bundle is a sum, which only
    similarities of the same kernel take.
    """

    def __init__(self, function, *, dimensions=None, bipolar=False, tier="default"):
        functools.update_wrapper(self, function)
        self._function, self._dimensions, self._bipolar, self._tier = function, dimensions, bipolar, tier
        self._programs = {}

    def __call__(self, *arrays):
        try:
            key = tuple([(a.dtype, a.shape) for a in arrays])
        except AttributeError:
            arrays = [numpy.from_dlpack(a) if hasattr(a, "__dlpack__") else numpy.asarray(a) for a in arrays]
            key = tuple([(a.dtype, a.shape) for a in arrays])
        if key not in self._programs:
            self._programs[key] = self.program(*arrays)["main"]
        return self._programs[key](*arrays)

    def text(self, *arrays):
        """The assembly text for arguments like these."""
        signature = list(map(_shape_of, arrays))
        kinds = {kind for kind, _ in signature}
        if not any(kinds <= kind for kind in ({"uint64"}, {"float32"}, {"int8", "int32"})) or not kinds:
            raise WrongType(f"a kernel takes hypervectors of one kind, uint64 (packed), float32 or int8 and int32; it got {', '.join(sorted(kinds)) or 'none'}")
        lengths = {shape[-1] if len(shape) in (1, 2) else None for _, shape in signature}
        if len(lengths) != 1 or not lengths.copy().pop() or any(0 in shape for _, shape in signature):
            raise WrongValue(f"a kernel takes hypervectors of one length in arrays of one or two dimensions; it got {', '.join(str(s) for _, s in signature)}")
        length, binary = lengths.pop(), kinds == {"uint64"}
        most = length * 64 if binary else length
        if binary and length % 8:
            raise WrongValue(f"packed hypervectors have {length} words; they must fill registers of 8 words (pack does)")
        dimensions = self._dimensions or most
        if not (most - REGISTER_BITS < dimensions <= most if binary else dimensions == most):
            raise WrongValue(f"dimensions: {dimensions} do not fit hypervectors of {length} {'words' if binary else 'numbers'}")
        arguments = [Value(tuple(words.Input(i, row) for row in range(shape[0] if len(shape) == 2 else 1)), shape[:-1])
                     for i, (_, shape) in enumerate(signature)]
        results = self._function(*arguments)
        results = list(results) if isinstance(results, (list, tuple)) else [results]
        for result in results:
            if not isinstance(result, Value):
                raise WrongType(f"a kernel returned {type(result).__name__}; it must return hypervectors or similarities")
        space = (words.PackedBipolar if self._bipolar else words.Binary)(dimensions) if binary else words.Bipolar(dimensions, "f32" if kinds == {"float32"} else "i32")
        return words.generate(space, [(shape[:-1], _MEMORY[kind]) for kind, shape in signature], [(r.rows, r.shape) for r in results])

    def program(self, *arrays):
        """The program for arguments like these."""
        return Program(assemble(self.text(*arrays)), tier=self._tier)


_MEMORY = {"uint64": "u64", "float32": "f32", "int8": "i8", "int32": "i32"}
_BIND = kernel(bind)


@functools.cache
def _bundle(count):
    return kernel(lambda *vectors: bundle(vectors[:count], *vectors[count:]))


@functools.cache
def _permute(shift, dimensions):
    return kernel(lambda a: permute(a, shift), dimensions=dimensions)


@functools.cache
def _similarity(dimensions):
    return kernel(lambda a, b: similarity(a, b), dimensions=dimensions)


def pack(bits):
    """Booleans, or numbers that are 0 or not, along the last axis to packed hypervectors."""
    bits = numpy.asarray(bits) != 0
    if bits.ndim not in (1, 2) or not bits.size:
        raise WrongValue(f"pack: booleans have shape {bits.shape}; expected one or two dimensions, none of them 0")
    count = -(-bits.shape[-1] // REGISTER_BITS) * REGISTER_BITS
    padded = numpy.zeros(bits.shape[:-1] + (count,), bool)
    padded[..., : bits.shape[-1]] = bits
    return numpy.packbits(padded, axis=-1, bitorder="little").view("<u8")


def unpack(vectors, dimensions):
    """Packed hypervectors to booleans."""
    vectors = numpy.ascontiguousarray(vectors)
    if vectors.dtype != numpy.uint64 or not 0 < dimensions <= vectors.shape[-1] * 64:
        raise WrongValue(f"unpack: {vectors.dtype}{list(vectors.shape)} holds no hypervectors of {dimensions} dimensions; expected uint64 words")
    return numpy.unpackbits(vectors.view(numpy.uint8), axis=-1, count=dimensions, bitorder="little").astype(bool)


@functools.lru_cache(maxsize=64)
def _encoding_program(rows, registers, seed, tier):
    return Program(assemble(words.encoding(rows, registers, seed)), tier=tier)["main"]


def encode(coordinates, dimensions=10000, *, seed=0, tier="default"):
    """Packed hypervectors of coordinates, 11 components of 0..2047 in the last axis: near ones agree in many bits, ever fewer with distance."""
    coordinates = numpy.asarray(coordinates)
    if coordinates.dtype.kind not in "iu" or coordinates.ndim not in (1, 2) or coordinates.shape[-1] != 11 or not coordinates.size:
        raise WrongValue(f"encode: coordinates are {coordinates.dtype}{list(coordinates.shape)}; expected whole numbers, 11 in the last axis")
    if not 0 <= coordinates.min() <= coordinates.max() <= 2047:
        raise WrongValue(f"encode: components reach from {coordinates.min()} to {coordinates.max()}; they must be 0..2047")
    if dimensions < 1:
        raise WrongValue(f"encode: dimensions: {dimensions} is not above 0")
    registers = -(-dimensions // REGISTER_BITS)
    rows = coordinates.reshape(-1, 11)
    # 121 bits in two halves, dimension 10 lowest.
    packed = numpy.array([divmod(sum(int(c) << 11 * (10 - d) for d, c in enumerate(row)), 2**64)[::-1] for row in rows], numpy.uint64)
    vectors = _encoding_program(len(rows), registers, seed % 2**64, tier)(packed)
    return pack(unpack(vectors, dimensions)).reshape(coordinates.shape[:-1] + (registers * 8,))


def pack_trits(values):
    """Signs along the last axis to packed trits, uint32: register by register, trit t in lane t mod 16, bits 2 * (t div 16) and the next."""
    signs = numpy.sign(numpy.asarray(values))
    if signs.ndim not in (1, 2) or not signs.size:
        raise WrongValue(f"pack_trits: values have shape {signs.shape}; expected one or two dimensions, none of them 0")
    registers = -(-signs.shape[-1] // REGISTER_TRITS)
    codes = numpy.zeros(signs.shape[:-1] + (registers * REGISTER_TRITS,), numpy.uint32)
    codes[..., : signs.shape[-1]] = numpy.where(signs > 0, 1, numpy.where(signs < 0, 2, 0))
    shifts = numpy.arange(0, 32, 2, dtype=numpy.uint32)[:, None]
    lanes = numpy.bitwise_or.reduce(codes.reshape(signs.shape[:-1] + (registers, 16, 16)) << shifts, axis=-2)
    return lanes.reshape(signs.shape[:-1] + (registers * 16,))


def unpack_trits(trits, count):
    """Packed trits to -1, 0 and 1 in int8."""
    trits = numpy.asarray(trits)
    if trits.dtype != numpy.uint32 or trits.shape[-1] % 16 or not 0 < count <= trits.shape[-1] * 16:
        raise WrongValue(f"unpack_trits: {trits.dtype}{list(trits.shape)} holds no {count} trits; expected uint32 lanes, 16 a register")
    shifts = numpy.arange(0, 32, 2, dtype=numpy.uint32)[:, None]
    codes = (trits.reshape(trits.shape[:-1] + (-1, 1, 16)) >> shifts & 3).reshape(trits.shape[:-1] + (-1,))[..., :count]
    return (codes == 1).astype(numpy.int8) - (codes == 2).astype(numpy.int8)


@functools.lru_cache(maxsize=64)
def _ternary_program(rows, shape, count, tier):
    return Program(assemble(words.ternary_product(rows, shape, count)), tier=tier)["main"]


def ternary_dot(trits, x, *, tier="default"):
    """Dot products of packed trits, one or many rows, with x in float32; each lane of 16 in order, then lanes by halves."""
    (kind, shape), (x_kind, x_shape) = _shape_of(trits), _shape_of(x)
    if (kind, x_kind) != ("uint32", "float32"):
        raise WrongType(f"ternary_dot takes packed trits in uint32 and float32 numbers; it got {kind} and {x_kind}")
    if len(x_shape) != 1 or len(shape) not in (1, 2) or 0 in shape or shape[-1] != -(-x_shape[0] // REGISTER_TRITS) * 16:
        raise WrongValue(f"ternary_dot: trits of shape {shape} do not fit {x_shape} numbers; pack_trits makes them")
    return _ternary_program(shape[0] if len(shape) == 2 else 1, shape[:-1], x_shape[0], tier)(trits, x)
