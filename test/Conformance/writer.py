# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes self-checking programs: constants, words under test, comparison with what the oracle expects.

Registers of the frame: r0 points to the constants, r1 and r2 walk over cases and expectations, r6 and r7 compare; v10, v11 and k4..k6 too. The
words under test use the others.
"""

NAN_LANES = {"f32": "i32", "f64": "i64"}


def moved(address, distance):
    """`[... + number]` a few bytes further."""
    head, _, number = address[:-1].rpartition(" + ")
    return f"{head} + {int(number) + distance}]"


class Program:
    """The text of one program with one entry `main`; binding b0 holds the constants."""

    def __init__(self, rules, seed=None):
        self.rules, self.seed = rules, seed
        self.words, self.messages, self.bindings = [], [], []
        self.rodata, self.places, self.labels = bytearray(), {}, 0

    def binding(self, text):
        """Declares a binding behind b0; its name."""
        self.bindings.append(text)
        return f"b{len(self.bindings)}"

    def constant(self, data):
        """Offset of these bytes among the constants, aligned to 64."""
        data = bytes(data)
        if data not in self.places:
            self.rodata += bytes(-len(self.rodata) % 64)
            self.places[data] = len(self.rodata)
            self.rodata += data
        return self.places[data]

    def message(self, text):
        if text not in self.messages:
            self.messages.append(text)
        return f"m{self.messages.index(text)}"

    def word(self, text):
        self.words.append(f"  {{ {text} }}")

    def label(self):
        self.labels += 1
        self.words.append(f"L{self.labels}:")
        return f"L{self.labels}"

    def load_integer(self, register, value):
        """An r register = a constant."""
        value %= 1 << 64
        self.word(f"C: cimm {register}, {value - (1 << 64) if value >> 63 else value}")

    def scratch(self):
        """A binding of 16 bytes for coordinates on their way; r4 points to it."""
        self.word(f"C: cptr r4, {self.binding('arena scratch size=64 align=64 writable')}")

    def load(self, register, address):
        """A register of any bank = bytes at an address."""
        bank = register[0]
        if bank == "k":
            self.word(f"S: sldr.i64 r6, {address}")
            self.word(f"C: kput {register}, r6")
        elif bank == "m":
            self.word(f"S: sld.i64.i64.512 v10, {address}")
            self.word(f"C: cpackv {register}, v10")
        else:
            self.word(f"S: {dict(v='sld.i64.i64.512', r='sldr.i64', p='sldp')[bank]} {register}, {address}")

    def expect(self, register, address, type, message):
        """A register of any bank equals bytes at an address."""
        bank = register[0]
        if bank == "p":
            self.word(f"S: sstp {register}, [r4]")
            for half in (0, 8):
                self.word(f"S: sldr.i64 r6, [r4 + {half}]")
                self.expect_scalar("r6", moved(address, half), message)
        elif bank == "m":
            self.word(f"C: cunpackv v11, {register}")
            self.expect_vector("v11", address, "i64", message)
        else:
            {"v": lambda: self.expect_vector(register, address, type, message), "k": lambda: self.expect_mask(register, address, message),
             "r": lambda: self.expect_scalar(register, address, message)}[bank]()

    # Comparisons; the expectation's address is r0 + r2, or r0 + a constant offset.

    def expect_vector(self, register, address, type, message):
        """All 512 bits, NaNs of a float type as a class."""
        lane = NAN_LANES.get(type, type)
        self.word(f"S: sld.i64.i64.512 v10, {address}")
        self.word(f"D: dcmp.eq.{lane}.512 k4, {register}, v10")
        if type in NAN_LANES:
            self.word(f"D: dcmp.uno.{type}.512 k5, {register}, {register}")
            self.word(f"D: dcmp.uno.{type}.512 k6, v10, v10")
            self.word("C: kand k5, k5, k6")
            self.word("C: kor k4, k4, k5")
        self.word("C: kget r6, k4")
        self.load_integer("r7", (1 << (64 // (4 if lane == "i32" else 8))) - 1)
        self.word("C: cset.eq r6, r6, r7")
        self.word(f"C: cassert r6, {self.message(message)}")

    def expect_scalar(self, register, address, message):
        self.word(f"S: sldr.i64 r7, {address}")
        self.word(f"C: cset.eq r6, {register}, r7")
        self.word(f"C: cassert r6, {self.message(message)}")

    def expect_mask(self, register, address, message):
        self.word(f"C: kget r6, {register}")
        self.expect_scalar("r6", address, message)

    def text(self):
        out = ["// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception",
               "// Written by test/Conformance/generate.py; expectations are the oracle's."]
        if self.seed is not None:
            out.append(f"// Seed {self.seed}")
        out += [f"// RULE: {rule}" for rule in self.rules]
        out += [f'.message "{message}"' for message in self.messages]
        data = bytes(self.rodata) or bytes(64)
        out += [f".rodata {data[at:at + 64].hex()}" for at in range(0, len(data), 64)]
        out.append(".func main entry")
        out.append(f"  .binding constant c size={len(data)} align=64 offset=0")
        out += [f"  .binding {binding}" for binding in self.bindings]
        out.append("  { C: cptr r0, b0 }")
        out += self.words
        out += ["  { C: cret }", ".end", ""]
        return "\n".join(out)
