//===- PortConflicts.h - Operations that fight for ports --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which operations of a scheduling problem wait for the same port of the host, and what it would help if that port did more.
//
//===----------------------------------------------------------------------===//

#ifndef VTPU_ANALYSIS_PORTCONFLICTS_H
#define VTPU_ANALYSIS_PORTCONFLICTS_H

#include "vtpu/Scheduling/Algorithms.h"

namespace vtpu::analysis {

struct PortConflict {
  uint32_t port = 0;   // position in the table
  double busy = 0;     // share of the port's time that has work
  double relieved = 0; // cycles (of a loop: an iteration) if the port did twice the work
  double waited = 0;   // cycles that its operations waited for it, of one iteration together
  double surplus = 0;  // cycles of its work, of one iteration, without which it would no longer bind
  struct User {
    uint32_t operation;
    double work;   // cycles on the port
    double waited; // cycles, on average, when its operands were there and it had not started
  };
  std::vector<User> users; // the longest waits first
};

struct PortReport {
  double cycles = 0;                   // as it is
  std::vector<double> pressure;        // of each port: busy share
  std::vector<PortConflict> conflicts; // what helps most first
  bool serial = false;                 // no port binds: dependences or the window do
};

/// Runs the problem as it is and, for every busy port, with twice the capacity there. A conflict is only what then takes at least `least`
/// less of the cycles. An operation's wait counts for the port of its own that has the most work.
PortReport findPortConflicts(const sched::Problem &problem, const std::vector<uint32_t> &order, bool loops, double least = 0.03);

} // namespace vtpu::analysis

#endif // VTPU_ANALYSIS_PORTCONFLICTS_H
