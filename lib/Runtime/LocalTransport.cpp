//===- LocalTransport.cpp - Sentrons as threads of one process --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LocalTransport.h"

#include <new>

namespace vtpu::rt {

namespace {
bool hostStoresLines() {
#if VTPU_WIDE_STORE
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}
} // namespace

LocalTransport::LocalTransport(uint32_t sentrons) : wide(hostStoresLines()), sentrons(sentrons), rows(new std::atomic<Row>[sentrons]()) {}

LocalTransport::~LocalTransport() {
  for (uint32_t from = 0; from < sentrons; ++from)
    if (Row row = rows[from].load()) {
      for (uint32_t to = 0; to < sentrons; ++to)
        delete row[to].load();
      delete[] row;
    }
}

/// Only the source makes its channels, so nobody else can do so at the same time.
Channel *LocalTransport::make(uint32_t from, uint32_t to) {
  Row row = rows[from].load(std::memory_order_relaxed);
  if (!row) {
    row = new (std::nothrow) std::atomic<Channel *>[sentrons]();
    if (!row)
      return nullptr;
    rows[from].store(row);
  }
  Channel *channel = new (std::nothrow) Channel;
  if (channel)
    row[to].store(channel);
  return channel;
}

Transfer LocalTransport::trySend(uint32_t from, uint32_t to, const Message &message) {
  Channel *channel = find(from, to);
  if (!channel && !(channel = make(from, to)))
    return Transfer::noMemory;
  return channel->trySend(message, wide) ? Transfer::done : Transfer::blocked;
}

Transfer LocalTransport::tryReceive(uint32_t from, uint32_t to, Message &message) {
  Channel *channel = find(from, to);
  return channel && channel->tryReceive(message, wide) ? Transfer::done : Transfer::blocked;
}

bool LocalTransport::canSend(uint32_t from, uint32_t to) const {
  const Channel *channel = find(from, to);
  return !channel || !channel->isFull();
}

bool LocalTransport::canReceive(uint32_t from, uint32_t to) const {
  const Channel *channel = find(from, to);
  return channel && !channel->isEmpty();
}

void LocalTransport::clear() {
  for (uint32_t from = 0; from < sentrons; ++from)
    if (Row row = rows[from].load())
      for (uint32_t to = 0; to < sentrons; ++to)
        if (Channel *channel = row[to].load())
          channel->clear();
}

} // namespace vtpu::rt
