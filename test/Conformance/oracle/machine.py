# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Executes programs word by word as docs/ISA.md defines them.

Every slot of a word computes from the state before the word; what it writes is collected and lands at the word's end ([slot.parallel]). A
memory access is tested against its binding always: proofs have no effect on the meaning ([mem.bounds]).
"""

import dataclasses
import struct

from . import text

WIDTHS = {"i8": 1, "i16": 2, "i32": 4, "i64": 8, "u8": 1, "u16": 2, "u32": 4, "f16": 2, "f32": 4, "f64": 8}
MASK64 = (1 << 64) - 1


def signed(value, bits=64):
    """The two's complement value of the low `bits` bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


class Trap(Exception):
    """Ends a call; `cause` is one of "divide", "bounds", "message", "coordination", "space"."""

    def __init__(self, cause, message=""):
        super().__init__(cause)
        self.cause, self.message = cause, message
        self.function = self.word = None


class Region:
    """Bytes that a binding names: `size` bytes of a buffer from `start`."""

    def __init__(self, buffer, start=0, size=None):
        self.buffer, self.start = buffer, start
        self.size = len(buffer) - start if size is None else size

    def check(self, offset, count):
        if offset < 0 or offset + count > self.size:
            raise Trap("bounds")

    def load(self, offset, count):
        self.check(offset, count)
        return bytes(self.buffer[self.start + offset:self.start + offset + count])

    def store(self, offset, data):
        self.check(offset, len(data))
        self.buffer[self.start + offset:self.start + offset + len(data)] = data


@dataclasses.dataclass(frozen=True)
class Pointer:
    """A place relative to the start of a binding's region; the offset is a signed 64-bit integer and wraps."""

    region: Region
    offset: int = 0

    def moved(self, distance):
        return Pointer(self.region, signed(self.offset + distance))


class State:
    """Registers of one function's frame: r as integers mod 2^64 or pointers, v and m as 64 bytes each, k as 64 bits each, p as packed integers."""

    def __init__(self):
        self.r = [0] * 16
        self.v = [bytes(64)] * 32
        self.k = [0] * 8
        self.p = [0] * 16
        self.m = [bytes(64)] * 8

    def copy(self):
        other = State.__new__(type(self))
        other.__dict__ = {name: list(value) if isinstance(value, list) else value for name, value in self.__dict__.items()}
        return other


class Effects:
    """What one slot of a word does: reads go to the state before the word, writes are collected."""

    def __init__(self, before, slot, frame, word=None):
        self.before, self.slot, self.frame, self.word = before, slot, frame, word
        self.writes = []  # (bank, number, value)
        self.stores = []  # (region, offset, bytes)
        self.control = None

    # The slot's fields.

    @property
    def type(self):
        return self.slot.types[0]

    @property
    def memory_type(self):
        return self.slot.types[-1]

    @property
    def lanes(self):
        """Lanes of the element type in the slot's length."""
        return self.slot.length // 8 // WIDTHS[self.type]

    def operand(self, position):
        return self.slot.operands[position]

    # Reading.

    def active(self, lane):
        """True if the slot's mask lets a lane through ([mask.none])."""
        return not self.slot.mask or bool(self.before.k[self.slot.mask] >> lane & 1)

    def vector(self, position, type=None, lanes=None):
        """Lanes of a v register as bit patterns."""
        width = WIDTHS[type or self.type]
        data = self.before.v[self.operand(position).number]
        count = self.lanes if lanes is None else lanes
        return [int.from_bytes(data[width * i:width * (i + 1)], "little") for i in range(count)]

    def integer(self, position):
        """An r register as an unsigned 64-bit integer."""
        value = self.before.r[self.operand(position).number]
        if isinstance(value, Pointer):
            raise TypeError(f"{self.slot.mnemonic} reads a pointer")
        return value & MASK64

    def scalar(self, position):
        """An r register as it is: an integer or a pointer."""
        return self.before.r[self.operand(position).number]

    def mask(self, position):
        return self.before.k[self.operand(position).number]

    def coordinate(self, position):
        return self.before.p[self.operand(position).number]

    def message(self, position):
        return self.before.m[self.operand(position).number]

    def place(self, position, add_index=True):
        """Region and offset of an address operand; the sum wraps at 64 bits ([mem.address])."""
        address = self.operand(position)
        pointer = self.before.r[address.base.number]
        offset = pointer.offset + address.displacement
        if add_index and address.index:
            offset += signed(self.before.r[address.index.number]) * address.scale
        return pointer.region, signed(offset)

    # Writing.

    def set_vector(self, position, lanes, type=None, masked=True):
        """Writes lanes under the slot's mask ([mask.merging], [mask.zeroing]); what lies behind them becomes zero ([length.tail])."""
        width = WIDTHS[type or self.type]
        number = self.operand(position).number
        old = self.before.v[number]
        out = bytearray(64)
        for i, value in enumerate(lanes):
            if not masked or self.active(i):
                out[width * i:width * (i + 1)] = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
            elif not self.slot.zeroing:
                out[width * i:width * (i + 1)] = old[width * i:width * (i + 1)]
        self.writes.append(("v", number, bytes(out)))

    def set_scalar(self, position, value):
        self.writes.append(("r", self.operand(position).number, value if isinstance(value, Pointer) else value & MASK64))

    def set_mask(self, position, value):
        self.writes.append(("k", self.operand(position).number, value & MASK64))

    def set_coordinate(self, position, value):
        self.writes.append(("p", self.operand(position).number, value))

    def set_message(self, position, value):
        self.writes.append(("m", self.operand(position).number, value))

    def store(self, region, offset, data):
        region.check(offset, len(data))
        self.stores.append((region, offset, data))


@dataclasses.dataclass
class Frame:
    """A running function of one sentron."""

    machine: object
    function: text.Function
    regions: list
    sentron: int = 0
    word: int = 0


#: Mnemonic to the function that computes its Effects.
OPERATIONS = {}


def operation(*mnemonics):
    """Registers what computes a mnemonic: a function of Effects."""

    def register(compute):
        for mnemonic in mnemonics:
            OPERATIONS[mnemonic] = compute
        return compute

    return register


def step(word, state, frame):
    """Executes one word on `state` in place; returns what the C slot asks of control: None or a tuple."""
    before = state.copy()
    done = []
    for pipe in ("D", "S", "C"):
        if pipe in word.slots:
            slot = word.slots[pipe]
            effects = Effects(before, slot, frame, word)
            OPERATIONS[slot.mnemonic](effects)
            done.append(effects)
    for effects in done:
        for bank, number, value in effects.writes:
            getattr(state, bank)[number] = value
        for region, offset, data in effects.stores:
            region.store(offset, data)
    return next((effects.control for effects in done if effects.control), None)


class Meeting:
    """Sentrons that wait for each other: what each brings, and whether all have come."""

    def __init__(self, count):
        self.count, self.values, self.done = count, {}, False


class Space(dict):
    """Memory by coordinate ([space.call]): the 64 bits of the cells by packed coordinate, and regions."""

    def __init__(self):
        super().__init__()
        self.regions = []


class Machine:
    """A loaded program. `inputs` are the contents of the entry's input bindings."""

    def __init__(self, program, sentrons=1):
        self.program = text.parse_program(program) if isinstance(program, str) else program
        self.sentrons = sentrons
        self.space, self.tables = Space(), {}  # of a call; tables by sentron and name
        self.progress = 0  # changes with everything that another sentron may wait for
        self.meetings, self.channels = {}, {}

    def join(self, key, sentron, value, count):
        """The meeting `key` with this sentron in it; it is over when `count` have joined."""
        meeting = self.meetings.setdefault(key, Meeting(count))
        meeting.values[sentron] = value
        self.progress += 1
        if len(meeting.values) == meeting.count:
            meeting.done = True
            del self.meetings[key]
        return meeting

    def channel(self, source, destination):
        """The messages under way from one sentron to another ([message.channel])."""
        for sentron in (source, destination):
            if not 0 <= sentron < self.sentrons:
                raise Trap("coordination")
        return self.channels.setdefault((source, destination), [])

    def regions(self, function, shared, sentron_memory, imports=()):
        """Regions of a function's bindings: imports from the call, the rest by kind."""
        out, imports = [], list(imports)
        for number, binding in enumerate(function.bindings):
            if binding.kind == "import":
                out.append(imports.pop(0))
            elif binding.kind == "constant":
                out.append(Region(self.program.rodata, binding.offset, binding.size))
            else:
                memory = sentron_memory if binding.kind == "stack" else shared
                key = (function.name, number)
                if key not in memory:
                    memory[key] = bytearray(binding.size)
                out.append(Region(memory[key], 0, binding.size))
        return out

    def call(self, inputs=()):
        """Runs the entry on all sentrons; the outputs' bytes in order, or a Trap."""
        entry = next(function for function in self.program.functions if function.entry)
        shared, inputs = {}, list(inputs)
        self.space, self.tables = Space(), {}
        for number, binding in enumerate(entry.bindings):
            if binding.kind == "input":
                shared[entry.name, number] = bytearray(inputs.pop(0))
        memories = [{} for _ in range(self.sentrons)]
        running = {}
        for sentron in range(self.sentrons):
            frame = Frame(self, entry, self.regions(entry, shared, memories[sentron]), sentron)
            running[sentron] = self.run(frame, shared, memories[sentron])
        # Sentrons take turns, each until it has to wait or branches back, since a loop may end by another's trap alone ([trap.stop]). What they do
        # in between must not depend on the order ([sentron.order]).
        while running:
            before = self.progress
            for sentron, work in list(running.items()):
                if next(work, "returned") == "returned":
                    del running[sentron]
                    self.progress += 1
            if running and self.progress == before:
                raise Trap("coordination")
        return [bytes(shared[entry.name, n]) for n, b in enumerate(entry.bindings) if b.kind == "output"]

    @staticmethod
    def attempt(action, state, frame):
        """Tries what a word waits for; true once it has happened."""
        try:
            return action(state)
        except Trap as trap:
            trap.function, trap.word = frame.function.name, frame.word
            raise

    def run(self, frame, shared, memory):
        """A generator that executes a function's words and yields while it waits."""
        state = State()
        while True:
            word = frame.function.words[frame.word]
            try:
                control = step(word, state, frame)
            except Trap as trap:
                if trap.function is None:
                    trap.function, trap.word = frame.function.name, frame.word
                raise
            if control is None:
                frame.word += 1
            elif control[0] == "branch":
                back = control[1] <= frame.word
                frame.word = control[1]
                if back:
                    self.progress += 1
                    yield "running"
            elif control[0] == "return":
                return
            elif control[0] == "await":
                while not self.attempt(control[1], state, frame):
                    yield "waiting"
                frame.word += 1
            elif control[0] == "call":
                callee, arguments = frame.function.tables[control[1]]
                function = self.program.function(callee)
                imports = []
                for (number, offset), binding in zip(arguments, function.bindings):
                    source = frame.regions[number]
                    imports.append(Region(source.buffer, source.start + offset, binding.size))
                callee_frame = Frame(self, function, self.regions(function, shared, memory, imports), frame.sentron)
                yield from self.run(callee_frame, shared, memory)
                state = State()
                frame.word += 1
