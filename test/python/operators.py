# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The operator matrix: name -> (function or module, arguments). Every row runs in both tiers and is compared with PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn

CASES = {}


def r(*shape, dtype=torch.float32, low=None):
    value = torch.randn(*shape, dtype=torch.float64)
    if low is not None:
        value = value.abs() + low
    return value.to(dtype)


def i(*shape, high=10, low=0, dtype=torch.int64):
    return torch.randint(low, high, shape, dtype=dtype)


def b(*shape):
    return torch.rand(*shape) > 0.5


def case(name, function, *args):
    assert name not in CASES, name
    CASES[name] = (function, args)


torch.manual_seed(1)

# Element-wise functions of one argument.
for name in ("abs", "neg", "exp", "tanh", "sigmoid", "erf", "sin", "cos", "tan", "atan", "sinh", "cosh", "floor", "ceil", "round", "trunc",
             "sign", "square", "relu", "expm1", "exp2", "reciprocal", "isnan", "isinf", "logical_not", "asinh", "frac"):
    case(name, getattr(torch, name), r(5, 37))
for name in ("log", "log2", "log10", "log1p", "sqrt", "rsqrt"):
    case(name, getattr(torch, name), r(5, 37, low=0.01))
for name in ("asin", "acos", "atanh"):
    case(name, getattr(torch, name), torch.rand(5, 37) * 1.8 - 0.9)
case("acosh", torch.acosh, r(5, 37, low=1.01))
for name in ("gelu", "silu", "elu", "selu", "softplus", "leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "relu6", "mish", "softsign",
             "logsigmoid", "celu", "tanhshrink"):
    case(name, getattr(F, name), r(4, 33))
case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), r(4, 33))
for name in ("exp", "tanh", "sqrt", "sigmoid"):
    case(f"{name}_f64", getattr(torch, name), r(3, 19, dtype=torch.float64, low=0.1))
for name in ("exp", "relu", "tanh"):
    case(f"{name}_f16", getattr(torch, name), r(3, 19, dtype=torch.float16))
    case(f"{name}_bf16", getattr(torch, name), r(3, 19, dtype=torch.bfloat16))

# Element-wise functions of two arguments, with broadcasting.
for name in ("add", "sub", "mul", "div", "maximum", "minimum", "atan2", "fmod", "remainder"):
    case(name, getattr(torch, name), r(4, 21), r(4, 21, low=0.3))
    if name in ("add", "sub", "mul", "div", "maximum"):
        case(f"{name}_row", getattr(torch, name), r(4, 21), r(21, low=0.3))
        case(f"{name}_column", getattr(torch, name), r(4, 21), r(4, 1, low=0.3))
        case(f"{name}_outer", getattr(torch, name), r(4, 1), r(1, 21, low=0.3))
        case(f"{name}_scalar", lambda x, f=getattr(torch, name): f(x, torch.tensor(1.5)), r(4, 21))
case("pow", torch.pow, r(4, 21, low=0.1), r(4, 21))
case("pow2", lambda x: x ** 2, r(4, 21))
case("pow3", lambda x: x ** 3, r(4, 21))
case("pow_half", lambda x: x ** 0.5, r(4, 21, low=0.1))
case("add_alpha", lambda x, y: torch.add(x, y, alpha=2.5), r(7), r(7))
case("rsub", lambda x: 3.0 - x, r(7))
case("lerp", torch.lerp, r(9), r(9), r(9))
case("addcmul", torch.addcmul, r(9), r(9), r(9))
case("addcdiv", torch.addcdiv, r(9), r(9), r(9, low=0.5))
case("clamp", lambda x: x.clamp(-0.5, 0.7), r(5, 9))
case("clamp_min", lambda x: x.clamp(min=0.1), r(5, 9))
case("clamp_max", lambda x: x.clamp(max=0.1), r(5, 9))
case("where", torch.where, b(4, 9), r(4, 9), r(4, 9))
case("where_scalar", lambda c, x: torch.where(c, x, 0.0), b(4, 9), r(4, 9))
case("masked_fill", lambda x, m: x.masked_fill(m, -1.0), r(4, 9), b(4, 9))
case("threshold", lambda x: F.threshold(x, 0.1, 20.0), r(4, 9))
for name in ("eq", "ne", "lt", "le", "gt", "ge"):
    case(name, getattr(torch, name), i(4, 9, high=3).float(), i(4, 9, high=3).float())
    case(f"{name}_int", getattr(torch, name), i(4, 9, high=3), i(4, 9, high=3))
case("isclose", torch.isclose, r(9), r(9))
case("nan_to_num", torch.nan_to_num, torch.tensor([1.0, float("nan"), float("inf"), -float("inf")]))
case("special_values", lambda x: torch.exp(x) + torch.tanh(x), torch.tensor([0.0, -0.0, 100.0, -100.0, float("inf"), -float("inf"), 1e-30]))
case("relu_nan", torch.relu, torch.tensor([1.0, float("nan"), -2.0]))

# Integers and booleans.
for name in ("add", "sub", "mul", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"):
    for dtype in (torch.int32, torch.int64):
        case(f"{name}_{str(dtype)[6:]}", getattr(torch, name), i(3, 17, low=-50, high=50, dtype=dtype), i(3, 17, low=-50, high=50, dtype=dtype))
for dtype in (torch.int8, torch.int16):
    case(f"add_{str(dtype)[6:]}", torch.add, i(40, low=-100, high=100, dtype=dtype), i(40, low=-100, high=100, dtype=dtype))
    case(f"mul_{str(dtype)[6:]}", torch.mul, i(40, low=-100, high=100, dtype=dtype), i(40, low=-100, high=100, dtype=dtype))
case("floor_divide", lambda x, y: torch.div(x, y, rounding_mode="floor"), i(30, low=-20, high=20), i(30, low=1, high=6))
case("trunc_divide", lambda x, y: torch.div(x, y, rounding_mode="trunc"), i(30, low=-20, high=20), i(30, low=1, high=6))
case("floor_divide_float", lambda x, y: torch.div(x, y, rounding_mode="floor"), r(30), r(30, low=0.5))
case("int_remainder", torch.remainder, i(30, low=-20, high=20), i(30, low=1, high=6))
case("int_div_float", torch.div, i(30, low=-20, high=20), i(30, low=1, high=6))
case("shift_left", lambda x: x << 3, i(12))
case("shift_right", lambda x: x >> 2, i(12, low=-50, high=50))
case("bitwise_not", torch.bitwise_not, i(12))
case("int_abs", torch.abs, i(12, low=-9))
case("int_neg", torch.neg, i(12))
for name in ("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or"):
    case(f"{name}_bool", getattr(torch, name), b(3, 21), b(3, 21))
case("bool_not", torch.logical_not, b(21))
case("bool_any", lambda x: x.any(), b(3, 21))
case("bool_all_dim", lambda x: x.all(1), b(3, 21))
case("bool_any_dim", lambda x: x.any(0), b(3, 21))

# Conversions.
for source in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool):
    for target in (torch.float32, torch.float64, torch.float16, torch.int8, torch.int32, torch.int64, torch.bool):
        if source is target:
            continue
        value = (torch.randn(23) * 20).to(source) if source is not torch.bool else b(23)
        case(f"to_{str(source)[6:]}_{str(target)[6:]}", lambda x, t=target: x.to(t), value)

# Reductions.
for name in ("sum", "mean", "amax", "amin", "prod", "var", "std"):
    for label, dims in (("0", 0), ("1", 1), ("last", -1), ("01", (0, 1)), ("all", None)):
        if name == "prod" and label in ("01",):
            continue
        f = getattr(torch, name)
        if label == "all":
            case(f"{name}_all", (lambda x, f=f: f(x)), r(3, 5, 18))
        else:
            case(f"{name}_{label}", (lambda x, f=f, d=dims: f(x, dim=d)), r(3, 5, 18))
case("sum_keepdim", lambda x: x.sum(1, keepdim=True), r(3, 50))
case("sum_int", lambda x: x.sum(), i(3, 50))
case("sum_bool", lambda x: x.sum(), b(3, 50))
case("sum_long", lambda x: x.sum(-1), r(2, 1000))
case("max_with_index", lambda x: torch.max(x, dim=1), r(4, 33))
case("min_with_index", lambda x: torch.min(x, dim=0), r(4, 33))
case("argmax", lambda x: x.argmax(1), r(4, 33))
case("argmax_all", lambda x: x.argmax(), r(4, 33))
case("argmin", lambda x: x.argmin(-1), r(4, 33))
case("norm2", lambda x: x.norm(dim=-1), r(4, 33))
case("norm1", lambda x: torch.linalg.vector_norm(x, 1, dim=-1), r(4, 33))
case("logsumexp", lambda x: torch.logsumexp(x, 1), r(4, 33))
case("cumsum", lambda x: x.cumsum(1), r(4, 33))
case("cumsum_int", lambda x: x.cumsum(0), i(33))
case("cumprod", lambda x: x.cumprod(1), r(4, 7))

# Shapes.
case("view", lambda x: x.view(6, 4), r(3, 8))
case("reshape", lambda x: x.reshape(-1), r(3, 8))
case("transpose", lambda x: x.t().contiguous(), r(5, 17))
case("transpose_add", lambda x, y: x.t() + y, r(5, 17), r(17, 5))
case("permute", lambda x: x.permute(2, 0, 1).contiguous(), r(3, 4, 5))
case("permute_compute", lambda x: x.permute(2, 0, 1) * 2 + 1, r(3, 4, 5))
case("squeeze", lambda x: x.squeeze(1) * 2, r(3, 1, 5))
case("unsqueeze", lambda x: x.unsqueeze(1) * 2, r(3, 5))
case("expand", lambda x: x.expand(4, 3, 5) + 0, r(3, 5))
case("repeat", lambda x: x.repeat(2, 3), r(3, 5))
case("flatten", lambda x: x.flatten(1), r(3, 4, 5))
case("slice", lambda x: x[1:3, 2:] * 1, r(4, 9))
case("slice_step", lambda x: x[:, ::2] + 0, r(4, 9))
case("select", lambda x: x[2] + x[:, 1:2].sum(), r(4, 9))
case("narrow", lambda x: x.narrow(1, 2, 3).contiguous(), r(4, 9))
case("split", lambda x: torch.split(x, 3, 1), r(4, 9))
case("chunk", lambda x: torch.chunk(x * 2, 3, 1), r(4, 9))
case("cat0", lambda x, y: torch.cat([x, y]), r(2, 5), r(3, 5))
case("cat1", lambda x, y: torch.cat([x, y], 1), r(2, 5), r(2, 7))
case("stack", lambda x, y: torch.stack([x, y], 1), r(2, 5), r(2, 5))
case("flip", lambda x: x.flip(1), r(3, 7))
case("roll", lambda x: x.roll(2, 1), r(3, 7))
case("tril", torch.tril, r(5, 5))
case("triu", torch.triu, r(5, 5))
case("diagonal", lambda x: x.diagonal() * 1, r(5, 5))
case("unfold", lambda x: x.unfold(1, 3, 2) * 1, r(2, 9))
case("broadcast_to", lambda x: torch.broadcast_to(x, (4, 5)) * 1, r(5))
case("arange_add", lambda x: x + torch.arange(7), r(3, 7))
case("zeros_like", lambda x: torch.zeros_like(x) + x, r(3, 7))
case("full_like", lambda x: torch.full_like(x, 2.5) * x, r(3, 7))
case("ones_like", lambda x: torch.ones_like(x), r(3, 7))
case("compare_classes", lambda x: (x.unsqueeze(-1) == torch.arange(5)).long(), i(6, high=5))
case("pad", lambda x: F.pad(x, (1, 2)), r(3, 5))
case("pad_value", lambda x: F.pad(x, (1, 2, 0, 1), value=1.5), r(3, 5))
case("pad_reflect", lambda x: F.pad(x, (1, 2), mode="reflect"), r(1, 3, 6))
case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), r(1, 8, 3, 3))
case("meshgrid", lambda x, y: torch.meshgrid(x, y, indexing="ij"), r(3), r(4))

# Indexing.
case("gather", lambda x, k: torch.gather(x, 1, k), r(4, 9), i(4, 5, high=9))
case("index_select", lambda x, k: torch.index_select(x, 0, k), r(6, 9), i(4, high=6))
case("index", lambda x, k: x[k], r(6, 9), i(4, high=6))
case("index_two", lambda x, a, c: x[a, c], r(6, 9), i(4, high=6), i(4, high=9))
case("index_column", lambda x, k: x[:, k], r(6, 9), i(4, high=9))
case("embedding", lambda w, k: F.embedding(k, w), r(11, 17), i(3, 4, high=11))
case("take_along", lambda x, k: torch.take_along_dim(x, k, 1), r(4, 9), i(4, 5, high=9))
case("index_put", lambda x, k, v: x.index_put((k,), v), r(6, 9), torch.tensor([0, 4]), r(2, 9))
case("index_put_add", lambda x, k, v: x.index_put((k,), v, accumulate=True), r(6, 9), torch.tensor([0, 4, 0]), r(3, 9))
case("index_add", lambda x, k, v: x.index_add(0, k, v), r(6, 9), torch.tensor([0, 4, 0]), r(3, 9))
case("scatter", lambda x, k, v: x.scatter(1, k, v), r(3, 9), torch.tensor([[0], [4], [2]]), r(3, 1))
case("scatter_add", lambda x, k, v: x.scatter_add(0, k, v), r(5, 4), i(7, 4, high=5), r(7, 4))
case("masked_put", lambda x, m: torch.where(m, x * 2, x), r(4, 9), b(4, 9))

# Softmax, norms, losses.
case("softmax", lambda x: x.softmax(-1), r(4, 33))
case("softmax0", lambda x: x.softmax(0), r(4, 33))
case("log_softmax", lambda x: x.log_softmax(-1), r(4, 33))
case("softmin", lambda x: F.softmin(x, -1), r(4, 33))
case("layer_norm", nn.LayerNorm(40), r(3, 40))
case("layer_norm_2d", nn.LayerNorm([4, 6]), r(3, 4, 6))
case("group_norm", nn.GroupNorm(2, 6), r(2, 6, 5))
case("batch_norm", nn.BatchNorm2d(5), r(2, 5, 4, 4))
case("batch_norm_1d", nn.BatchNorm1d(5), r(4, 5))
case("instance_norm", nn.InstanceNorm1d(5), r(2, 5, 9))
case("rms_norm", lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6), r(3, 40))
case("normalize", lambda x: F.normalize(x, dim=1), r(3, 40))
case("cosine_similarity", lambda x, y: F.cosine_similarity(x, y), r(3, 40), r(3, 40))
case("mse_loss", F.mse_loss, r(3, 40), r(3, 40))
case("l1_loss", F.l1_loss, r(3, 40), r(3, 40))
case("cross_entropy", F.cross_entropy, r(5, 10), i(5))

# Products and convolutions.
case("matmul", torch.matmul, r(9, 33), r(33, 50))
case("matmul_square", torch.matmul, r(48, 48), r(48, 48))
case("matmul_odd", torch.matmul, r(17, 5), r(5, 7))
case("matmul_large", torch.matmul, r(70, 64), r(64, 100))
case("matmul_f64", torch.matmul, r(9, 33, dtype=torch.float64), r(33, 20, dtype=torch.float64))
case("matmul_transposed", lambda x, y: x @ y.t(), r(9, 33), r(50, 33))
case("matmul_left_transposed", lambda x, y: x.t() @ y, r(33, 9), r(33, 20))
case("matvec", torch.mv, r(9, 33), r(33))
case("vecmat", lambda x, y: x @ y, r(33), r(33, 9))
case("dot", torch.dot, r(33), r(33))
case("outer", torch.outer, r(9), r(11))
case("bmm", torch.bmm, r(3, 9, 17), r(3, 17, 20))
case("bmm_transposed", lambda x, y: x @ y.transpose(1, 2), r(3, 9, 16), r(3, 20, 16))
case("matmul_broadcast", torch.matmul, r(2, 3, 9, 17), r(17, 20))
case("matmul_int", torch.matmul, i(4, 5), i(5, 6))
case("addmm", torch.addmm, r(20), r(9, 17), r(17, 20))
case("baddbmm", torch.baddbmm, r(3, 9, 20), r(3, 9, 17), r(3, 17, 20))
case("linear", nn.Linear(33, 50), r(9, 33))
case("linear_one", nn.Linear(33, 1), r(9, 33))
case("linear_no_bias", nn.Linear(33, 17, bias=False), r(9, 33))
case("linear_3d", nn.Linear(16, 24), r(2, 5, 16))
case("bilinear", nn.Bilinear(5, 6, 7), r(3, 5), r(3, 6))
case("einsum", lambda x, y: torch.einsum("bij,bjk->bik", x, y), r(2, 5, 6), r(2, 6, 7))
case("einsum_trace", lambda x, y: torch.einsum("ij,ij->i", x, y), r(5, 6), r(5, 6))
case("attention", lambda q, k, v: F.scaled_dot_product_attention(q, k, v), r(1, 2, 9, 8), r(1, 2, 9, 8), r(1, 2, 9, 8))
case("attention_causal", lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), r(1, 2, 9, 8), r(1, 2, 9, 8), r(1, 2, 9, 8))
case("conv1d", nn.Conv1d(3, 5, 3), r(2, 3, 12))
case("conv1d_stride", nn.Conv1d(3, 5, 3, stride=2, padding=1), r(2, 3, 12))
case("conv2d", nn.Conv2d(3, 5, 3), r(2, 3, 9, 9))
case("conv2d_pad", nn.Conv2d(3, 5, 3, padding=1), r(2, 3, 9, 9))
case("conv2d_stride", nn.Conv2d(3, 8, 3, stride=2, padding=1), r(1, 3, 9, 9))
case("conv2d_dilated", nn.Conv2d(3, 5, 3, dilation=2), r(1, 3, 9, 9))
case("conv2d_1x1", nn.Conv2d(6, 7, 1), r(1, 6, 5, 5))
case("conv2d_groups", nn.Conv2d(4, 8, 3, groups=2), r(1, 4, 7, 7))
case("conv2d_depthwise", nn.Conv2d(4, 4, 3, groups=4, padding=1), r(1, 4, 7, 7))
case("conv_transpose2d", nn.ConvTranspose2d(3, 5, 3, stride=2), r(1, 3, 5, 5))
case("max_pool2d", lambda x: F.max_pool2d(x, 2), r(1, 3, 8, 8))
case("max_pool2d_pad", lambda x: F.max_pool2d(x, 3, 2, 1), r(1, 3, 8, 8))
case("avg_pool2d", lambda x: F.avg_pool2d(x, 2), r(1, 3, 8, 8))
case("adaptive_avg_pool", lambda x: F.adaptive_avg_pool2d(x, 1), r(1, 3, 8, 8))
case("max_pool1d", lambda x: F.max_pool1d(x, 2), r(1, 3, 8))
case("interpolate_nearest", lambda x: F.interpolate(x, scale_factor=2), r(1, 3, 4, 4))

# Several outputs, scalars, empty and size-1 dimensions.
case("two_outputs", lambda x: (x + 1, x.sum()), r(3, 4))
case("dictionary", lambda x: {"a": x * 2, "b": x.mean()}, r(3, 4))
case("same_output_twice", lambda x: (x + 1, x + 1), r(3, 4))
case("identity", lambda x: x, r(3, 4))
case("constant_result", lambda x: torch.ones(2, 2), r(3, 4))
case("scalar_input", lambda x: x * 2 + 1, torch.tensor(3.0))
case("scalar_int", lambda x: x * 2 + 1, torch.tensor(3))
case("size_one", lambda x: (x * 2).sum(1), r(1, 1, 1))
case("empty", lambda x: x * 2, r(0, 4))
case("empty_sum", lambda x: x.sum(1), r(4, 0))
case("long_vector", lambda x: (x * 2).relu(), r(1000))
case("prime_size", lambda x: (x * 2).exp(), r(7, 13))
case("chain", lambda x: ((x + 1) * 2 - 3).relu().sum(-1), r(5, 40))
