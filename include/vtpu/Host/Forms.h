//===- Forms.h - Host instructions of the template JIT ----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which host instructions the template JIT emits for each form of SIW instruction. Found by emission, so that nothing here knows a template.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_HOST_FORMS_H
#define VTPU_HOST_FORMS_H

#include "vtpu/Generator/Forms.h"
#include "vtpu/Host/Code.h"

#include <map>

namespace vtpu::host {

/// A host instruction with its bytes.
struct Example {
  Instruction instruction;
  std::vector<uint8_t> bytes;
};

/// What the template of a form of SIW instruction becomes, for one draw of registers and immediates.
struct TemplateCode {
  gen::Form form;
  std::vector<Instruction> instructions;
  std::vector<uint8_t> bytes; // of all of them; Instruction::offset counts from the first
  Example example(const Instruction &instruction) const;
};

/// The templates of all forms of SIW instructions on this host, several draws of each, forms in the order of gen::allForms(). `proof`: whether
/// accesses are checked. Fails if the JIT emits something that is no x86-64 instruction.
Result<std::vector<TemplateCode>> emitTemplates(bool checkedAccesses);

/// Every form of host instruction that the template JIT emits on this host, with one example of each.
Result<std::map<std::string, Example>> findHostForms();

} // namespace vtpu::host

#endif // VTPU_HOST_FORMS_H
