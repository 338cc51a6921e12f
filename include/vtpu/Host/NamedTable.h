//===- NamedTable.h - Host tables by name -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_NAMEDTABLE_H
#define VTPU_HOST_NAMEDTABLE_H

#include "vtpu/Host/LLVMModel.h"

namespace vtpu::host {

/// A table as tools name it, with LLVM's figures where it has none.
class NamedTable {
public:
  /// `host` (the calibration of this machine), `llvm` (LLVM's model of its CPU), `llvm:CPU`, or a file.
  static Result<NamedTable> load(const std::string &name);

  const Table &table() const { return figures; }
  /// The LLVM name of the CPU; empty: this machine's.
  std::string cpu() const { return isModel ? model->cpu() : ""; }
  /// Gives the table LLVM's figures for the forms of some code that it lacks. Returns those forms; none if the whole table is LLVM's. Ports of LLVM's
  /// model mean nothing to another table: there such forms share one port, `unknown`.
  Result<std::vector<std::string>> fillGaps(const std::vector<Instruction> &code, const uint8_t *bytes);

private:
  Table figures;
  bool isModel = false; // all of it
  std::optional<LLVMModel> model; // made when it is first needed
};

} // namespace vtpu::host

#endif // VTPU_HOST_NAMEDTABLE_H
