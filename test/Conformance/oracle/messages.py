# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The C pipe: message registers of 64 bytes ([state.m]), channels and what sentrons do together."""

from .coordinates import from_bytes, hash_of, to_bytes
from .dense import reduction
from .machine import WIDTHS, operation, signed


def replaced(message, at, data):
    return message[:at] + data + message[at + len(data):]


@operation("cpack")
def cpack(e):
    pair = e.integer(1).to_bytes(8, "little") + e.integer(2).to_bytes(8, "little")
    e.set_message(0, replaced(e.message(0), 16 * e.operand(3), pair))


@operation("cunpack")
def cunpack(e):
    at = 16 * e.operand(3)
    pair = e.message(2)[at:at + 16]
    e.set_scalar(0, int.from_bytes(pair[:8], "little"))
    e.set_scalar(1, int.from_bytes(pair[8:], "little"))


@operation("cpackv")
def cpackv(e):
    e.set_message(0, e.before.v[e.operand(1).number])


@operation("cunpackv")
def cunpackv(e):
    e.writes.append(("v", e.operand(0).number, e.message(1)))


@operation("cpackp")
def cpackp(e):
    e.set_message(0, replaced(e.message(0), 16 * e.operand(2), to_bytes(e.coordinate(1))))


@operation("cunpackp")
def cunpackp(e):
    at = 16 * e.operand(2)
    e.set_coordinate(0, from_bytes(e.message(1)[at:at + 16]))


CAPACITY = 16


def send(e, destinations, message):
    """A message into the channels to several sentrons, one after the other; waits at a full one."""
    machine, source, left = e.frame.machine, e.frame.sentron, list(destinations)

    def attempt(state):
        while left:
            channel = machine.channel(source, left[0])
            if len(channel) == CAPACITY:
                return False
            channel.append(message)
            machine.progress += 1
            left.pop(0)
        return True

    e.control = ("await", attempt)


@operation("csend")
def csend(e):
    send(e, [signed(e.integer(1))], e.message(0))


@operation("croute")
def croute(e):
    send(e, [hash_of(e.coordinate(1)) % e.frame.machine.sentrons], e.message(0))


@operation("cfanout")
def cfanout(e):
    send(e, [64 * e.operand(2) + i for i in range(64) if e.integer(1) >> i & 1], e.message(0))


@operation("crecv")
def crecv(e):
    machine, destination, source, number = e.frame.machine, e.frame.sentron, signed(e.integer(1)), e.operand(0).number

    def attempt(state):
        channel = machine.channel(source, destination)
        if not channel:
            return False
        state.m[number] = channel.pop(0)
        machine.progress += 1
        return True

    e.control = ("await", attempt)


def meet(e, key, value=None, finish=None, count=None):
    """Joins a meeting on the first attempt; `finish(state, values)` runs when all have come, values by number of sentron."""
    machine, sentron = e.frame.machine, e.frame.sentron
    joined = []

    def attempt(state):
        if not joined:
            joined.append(machine.join(key, sentron, value, count or machine.sentrons))
        meeting = joined[0]
        if meeting.done and finish:
            finish(state, [meeting.values[i] for i in sorted(meeting.values)])
        return meeting.done

    e.control = ("await", attempt)


@operation("cbar")
def cbar(e):
    meet(e, "barrier")


@operation("cbarn")
def cbarn(e):
    meet(e, ("barrier", e.operand(1)), count=e.integer(0))


def tree(values, combine):
    """Neighbours first, then pairs at distance 2, 4, ... ([message.reduce])."""
    values, distance = list(values), 1
    while distance < len(values):
        for i in range(0, len(values) - distance, 2 * distance):
            values[i] = combine(values[i], values[i + distance])
        distance *= 2
    return values[0]


@operation("creduce")
def creduce(e):
    number, combine = e.operand(0).number, reduction(e.operand(2), "i64")
    meet(e, "collective", e.integer(1), lambda state, values: state.r.__setitem__(number, tree(values, combine)))


@operation("creducev")
def creducev(e):
    number, combine, width = e.operand(0).number, reduction(e.operand(2), e.type), WIDTHS[e.type]

    def finish(state, values):
        data = b"".join(tree(lanes, combine).to_bytes(width, "little") for lanes in zip(*values))
        state.v[number] = data + bytes(64 - len(data))

    meet(e, "collective", e.vector(1), finish)


@operation("ccast")
def ccast(e):
    number, root = e.operand(0).number, e.integer(1)
    meet(e, "collective", e.message(0), lambda state, values: state.m.__setitem__(number, values[root]))


def lanes_of(message):
    return [int.from_bytes(message[i:i + 8], "little") for i in range(0, 64, 8)]


def merged(kind, messages):
    lanes = [lanes_of(message) for message in messages]
    if kind == 0:
        out = [message[0] for message in lanes] + [0] * (8 - len(lanes))
    elif kind == 1:
        out = [sum(lane) for lane in zip(*lanes)]
    elif kind == 2:
        out = [max(lane, key=signed) for lane in zip(*lanes)]
    else:
        out = [min(lane, key=lambda value: (-lane.count(value), value)) for lane in zip(*lanes)]
    return b"".join((value % (1 << 64)).to_bytes(8, "little") for value in out)


@operation("cmerge")
def cmerge(e):
    number, kind = e.operand(0).number, e.operand(2)
    meet(e, "collective", e.message(1), lambda state, values: state.m.__setitem__(number, merged(kind, values)))
