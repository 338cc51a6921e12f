//===- SIWOps.td - The siw dialect -------------------------*- tablegen -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words as MLIR: one op per instruction (generated from the instruction table), register types, structured loops, functions and bundles.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_DIALECT_SIW_IR_SIWOPS_TD
#define VTPU_DIALECT_SIW_IR_SIWOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/LoopLikeInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def SIW_Dialect : Dialect {
  let name = "siw";
  let cppNamespace = "::vtpu::siw";
  let summary = "Sentron Instruction Words";
  let description = [{
    Instructions of the vTPU on registers, with structured control until words are emitted. Registers are virtual (`!siw.v`) until
    `siw-allocate-registers` gives them a number (`!siw.v<7>`).
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

class SIW_Register<string name, string mnemo, string text> : TypeDef<SIW_Dialect, name> {
  let mnemonic = mnemo;
  let summary = text;
  let parameters = (ins DefaultValuedParameter<"int", "-1">:$index);
  let assemblyFormat = "(`<` $index^ `>`)?";
}
def SIW_R : SIW_Register<"R", "r", "64-bit integer or pointer register">;
def SIW_V : SIW_Register<"V", "v", "512-bit vector register">;
def SIW_K : SIW_Register<"K", "k", "64-bit mask register">;
def SIW_P : SIW_Register<"P", "p", "coordinate register">;
def SIW_M : SIW_Register<"M", "m", "512-bit message register">;
def SIW_AnyRegister : AnyTypeOf<[SIW_R, SIW_V, SIW_K, SIW_P, SIW_M]>;

def SIW_Coordinate : AttrDef<SIW_Dialect, "Coordinate"> {
  let mnemonic = "coordinate";
  let summary = "A coordinate of 11 components";
  let description = [{
    Written as text in the forms of `vtpu::parseCoordinate` (`a.b.c/d.e.f/g.h.i.j.k`, or the nine parts of phext with line and column 0) and
    printed with all components. The parameters are its packed bits.

    ```mlir
    #siw.coordinate<"1.1.1/2.3.4/5.6.7.8.9">
    ```
  }];
  let parameters = (ins "uint64_t":$low, "uint64_t":$high);
  let builders = [AttrBuilder<(ins "const ::vtpu::Coordinate &":$value), "return $_get($_ctxt, value.low(), value.high());">];
  let extraClassDeclaration = [{
    ::vtpu::Coordinate getValue() const { return ::vtpu::Coordinate::fromBits(getLow(), getHigh()); }
  }];
  let hasCustomAssemblyFormat = 1;
}

class SIW_Op<string mnemonic, list<Trait> traits = []> : Op<SIW_Dialect, mnemonic, traits>;

def SIW_IsInstruction : NativeOpTrait<"IsInstruction"> { let cppNamespace = "::vtpu::siw"; }

// Operands: every in and inout register in table order (an address index only with the attribute `indexed`), then the mask (attribute `masked`),
// then for a merging mask (no attribute `zeroing`) the register whose inactive lanes are kept. Results: every out, inout and tmp register.
// Other attributes, only where the row uses them: type, mem, length (128, 256, 512), pred, scale (1, 2, 4, 8), imm, coordinate.
class SIW_Instruction<string mnemonic, list<Trait> traits> : SIW_Op<mnemonic, !listconcat(traits, [SIW_IsInstruction])> {
  let arguments = (ins Variadic<SIW_AnyRegister>:$registers);
  let results = (outs Variadic<SIW_AnyRegister>:$written);
  let assemblyFormat = "($registers^)? attr-dict `:` functional-type($registers, $written)";
}

include "SIWInstructionOps.td"

def SIW_RegisterOp : SIW_Op<"register", [Pure]> {
  let summary = "A physical register by number";
  let description = [{
    Names an allocated register. In the phase `bundled`, where registers are state and no longer values, every operand is one of these.

    ```mlir
    %v3 = siw.register : !siw.v<3>
    ```
  }];
  let results = (outs SIW_AnyRegister:$reg);
  let assemblyFormat = "attr-dict `:` type($reg)";
  let hasVerifier = 1;
}

def SIW_FuncOp : SIW_Op<"func", [IsolatedFromAbove, Symbol, NoTerminator, SingleBlock]> {
  let summary = "A function of words";
  let description = [{
    A function with its binding table. `bindings` holds one dictionary per binding: kind (`import`, `input`, `output`, `parameter`, `constant`,
    `arena`, `stack`), name, size, align, writable, and what the kind needs besides.

    ```mlir
    siw.func @copy attributes {bindings = [{kind = "import", name = "x", size = 64 : i64, align = 64 : i64, writable} ]} {
      siw.cret : () -> ()
    }
    ```

    A function read from a binary holds flat words: bundles alone, whose branches (`siw.cbr`, `siw.cbcc`, `siw.cbcci`) say the distance in words.
    `call_tables` are then the tables that `siw.ccall` names by number, and `locations`, pairs of a word and a text of the module's
    `siw.location_texts`, stand for locations that ops cannot carry.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, UnitAttr:$entry, ArrayAttr:$bindings, OptionalAttr<ArrayAttr>:$call_tables,
                       OptionalAttr<DenseI64ArrayAttr>:$locations);
  let builders = [OpBuilder<(ins "::mlir::StringAttr":$name, "bool":$entry, "::mlir::ArrayAttr":$bindings), [{
    build($_builder, $_state, name, entry ? $_builder.getUnitAttr() : nullptr, bindings, nullptr, nullptr);
  }]>];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`entry` $entry^)? $sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def SIW_ForOp : SIW_Op<"for", [
    SingleBlock, RecursiveMemoryEffects, AttrSizedOperandSegments, DeclareOpInterfaceMethods<LoopLikeOpInterface>]> {
  let summary = "A counted loop over words";
  let description = [{
    Runs its body for a counter from the first operand (inclusive) to the bound (exclusive) in steps of a constant. The bound is the attribute
    `bound` or the operand `upper`. `nonempty` promises that the counter starts below the bound: no guard is emitted.

    ```mlir
    %sum = siw.for from %zero bound 64 step 16 nonempty inits(%a) : (!siw.r, !siw.v) -> !siw.v {
    ^bb0(%i: !siw.r, %acc: !siw.v):
      siw.yield %acc : !siw.v
    }
    ```
  }];
  let arguments = (ins SIW_R:$lower, Optional<SIW_R>:$upper, Variadic<SIW_AnyRegister>:$starts, OptionalAttr<I64Attr>:$bound,
                       I64Attr:$step, UnitAttr:$nonempty);
  let results = (outs Variadic<SIW_AnyRegister>:$outs);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::BlockArgument getCounter() { return getBody().front().getArgument(0); }
    ::mlir::Block::BlockArgListType getCarried() { return getBody().front().getArguments().drop_front(); }
    ::mlir::Operation *getYield() { return getBody().front().getTerminator(); }
  }];
  let assemblyFormat = [{
    `from` $lower (`to` $upper^)? (`bound` $bound^)? `step` $step (`nonempty` $nonempty^)? (`inits` `(` $starts^ `)`)? attr-dict
    `:` functional-type(operands, results) $body
  }];
}

def SIW_IfOp : SIW_Op<"if", [RecursiveMemoryEffects, SingleBlock]> {
  let summary = "Words under a condition";
  let description = [{
    Runs the first region if the register is not zero, else the second. Both yield the results.

    ```mlir
    siw.if %c : (!siw.r) -> () {
      siw.yield
    } else {
      siw.yield
    }
    ```
  }];
  let arguments = (ins SIW_R:$condition);
  let results = (outs Variadic<SIW_AnyRegister>:$outs);
  let regions = (region SizedRegion<1>:$thenRegion, SizedRegion<1>:$elseRegion);
  let hasVerifier = 1;
  let assemblyFormat = "$condition attr-dict `:` functional-type(operands, results) $thenRegion `else` $elseRegion";
}

def SIW_WhileOp : SIW_Op<"while", [RecursiveMemoryEffects, SingleBlock, DeclareOpInterfaceMethods<LoopLikeOpInterface>]> {
  let summary = "Words repeated under a condition";
  let description = [{
    Runs the first region on the carried registers; while its `siw.condition` register is not zero, the second region yields the next ones. The
    results are the carried registers when the condition fails.

    ```mlir
    %n = siw.while(%a) : (!siw.r) -> !siw.r {
    ^bb0(%x: !siw.r):
      siw.condition %x, %x : (!siw.r, !siw.r) -> ()
    } do {
    ^bb0(%y: !siw.r):
      siw.yield %y : !siw.r
    }
    ```
  }];
  let arguments = (ins Variadic<SIW_AnyRegister>:$starts);
  let results = (outs Variadic<SIW_AnyRegister>:$outs);
  let regions = (region SizedRegion<1>:$before, SizedRegion<1>:$after);
  let hasVerifier = 1;
  let assemblyFormat = "`(` $starts `)` attr-dict `:` functional-type($starts, $outs) $before `do` $after";
}

def SIW_ConditionOp : SIW_Op<"condition", [Terminator, Pure, HasParent<"WhileOp">]> {
  let summary = "Ends the condition region of siw.while";
  let arguments = (ins SIW_R:$condition, Variadic<SIW_AnyRegister>:$values);
  let assemblyFormat = "$condition (`,` $values^)? attr-dict `:` functional-type(operands, results)";
}

def SIW_YieldOp : SIW_Op<"yield", [Terminator, Pure, ReturnLike, ParentOneOf<["ForOp", "IfOp", "WhileOp"]>]> {
  let summary = "Ends a region and gives its values";
  let arguments = (ins Variadic<SIW_AnyRegister>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def SIW_CallOp : SIW_Op<"call"> {
  let summary = "Calls a function with bindings of this one";
  let description = [{
    `ccall` with its call table: `arguments` holds pairs of a binding of this function and a byte offset into it. No register survives the call.

    ```mlir
    siw.call @copy [0, 128]
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, DenseI64ArrayAttr:$arguments);
  let assemblyFormat = "$callee $arguments attr-dict";
}

def SIW_BundleOp : SIW_Op<"bundle", [NoTerminator, SingleBlock, RecursiveMemoryEffects]> {
  let summary = "One word";
  let description = [{
    The instructions of one word, at most one per pipe, executed in parallel. Operands are `siw.register` values. `coordinate` places the word;
    without it an instruction that takes the word's coordinate does, else the translation to binary. `immediates` gives I0 and I1 of a word whose
    instructions do not tell them.

    ```mlir
    siw.bundle {
      siw.cret : () -> ()
    }
    ```
  }];
  let arguments = (ins OptionalAttr<SIW_Coordinate>:$coordinate, OptionalAttr<DenseI64ArrayAttr>:$immediates);
  let regions = (region SizedRegion<1>:$body);
  let builders = [OpBuilder<(ins), [{ $_state.addRegion(); }]>];
  let assemblyFormat = "$body attr-dict";
  let hasVerifier = 1;
}

#endif // VTPU_DIALECT_SIW_IR_SIWOPS_TD
