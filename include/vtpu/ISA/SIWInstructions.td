//===- SIWInstructions.td - The instruction table ----------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The one table of the ISA. llvm-tblgen -dump-json feeds tools/isa/gen_isa.py, which derives from it the C++ tables (encoder, decoder,
// assembler, disassembler, verifier, interpreter and JIT dispatch), the siw dialect's ops, the manual's chapter and the Python table. Opcodes
// are numbered per pipe; 0 is the empty slot. A row without semantics or template does not build.
//
// A slot holds: opcode, element type, memory type, length, scale, predicate, mask (k register and zeroing bit), four register fields
// rd ra rb rc, and a 32-bit immediate. 64-bit immediates stand in the word's coordinate field (I0 low, I1 high).
//
//===----------------------------------------------------------------------===//

// Which operand stands in which field.
//   cls: r, v, k, p, m (registers), i32 (the slot's immediate), i64 (word immediate I0), cmp64 (word immediate I1), target (immediate: word
//        distance from this word), binding, table, code, host (immediates with a meaning).
//   access: in, out, inout, tmp (written with an undefined value: a temporary of the template).
//   low, high: what an immediate in the slot may be, or a result in an r register is.
//   bits: a v register that is read as bits or integer lanes whatever the element type is, so that payloads of NaNs show in the result.
class Operand<string place, string cls, string access, int low = -2147483648, int high = 2147483647> {
  string Field = place;
  string Class = cls;
  string Access = access;
  int Low = low;
  int High = high;
  bit Bits = 0;
}
class Out<string place, string cls, int low = -2147483648, int high = 2147483647> : Operand<place, cls, "out", low, high>;
class In<string place, string cls> : Operand<place, cls, "in">;
class InBits<string place> : Operand<place, "v", "in"> { let Bits = 1; }
class InOut<string place, string cls> : Operand<place, cls, "inout">;
class InOutBits<string place> : Operand<place, "v", "inout"> { let Bits = 1; }
class Tmp<string place, string cls> : Operand<place, cls, "tmp">;
class Imm<string cls, int low = -2147483648, int high = 2147483647> : Operand<"imm", cls, "in", low, high>;
class Number<string cls> : Imm<cls, 0>; // an index into a table of the program or the runtime
def I0 : Operand<"i0", "i64", "in">;
def I1 : Operand<"i1", "cmp64", "in">;

class Instr<string pipe, int opcode, string mnemonic, list<Operand> operands> {
  string Pipe = pipe;
  int Opcode = opcode;
  string Mnemonic = mnemonic;
  list<Operand> Operands = operands;
  list<string> Types = [];      // legal element types; empty: the type field must be zero
  list<string> MemTypes = [];   // legal memory/source types; empty: the field must be zero
  bit HasLen = 0;               // the length field is meaningful (128, 256, 512)
  bit Maskable = 0;             // an optional k mask, merging or zeroing
  bit HasPred = 0;              // a predicate field
  bit IsLoad = 0;
  bit IsStore = 0;
  bit IsBranch = 0;             // may transfer control inside the function
  bit IsTerminator = 0;         // never falls through
  bit HasSideEffects = 0;
  bit UsesCoordinate = 0;       // reads the word's coordinate: the word has no immediates
  bit UsesSentron = 0;          // depends on the sentron that runs it, or on the others: sentrons that run it are not interchangeable
  bit Routine = 0;              // a C++ function of this name in lib/Runtime/Routines, which every tier calls
  bit UsesSpace = 0;            // a routine over the space of the call, or over tables of its sentron
  bit Light = 0;                // a routine that touches general registers only: no vectors, masks, allocation or library calls, unless it saves them
  bit TrapsOnZero = 0;          // traps if the last r register that it reads holds zero
  string Port = "alu";          // port class of the host template: the key into port tables
  string Summary = "";          // one line of semantics
  string Since = "0.1";
}

defvar FloatTypes = ["f32", "f64"];
defvar IntTypes = ["i32", "i64"];
defvar AllTypes = ["f32", "f64", "i32", "i64"];
defvar MemoryTypes = ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "f32", "f64", "f16"];

//===----------------------------------------------------------------------===//
// D pipe: dense arithmetic on vector registers
//===----------------------------------------------------------------------===//

class D<int opcode, string mnemonic, list<Operand> operands, list<string> types, string port, string summary>
    : Instr<"D", opcode, mnemonic, operands> {
  let Types = types;
  let HasLen = 1;
  let Maskable = 1;
  let Port = port;
  let Summary = summary;
}
class D2<int opcode, string mnemonic, list<string> types, string port, string summary>
    : D<opcode, mnemonic, [Out<"rd", "v">, In<"ra", "v">, In<"rb", "v">], types, port, summary>;
class D1<int opcode, string mnemonic, list<string> types, string port, string summary>
    : D<opcode, mnemonic, [Out<"rd", "v">, In<"ra", "v">], types, port, summary>;
class DShiftImm<int opcode, string mnemonic, string summary>
    : D<opcode, mnemonic, [Out<"rd", "v">, In<"ra", "v">, Imm<"i32">], IntTypes, "vshift", summary>;

def DADD : D2<1, "dadd", AllTypes, "vadd", "rd = ra + rb; integers wrap">;
def DSUB : D2<2, "dsub", AllTypes, "vadd", "rd = ra - rb; integers wrap">;
def DMUL : D2<3, "dmul", AllTypes, "vmul", "rd = ra * rb; integers wrap">;
def DFMA : D<4, "dfma", [InOut<"rd", "v">, In<"ra", "v">, In<"rb", "v">], FloatTypes, "fma", "rd = ra * rb + rd, rounded once">;
def DFNMA : D<5, "dfnma", [InOut<"rd", "v">, In<"ra", "v">, In<"rb", "v">], FloatTypes, "fma", "rd = rd - ra * rb, rounded once">;
def DFMAI : D<63, "dfmai", [InOut<"rd", "v">, In<"ra", "v">, I0], FloatTypes, "fmaload",
              "rd = rd * ra + c, rounded once; every lane of c = the low bits of word immediate I0">;
def DDIV : D2<6, "ddiv", FloatTypes, "vdiv", "rd = ra / rb">;
def DSQRT : D1<7, "dsqrt", FloatTypes, "vdiv", "rd = sqrt(ra)">;
def DMIN : D2<8, "dmin", AllTypes, "vadd", "rd = ra < rb ? ra : rb (floats: rb when unordered or both zero; integers signed)">;
def DMAX : D2<9, "dmax", AllTypes, "vadd", "rd = ra > rb ? ra : rb (floats: rb when unordered or both zero; integers signed)">;
def DMINU : D2<10, "dminu", IntTypes, "vadd", "rd = unsigned minimum of ra and rb">;
def DMAXU : D2<11, "dmaxu", IntTypes, "vadd", "rd = unsigned maximum of ra and rb">;
def DAND : D2<12, "dand", IntTypes, "vlogic", "rd = ra & rb">;
def DOR : D2<13, "dor", IntTypes, "vlogic", "rd = ra | rb">;
def DXOR : D2<14, "dxor", IntTypes, "vlogic", "rd = ra ^ rb">;
def DANDN : D2<15, "dandn", IntTypes, "vlogic", "rd = ~ra & rb">;
def DSHL : D2<16, "dshl", IntTypes, "vshift", "rd = ra << rb; a count outside 0 .. width-1 gives 0">;
def DSHR : D2<17, "dshr", IntTypes, "vshift", "rd = ra >> rb, logical; a count outside 0 .. width-1 gives 0">;
def DSAR : D2<18, "dsar", IntTypes, "vshift", "rd = ra >> rb, arithmetic; a count outside 0 .. width-1 gives the sign in every bit">;
def DSHLI : DShiftImm<19, "dshli", "rd = ra << (imm mod lane width)">;
def DSHRI : DShiftImm<20, "dshri", "rd = ra >> (imm mod lane width), logical">;
def DSARI : DShiftImm<21, "dsari", "rd = ra >> (imm mod lane width), arithmetic">;
def DCMP : D<22, "dcmp", [Out<"rd", "k">, In<"ra", "v">, In<"rb", "v">], AllTypes, "vcmp",
             "k lane = pred(ra, rb); lanes beyond the length, and lanes outside the mask, are zero"> {
  let HasPred = 1;
}
def DSEL : D<23, "dsel", [Out<"rd", "v">, In<"ra", "v">, In<"rb", "v">, In<"rc", "k">], AllTypes, "vlogic",
             "lane = k ? ra : rb"> {
  let Maskable = 0;
}
def DMOV : D1<24, "dmov", AllTypes, "vmov", "rd = ra">;
def DBCAST : D1<25, "dbcast", AllTypes, "shuffle", "every lane of rd = lane 0 of ra">;
def DSET : D<26, "dset", [Out<"rd", "v">, In<"ra", "r">], AllTypes, "rtov", "every lane of rd = the low bits of r register ra">;
def DGET : D<27, "dget", [Out<"rd", "r">, InBits<"ra">], AllTypes, "vtor",
             "r register rd = lane 0 of ra: integers sign-extended, floats as bits zero-extended"> {
  let Maskable = 0;
  let HasLen = 0;
}
def DIMM : D<28, "dimm", [Out<"rd", "v">, I0], AllTypes, "bload", "every lane of rd = the low bits of word immediate I0">;
def DROUND : D<29, "dround", [Out<"rd", "v">, In<"ra", "v">, Imm<"i32", 0, 3>], FloatTypes, "vround",
               "rd = ra rounded to an integer: imm 0 to nearest even, 1 down, 2 up, 3 toward zero">;
def DCVT : D1<30, "dcvt", AllTypes, "vcvt",
               "rd = ra converted from the memory type to the type, lane by lane; the length is that of the wider type, the narrower side "
               "occupies the low part of its register; float to integer truncates, out of range gives the minimum; u32: zero-extended"> {
  let MemTypes = ["i32", "i64", "u32", "f32", "f64"];
}
def DRND : D1<31, "drnd", ["f32"], "vcvt", "rd = ra rounded to the memory type's precision and range"> {
  let Maskable = 0;
  let MemTypes = ["f16"];
}
def DRED : D<32, "dred", [Out<"rd", "v">, InBits<"ra">, Tmp<"rb", "v">, Imm<"i32", 0, 6>], AllTypes, "reduce",
             "lane 0 of rd = tree reduction of ra (upper half with lower half until one lane is left), other lanes zero: imm 0 sum, 1 product, "
             "2 min, 3 max (as dmin, dmax with the lower half as ra), 4 and, 5 or, 6 xor (bitwise)"> {
  let Maskable = 0;
}
def DPERM : D<33, "dperm", [Out<"rd", "v">, InBits<"ra">, In<"rb", "v">], AllTypes, "shuffle",
              "lane i of rd = lane (ra[i] mod lanes) of rb; ra holds integer lanes of the same width">;
def DPERM2 : D<34, "dperm2", [InOutBits<"rd">, In<"ra", "v">, In<"rb", "v">], AllTypes, "shuffle",
               "lane i of rd = lane (rd[i] mod 2*lanes) of the concatenation ra, rb">;
def DCOMPRESS : D1<35, "dcompress", AllTypes, "shuffle", "active lanes of ra packed to the low lanes of rd; needs a mask">;
def DEXPAND : D1<36, "dexpand", AllTypes, "shuffle", "low lanes of ra spread to the active lanes of rd; needs a mask">;
def DABS : D1<37, "dabs", IntTypes, "vadd", "rd = |ra|, the minimum wraps to itself">;
def DSCALE : D2<38, "dscale", FloatTypes, "fma", "rd = ra * 2^floor(rb)">;
def DGETEXP : D1<39, "dgetexp", FloatTypes, "vround", "rd = floor(log2|ra|) as a float; 0 gives -inf, denormals are normalised first">;
def DGETMANT : D1<40, "dgetmant", FloatTypes, "vround", "rd = mantissa of ra in [1, 2), sign of ra kept; 0 and infinity give 1 with that sign">;
def DCMP3 : D<42, "dcmp3", [Out<"rd", "v">, In<"ra", "v">, In<"rb", "v">, Tmp<"rc", "k">], AllTypes, "vcmp",
              "rd = -1, 0 or 1 as ra is less than, equal to or greater than rb; integers signed; 0 if unordered">;
def DLZCNT : D1<41, "dlzcnt", IntTypes, "vadd", "rd = number of leading zero bits of ra">;

// Hypervectors: registers as bits. Bit i of the register is bit (i mod 64) of its 64-bit lane i / 64.
def DHDBIND : D2<43, "dhdbind", IntTypes, "vlogic", "rd = ra ^ rb">;
def DHDBUND : D<44, "dhdbund", [InOut<"rd", "v">, In<"ra", "v">, In<"rb", "v">], IntTypes, "vlogic",
                "each bit of rd = the majority of that bit of rd, ra and rb">;
def DHDPERM : D<45, "dhdperm", [Out<"rd", "v">, In<"ra", "v">, Tmp<"rb", "v">, Imm<"i32">], ["i64"], "funnel",
                "the register's bits rotated: bit ((i + imm) mod length) of rd = bit i of ra"> {
  let Maskable = 0;
}
def DHDPERM2 : D<46, "dhdperm2", [Out<"rd", "v">, In<"ra", "v">, In<"rb", "v">, Tmp<"rc", "v">, Imm<"i32">], ["i64"], "funnel",
                 "rd = ra shifted up by (imm mod length) bits, the highest bits of rb shifted in: one register of a longer rotation"> {
  let Maskable = 0;
}
def DHDSIM : D2<47, "dhdsim", IntTypes, "popcnt", "rd = number of bits, lane by lane, in which ra and rb are equal">;
def DPOPCNT : D1<48, "dpopcnt", IntTypes, "popcnt", "rd = number of one bits of ra">;

// Trits: two bits each, 0 = 00 or 11, +1 = 01, -1 = 10. Trit j of a lane stands in its bits 2j and 2j + 1: 16 of a 32-bit lane, 32 of a 64-bit one.
class DTrit<int opcode, string mnemonic, Operand target, string summary>
    : D<opcode, mnemonic, [target, In<"ra", "v">, InBits<"rb">, Tmp<"rc", "v">, Imm<"i32">], AllTypes, "trit", summary>;
def DTERNARY : DTrit<49, "dternary", Out<"rd", "v">, "rd = ra * t, t = trit (imm mod trits of a lane) of rb's lane as a number; integers wrap">;
def DTACC : DTrit<50, "dtacc", InOut<"rd", "v">, "rd = ra * t + rd, t as in dternary; floats as dfma, integers wrap">;
def DTPOP : D<51, "dtpop", [Out<"rd", "v">, In<"ra", "v">, Tmp<"rb", "v">], IntTypes, "popcnt", "rd = number of trits of ra's lane that are not 0">;
def DHDENC : Instr<"D", 52, "dhdenc", [Out<"rd", "v">, In<"ra", "p">, Imm<"i32", 0>, I0]> {
  let Routine = 1;
  let Port = "host";
  let Summary = "rd = register imm of the hypervector of coordinate ra with seed I0 (512 bits; encodeCoordinate)";
}


// Points and scores whose components are the active lanes of a register: docs/ISA.md, points.compute.
let Routine = 1 in {
def DSOFT : D<60, "dsoft", [Out<"rd", "v">, In<"ra", "v">, I0], FloatTypes, "host",
              "rd = softmax of ra / T over the active lanes, T = the low bits of I0 as a number of the type">;
def DHYPADD : D<61, "dhypadd", [Out<"rd", "v">, In<"ra", "v">, In<"rb", "v">, I0], FloatTypes, "host",
                "rd = Moebius sum of the points ra and rb of the ball with curvature -c, c = the low bits of I0 as a number of the type">;
def DHYPMUL : D<62, "dhypmul", [Out<"rd", "v">, In<"ra", "v">, In<"rb", "v">, I0], FloatTypes, "host",
                "rd = Moebius product of lane 0 of rb and the point ra of the ball with curvature -c, c as in dhypadd">;
}

//===----------------------------------------------------------------------===//
// S pipe: memory. Address = ra + rb * scale + imm (rb optional), ra a pointer
//===----------------------------------------------------------------------===//

class S<int opcode, string mnemonic, list<Operand> operands, list<string> types, list<string> mem, string port, string summary>
    : Instr<"S", opcode, mnemonic, operands> {
  let Types = types;
  let MemTypes = mem;
  let Port = port;
  let Summary = summary;
}
// In address operands `rb` has class "idx": an optional integer r register, 255 when absent; the scale field holds log2 of 1, 2, 4, 8.
defvar Address = [In<"ra", "r">, In<"rb", "idx">, Imm<"i32">];

def SLD : S<1, "sld", !listconcat([Out<"rd", "v">], Address), AllTypes, MemoryTypes, "load",
            "lanes of rd = consecutive elements of the memory type, widened to the type; inactive lanes read nothing"> {
  let HasLen = 1;
  let Maskable = 1;
  let IsLoad = 1;
}
def SST : S<2, "sst", !listconcat([In<"rd", "v">], Address), AllTypes, MemoryTypes, "store",
            "consecutive elements of the memory type = lanes of rd, narrowed (integers truncate, f16 rounds to nearest even); inactive lanes "
            "write nothing; merging only"> {
  let HasLen = 1;
  let Maskable = 1;
  let IsStore = 1;
}
def SBCAST : S<3, "sbcast", !listconcat([Out<"rd", "v">], Address), AllTypes, [], "bload", "every lane of rd = one element of the type"> {
  let HasLen = 1;
  let Maskable = 1;
  let IsLoad = 1;
}
def SGATHER : S<4, "sgather", [Out<"rd", "v">, In<"ra", "r">, Tmp<"rb", "k">, InBits<"rc">, Imm<"i32">], AllTypes, [], "gather",
                "lane i of rd = element at ra + rc[i] * scale + imm; rc holds signed integer lanes of the type's width; inactive lanes zero"> {
  let HasLen = 1;
  let Maskable = 1;
  let IsLoad = 1;
}
def SSCATTER : S<5, "sscatter", [In<"rd", "v">, In<"ra", "r">, Tmp<"rb", "k">, InBits<"rc">, Imm<"i32">], AllTypes, [], "scatter",
                 "element at ra + rc[i] * scale + imm = lane i of rd, in lane order"> {
  let HasLen = 1;
  let Maskable = 1;
  let IsStore = 1;
}
def SLDR : S<6, "sldr", !listconcat([Out<"rd", "r">], Address), [], ["i8", "i16", "i32", "i64", "u8", "u16", "u32"], "rload",
             "r register rd = one element, sign- or zero-extended to 64 bits"> {
  let IsLoad = 1;
}
def SSTR : S<7, "sstr", !listconcat([In<"rd", "r">], Address), [], ["i8", "i16", "i32", "i64"], "rstore", "one element = low bits of r register rd"> {
  let IsStore = 1;
}
def SLDS : S<8, "slds", !listconcat([Out<"rd", "v">], Address), AllTypes, [], "load", "lane 0 of rd = one element of the type, other lanes zero"> {
  let IsLoad = 1;
}
def SSTS : S<9, "ssts", !listconcat([In<"rd", "v">], Address), AllTypes, [], "store", "one element of the type = lane 0 of rd"> {
  let IsStore = 1;
}
class SPrefetch<int opcode, string mnemonic, string where>
    : S<opcode, mnemonic, Address, [], [], "load", "prefetch the line at the address into " # where # "; never traps"> {
  let HasSideEffects = 1;
}
def SPREFCH : SPrefetch<10, "sprefch", "L1">;
def SPREFCH2 : SPrefetch<11, "sprefch2", "L2">;
def SPREFCH3 : SPrefetch<12, "sprefch3", "L3">;
def SPREFCHN : SPrefetch<13, "sprefchn", "L1 past the others">;

//===----------------------------------------------------------------------===//
// S pipe: coordinates. A coordinate packs into 121 bits, dimension 10 in the lowest eleven; components are 0..2047 and saturate
//===----------------------------------------------------------------------===//

class P<int opcode, string mnemonic, list<Operand> operands, string port, string summary>
    : S<opcode, mnemonic, operands, [], [], port, summary>;

class P3<int opcode, string mnemonic, string summary>
    : P<opcode, mnemonic, [Out<"rd", "p">, In<"ra", "p">, In<"rb", "p">], "call", summary>;

def PCOORD : P<16, "pcoord", [Out<"rd", "p">], "rstore", "rd = the word's coordinate"> {
  let UsesCoordinate = 1;
}
def PMOV : P<17, "pmov", [Out<"rd", "p">, In<"ra", "p">], "rload", "rd = ra">;
def SLDP : P<18, "sldp", !listconcat([Out<"rd", "p">], Address), "rload", "rd = the coordinate in 16 bytes; their upper 7 bits are dropped"> {
  let IsLoad = 1;
}
def SSTP : P<19, "sstp", !listconcat([In<"rd", "p">], Address), "rstore", "16 bytes = the coordinate rd"> {
  let IsStore = 1;
}
let Routine = 1, Light = 1 in {
def PINS : P<20, "pins", [InOut<"rd", "p">, In<"ra", "r">, Imm<"i32", 0, 10>], "call", "component imm of rd = ra, saturating; the others stay">;
def PEXT : P<21, "pext", [Out<"rd", "r", 0, 2047>, In<"ra", "p">, Imm<"i32", 0, 10>], "call", "rd = component imm of ra">;
def PADD : P3<22, "padd", "rd = ra + rb, component by component, saturating">;
def PSUB : P3<23, "psub", "rd = ra - rb, component by component, saturating">;
def PMUL : P3<24, "pmul", "rd = ra * rb, component by component, saturating">;
def PSCALE : P<25, "pscale", [Out<"rd", "p">, In<"ra", "p">, In<"rb", "r">], "call", "rd = every component of ra times rb, saturating">;
def PCMP : P<26, "pcmp", [Out<"rd", "r", -1, 1>, In<"ra", "p">, In<"rb", "p">], "call",
             "rd = -1, 0 or 1 as ra is before, equal to or behind rb in lexicographic order from dimension 0">;
def PDIST : P<27, "pdist", [Out<"rd", "r", 0, 22517>, In<"ra", "p">, In<"rb", "p">], "call", "rd = sum of the components' absolute differences">;
def SINDEX : P<28, "sindex", [Out<"rd", "p">, In<"ra", "p">, In<"rb", "r">, Imm<"i32", 0, 10>], "call",
               "rd = ra with component imm moved by rb, saturating">;
def CDELTA : P3<29, "cdelta", "rd = where reading rb's delimiters from ra leads to: components before the outermost nonzero one of rb stay, that one "
                              "adds, those behind it become 1 + rb's; saturating">;
def CHIER : P<30, "chier", [Out<"rd", "p">, In<"ra", "p">, In<"rb", "r">, Imm<"i32", 0, 1>], "call",
              "imm 0: rd = ra with its last nonzero component 0, whatever rb is; imm 1: rd = ra with the component behind the last nonzero one = rb">;
def SHYPDIST : P<31, "shypdist", [Out<"rd", "r", 0, 11>, In<"ra", "p">, In<"rb", "p">], "call", "rd = number of components in which ra and rb differ">;
def CSHARD : P<32, "cshard", [Out<"rd", "r", 0, 1023>, In<"ra", "p">], "call", "rd = hash of ra modulo the number of sentrons"> {
  let UsesSentron = 1;
}
def CMOE : P<33, "cmoe", [Out<"rd", "r">, In<"ra", "p">, In<"rb", "r">], "call", "rd = hash of ra modulo rb, unsigned; traps on zero"> {
  let TrapsOnZero = 1;
}
def SBOUNDARY : P<72, "sboundary", [Out<"rd", "m">, Out<"rc", "r", -1, 1>, In<"ra", "m">, In<"rb", "r">, Imm<"i32", 0, 3>], "call",
                  "face rb of the simplex of coordinates 0 .. imm of message ra: rd = those but number rb, then zeros; rc = 1 if rb is even, else "
                  "-1; rd and rc are 0 if rb is not in 0 .. imm">;
}

//===----------------------------------------------------------------------===//
// S pipe: memory by coordinate. Regions and cells of the call's space
//===----------------------------------------------------------------------===//

class SpaceRow<int opcode, string mnemonic, list<Operand> operands, string summary> : P<opcode, mnemonic, operands, "host", summary> {
  let Routine = 1;
  let UsesSpace = 1;
  let HasSideEffects = 1;
}
class SpaceAccess<int opcode, string mnemonic, list<Operand> operands, string summary> : SpaceRow<opcode, mnemonic, operands, summary> {
  let Types = AllTypes;
  let HasLen = 1;
  let Maskable = 1;
}

def CGET : SpaceAccess<40, "cget", [Out<"rd", "v">, In<"ra", "p">],
                       "lane i of rd = the element at ra with component 10 moved by i; 0 where nothing is; inactive lanes read nothing">;
def CPUT : SpaceAccess<41, "cput", [In<"rd", "v">, In<"ra", "p">],
                       "the element at ra with component 10 moved by i = lane i of rd; outside of regions this makes the cell; inactive lanes write "
                       "nothing; merging only">;

// Walks over cells: rc = 0 starts one, and its result says whether it goes on.
class SpaceWalk<int opcode, string mnemonic, Operand reach, string which>
    : SpaceRow<opcode, mnemonic, [InOut<"rd", "p">, InOut<"rc", "r">, In<"ra", "p">, reach],
               "rd = the next cell, in their order, " # which # ": behind rd, or if rc is 0 at it or behind; rc = 1, or 0 with rd unchanged if there "
               "is none">;
def CRANGE : SpaceWalk<42, "crange", Imm<"i32", 0, 11>, "whose first imm components are ra's">;
def CNEAREST : SpaceRow<43, "cnearest", [Out<"rd", "p">, Out<"rc", "r", -1, 22517>, In<"ra", "p">, In<"rb", "r">],
                        "rd = the rb-th nearest cell to ra by Manhattan distance, the nearest being the first, ties in their order; rc = its "
                        "distance; all components 0 and -1 if there is none">;
def SNEIGHBR : SpaceWalk<44, "sneighbr", In<"rb", "r">, "within Manhattan distance rb of ra">;
def SHYPER : SpaceWalk<45, "shyper", Imm<"i32", 0, 2047>, "that equals ra in the dimensions d with bit d of imm">;
def SHYPBALL : SpaceWalk<46, "shypball", In<"rb", "r">, "that differs from ra in at most rb dimensions">;
def SHWRITE : SpaceRow<47, "shwrite", [Out<"rd", "r">, In<"ra", "p">, In<"rb", "r">, Imm<"i32", 0, 2047>],
                       "all 8 bytes of every cell that equals ra in the dimensions d with bit d of imm = rb; rd = number of those cells">;
def CPREFCH : SpaceRow<48, "cprefch", [In<"ra", "p">, Imm<"i32", 0, 3>],
                       "prefetch the line of the element or cell at ra: imm 0 into L1, 1 L2, 2 L3, 3 L1 past the others; nothing without one">;
def SFLUSH : SpaceRow<49, "sflush", [In<"ra", "p">], "write the line of the element or cell at ra back to memory; nothing without one">;
def SALLOC : SpaceRow<50, "salloc", [In<"ra", "p">, In<"rb", "p">, Imm<"i32", 0, 2>],
                      "a region of zeros of the type from corner ra to rb, both in it, until sfree: imm 0 row-major, 1 Morton, 2 Hilbert order; "
                      "traps if a component of ra is greater than rb's, and on another region or a cell in the box"> {
  let Types = AllTypes;
}
def SFREE : SpaceRow<51, "sfree", [In<"ra", "p">], "frees the region that ra lies in, else the cell there; traps if there is neither">;
def SDEDUP : SpaceRow<52, "sdedup", [Out<"rd", "r">, In<"ra", "r">, Imm<"i32", 0, 15>],
                      "rd = number of the value ra in table imm of this sentron: values are numbered from 0 as they first come; a call starts with "
                      "empty tables">;
def SASSOC : SpaceRow<53, "sassoc", [Out<"rd", "r">, Out<"rc", "r", -1, 512>, In<"ra", "p">, In<"rb", "r">, Imm<"i32", 0, 3>],
                      "this sentron's associative memory, empty when a call starts: imm 0 adds the entry (ra, rb), rd = number of those before, rc = "
                      "0; 1: rd = value of the first entry of ra, rc = 512; 2: rd = value of the entry that sroute finds, rc as there; 0 and -1 "
                      "if there is none; 3: rd = number of entries of ra, rc = 0">;
def SROUTE : SpaceRow<54, "sroute", [Out<"rd", "p">, Out<"rc", "r", -1, 512>, In<"ra", "p">],
                      "rd = coordinate of the entry of sassoc most similar to ra, the first of equals; rc = in how many bits their dhdenc with imm "
                      "0, seed 0 are equal; all components 0 and -1 if there are no entries">;

//===----------------------------------------------------------------------===//
// S pipe: geometry of points and fields in the space
//===----------------------------------------------------------------------===//

class SpaceFloats<int opcode, string mnemonic, list<Operand> operands, string summary> : SpaceRow<opcode, mnemonic, operands, summary> {
  let Types = FloatTypes;
}
class SpaceScalar<int opcode, string mnemonic, list<Operand> operands, string summary>
    : SpaceFloats<opcode, mnemonic, !listconcat([Out<"rd", "v">], operands), summary>;

def SHYPMAP : S<70, "shypmap", [Out<"rd", "p">, In<"ra", "v">], FloatTypes, [], "host",
                "component i of rd = lane i of ra, rounded to nearest even, saturating; NaN, and no lane i within the length, give 0"> {
  let Routine = 1;
  let HasLen = 1;
}
def SSIMPLEX : SpaceRow<71, "ssimplex", [Out<"rd", "m">, Out<"rc", "r">, In<"ra", "p">, In<"rb", "r">, Imm<"i32", 1, 2047>],
                        "rd = the rb-th of the sets of n cells that equal ra outside the dimensions of mask imm and are not ra, n = the "
                        "number of bits of imm, 1..4; cells and sets in order, then zeros; all zero if there is no rb-th, from 0; rc = "
                        "number of sets, at most 2^63 - 1">;
def SCOCYCLE : SpaceRow<73, "scocycle", [Out<"rd", "r">, In<"ra", "p">, In<"rb", "r">, Imm<"i32", 0, 2047>],
                        "rd = Betti number rb over GF(2) of the clique complex of the cells that equal ra outside the dimensions of mask "
                        "imm; cells that differ in one dimension are adjacent; 0 for rb outside 0, 1">;
def STENSOR : SpaceScalar<74, "stensor", [In<"ra", "m">, In<"rb", "p">],
                          "lane 0 of rd = element (i, j, k) = components 8, 9, 10 of rb of the Tucker product: sum over p, q, r of "
                          "G[p,q,r] U[i,p] V[j,q] W[k,r], other lanes zero; coordinates 0..3 of message ra are the first elements of G, "
                          "U, V, W">;
def STRFACTOR : SpaceScalar<75, "strfactor", [In<"ra", "v">, In<"rb", "m">],
                            "lane 0 of rd = e = lane 0 of ra - sum of u v w, other lanes zero; then u += h e v w, v += h e u w, w += h e "
                            "u v from the old values, h = lane 1 of ra; coordinates 0..2 of message rb are the first elements of the "
                            "rows u, v, w">;
def SLAPLACE : SpaceScalar<76, "slaplace", [In<"ra", "p">],
                           "lane 0 of rd = f(ra) - mean of f over the neighbours, other lanes zero; 0 if ra or all neighbours are not "
                           "there">;
def SDIFFUSE : SpaceFloats<77, "sdiffuse", [Out<"rd", "r">, In<"ra", "p">, In<"rb", "v">, Imm<"i32", 0, 2047>],
                           "f = f - lane 0 of rb * slaplace at all cells that equal ra in the dimensions of mask imm, simultaneously; rd "
                           "= their number">;
def SCURVE : SpaceFloats<78, "scurve", [Out<"rd", "v">, In<"ra", "p">, In<"rb", "p">],
                         "lane 0 of rd = Ollivier-Ricci curvature 1 - W / d of ra and rb, other lanes zero: d their Manhattan distance, "
                         "W the Wasserstein distance between uniform measures on their neighbours; 0 if they are equal, or one is not "
                         "occupied or has no neighbour">;
def CATTEND : SpaceFloats<79, "cattend", [Out<"rd", "v">, In<"ra", "v">, In<"rb", "p">, Imm<"i32", 0, 10>],
                          "lane j of rd = dot product, summed as by dred, of ra and the elements along dimension 10 from rb moved by j "
                          "in dimension imm; -inf if one of them is not there"> {
  let HasLen = 1;
  let Maskable = 1;
}
def CKG : SpaceRow<80, "ckg", [Out<"rd", "p">, Out<"rc", "r", 0, 4>, In<"ra", "p">, In<"rb", "m">, Imm<"i32", 1, 4>],
                   "rd = where cdelta by coordinates 0 .. imm - 1 of message rb leads from ra, one after the other, before the first "
                   "place that is not occupied; rc = steps done">;
def DGRADIENT : SpaceScalar<81, "dgradient", [In<"ra", "p">, Imm<"i32", 0, 10>],
                            "lane 0 of rd = difference of the field at ra in dimension imm, other lanes zero: (f(+1) - f(-1)) / 2, or to "
                            "the one neighbour that is there, or 0">;
def DDIVERG : SpaceScalar<82, "ddiverg", [In<"ra", "p">, Imm<"i32", 0, 10>],
                          "lane 0 of rd = sum over the dimensions d but imm of dgradient in d at ra with component imm = d, other lanes "
                          "zero">;

//===----------------------------------------------------------------------===//
// C pipe: scalars, masks, control
//===----------------------------------------------------------------------===//

class C<int opcode, string mnemonic, list<Operand> operands, string port, string summary> : Instr<"C", opcode, mnemonic, operands> {
  let Port = port;
  let Summary = summary;
}
class C3<int opcode, string mnemonic, string port, string summary>
    : C<opcode, mnemonic, [Out<"rd", "r">, In<"ra", "r">, In<"rb", "r">], port, summary>;
class CI<int opcode, string mnemonic, string port, string summary>
    : C<opcode, mnemonic, [Out<"rd", "r">, In<"ra", "r">, Imm<"i32">], port, summary>;
class K3<int opcode, string mnemonic, string summary>
    : C<opcode, mnemonic, [Out<"rd", "k">, In<"ra", "k">, In<"rb", "k">], "kmask", summary>;

def CIMM : C<1, "cimm", [Out<"rd", "r">, I0], "alu", "rd = word immediate I0">;
def CMOV : C<2, "cmov", [Out<"rd", "r">, In<"ra", "r">], "alu", "rd = ra (integer or pointer)">;
def CADD : C3<3, "cadd", "alu", "rd = ra + rb; pointer + integer is a pointer into the same binding">;
def CADDI : CI<4, "caddi", "alu", "rd = ra + imm; pointer + integer is a pointer into the same binding">;
def CSUB : C3<5, "csub", "alu", "rd = ra - rb">;
def CMUL : C3<6, "cmul", "imul", "rd = ra * rb, wrapping">;
def CMULI : CI<7, "cmuli", "imul", "rd = ra * imm, wrapping">;
def CDIV : C3<8, "cdiv", "idiv", "rd = ra / rb toward zero; traps on zero, minimum / -1 wraps"> {
  let TrapsOnZero = 1;
}
def CREM : C3<9, "crem", "idiv", "rd = remainder of cdiv; traps on zero, minimum rem -1 is 0"> {
  let TrapsOnZero = 1;
}
def CDIVU : C3<10, "cdivu", "idiv", "rd = unsigned ra / rb; traps on zero"> {
  let TrapsOnZero = 1;
}
def CREMU : C3<11, "cremu", "idiv", "rd = unsigned remainder; traps on zero"> {
  let TrapsOnZero = 1;
}
def CAND : C3<12, "cand", "alu", "rd = ra & rb">;
def COR : C3<13, "cor", "alu", "rd = ra | rb">;
def CXOR : C3<14, "cxor", "alu", "rd = ra ^ rb">;
def CSHL : C3<15, "cshl", "alu", "rd = ra << (rb mod 64)">;
def CSHR : C3<16, "cshr", "alu", "rd = ra >> (rb mod 64), logical">;
def CSAR : C3<17, "csar", "alu", "rd = ra >> (rb mod 64), arithmetic">;
def CSHLI : CI<18, "cshli", "alu", "rd = ra << (imm mod 64)">;
def CSHRI : CI<19, "cshri", "alu", "rd = ra >> (imm mod 64), logical">;
def CSARI : CI<20, "csari", "alu", "rd = ra >> (imm mod 64), arithmetic">;
def CANDI : CI<21, "candi", "alu", "rd = ra & imm, the immediate sign-extended">;
def CMIN : C3<22, "cmin", "alu", "rd = signed minimum">;
def CMAX : C3<23, "cmax", "alu", "rd = signed maximum">;
def CSET : C3<24, "cset", "alu", "rd = pred(ra, rb) ? 1 : 0"> {
  let HasPred = 1;
}
def CSEL : C<25, "csel", [Out<"rd", "r">, In<"ra", "r">, In<"rb", "r">, In<"rc", "r">], "alu", "rd = rc != 0 ? ra : rb (integers)">;
def CEXT : C<26, "cext", [Out<"rd", "r">, In<"ra", "r">], "alu", "rd = ra truncated to the memory type and extended back to 64 bits"> {
  let MemTypes = ["i8", "i16", "i32", "u8", "u16", "u32"];
}
def CPTR : C<30, "cptr", [Out<"rd", "r">, Number<"binding">], "rload", "rd = pointer to the start of binding imm of this function's binding table">;
def CBR : C<40, "cbr", [Imm<"target">], "branch", "continue at this word + imm"> {
  let IsBranch = 1;
  let IsTerminator = 1;
}
def CBCC : C<41, "cbcc", [In<"ra", "r">, In<"rb", "r">, Imm<"target">], "branch", "if pred(ra, rb) continue at this word + imm"> {
  let HasPred = 1;
  let IsBranch = 1;
}
def CBCCI : C<42, "cbcci", [In<"ra", "r">, I1, Imm<"target">], "branch", "if pred(ra, word immediate I1) continue at this word + imm"> {
  let HasPred = 1;
  let IsBranch = 1;
}
def CCALL : C<44, "ccall", [Number<"table">], "branch",
              "call the function of call table imm with that table's bindings; all registers are undefined afterwards"> {
  let HasSideEffects = 1;
}
def CRET : C<45, "cret", [], "branch", "return to the caller"> {
  let IsTerminator = 1;
}
def CTRAP : C<46, "ctrap", [Number<"code">], "branch", "trap with message imm of the program's message table"> {
  let IsTerminator = 1;
  let HasSideEffects = 1;
}
def CASSERT : C<47, "cassert", [In<"ra", "r">, Number<"code">], "branch", "trap with message imm if ra is 0"> {
  let HasSideEffects = 1;
  let TrapsOnZero = 1;
}
def KSET : C<50, "kset", [Out<"rd", "k">, Imm<"i32", 0, 64>], "kmask", "the first imm lanes of rd (0 to 64) are active">;
def KFIRST : C<51, "kfirst", [Out<"rd", "k">, In<"ra", "r">], "kmask", "the first ra lanes of rd are active; ra is clamped to 0..64">;
def KAND : K3<52, "kand", "rd = ra & rb">;
def KOR : K3<53, "kor", "rd = ra | rb">;
def KXOR : K3<54, "kxor", "rd = ra ^ rb">;
def KANDN : K3<55, "kandn", "rd = ~ra & rb">;
def KMOV : C<57, "kmov", [Out<"rd", "k">, In<"ra", "k">], "kmask", "rd = ra">;
def KGET : C<58, "kget", [Out<"rd", "r">, In<"ra", "k">], "kmask", "r register rd = the 64 bits of ra">;
def KPUT : C<59, "kput", [Out<"rd", "k">, In<"ra", "r">], "kmask", "k register rd = the 64 bits of r register ra">;
def CHOST : C<60, "chost", [Out<"rd", "v">, In<"ra", "v">, In<"rb", "v">, Number<"host">], "host",
              "rd = listed host function imm of ra and rb, lane by lane (unary functions ignore rb); the time counts as outside words"> {
  let Types = FloatTypes;
  let HasLen = 1;
  let HasSideEffects = 1;
  let Routine = 1;
}
let UsesSentron = 1 in {
def CSID : C<61, "csid", [Out<"rd", "r">], "rload", "rd = number of this sentron, 0 .. csnum - 1">;
def CSNUM : C<62, "csnum", [Out<"rd", "r">], "rload", "rd = number of sentrons that run this call">;
def CBAR : C<63, "cbar", [], "host", "wait until every sentron of this call has arrived"> {
  let HasSideEffects = 1;
}
}
def CPACK : C<64, "cpack", [InOut<"rd", "m">, In<"ra", "r">, In<"rb", "r">, Imm<"i32", 0, 3>], "rstore",
              "64-bit lanes 2 * imm and 2 * imm + 1 of message rd = ra and rb; the others stay">;
def CUNPACK : C<65, "cunpack", [Out<"rd", "r">, Out<"rb", "r">, In<"ra", "m">, Imm<"i32", 0, 3>], "rload",
                "rd and rb = 64-bit lanes 2 * imm and 2 * imm + 1 of message ra">;
def CPACKV : C<66, "cpackv", [Out<"rd", "m">, In<"ra", "v">], "store", "message rd = the 512 bits of ra">;
def CUNPACKV : C<67, "cunpackv", [Out<"rd", "v">, In<"ra", "m">], "load", "rd = the 512 bits of message ra">;
def CPACKP : C<68, "cpackp", [InOut<"rd", "m">, In<"ra", "p">, Imm<"i32", 0, 3>], "rstore",
               "coordinate imm of message rd = ra, in 16 bytes; the others stay">;
def CUNPACKP : C<69, "cunpackp", [Out<"rd", "p">, In<"ra", "m">, Imm<"i32", 0, 3>], "rload",
                 "rd = coordinate imm of message ra; its upper 7 bits are dropped">;
def CSLICE : C<70, "cslice", [Out<"rd", "r">, In<"ra", "r">, Imm<"i32", 0, 1>], "idiv",
               "rd = (csid + imm) * ra / csnum, ra clamped to at least 0: imm 0 first, imm 1 end of this sentron's share of 0 .. ra - 1"> {
  let UsesSentron = 1;
}
def CFENCE : C<71, "cfence", [Imm<"i32", 0, 3>], "store",
               "accesses before it are seen before those behind it: imm 0 by this thread, 1 its core, 2 its node, 3 its cluster"> {
  let HasSideEffects = 1;
}
let UsesSentron = 1, HasSideEffects = 1, Routine = 1 in {
let Light = 1 in {
def CSEND : C<72, "csend", [In<"ra", "m">, In<"rb", "r">], "call",
              "message ra into the channel from this sentron to sentron rb, first in first out; waits while it holds 16; traps if there is no rb">;
def CRECV : C<73, "crecv", [Out<"rd", "m">, In<"ra", "r">], "call",
              "message rd = the first one in the channel from sentron ra to this one; waits while there is none; traps if there is no ra">;
}
def CROUTE : C<74, "croute", [In<"ra", "m">, In<"rb", "p">], "call", "csend of message ra to the sentron hash(rb) mod csnum">;
def CFANOUT : C<75, "cfanout", [In<"ra", "m">, In<"rb", "r">, Imm<"i32", 0, 15>], "call",
                "csend of message ra to every sentron 64 * imm + i of the bits i in rb, in their order">;
def CBARN : C<76, "cbarn", [In<"ra", "r">, Imm<"i32", 0, 63>], "call",
              "wait until ra sentrons have arrived at barrier imm; traps if ra is not in 1..csnum or differs from what those who wait said">;
// All sentrons of the call, in the same order and with the same kind, type and root: else the last to come traps.
def CREDUCE : C<77, "creduce", [Out<"rd", "r">, In<"ra", "r">, Imm<"i32", 0, 6>], "call",
                "rd = reduction of ra over all sentrons: imm as in dred; tree order, sentron i with i + 1, then i + 2, i + 4 ... as far as there are">;
def CREDUCEV : C<78, "creducev", [Out<"rd", "v">, In<"ra", "v">, Imm<"i32", 0, 6>], "call", "lane by lane as creduce"> {
  let Types = AllTypes;
  let HasLen = 1;
}
def CCAST : C<79, "ccast", [InOut<"rd", "m">, In<"ra", "r">], "call", "message rd of all sentrons = that of sentron ra">;
def CMERGE : C<80, "cmerge", [Out<"rd", "m">, In<"ra", "m">, Imm<"i32", 0, 3>], "call",
               "message rd = the messages ra of all sentrons, merged: imm 0 lane i = lane 0 of sentron i, of at most 8 sentrons (others zero); lane by "
               "lane 1 sum, 2 signed maximum, 3 vote: the value that most hold, of several the least">;
}

include "OriginalNames.td"
