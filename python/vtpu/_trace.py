# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From a module and example arguments to one flat, functional, static aten graph.

Parameters become arguments; what depends on constants only (graph structure, tables, normalisation statistics) is folded. Two roads:
`torch.export` first; where sizes depend on data that is constant, a real-mode trace, made twice with different inputs because such a trace
freezes every data-dependent value, also those that depend on inputs.
"""

import contextlib
import io
import logging
import operator
import re
import sys
import warnings

import torch
import torch.utils._pytree as pytree
from torch.fx.experimental.proxy_tensor import make_fx

from . import _decompositions
from ._errors import ImportFailed
from ._signature import leaves
from ._source import fill, lines_kept, place_of, source_line

aten = torch.ops.aten

# Folded constants up to this many bytes stay in the text, larger ones travel by reference.
INLINE_BYTES = 1024


class Trace:
    """A graph whose placeholders are `parameters` (name, tensor, role) and then the flat inputs."""

    def __init__(self, graph, parameters, seen, results):
        self.graph = graph
        self.parameters = parameters
        self.out_spec = seen.out_spec
        self.kept = seen.kept  # names of the last results
        self.results = results


def decomposition_table():
    """torch-mlir's own table, ours, and attention as matrix products and a softmax."""
    from torch._decomp import get_decompositions
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    table = dict(get_decomposition_table())
    table.update(get_decompositions([aten._scaled_dot_product_flash_attention_for_cpu.default, aten.gelu.default]))
    table.update(_decompositions.TABLE)
    return table


class _Seen:
    """What a trace learns on its way; torch.export undoes attribute assignments, but not those of other objects."""

    out_spec = None
    kept = ()


class _Lifted(torch.nn.Module):
    """The module with parameters and buffers as its first argument; outputs flattened, behind them what submodules `keep` return."""

    def __init__(self, module, keep):
        super().__init__()
        object.__setattr__(self, "hidden", module)  # not registered: its tensors must not become state of this one
        object.__setattr__(self, "keep", keep)
        object.__setattr__(self, "seen", _Seen())

    def forward(self, state, args, kwargs):
        returned = {name: [] for name in self.keep}
        hooks = [self.hidden.get_submodule(name).register_forward_hook(lambda module, inputs, out, into=into: into.append(out))
                 for name, into in returned.items()]
        try:
            out = torch.func.functional_call(self.hidden, state, args, kwargs)
        finally:
            for hook in hooks:
                hook.remove()
        flat, self.seen.out_spec = pytree.tree_flatten(out)
        for name in (name for name, outs in returned.items() if not outs):
            raise ImportFailed(f"keep: submodule '{name}' is never called")
        kept = [(label, tensor) for name, outs in returned.items() for label, tensor in leaves(outs[0] if len(outs) == 1 else outs, name)
                if isinstance(tensor, torch.Tensor)]
        self.seen.kept = [label for label, _ in kept]
        return (*flat, *(tensor for _, tensor in kept))


class _Function(torch.nn.Module):
    """A plain callable as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def _tag(node, tag):
    return isinstance(node.target, torch._ops.OpOverload) and tag in node.target.tags


def _reads_data(node):
    """True if a size or a Python value that comes out of `node` depends on tensor contents."""
    target = node.target
    if target is aten.index.Tensor:
        return any(i is not None and _value(i).dtype in (torch.bool, torch.uint8) for i in node.args[1])
    if target is aten.repeat_interleave.Tensor:
        return True
    if target in (aten.bincount.default,):
        return True
    if _tag(node, torch.Tag.data_dependent_output) or _tag(node, torch.Tag.dynamic_output_shape):
        return target not in (aten.index_put.default, aten.index.Tensor)
    return False


def _value(node):
    return node.meta["val"] if "val" in node.meta else node.meta["tensor_meta"]


def _symbolic(value):
    if isinstance(value, torch.Tensor):
        return any(isinstance(s, torch.SymInt) for s in value.shape)
    return isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool))


def trace(module, args, kwargs, what, keep=()):
    """Traces `module`; raises ImportFailed with the Python line of what cannot be static. What the submodules named in `keep` return
    becomes further results."""
    if not isinstance(module, torch.nn.Module):
        module = _Function(module)
    parameters = {n: p.detach() for n, p in module.named_parameters()}
    buffers = {n: b.detach() for n, b in module.named_buffers()}
    lifted = _Lifted(module, keep)
    with torch.no_grad(), warnings.catch_warnings(), _quiet(), lines_kept(__file__):
        warnings.simplefilter("ignore")
        said = io.StringIO()
        try:
            # A failing torch.export prints its graph; what a module says by itself is said again by the second road.
            with contextlib.redirect_stderr(said):
                result = _by_export(lifted, parameters, buffers, args, kwargs, what)
            sys.stderr.write(said.getvalue())
            return result
        except ImportFailed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever export raises, the second road decides
            first = error
        try:
            return _by_real_trace(lifted, parameters, buffers, args, kwargs, what)
        except ImportFailed:
            raise
        except Exception as error:  # noqa: BLE001
            line = (str(first).strip() or str(error).strip() or type(error).__name__).splitlines()[0]
            place = place_of(first, __file__) or place_of(error, __file__)
            raise ImportFailed(f"importing {what}: {line}{place}; the module must be traceable by torch.export") from error


class _quiet:
    """torch.export logs its failures at length; ours are one line."""

    def __enter__(self):
        self.loggers = [logging.getLogger(n) for n in ("torch.export", "torch.fx", "torch._export", "torch._dynamo", "torch._functorch")]
        self.levels = [l.level for l in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.CRITICAL + 1)

    def __exit__(self, *unused):
        for logger, level in zip(self.loggers, self.levels):
            logger.setLevel(level)


class _Dynamic(Exception):
    """The export road met sizes that depend on data."""


def _by_export(lifted, parameters, buffers, args, kwargs, what):
    program = torch.export.export(lifted, ({**parameters, **buffers}, args, kwargs), strict=False)
    program = program.run_decompositions(decomposition_table())
    spec, gm = program.graph_signature, program.graph_module
    names = [*parameters, *buffers]
    kinds = torch.export.graph_signature.InputKind
    constants, position = {}, 0
    for node, item in zip([n for n in gm.graph.nodes if n.op == "placeholder"], spec.input_specs):
        if item.kind is kinds.USER_INPUT:
            if len(parameters) <= position < len(names):
                constants[node] = (names[position], buffers[names[position]])
            elif isinstance(item.arg, torch.export.graph_signature.ConstantArgument):
                gm.graph.erase_node(node)  # a number, None: nothing reads the placeholder
            position += 1
        else:
            constant = program.constants.get(item.target)
            if constant is None:
                constant = program.state_dict.get(item.target)
            constants[node] = (item.target, constant.detach())
    results = []
    output = next(n for n in gm.graph.nodes if n.op == "output")
    for value, item in zip(output.args[0], spec.output_specs):
        if item.kind.name != "USER_OUTPUT":
            target = item.target
            if target.startswith("state_"):
                raise ImportFailed(f"importing {what}: the module changes its own state ('{target[6:]}'); call .eval() on it first")
            raise ImportFailed(f"importing {what}: the module writes into its input '{target}'; return the new value instead")
        results.append(value)
    output.args = (tuple(results),)
    _attach(gm, constants)
    gm = _finish(gm, what)
    if any(_symbolic(n.meta.get("val")) for n in gm.graph.nodes) or any(
            n.op == "call_function" and _reads_data(n) for n in gm.graph.nodes):
        raise _Dynamic("sizes depend on data")
    return _package(gm, parameters, buffers, lifted.seen, what)


def _attach(gm, constants):
    """Placeholders that are constants become attributes."""
    for node, (name, tensor) in constants.items():
        with gm.graph.inserting_before(node):
            attribute = "constant_" + re.sub(r"\W", "_", name)
            gm.register_buffer(attribute, tensor)
            new = gm.graph.get_attr(attribute)
            new.meta = {**node.meta, "val": tensor, "constant_name": name}
        node.replace_all_uses_with(new)
        gm.graph.erase_node(node)


def _by_real_trace(lifted, parameters, buffers, args, kwargs, what):
    flat, in_spec = pytree.tree_flatten((args, kwargs))
    slots = [i for i, v in enumerate(flat) if isinstance(v, torch.Tensor)]

    def run(state, *tensors):
        values = list(flat)
        for slot, tensor in zip(slots, tensors):
            values[slot] = tensor
        inner_args, inner_kwargs = pytree.tree_unflatten(values, in_spec)
        return lifted({**state, **buffers}, inner_args, inner_kwargs)

    graphs = []
    for variant in range(2):
        saved = {n: b.clone() for n, b in buffers.items()}
        given = [flat[i] if variant == 0 else _different(flat[i], i) for i in slots]
        inputs = [tensor.clone() for tensor in given]  # a module may write into them
        try:
            gm = make_fx(torch.func.functionalize(run, remove="mutations_and_views"), decomposition_table=decomposition_table(),
                         tracing_mode="real", record_stack_traces=True, _error_on_data_dependent_ops=False)(dict(parameters), *inputs)
        except Exception as error:  # noqa: BLE001
            if variant == 0:
                raise
            raise ImportFailed(f"importing {what}: the trace fails for other input values ({str(error).splitlines()[0][:200]}); "
                               "control flow or sizes must not depend on inputs") from error
        for name, buffer in buffers.items():
            if not torch.equal(saved[name], buffer):
                buffer.copy_(saved[name])
                raise ImportFailed(f"importing {what}: the module changes its own state ('{name}'); call .eval() on it first")
        if any(not torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(given, inputs)):
            raise ImportFailed(f"importing {what}: the module writes into an input; return the new value instead")
        _annotate(gm, [*parameters.values(), *inputs])
        _name_attributes(gm, buffers)
        graphs.append(_finish(gm, what, refuse=True))
    _compare(*graphs, what)
    return _package(graphs[0], parameters, buffers, lifted.seen, what)


def _annotate(gm, values):
    """Every node's value by shape and type, from one real run."""
    gm.graph.eliminate_dead_code(lambda n: n.is_impure() or (n.op == "call_function" and _tag(n, torch.Tag.data_dependent_output)))

    class Recorder(torch.fx.Interpreter):
        def run_node(self, node):
            result = super().run_node(node)
            if isinstance(result, torch.Tensor):
                node.meta["val"] = torch.empty_like(result, device="meta") if node.op != "get_attr" else result
            elif node.op != "output":
                node.meta["val"] = result
            return result

    # make_fx flattens nothing: the first placeholder group is the dictionary's leaves.
    Recorder(gm).run(*values, enable_io_processing=False)


def _name_attributes(gm, buffers):
    for node in gm.graph.nodes:
        if node.op == "get_attr":
            tensor = getattr(gm, node.target)
            for name, buffer in buffers.items():
                if tensor is buffer or (tensor.data_ptr() == buffer.data_ptr() and tensor.shape == buffer.shape and tensor.numel()):
                    node.meta["constant_name"] = name


def _different(value, seed):
    """Another input of the same shape, type and plausible range, whose sum and extremes differ: indices stay legal, masks become other masks."""
    generator = torch.Generator().manual_seed(1000 + seed)
    if value.numel() == 0:
        return value.clone()
    if value.dtype == torch.bool:
        return ~value
    if value.is_floating_point():
        finite = value.double().nan_to_num(0.0, 0.0, 0.0)
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        return (noise * max(finite.abs().mean().item(), 1.0) - 0.5 * finite).to(value.dtype)
    low, high = int(value.min()), int(value.max())
    if low == high:
        return torch.full_like(value, 0 if low else 1)
    if high - low == 1:
        return low + high - value
    return torch.randint(low + 1, high, value.shape, generator=generator).to(value.dtype)


def _compare(first, second, what):
    """Both traces must be the same graph with the same constants."""
    ones, twos = list(first.graph.nodes), list(second.graph.nodes)
    names = {}
    for a, b in zip(ones, twos):
        names[b] = a
        same = a.op == b.op and (a.op in ("placeholder", "get_attr") or a.target == b.target)
        if same and a.op == "get_attr":
            same = torch.equal(getattr(first, a.target).nan_to_num(), getattr(second, b.target).nan_to_num())
        if same:
            mapped = torch.fx.map_arg((b.args, b.kwargs), lambda n: names.get(n))
            same = repr((a.args, a.kwargs)) == repr(mapped)
        if not same:
            raise ImportFailed(f"importing {what}: a value at {source_line(a)} depends on the contents of an input; "
                               "sizes, branches and Python numbers must come from shapes or constants")
    if len(ones) != len(twos):
        raise ImportFailed(f"importing {what}: the number of operations depends on the contents of an input; make control flow static")


def _drops_nothing(node):
    """Attention carries a drop-out probability; zero makes it deterministic."""
    position = {aten.scaled_dot_product_attention.default: 4, aten._scaled_dot_product_flash_attention_for_cpu.default: 3}.get(node.target)
    if position is None:
        return False
    return (node.args[position] if len(node.args) > position else node.kwargs.get("dropout_p", 0.0)) == 0.0


def _finish(gm, what, refuse=False):
    """Folds, then rewrites what torch-mlir cannot take."""
    for node in gm.graph.nodes:
        if node.op == "call_function" and _tag(node, torch.Tag.nondeterministic_seeded) and not _drops_nothing(node):
            raise ImportFailed(f"importing {what}: '{node.target}' at {source_line(node)} draws random numbers; call .eval() on the module")
    fold(gm)
    if refuse:
        for node in gm.graph.nodes:
            if node.op == "call_function" and _reads_data(node):
                raise ImportFailed(f"importing {what}: '{node.target}' at {source_line(node)} makes a size or a Python value out of an "
                                   "input's contents; use a static shape (torch.where instead of boolean indexing)")
    rewrite(gm)
    gm.graph.eliminate_dead_code()
    fill(gm.graph)
    gm.recompile()
    return gm


def fold(gm):
    """Replaces every node that depends only on constants by its value."""
    value = {}
    for node in gm.graph.nodes:
        if node.op == "get_attr":
            value[node] = getattr(gm, node.target)
        elif node.op == "call_function" and all(a in value for a in node.all_input_nodes):
            args, kwargs = torch.fx.map_arg((node.args, node.kwargs), lambda a: value[a])
            if any(isinstance(v, torch.SymInt) for v in pytree.tree_leaves((args, kwargs))):
                continue
            value[node] = node.target(*args, **kwargs)
    count = 0
    for node in list(gm.graph.nodes):
        if node.op != "call_function" or node not in value or all(u in value and u.op != "output" for u in node.users):
            continue
        if isinstance(value[node], torch.Tensor) and _is_uniform(value[node]):
            with gm.graph.inserting_before(node):
                new = _node(gm.graph, aten.full.default, (list(value[node].shape), value[node].flatten()[0].item()),
                            (value[node].shape, value[node].dtype))
                new.kwargs = {"dtype": value[node].dtype}
                new.meta = {**node.meta, **new.meta}
            node.replace_all_uses_with(new)
        elif isinstance(value[node], torch.Tensor):
            name = f"folded_{count}"
            count += 1
            gm.register_buffer(name, value[node].detach())
            with gm.graph.inserting_before(node):
                new = gm.graph.get_attr(name)
                new.meta = {**node.meta, "val": value[node]}
            node.replace_all_uses_with(new)
        elif isinstance(value[node], (int, float, bool)):
            _replace_scalar(node, value[node])
    gm.graph.eliminate_dead_code(lambda n: n.is_impure() or (n.op == "call_function" and n not in value
                                                             and _tag(n, torch.Tag.data_dependent_output)))
    gm.recompile()


def _is_uniform(tensor):
    """True for a tensor of one repeated number that is too large for the text."""
    if tensor.numel() * tensor.element_size() <= INLINE_BYTES or tensor.dtype not in _INLINE:
        return False
    flat = tensor.contiguous().view(torch.uint8).view(tensor.numel(), tensor.element_size())
    return bool((flat == flat[0]).all())


def _replace_scalar(node, scalar):
    for user in list(node.users):
        user.args = torch.fx.map_arg(user.args, lambda a: scalar if a is node else a)
        user.kwargs = torch.fx.map_arg(user.kwargs, lambda a: scalar if a is node else a)


def rewrite(gm):
    """Boolean-mask index_put to where; index_add to index_put; arithmetic on uint8 to i64."""
    graph = gm.graph
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        with graph.inserting_before(node):
            new = _rewrite_one(gm, node)
        if new is not None:
            new.meta = dict(node.meta)
            node.replace_all_uses_with(new)
            graph.erase_node(node)
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target is not operator.getitem and node.target.overloadpacket.__name__ not in _MOVES:
            _widen(graph, node)


# What moves whole elements or converts them, where the sign of a type means nothing.
_MOVES = {"_to_copy", "view", "expand", "permute", "transpose", "t", "slice", "select", "squeeze", "unsqueeze", "clone", "copy", "alias", "detach", "flip",
          "gather", "index", "index_select", "index_put", "as_strided", "split", "split_with_sizes", "unbind", "full_like", "lift_fresh_copy", "empty_like"}


def _widen(graph, node):
    """Computes on uint8 in i64: torch-mlir takes every integer for a signed one."""
    def narrow(value):
        return isinstance(value, torch.fx.Node) and getattr(_value(value), "dtype", None) == torch.uint8

    def converted(value, dtype):
        new = _node(graph, aten._to_copy.default, (value,), (_value(value).shape, dtype))
        new.kwargs = {"dtype": dtype}
        new.meta = {**value.meta, **new.meta}
        return new

    if not any(narrow(operand) for operand in node.all_input_nodes):
        return
    with graph.inserting_before(node):
        wide = {operand: converted(operand, torch.int64) for operand in node.all_input_nodes if narrow(operand)}
    node.args, node.kwargs = torch.fx.map_arg((node.args, node.kwargs), lambda operand: wide.get(operand, operand))
    if node.kwargs.get("dtype") == torch.uint8:
        node.kwargs = {**node.kwargs, "dtype": torch.int64}
    for result in [node] if isinstance(_value(node), torch.Tensor) else list(node.users):
        kind = _value(result).dtype
        if kind.is_floating_point or kind == torch.bool:
            continue
        with graph.inserting_after(result):
            new = converted(result, kind)
        result.replace_all_uses_with(new, delete_user_cb=lambda user, new=new: user is not new)
        result.meta["val"] = torch.empty(_value(result).shape, dtype=torch.int64, device="meta")


def _node(graph, target, args, value):
    """A call whose value's shape and type are known."""
    node = graph.call_function(target, args)
    node.meta["val"] = torch.empty(value[0], dtype=value[1], device="meta")
    return node


def _constant_of(node):
    """The tensor behind a constant node, or None."""
    return node.meta["val"] if isinstance(node, torch.fx.Node) and node.op == "get_attr" else None


def _scatter_as_rows(gm, node):
    """scatter_add whose index is the same along each row, as the addition of whole rows; the compiler sorts them where the index is constant."""
    base, dim, index, source = node.args[:4]
    rows, shape = _constant_of(index), _value(index).shape
    if len(shape) < 2 or dim % len(shape) != 0 or 0 in shape or _value(source).shape != shape or _value(base).shape[1:] != shape[1:]:
        return None
    if rows is not None:
        first = rows.reshape(shape[0], -1)[:, 0]
        if not torch.equal(rows, first.view(-1, *[1] * (len(shape) - 1)).expand_as(rows)):
            return None
        first = _attribute(gm, first.contiguous())
    elif index.target is aten.expand.default and list(_value(index.args[0]).shape) == [shape[0], *[1] * (len(shape) - 1)]:
        first = _node(gm.graph, aten.view.default, (index.args[0], [shape[0]]), ([shape[0]], torch.int64))
    else:
        return None
    return gm.graph.call_function(aten.index_put.default, (base, [first], source, True))


def _attribute(gm, tensor):
    """A new constant of a graph."""
    name = f"folded_made_{sum(1 for n, _ in gm.named_buffers() if n.startswith('folded_made_'))}"
    gm.register_buffer(name, tensor)
    node = gm.graph.get_attr(name)
    node.meta["val"] = tensor
    return node


def _rewrite_one(gm, node):
    graph = gm.graph
    name = node.target.__name__ if isinstance(node.target, torch._ops.OpOverload) else ""
    if name in ("view_copy.default", "_unsafe_view.default"):
        return graph.call_function(aten.view.default, (node.args[0], list(_value(node).shape)))
    if name.endswith("_copy.default") and hasattr(aten, name.removesuffix("_copy.default")):
        return graph.call_function(getattr(aten, name.removesuffix("_copy.default")).default, node.args, node.kwargs)
    if node.target is aten.scatter_add.default:
        return _scatter_as_rows(gm, node)
    if node.target in (aten.index_put.default, aten._unsafe_index_put.default) and len(node.args) >= 3:
        base, indices, values = node.args[:3]
        accumulate = node.args[3] if len(node.args) > 3 else node.kwargs.get("accumulate", False)
        if len(indices) == 1 and indices[0] is not None and _value(indices[0]).dtype == torch.bool:
            mask, shape = _value(indices[0]), _value(base).shape
            trailing = len(shape) - mask.dim()
            value = _value(values)
            if value.dim() <= trailing or value.numel() == 1:
                picked = indices[0]
                if trailing:
                    picked = graph.call_function(aten.view.default, (picked, [*mask.shape, *[1] * trailing]))
                    picked.meta["val"] = torch.empty([*mask.shape, *[1] * trailing], dtype=torch.bool, device="meta")
                if value.dim() > trailing:
                    values = graph.call_function(aten.view.default, (values, []))
                    values.meta["val"] = torch.empty([], dtype=value.dtype, device="meta")
                if accumulate:
                    values = graph.call_function(aten.add.Tensor, (base, values))
                return graph.call_function(aten.where.self, (picked, values, base))
    if node.target is operator.getitem and node.args[0].target in (aten.split_with_sizes.default, aten.split.Tensor):
        source, sizes = node.args[0].args[:2]
        dim = node.args[0].args[2] if len(node.args[0].args) > 2 else 0
        start = sum(sizes[:node.args[1]]) if isinstance(sizes, (list, tuple)) else sizes * node.args[1]
        return graph.call_function(aten.slice.Tensor, (source, dim, start, start + _value(node).shape[dim]))
    if node.target is aten.index_add.default:
        base, dim, index, source = node.args[:4]
        alpha = node.kwargs.get("alpha", 1)
        if alpha != 1:
            source = graph.call_function(aten.mul.Scalar, (source, alpha))
        dim %= max(_value(base).dim(), 1)
        return graph.call_function(aten.index_put.default, (base, [None] * dim + [index], source, True))
    return None


def _package(gm, parameters, buffers, learned, what):
    """Large constants become arguments after the parameters; unused parameters stay, so that arguments are stable."""
    graph = gm.graph
    placeholders = [n for n in graph.nodes if n.op == "placeholder"]
    described = [(name, tensor, "weight") for name, tensor in parameters.items()]
    taken = set(parameters)
    anchor = placeholders[len(parameters)] if len(placeholders) > len(parameters) else next(
        n for n in graph.nodes if n.op != "placeholder")
    seen = {}
    for node in [n for n in graph.nodes if n.op == "get_attr"]:
        tensor = getattr(gm, node.target)
        # The importer takes no constant inside a list of tensors (the indices of aten.index).
        listed = any(isinstance(arg, (list, tuple)) and node in arg for user in node.users for arg in user.args)
        if tensor.numel() * tensor.element_size() <= INLINE_BYTES and tensor.dtype in _INLINE and not listed:
            continue
        if node.target in seen:
            node.replace_all_uses_with(seen[node.target])
            continue
        name = node.meta.get("constant_name") or node.target.replace("folded_", "folded.")
        while name in taken:
            name += "_"
        taken.add(name)
        with graph.inserting_before(anchor):
            new = graph.placeholder("structure_" + re.sub(r"\W", "_", name))
            new.meta = {"val": tensor}
        seen[node.target] = new
        node.replace_all_uses_with(new)
        described.append((name, tensor.contiguous(), "weight" if tensor.is_floating_point() else "structure"))
    output = next(n for n in graph.nodes if n.op == "output")
    flat = output.args[0] if isinstance(output.args[0], (tuple, list)) else [output.args[0]]
    results = []
    for value in flat:
        if value is not None and not isinstance(value, torch.fx.Node):
            results.append(value)  # a Python number: the same at every call
        elif value is None:
            results.append(None)
        else:
            results.append(_value(value))
    output.args = (tuple(v for v in flat if isinstance(v, torch.fx.Node)),)
    graph.eliminate_dead_code()
    graph.lint()
    gm.recompile()
    return Trace(gm, described, learned, results)


_INLINE = {torch.float64, torch.float32, torch.int64, torch.int32}
