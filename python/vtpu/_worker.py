# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The worker process that holds torch-mlir: weight-free exported programs in, generic MLIR text out.

Runs as a script on its own (it imports nothing else of this package), so that a crash inside torch-mlir ends this process and not the
caller's. Frames on the pipe: 8 bytes of little-endian length, then a pickled dictionary.
"""

import io
import os
import pickle
import struct
import sys


def read_frame(stream):
    """One frame, or None at the end of the stream."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    (size,) = struct.unpack("<Q", head)
    body = stream.read(size)
    return pickle.loads(body) if len(body) == size else None


def write_frame(stream, value):
    body = pickle.dumps(value)
    stream.write(struct.pack("<Q", len(body)) + body)
    stream.flush()


def _label(ir, module, name, arguments, results):
    """Describes the entry's arguments and results: `vtpu.name`, or for parameters `vtpu.parameter` (their key), `vtpu.hash`, and `vtpu.structure`
    where values are to be known; `vtpu.unsigned` where torch's integers are, which MLIR's types do not say."""

    def describe(value):
        text = ir.StringAttr.get
        if value["role"] in ("input", "result"):
            named = {"vtpu.name": text(value["label"])}
        else:
            named = {"vtpu.parameter": text(value["label"]), "vtpu.hash": text(value["hash"])}
        if value["role"] == "structure":
            named["vtpu.structure"] = ir.UnitAttr.get()
        if value["dtype"].startswith("u"):
            named["vtpu.unsigned"] = ir.UnitAttr.get()
        return ir.DictAttr.get(named)

    for op in module.body.operations:
        if op.operation.name != "func.func" or ir.StringAttr(op.attributes["sym_name"]).value != name:
            continue
        op.attributes["arg_attrs"] = ir.ArrayAttr.get([describe(argument) for argument in arguments])
        if results:
            op.attributes["res_attrs"] = ir.ArrayAttr.get([describe(result) for result in results])


class Unsupported(Exception):
    """Ops that cannot be lowered: (name, location) of each."""

    def __init__(self, ops):
        super().__init__(ops)
        self.ops = ops


# Ops that compute tensors; the others are constants and lists for them.
_COMPUTES = ("torch.aten", "torch.prims", "torch.operator")


def _alone(ir, op):
    """A module whose function computes one op: constants and lists come along, tensors become arguments."""
    single = ir.Module.create()
    needed, arguments = [], []

    def visit(operation):
        for operand in operation.operands:
            owner = operand.owner
            owner = owner if isinstance(owner, ir.Block) else owner.operation  # a torch.operator has another `name`
            if isinstance(owner, ir.Block) or (owner.name.startswith(_COMPUTES) and "tensor" in str(operand.type)):
                if operand not in arguments:
                    arguments.append(operand)
            elif owner not in needed:
                visit(owner)
                needed.append(owner)

    visit(op.operation)
    types = [a.type for a in arguments]
    with ir.InsertionPoint(single.body):
        function = ir.Operation.create("func.func", regions=1, attributes={
            "sym_name": ir.StringAttr.get("main"),
            "function_type": ir.TypeAttr.get(ir.FunctionType.get(types, [r.type for r in op.results]))})
    block = function.regions[0].blocks.append(*types)
    values = dict(zip(arguments, block.arguments))
    with ir.InsertionPoint(block):
        for operation in [*needed, op.operation]:
            clone = operation.clone()
            for index, operand in enumerate(operation.operands):
                clone.operands[index] = values[operand]
            values.update(zip(operation.results, clone.results))
        ir.Operation.create("func.return", operands=[values[r] for r in op.results])
    return single


def _find_unsupported(ir, module):
    """(name, location) of every torch op that fails on its own: the pipeline stops at the first and often names a constant that remains behind."""
    from torch_mlir.passmanager import PassManager

    pipeline = ("builtin.module(torchdynamo-export-to-torch-backend-pipeline{extra-library=},"
                "torch-backend-to-linalg-on-tensors-backend-pipeline{allow-non-finites=True})")
    fails, found = {}, []
    with module.context, ir.Location.unknown():
        for function in module.body.operations:
            for op in function.regions[0].blocks[0].operations:
                name = op.operation.name
                if not name.startswith(_COMPUTES):
                    continue
                single = _alone(ir, op)
                key = str(single)  # without locations: equal layers are tried once
                if key not in fails:
                    try:
                        PassManager.parse(pipeline).run(single.operation)
                        fails[key] = False
                    except Exception:  # noqa: BLE001 - whatever the pipeline raises, this is an op of those
                        fails[key] = True
                if fails[key]:
                    found.append((ir.StringAttr(op.attributes["name"]).value if name == "torch.operator" else name, str(op.location)))
    return found


def lower(request):
    """Lowers one exported program to linalg on tensors and returns its generic text."""
    import torch
    from torch_mlir import fx, ir
    from torch_mlir.compiler_utils import OutputType

    program = torch.export.load(io.BytesIO(request["program"]))
    name = request["name"]

    def run(output_type):
        return fx.export_and_import(program, output_type=output_type, func_name=name, decomposition_table={})

    try:
        module = run(OutputType.LINALG_ON_TENSORS)
    except Exception as error:
        if ops := _find_unsupported(ir, run(OutputType.RAW)):
            raise Unsupported(ops) from error
        raise
    with module.context, ir.Location.unknown():
        _label(ir, module, name, request["arguments"], request["results"])
    return module.operation.get_asm(print_generic_op_form=True, enable_debug_info=True, large_resource_limit=None)


def main():
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever libraries print goes to the log, never into the frames
    sys.stdout = sys.stderr
    while (request := read_frame(stdin)) is not None:
        try:
            answer = {"text": lower(request)}
        except Unsupported as error:
            answer = {"unsupported": error.ops}
        except BaseException as error:  # noqa: BLE001 - every failure of the importer becomes an answer
            answer = {"error": f"{type(error).__name__}: {error}"}
        write_frame(stdout, answer)


if __name__ == "__main__":
    main()
