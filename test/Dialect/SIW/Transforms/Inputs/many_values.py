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
elif kind in ("coordinates", "carried-coordinates"):
    lines.append('%origin = siw.pcoord {coordinate = #siw.coordinate<"1.1.1/1.1.1/1.1.1.1.1">} : () -> !siw.p')
    lines += [f"%c{i} = siw.pins %origin, %value{i} {{imm = 10 : i64}} : (!siw.p, !siw.r) -> !siw.p" for i in range(count)]
    outs = [f"%c{i}" for i in range(count)]
    if kind == "carried-coordinates":
        outs = loop("p", outs, lambda i: f"%next{i} = siw.pins %arg{(i + 1) % count}, %i {{imm = 9 : i64}} : "
                    "(!siw.p, !siw.r) -> !siw.p")
    lines += [f"siw.sstp {out}, %y {{imm = {16 * i} : i64}} : (!siw.p, !siw.r) -> ()" for i, out in reversed([*enumerate(outs)])]
elif kind in ("messages", "carried-messages"):
    row = '{length = 512 : i32, type = "i64"}'
    for i in range(count):
        lines += [f"%v{i} = siw.dset %value{i} {row} : (!siw.r) -> !siw.v", f"%m{i} = siw.cpackv %v{i} : (!siw.v) -> !siw.m"]
    outs = [f"%m{i}" for i in range(count)]
    if kind == "carried-messages":
        outs = loop("m", outs, lambda i: f"%u{i} = siw.cunpackv %arg{(i + 1) % count} : (!siw.m) -> !siw.v\n"
                    f"%w{i} = siw.dadd %u{i}, %u{i} {row} : (!siw.v, !siw.v) -> !siw.v\n%next{i} = siw.cpackv %w{i} : (!siw.v) -> !siw.m")
    for i, out in reversed([*enumerate(outs)]):
        lines.append(f"%o{i} = siw.cunpackv {out} : (!siw.m) -> !siw.v")
        lines.append(f'siw.sst %o{i}, %y {{imm = {64 * i} : i64, length = 512 : i32, mem = "i64", type = "i64"}} : (!siw.v, !siw.r) -> ()')
elif kind in ("counters", "bounds"):
    # Loops in each other, some of one round: y[i] gets x[i] and the counter of loop i in every round of the innermost.
    store(values)
    for i in range(count):
        start, trips = i % 5, 3 if i < 2 or i > count - 3 else 1
        lines.append(f"%start{i} = siw.cimm {{imm = {start} : i64}} : () -> !siw.r")
        if kind == "bounds":
            lines.append(f'%trips{i} = siw.sldr %x {{imm = {8 * (256 + i)} : i64, mem = "i64"}} : (!siw.r) -> !siw.r')
            lines.append(f"siw.for from %start{i} to %trips{i} step 2 : (!siw.r, !siw.r) -> () {{")
        else:
            lines.append(f"siw.for from %start{i} bound {start + 2 * trips} step 2 nonempty : (!siw.r) -> () {{")
        lines.append(f"^bb0(%i{i}: !siw.r):")
    for i in range(count):
        lines.append(f'%old{i} = siw.sldr %y {{imm = {8 * i} : i64, mem = "i64"}} : (!siw.r) -> !siw.r')
        lines.append(f"%new{i} = siw.cadd %old{i}, %i{i} : (!siw.r, !siw.r) -> !siw.r")
    store(f"%new{i}" for i in range(count))
    lines += ["siw.yield", "}"] * count

inputs = '{kind = "input", name = "x", size = 4096 : i64, align = 64 : i64, dtype = "i64", shape = array<i64: 512>}'
outputs = '{kind = "output", name = "y", size = 4096 : i64, align = 64 : i64, writable, dtype = "i64", shape = array<i64: 512>}'
print(f"siw.func entry @main attributes {{bindings = [{inputs}, {outputs}]}} {{", *lines, "siw.cret : () -> ()", "}", sep="\n")
