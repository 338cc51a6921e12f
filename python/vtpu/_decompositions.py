# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""aten operators that torch-mlir cannot lower, or lowers with other results than PyTorch's, in terms of those that it can.

Each function takes its operator's arguments and is traced in its place; NotImplemented leaves the operator as it is.
"""

import math

import torch
import torch.nn.functional as F

aten = torch.ops.aten
TABLE = {}


def _for(*overloads):
    def register(function):
        TABLE.update((overload, function) for overload in overloads)
        return function

    return register


def _nan(x):
    return x != x


# Element-wise.


@_for(aten.maximum.default)
def maximum(x, y):
    if not torch.result_type(x, y).is_floating_point:
        return NotImplemented
    return torch.where((x > y) | _nan(x), x, y)  # torch-mlir drops a NaN of the first operand


@_for(aten.minimum.default)
def minimum(x, y):
    if not torch.result_type(x, y).is_floating_point:
        return NotImplemented
    return torch.where((x < y) | _nan(x), x, y)


@_for(aten.clamp.default)
def clamp(x, low=None, high=None):
    kind = torch.result_type(x, low) if low is not None else x.dtype
    kind = torch.promote_types(kind, torch.result_type(x, high)) if high is not None else kind
    x = x.to(kind)
    for limit, outside in ((low, torch.lt), (high, torch.gt)):
        if limit is not None:
            x = torch.where(outside(x, limit), x.new_full((), limit), x)  # a NaN stays
    return x


@_for(aten.clamp.Tensor)
def clamp_tensor(x, low=None, high=None):
    x = x if low is None else torch.maximum(x, low)
    return x if high is None else torch.minimum(x, high)


@_for(aten.clamp_min.default)
def clamp_min(x, low):
    return clamp(x, low)


@_for(aten.clamp_max.default)
def clamp_max(x, high):
    return clamp(x, None, high)


@_for(aten.reciprocal.default)
def reciprocal(x):
    one = torch.ones((), dtype=x.dtype if x.is_floating_point() else torch.get_default_dtype())
    return one / x  # torch-mlir's own traps at zero


@_for(aten.erfc.default)
def erfc(x):
    return 1.0 - torch.erf(x)  # the compiler knows this difference as erfc


@_for(aten.isfinite.default)
def isfinite(x):
    return x.abs() < math.inf if x.is_floating_point() else torch.ones_like(x, dtype=torch.bool)


@_for(aten.signbit.default)
def signbit(x):
    return (x < 0) | ((x == 0) & (1 / x < 0)) if x.is_floating_point() else x < 0


def _floating(x, y):
    """The type of a result that is a float whatever its arguments are."""
    kind = torch.result_type(x, y)
    return kind if kind.is_floating_point else torch.get_default_dtype()


@_for(aten.copysign.Tensor)
def copysign(x, y):
    size = x.to(_floating(x, y)).abs()
    return torch.where(signbit(y), -size, size)


@_for(aten.copysign.Scalar)
def copysign_scalar(x, y):
    size = x.to(_floating(x, y)).abs()
    return -size if math.copysign(1.0, y) < 0 else size


@_for(aten.hypot.default)
def hypot(x, y):
    x, y = x.abs(), y.abs()
    most, least = torch.where(x > y, x, y), torch.where(x > y, y, x)
    ratio = least / most  # neither square may overflow
    result = torch.where(most == 0, most, most * torch.sqrt(1 + ratio * ratio))
    return torch.where((x == math.inf) | (y == math.inf), math.inf, result)


def _wrapped(number, kind):
    """A Python number as PyTorch takes it beside tensors of an integer type: modulo its range."""
    if kind == torch.bool:
        return bool(number)
    low, high = torch.iinfo(kind).min, torch.iinfo(kind).max
    return (int(number) - low) % (high - low + 1) + low


def _like(x, number):
    return torch.full([], _wrapped(number, x.dtype), dtype=x.dtype)


def _integer_power(x, y, kind):
    """x ** y modulo the range of `kind` by the bits of y; a negative power of an integer is whole for 1 and -1 only. x may be a number."""
    wide = torch.int64 if kind == torch.uint8 else kind  # torch-mlir shifts and compares uint8 with a sign
    width = 8 * wide.itemsize
    # Modulo 2^w the powers of an odd number repeat after 2^(w-2), those of an even one are 0 from w on.
    bits = min(8 * y.dtype.itemsize - y.dtype.is_signed, width - 2) if y.dtype != torch.bool else 1
    y = y.to(wide)
    if isinstance(x, torch.Tensor):
        x, y = torch.broadcast_tensors(x.to(wide), y)
        square, odd = x, x & 1 == 1
    else:
        square = _wrapped(x, wide)
        x, odd = torch.full_like(y, square), square & 1 == 1
    result = one = torch.ones_like(y)
    for bit in range(bits):
        if isinstance(square, int) and square in (0, 1):
            result = torch.where(y >> bit != 0, result * square, result)
            break
        result = torch.where((y >> bit) & 1 == 1, result * square, result)
        square = square * square if isinstance(square, torch.Tensor) else _wrapped(square * square, wide)
    if bits > 6:
        result = torch.where((y < width) | odd, result, torch.zeros_like(y))
    unit = torch.where(y & 1 == 1, x, one)
    result = torch.where(y < 0, torch.zeros_like(y), result)
    return torch.where((x == 1) | (x == -1), unit, result).to(kind)


@_for(aten.pow.Tensor_Tensor)
def power(x, y):
    kind = torch.result_type(x, y)
    return NotImplemented if kind.is_floating_point else _integer_power(x, y, kind)


@_for(aten.pow.Scalar)
def power_of_scalar(x, y):
    kind = torch.result_type(x, y)
    return NotImplemented if kind.is_floating_point else _integer_power(x, y, kind)


@_for(aten.pow.Tensor_Scalar)
def power_to_scalar(x, y):
    kind = torch.result_type(x, y)
    if kind.is_floating_point and x.dtype != kind:
        return torch.pow(x.to(kind), y)
    if kind.is_floating_point or y < 0:
        return NotImplemented
    square = x.to(kind)
    result = torch.ones_like(square)
    while y:
        result = result * square if y & 1 else result
        square, y = square * square, y >> 1
    return result


# Integers.


def _bitwise(operation, x, number):
    x = x.to(torch.result_type(x, number))
    return operation(x, _like(x, number))


@_for(aten.bitwise_and.Scalar)
def and_scalar(x, number):
    return _bitwise(torch.bitwise_and, x, number)


@_for(aten.bitwise_or.Scalar)
def or_scalar(x, number):
    return _bitwise(torch.bitwise_or, x, number)


@_for(aten.bitwise_xor.Scalar)
def xor_scalar(x, number):
    return _bitwise(torch.bitwise_xor, x, number)


@_for(aten.__rshift__.Tensor, aten.__rshift__.Scalar)
def right_shift(x, count):
    return torch.bitwise_right_shift(x, count if isinstance(count, torch.Tensor) else _like(x, count))


@_for(aten.__lshift__.Tensor, aten.__lshift__.Scalar)
def left_shift(x, count):
    return torch.bitwise_left_shift(x, count if isinstance(count, torch.Tensor) else _like(x, count))


def _divided(divide, x, y):
    """Quotients and remainders of uint8: a number beside it is one itself."""
    if isinstance(y, torch.Tensor) or torch.result_type(x, y) != torch.uint8:
        return NotImplemented
    return divide(x.long(), _wrapped(y, torch.uint8)).to(torch.uint8)


@_for(aten.div.Tensor_mode, aten.div.Scalar_mode)
def divide(x, y, *, rounding_mode=None):
    return NotImplemented if rounding_mode is None else _divided(lambda a, b: torch.div(a, b, rounding_mode=rounding_mode), x, y)


@_for(aten.floor_divide.default, aten.floor_divide.Scalar)
def floor_divide(x, y):
    return _divided(torch.floor_divide, x, y)


@_for(aten.remainder.Tensor, aten.remainder.Scalar)
def remainder(x, y):
    return _divided(torch.remainder, x, y)


@_for(aten.fmod.Tensor, aten.fmod.Scalar)
def fmod(x, y):
    return _divided(lambda a, b: a - torch.div(a, b, rounding_mode="trunc") * b, x, y)


# Sums of a half in f32, as in PyTorch, not rounded at each step.


def _is_half(x):
    return x.dtype in (torch.float16, torch.bfloat16)


def _summed(reduce, x, dtype):
    """`reduce` of x, turned into `dtype` first as PyTorch does, in a type that holds its sums."""
    kind = dtype or x.dtype
    if x.dtype == kind and not _is_half(x):
        return NotImplemented
    x = x.to(kind)
    return reduce(x.float() if _is_half(x) else x).to(kind)


@_for(aten.sum.dim_IntList)
def sum_dims(x, dims=None, keepdim=False, *, dtype=None):
    return _summed(lambda wide: torch.sum(wide, dims, keepdim), x, dtype)


@_for(aten.sum.default)
def sum_all(x, *, dtype=None):
    return _summed(torch.sum, x, dtype)


@_for(aten.prod.default)
def prod_all(x, *, dtype=None):
    return _summed(torch.prod, x, dtype)


@_for(aten.prod.dim_int)
def prod_dim(x, dim, keepdim=False, *, dtype=None):
    return _summed(lambda wide: torch.prod(wide, dim, keepdim), x, dtype)


@_for(aten.mean.dim)
def mean_dims(x, dims=None, keepdim=False, *, dtype=None):
    return _summed(lambda wide: torch.mean(wide, dims, keepdim), x, dtype)


@_for(aten.mean.default)
def mean_all(x, *, dtype=None):
    return _summed(torch.mean, x, dtype)


@_for(aten.cumsum.default)
def cumsum(x, dim, *, dtype=None):
    return _summed(lambda wide: torch.cumsum(wide, dim), x, dtype)


@_for(aten.linalg_vector_norm.default)
def vector_norm(x, p=2, dims=None, keepdim=False, *, dtype=None):
    kind = dtype or x.dtype
    x = x.to(kind)
    x = (x.float() if _is_half(x) else x).abs()
    dims = list(range(x.dim())) if dims is None else dims
    if x.dim() == 0:
        return (x != 0).to(kind) if p == 0 else x.to(kind)
    if p == math.inf:
        return torch.amax(x, dims, keepdim).to(kind)
    if p == -math.inf:
        return torch.amin(x, dims, keepdim).to(kind)
    if p == 0:
        return torch.sum((x != 0).to(x.dtype), dims, keepdim).to(kind)
    if p == 1:
        return torch.sum(x, dims, keepdim).to(kind)
    if p == 2:
        return torch.sqrt(torch.sum(x * x, dims, keepdim)).to(kind)
    return torch.sum(x ** p, dims, keepdim).pow(1 / p).to(kind)


@_for(aten.linalg_norm.default)
def linalg_norm(x, order=None, dim=None, keepdim=False, *, dtype=None):
    return torch.linalg.vector_norm(x, 2, dim, keepdim, dtype=dtype) if order is None else NotImplemented


@_for(aten.dist.default)
def dist(x, y, p=2):
    return torch.linalg.vector_norm(x - y, p)


@_for(aten._cdist_forward.default)
def cdist(x, y, p, mode=None):
    return torch.linalg.vector_norm(x.unsqueeze(-2) - y.unsqueeze(-3), p, -1)


@_for(aten._pdist_forward.default)
def pdist(x, p=2.0):
    first, second = torch.triu_indices(x.shape[0], x.shape[0], 1)
    return torch.linalg.vector_norm(x[first] - x[second], p, -1)


@_for(aten.addmv.default)
def addmv(x, matrix, vector, *, beta=1, alpha=1):
    return beta * x + alpha * torch.mv(matrix, vector)


# Order.


@_for(aten.sort.stable)
def sort(x, *, stable=None, dim=-1, descending=False):
    return torch.sort(x, dim, descending)  # every sort here is stable


def _pick(x, dim, keepdim, position):
    """The element of a rank along a dimension, and where it stood. NaN is the largest."""
    values, indices = torch.sort(x, dim)
    results = values.narrow(dim, position, 1), indices.narrow(dim, position, 1)
    return results if keepdim else tuple(r.squeeze(dim) for r in results)


@_for(aten.kthvalue.default)
def kthvalue(x, k, dim=-1, keepdim=False):
    return _pick(x, dim, keepdim, k - 1)


@_for(aten.median.dim)
def median_dim(x, dim, keepdim=False):
    value, index = _pick(x, dim, keepdim, (x.shape[dim] - 1) // 2)
    if not x.is_floating_point():
        return value, index
    # A line with a NaN gives that.
    wrong = _nan(x)
    spoilt = torch.any(wrong, dim, keepdim)
    where = torch.argmax(wrong.to(torch.int64), dim, keepdim)
    return torch.where(spoilt, math.nan, value), torch.where(spoilt, where, index)


@_for(aten.median.default)
def median(x):
    return median_dim(x.reshape(-1), 0)[0]


def _running(x, dim, better):
    """The best element so far and the place of its last occurrence, by doubling the reach of each step; NaN wins."""
    dim %= max(x.dim(), 1)
    shape = [1] * x.dim()
    shape[dim:dim + 1] = [x.shape[dim]]
    value, index = x, torch.arange(x.shape[dim]).view(shape).expand(x.shape)
    reach = 1
    while reach < x.shape[dim]:
        def earlier(t):
            return torch.cat([t.narrow(dim, 0, reach), t.narrow(dim, 0, t.shape[dim] - reach)], dim)

        old, place = earlier(value), earlier(index)
        # The first elements meet themselves.
        keeps = better(value, old) | (value == old)
        if x.is_floating_point():
            keeps = keeps | _nan(value)
        value, index = torch.where(keeps, value, old), torch.where(keeps, index, place)
        reach *= 2
    return value, index


@_for(aten.cummax.default)
def cummax(x, dim):
    return _running(x, dim, torch.gt)


@_for(aten.cummin.default)
def cummin(x, dim):
    return _running(x, dim, torch.lt)


@_for(aten.searchsorted.Tensor)
def searchsorted(sequence, x, *, out_int32=False, right=False, side=None, sorter=None):
    if sorter is not None:
        sequence = torch.gather(sequence, -1, sorter)
    line, value = sequence.unsqueeze(-2) if sequence.dim() > 1 else sequence, x.unsqueeze(-1)
    # How many stand before: counted by what does not, as a NaN goes to the end.
    after = line > value if right or side == "right" else line >= value
    return torch.sum(~after, -1).to(torch.int32 if out_int32 else torch.int64)


# Indices and shapes.


@_for(aten.one_hot.default)
def one_hot(x, num_classes=-1):
    if num_classes < 0:
        return NotImplemented
    classes = torch.arange(num_classes)
    if num_classes:
        x = classes.index_select(0, x.reshape(-1)).view(x.shape)  # traps where there is no such class
    return (x.unsqueeze(-1) == classes).to(torch.int64)


@_for(aten.index_reduce.default)
def index_reduce(x, dim, index, source, reduce, *, include_self=True):
    shape = [1] * x.dim()
    shape[dim] = index.shape[0]
    return torch.scatter_reduce(x, dim, index.view(shape).expand(source.shape), source, reduce, include_self=include_self)


@_for(aten.put.default)
def put(x, index, source, accumulate=False):
    return torch.index_put(x.reshape(-1), (index.reshape(-1),), source.reshape(-1), accumulate).view(x.shape)


@_for(aten.roll.default)
def roll(x, shifts, dims=()):
    return NotImplemented if dims else torch.roll(x.reshape(-1), shifts, [0]).view(x.shape)


@_for(aten.constant_pad_nd.default)
def pad(x, widths, value=0):
    if min(widths) >= 0:
        return NotImplemented
    # Negative widths cut; torch-mlir takes them for an offset.
    for k in range(len(widths) // 2):
        dim = x.dim() - 1 - k
        before, after = max(-widths[2 * k], 0), max(-widths[2 * k + 1], 0)
        x = x.narrow(dim, before, x.shape[dim] - before - after)
    return F.pad(x, [max(w, 0) for w in widths], value=value)
