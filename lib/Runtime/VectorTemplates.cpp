//===- VectorTemplates.cpp - Encodings learned once -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorTemplates.h"

namespace vtpu::rt {

using namespace asmjit;

thread_local std::array<VectorTemplates::Template, 1 << VectorTemplates::cacheBits> VectorTemplates::cache;

namespace {
/// The assembler's encoding; 0 bytes if it has none.
size_t assemble(uint8_t *out, uint32_t id, TemplateForm form, unsigned unit, const TemplateOperands &o) {
  CodeHolder code;
  code.init(Environment(Arch::kX64));
  x86::Assembler a(&code);
  if (o.mask)
    a.k(x86::KReg(o.mask));
  if (o.zeroing)
    a.z();
  const x86::Zmm rd(o.rd), ra(o.ra), rb(o.rb);
  const x86::Mem memory = o.index == TemplateOperands::noIndex ? x86::ptr(x86::gpq(o.base), o.displacement, unit)
                                                               : x86::ptr(x86::gpq(o.base), x86::gpq(o.index), o.scale, o.displacement, unit);
  const asmjit::Error error = form == TemplateForm::two     ? a.emit(id, rd, ra)
                              : form == TemplateForm::three ? a.emit(id, rd, ra, rb)
                              : form == TemplateForm::load  ? a.emit(id, rd, memory)
                                                            : a.emit(id, memory, rd);
  if (error != kErrorOk || a.offset() > VectorTemplates::mostBytes)
    return 0;
  std::memcpy(out, a.bufferData(), a.offset());
  return a.offset();
}
} // namespace

void VectorTemplates::learn(Template &entry, uint32_t id, TemplateForm form, unsigned unit) {
  uint8_t theirs[mostBytes] = {}, ours[mostBytes] = {};
  entry = Template();
  entry.key = id << 2 | uint32_t(form);
  entry.unit = uint8_t(unit);
  entry.size = uint8_t(assemble(theirs, id, form, unit, {}));
  if (entry.size != 6 || theirs[0] != 0x62)
    return;
  std::memcpy(&entry.bytes, theirs, sizeof entry.bytes);
  TemplateOperands trials[6];
  // Numbers whose bits tell the fields apart; then the ways to address, with the bases whose encodings are irregular.
  trials[0].rd = 21, trials[0].ra = 11, trials[0].rb = 18, trials[0].mask = 5;
  trials[1].rd = 10, trials[1].ra = 20, trials[1].rb = 13, trials[1].mask = 2;
  trials[1].base = 12;
  trials[2].rd = 31, trials[2].base = 13;
  trials[3].base = 9, trials[3].displacement = -128 * int32_t(unit);
  trials[4].base = 4, trials[4].index = 13, trials[4].scale = 3, trials[4].displacement = 127 * int32_t(unit) + 1;
  trials[5].base = 13, trials[5].index = 1, trials[5].scale = 1, trials[5].displacement = 128 * int32_t(unit);
  bool same = true;
  for (const TemplateOperands &trial : trials) {
    const size_t size = assemble(theirs, id, form, unit, trial);
    same = same && size && size == fill(ours, entry, form, trial) && std::memcmp(ours, theirs, size) == 0;
  }
  entry.usable = same;
}

} // namespace vtpu::rt
