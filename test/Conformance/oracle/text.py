# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reads the assembly text of a program (docs/Assembly.md) as far as execution needs it."""

import dataclasses
import re

PREDICATES = ("eq", "ne", "lt", "le", "gt", "ge", "ult", "ule", "ugt", "uge", "ueq", "one", "ord", "uno")
LENGTHS = ("128", "256", "512")


@dataclasses.dataclass(frozen=True)
class Register:
    """A register operand: its class letter and number."""

    bank: str
    number: int


@dataclasses.dataclass(frozen=True)
class Address:
    """`[base + index * scale + displacement]`; the index is a register or None."""

    base: Register
    index: Register
    scale: int
    displacement: int


@dataclasses.dataclass(frozen=True)
class Reference:
    """A binding `b`, call table `t`, message `m` or host function `h` by number."""

    kind: str
    number: int


@dataclasses.dataclass
class Slot:
    mnemonic: str
    predicate: str = None
    types: tuple = ()  # element type, then memory type; one alone stands first
    length: int = 128  # in bits
    operands: tuple = ()
    mask: int = 0
    zeroing: bool = False


@dataclasses.dataclass
class Word:
    slots: dict  # "D", "S", "C" to Slot
    coordinate: tuple = (0,) * 11


@dataclasses.dataclass
class Binding:
    kind: str
    name: str
    size: int = 0
    offset: int = 0
    writable: bool = False


@dataclasses.dataclass
class Function:
    name: str
    entry: bool
    bindings: list = dataclasses.field(default_factory=list)
    tables: list = dataclasses.field(default_factory=list)  # (callee's name, [(binding, offset)])
    words: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Program:
    functions: list = dataclasses.field(default_factory=list)
    messages: list = dataclasses.field(default_factory=list)
    rodata: bytearray = dataclasses.field(default_factory=bytearray)

    def function(self, name):
        return next(function for function in self.functions if function.name == name)


STRING = r'"(?:[^"\\]|\\.)*"'
REGISTER = re.compile(r"([rvkpm])(\d+)")
ADDRESS = re.compile(r"\[\s*([rp]\d+)\s*(?:\+\s*([rv]\d+)\s*(?:\*\s*([1248]))?)?\s*(?:([+-])\s*(\w+))?\s*\]")


def unquote(text):
    """The text of a name or a quoted string."""
    if not text.startswith('"'):
        return text
    escapes = {"n": "\n", '"': '"', "\\": "\\"}
    return re.sub(r"\\(x[0-9a-fA-F]{2}|.)", lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" else escapes[m[1]], text[1:-1])


def without_comment(line):
    return re.match(rf'(?:{STRING}|(?!//).)*', line).group().strip()


def parse_register(text):
    match = REGISTER.fullmatch(text)
    return Register(match[1], int(match[2])) if match else None


def parse_operand(text, labels):
    """One operand; a label becomes its word's number wrapped in a Reference of kind `label`."""
    if text.startswith("["):
        match = ADDRESS.fullmatch(text)
        if not match:
            raise ValueError(f"address {text}")
        displacement = int(match[5], 0) if match[5] else 0
        return Address(parse_register(match[1]), parse_register(match[2]) if match[2] else None, int(match[3] or 1),
                       -displacement if match[4] == "-" else displacement)
    register = parse_register(text)
    if register:
        return register
    if text in labels:
        return Reference("label", labels[text])
    match = re.fullmatch(r"([btmh])(\d+)", text)
    if match:
        return Reference(match[1], int(match[2]))
    return int(text, 0)


def parse_slot(text, labels):
    head, _, rest = text.strip().partition(" ")
    mnemonic, *suffixes = head.split(".")
    slot = Slot(mnemonic)
    types = []
    for suffix in suffixes:
        if suffix in PREDICATES:
            slot.predicate = suffix
        elif suffix in LENGTHS:
            slot.length = int(suffix)
        else:
            types.append(suffix)
    slot.types = tuple(types)
    match = re.search(r"\{k(\d)\}(\{z\})?\s*$", rest)
    if match:
        slot.mask, slot.zeroing = int(match[1]), bool(match[2])
        rest = rest[: match.start()]
    slot.operands = tuple(parse_operand(part.strip(), labels) for part in rest.split(",") if part.strip())
    return slot


def parse_word(text, labels=None):
    """A word `{ D: ... ; S: ... ; C: ... } @coordinate`."""
    match = re.fullmatch(r"\{(.*)\}\s*(?:@\s*(\S+))?", text.strip())
    slots = {}
    for part in match[1].split(";"):
        pipe, _, body = part.strip().partition(":")
        if pipe:
            slots[pipe] = parse_slot(body, labels or {})
    word = Word(slots)
    if match[2]:
        parts = [int(part) for part in re.split(r"[./]", match[2])]
        word.coordinate = tuple(parts + [0] * (11 - len(parts)))
    return word


def parse_program(text):
    """A whole program. What only a loader needs (types, shapes, locations) is passed over."""
    program = Program()
    function = None
    pending = []  # (words, labels) are resolved at .end, when every label is known
    labels = {}
    for line in map(without_comment, text.splitlines()):
        if not line:
            continue
        directive, _, rest = line.partition(" ")
        rest = rest.strip()
        if directive == ".message":
            program.messages.append(unquote(rest))
        elif directive == ".rodata":
            program.rodata += bytes.fromhex(rest)
        elif directive == ".func":
            match = re.fullmatch(rf"({STRING}|\S+)(\s+entry)?", rest)
            function = Function(unquote(match[1]), bool(match[2]))
            program.functions.append(function)
            pending, labels = [], {}
        elif directive == ".binding":
            match = re.match(rf"(\w+)\s+({STRING}|\S+)", rest)
            attributes = rest[match.end():]
            binding = Binding(match[1], unquote(match[2]), writable=bool(re.search(r"\bwritable\b", attributes)))
            for key, value in re.findall(r"\b(size|offset)=(\d+)", attributes):
                setattr(binding, key, int(value))
            function.bindings.append(binding)
        elif directive == ".table":
            match = re.match(rf"({STRING}|\S+)", rest)
            arguments = [(int(b), int(offset or 0)) for b, offset in re.findall(r"b(\d+)(?:\+(\d+))?", rest[match.end():])]
            function.tables.append((unquote(match[1]), arguments))
        elif directive == ".end":
            function.words = [parse_word(word, labels) for word in pending]
            function = None
        elif line.startswith("{"):
            pending.append(line)
        elif line.endswith(":"):
            labels[line[:-1].strip()] = len(pending)
        elif directive not in (".isa", ".parameter_file", ".port_table", ".location", ".loc"):
            raise ValueError(f"directive {line}")
    return program
