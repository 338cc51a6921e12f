//===- Transport.h - How messages travel ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Channels between numbered sentrons. What travels is 64 bytes; sentrons are known by number only, so that a transport may reach other
// processes. A channel belongs to one source and one destination, and each end is worked by one thread at a time.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_LIB_RUNTIME_TRANSPORT_H
#define VTPU_LIB_RUNTIME_TRANSPORT_H

#include <cstdint>

namespace vtpu::rt {

/// The content of an m register: eight 64-bit lanes.
struct alignas(64) Message {
  uint64_t lanes[8] = {};
};

/// Messages that a channel holds; sending to a full one blocks.
constexpr uint32_t channelCapacity = 16;

enum class Transfer : uint8_t { done, blocked, noMemory };

class Transport {
public:
  virtual ~Transport() = default;
  /// By the source. Never waits: blocked if the channel is full.
  virtual Transfer trySend(uint32_t from, uint32_t to, const Message &message) = 0;
  /// By the destination. Never waits: blocked if the channel is empty.
  virtual Transfer tryReceive(uint32_t from, uint32_t to, Message &message) = 0;
  /// Whether the transfer would be done now. Also by a third thread that knows the asking end to be at rest.
  virtual bool canSend(uint32_t from, uint32_t to) const = 0;
  virtual bool canReceive(uint32_t from, uint32_t to) const = 0;
  /// Forgets all messages under way; while no sentron runs.
  virtual void clear() = 0;
};

} // namespace vtpu::rt

#endif // VTPU_LIB_RUNTIME_TRANSPORT_H
