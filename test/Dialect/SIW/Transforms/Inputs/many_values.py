# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a siw function with COUNT values of a KIND live at once: many_values.py KIND COUNT."""

import sys

kind, count = sys.argv[1], int(sys.argv[2])
lines = []


def loop(cls, starts, body):
    """All of `starts` are carried; `body(i)` is the line that makes %next_i from %arg_i."""
    types = ", ".join([f"!siw.{cls}"] * count)
    lines.append("%zero = siw.cimm {imm = 0 : i64} : () -> !siw.r")
    lines.append(f"%out:{count} = siw.for from %zero bound 9 step 1 nonempty inits({', '.join(starts)}) : (!siw.r, {types}) -> ({types}) {{")
    lines.append("^bb0(%i: !siw.r, " + ", ".join(f"%arg{i}: !siw.{cls}" for i in range(count)) + "):")
    lines.extend(body(i) for i in range(count))
    lines.append(f"siw.yield {', '.join(f'%next{i}' for i in range(count))} : {types}")
    lines.append("}")
    return [f"%out#{i}" for i in range(count)]


def store(values):
    for i, value in enumerate(values):
        lines.append(f'siw.sstr {value}, %y {{imm = {8 * i} : i64, mem = "i64"}} : (!siw.r, !siw.r) -> ()')


lines.append("%x = siw.cptr {imm = 0 : i64} : () -> !siw.r")
lines.append("%y = siw.cptr {imm = 1 : i64} : () -> !siw.r")
for i in range(count):
    lines.append(f'%value{i} = siw.sldr %x {{imm = {8 * i} : i64, mem = "i64"}} : (!siw.r) -> !siw.r')
values = [f"%value{i}" for i in range(count)]
if kind == "integers":
    store(reversed(values))
elif kind == "pointers":
    lines += [f"%p{i} = siw.cadd %x, %value{i} : (!siw.r, !siw.r) -> !siw.r" for i in range(count)]
    for i in reversed(range(count)):
        lines.append(f'%l{i} = siw.sldr %p{i} {{imm = 0 : i64, mem = "i64"}} : (!siw.r) -> !siw.r')
        store([f"%l{i}"])
elif kind == "carried":
    store(loop("r", values, lambda i: f"%next{i} = siw.cadd %arg{i}, %arg{(i + 1) % count} : (!siw.r, !siw.r) -> !siw.r"))
elif kind == "walking":
    lines += [f"%p{i} = siw.cadd %x, %value{i} : (!siw.r, !siw.r) -> !siw.r" for i in range(count)]
    for i, pointer in enumerate(loop("r", [f"%p{i}" for i in range(count)], lambda i: f"%next{i} = siw.caddi %arg{i} {{imm = 8 : i64}} : (!siw.r) -> !siw.r")):
        lines.append(f'%l{i} = siw.sldr {pointer} {{imm = 0 : i64, mem = "i64"}} : (!siw.r) -> !siw.r')
        store([f"%l{i}"])
elif kind == "vectors":
    row = '{length = 512 : i32, type = "i32"}'
    lines += [f"%v{i} = siw.dset %value{i} {row} : (!siw.r) -> !siw.v" for i in range(count)]
    outs = loop("v", [f"%v{i}" for i in range(count)], lambda i: f"%next{i} = siw.dadd %arg{i}, %arg{(i + 1) % count} {row} : (!siw.v, !siw.v) -> !siw.v")
    for i, out in enumerate(outs):
        lines.append(f'siw.sst {out}, %y {{imm = {64 * i} : i64, length = 512 : i32, mem = "i32", type = "i32"}} : (!siw.v, !siw.r) -> ()')
elif kind == "counters":
    for i in range(count):
        lines.append(f"%start{i} = siw.cimm {{imm = 0 : i64}} : () -> !siw.r")
        lines.append(f"siw.for from %start{i} bound 9 step 1 nonempty : (!siw.r) -> () {{")
        lines.append(f"^bb0(%i{i}: !siw.r):")
    store(f"%i{i}" for i in range(count))
    lines += ["siw.yield", "}"] * count

inputs = '{kind = "input", name = "x", size = 4096 : i64, align = 64 : i64, dtype = "i64", shape = array<i64: 512>}'
outputs = '{kind = "output", name = "y", size = 4096 : i64, align = 64 : i64, writable, dtype = "i64", shape = array<i64: 512>}'
print(f"siw.func entry @main attributes {{bindings = [{inputs}, {outputs}]}} {{", *lines, "siw.cret : () -> ()", "}", sep="\n")
