//===- LocationText.cpp - Source locations as text --------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The location table of a program and the compiler's messages spell places alike.
//
//===----------------------------------------------------------------------===//

#include "vtpu/Target/SIWBinary/SIWBinary.h"

using namespace mlir;

static constexpr llvm::StringLiteral kCalledFrom = " at ";

std::string vtpu::locationText(mlir::Location location) {
  if (auto file = dyn_cast<FileLineColLoc>(location)) {
    std::string text = (file.getFilename().getValue() + ":" + Twine(file.getLine())).str();
    return file.getColumn() ? text + ":" + std::to_string(file.getColumn()) : text;
  }
  if (auto call = dyn_cast<CallSiteLoc>(location)) {
    std::string callee = locationText(call.getCallee()), caller = locationText(call.getCaller());
    return callee.empty() ? caller : caller.empty() ? callee : callee + kCalledFrom.str() + caller;
  }
  if (auto named = dyn_cast<NameLoc>(location))
    return locationText(named.getChildLoc());
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (mlir::Location inner : fused.getLocations())
      if (std::string text = locationText(inner); !text.empty())
        return text;
  return "";
}

mlir::Location vtpu::parseLocationText(StringRef text, MLIRContext &context) {
  auto unknown = UnknownLoc::get(&context);
  if (auto [callee, caller] = text.split(kCalledFrom); callee.size() != text.size()) {
    mlir::Location inner = parseLocationText(callee, context), outer = parseLocationText(caller, context);
    return mlir::isa<UnknownLoc>(inner) || mlir::isa<UnknownLoc>(outer) ? mlir::Location(unknown) : CallSiteLoc::get(inner, outer);
  }
  auto [rest, last] = text.rsplit(':');
  auto [file, middle] = rest.rsplit(':');
  unsigned line = 0, column = 0;
  if (middle.getAsInteger(10, line)) { // no column
    file = rest;
    if (last.getAsInteger(10, line))
      return unknown;
  } else if (last.getAsInteger(10, column)) {
    return unknown;
  }
  auto place = FileLineColLoc::get(&context, file, line, column);
  return locationText(place) == text ? mlir::Location(place) : mlir::Location(unknown);
}
