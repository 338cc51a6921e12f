# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Between what a PyTorch user passes and gets back (keywords, nested containers, numbers) and the flat tensors of an entry.

The flat names say it all: `x`, `mask`, `cache.0.keys` for inputs, `result`, `result.0`, `result.logits` for results. A program that was
compiled in this process also knows the exact containers and the Python numbers among arguments and results.
"""

import re

import torch
import torch.utils._pytree as pytree

from ._errors import WrongType


# Results whose names start so are no part of what a call returns.
KEPT = "keep."


def leaves(value, head):
    """(flat name, leaf) of every leaf of nested containers."""
    found = []
    for path, leaf in pytree.tree_flatten_with_path(value)[0]:
        parts = [str(getattr(key, "idx", getattr(key, "key", getattr(key, "name", key)))) for key in path]
        found.append((re.sub(r"[^\w.]", "_", ".".join([head, *parts])), leaf))
    return found


def _nest(rows):
    """Containers out of (path, value): tuples where the keys count from 0, dictionaries elsewhere."""
    if rows and not rows[0][0]:
        return rows[0][1]
    groups = {}
    for path, value in rows:
        groups.setdefault(path[0], []).append((path[1:], value))
    nested = {key: _nest(group) for key, group in groups.items()}
    return tuple(nested.values()) if list(nested) == [str(i) for i in range(len(nested))] else nested


class Signature:
    """How one entry is called. `arguments`: (flat name, None for a tensor, else a tuple of the fixed value); `results` alike, by order."""

    def __init__(self, heads, arguments, out_spec=None, results=()):
        self.heads = heads
        self.arguments = arguments
        self._out_spec = out_spec
        self._results = list(results)

    @classmethod
    def of_names(cls, inputs):
        """From the flat names alone: of a program that was loaded."""
        return cls(list(dict.fromkeys(name.split(".")[0] for name in inputs)), [(name, None) for name in inputs])

    def bind(self, entry, args, kwargs):
        """The flat tensors in order; TypeError names what is missing, unknown, given twice or not what was compiled."""
        if len(args) > len(self.heads):
            raise WrongType(f"{entry}: {len(args)} arguments given, expected {len(self.heads)}: {', '.join(self.heads)}")
        given = {}
        for head, value in [*zip(self.heads, args), *kwargs.items()]:
            if head not in self.heads:
                raise WrongType(f"{entry}: there is no input '{head}'; the inputs are {', '.join(self.heads)}")
            if head in given:
                raise WrongType(f"{entry}: input '{head}' is given twice")
            given[head] = leaves(value, head)
        flat = dict(row for rows in given.values() for row in rows)
        tensors = []
        for name, fixed in self.arguments:
            if fixed is None:
                if name not in flat:
                    raise WrongType(f"{entry}: input '{name}' is missing; the inputs are {', '.join(n for n, f in self.arguments if f is None)}")
                tensors.append(flat.pop(name))
            elif name in flat:
                value = flat.pop(name)
                if getattr(value, "shape", ()) != () or isinstance(value, torch.Tensor):
                    raise WrongType(f"{entry}: input '{name}' was compiled as {fixed[0]!r} and takes no tensor; compile again with a tensor there")
                if value != fixed[0]:
                    raise WrongType(f"{entry}: input '{name}' was compiled as {fixed[0]!r}; compile again for another value")
        if flat:
            raise WrongType(f"{entry}: '{next(iter(flat))}' was not among the example inputs; compile again with it")
        return tensors

    def assemble(self, names):
        """A function from the list of flat results to what the module returns; None where that is the one result itself."""
        if self._out_spec is not None:
            if all(fixed is None for fixed in self._results) and self._out_spec.is_leaf():
                return None

            def rebuild(tensors):
                pending = iter(tensors)
                values = [next(pending) if fixed is None else fixed[0] for fixed in self._results]
                return pytree.tree_unflatten(values, self._out_spec)

            plain = pytree.tree_structure(tuple(names))
            return tuple if self._out_spec == plain and len(self._results) == len(names) else rebuild
        paths = [name.split(".") for name in names]
        if all(path[0] == "result" for path in paths) and len(paths) == len({tuple(p) for p in paths}):
            if paths == [["result"]]:
                return None
            return lambda tensors: _nest([(path[1:], tensor) for path, tensor in zip(paths, tensors)])
        return None if len(names) == 1 else tuple


def tensors_of(value):
    """The arrays of a nested result, flat."""
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor) or hasattr(leaf, "__array_interface__")]
