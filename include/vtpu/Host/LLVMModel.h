//===- LLVMModel.h - What LLVM says instructions cost -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scheduling models of LLVM as host tables: what stands in where nothing was measured, and what measurements are compared with. The only part
// of the host library that links LLVM.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_LLVMMODEL_H
#define VTPU_HOST_LLVMMODEL_H

#include "vtpu/Host/Code.h"
#include "vtpu/Host/Table.h"

#include <memory>

namespace vtpu::host {

class LLVMModel {
public:
  /// `cpu`: a name of LLVM's; empty: the one of this machine. An error lists the names that have a model.
  static Result<LLVMModel> create(const std::string &cpu = {});
  LLVMModel(LLVMModel &&);
  LLVMModel &operator=(LLVMModel &&);
  ~LLVMModel();

  const std::string &cpu() const;
  /// A table without forms: the processor's resources, issue width and window.
  Table emptyTable() const;
  /// What the first instruction of some bytes costs, on the resources of emptyTable(). An error if LLVM cannot tell.
  Result<Figure> figure(const uint8_t *bytes, size_t size) const;
  /// Adds the forms of some decoded code that a table of this model lacks. Of those that LLVM knows nothing about, the first names the error.
  Status addForms(Table &table, const std::vector<Instruction> &code, const uint8_t *bytes) const;
  /// One instruction as assembly that LLVM's tools read. Direct branches go to the label `target`, or to themselves if it is empty.
  Result<std::string> assembly(const uint8_t *bytes, size_t size, const std::string &target = {}) const;
  /// Cycles an iteration of a loop of some decoded code as llvm-mca finds them.
  Result<double> mcaCycles(const std::vector<Instruction> &code, const uint8_t *bytes, unsigned iterations = 100) const;

private:
  struct State;
  explicit LLVMModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state;
};

} // namespace vtpu::host

#endif // VTPU_HOST_LLVMMODEL_H
