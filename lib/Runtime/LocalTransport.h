//===- LocalTransport.h - Sentrons as threads of one process ----*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_LOCALTRANSPORT_H
#define VTPU_LIB_RUNTIME_LOCALTRANSPORT_H

#include "Channel.h"

#include <memory>

namespace vtpu::rt {

/// Sentrons 0..sentrons-1. A row of channels a source and a channel a pair (3.4 KiB) come into being with their first message.
class LocalTransport final : public Transport {
public:
  explicit LocalTransport(uint32_t sentrons);
  ~LocalTransport() override;

  Transfer trySend(uint32_t from, uint32_t to, const Message &message) override;
  Transfer tryReceive(uint32_t from, uint32_t to, Message &message) override;
  bool canSend(uint32_t from, uint32_t to) const override;
  bool canReceive(uint32_t from, uint32_t to) const override;
  void clear() override;

  /// Null if nothing was ever sent.
  VTPU_INLINE Channel *find(uint32_t from, uint32_t to) const {
    Row row = rows[from].load();
    return row ? row[to].load() : nullptr;
  }
  const bool wide; // the host has 64-byte stores

private:
  using Row = std::atomic<Channel *> *;
  const uint32_t sentrons;
  const std::unique_ptr<std::atomic<Row>[]> rows;

  Channel *make(uint32_t from, uint32_t to);
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_LOCALTRANSPORT_H
