//===- Calibrate.cpp - Measuring what instructions cost ---------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Latencies and throughputs come from loops of one form. The use of resources comes from loops that keep one of them busy: a form that is added to
// such a loop makes it longer by the work that it does there (Derumigny et al., CGO 2022).
//
//===----------------------------------------------------------------------===//

#include "vtpu/Host/Calibrate.h"
#include "Chains.h"
#include "Timer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <random>
#include <unordered_map>

namespace vtpu::host {

namespace {
/// Instructions of a loop whose own counter shall not count.
constexpr unsigned instructionsOfLoop = 120;
/// Work below this part of what the saturating form does is how the host balances its ports, not a use; near a multiple of it, it is that multiple.
constexpr double leastUse = 0.3, nearMultiple = 0.08;
/// A chain whose steps take longer than the ports do by less than this part is bound by these.
constexpr double boundByPorts = 0.08;
/// Less than this part of an operation short of a whole one is a whole one.
constexpr double roundedUp = 0.4;
/// Two loops that take as long as each other within this part are the same to a calibration.
constexpr double tolerance = 0.03;
/// Forms that take longer are not run against every resource: they are sequences of microcode.
constexpr double longForm = 30;
/// A loop is timed so often, the times apart from each other, for what is a figure by itself; twice for what is compared with others; so often at most.
constexpr unsigned passesOfFigure = 4, passes = 2, mostPasses = 8;
constexpr double passTolerance = 0.015;
/// Mixes of forms whose prediction is compared with their time.
constexpr unsigned checkedMixes = 200, formsOfMix = 6;
/// What is loaded and stored to see memory: beyond any last level as far as that is sensible.
constexpr uint64_t leastMemory = 64 << 20, mostMemory = 256 << 20;

/// Forms that may saturate a resource, in the order in which they name it: of two that turn out to be bound by the same, the first does. A form may
/// be missing on this host. Those of 512 bits last: they have names of their own only where they are bound otherwise.
struct Saturator {
  const char *resource, *form;
};
constexpr Saturator saturators[] = {
    {"fma", "vmulps ymm, ymm, ymm"},
    {"add", "vaddps ymm, ymm, ymm"},
    {"vector", "vpaddd ymm, ymm, ymm"},
    {"shuffle", "vpermd ymm, ymm, ymm"},
    {"vshift", "vpsrld ymm, ymm, imm8"},
    {"divide", "vdivps ymm, ymm, ymm"},
    {"compare", "vpcmpd k, ymm, ymm, imm8"},
    {"mask", "kandq k, k, k"},
    {"frommask", "kmovq r64, k"},
    {"tomask", "kmovq k, r64"},
    {"fromvector", "vmovq r64, xmm"},
    {"tovector", "vpbroadcastd ymm, r32"},
    {"exec", "test r64, r64"},
    {"address", "lea r64, [b+i*s+d]"},
    {"shift", "shlx r64, r64, r64"},
    {"multiply", "imul r64, r64, imm8"},
    {"branch", "jz rel"},
    {"load", "mov r64, m64"},
    {"store", "mov m64, r64"},
    {"fma.512", "vmulps zmm, zmm, zmm"},
    {"add.512", "vaddps zmm, zmm, zmm"},
    {"vector.512", "vpaddd zmm, zmm, zmm"},
    {"shuffle.512", "vpermd zmm, zmm, zmm"},
    {"vshift.512", "vpsrld zmm, zmm, imm8"},
    {"load.512", "vmovups zmm, m512"},
    {"store.512", "vmovups m512, zmm"},
};

struct Subject {
  const Example *example;
  Pattern pattern;
  Figure figure;
  bool settled = false; // in this stage: every loop repeated its time
  bool failed = false;  // some loop never did
  const std::string &form() const { return example->instruction.form; }
};

/// A resource and what saturates it.
struct Basis {
  std::string name;
  const Subject *subject = nullptr;
  double throughput = 0; // of the saturating form
  double slots = 0;      // its issue slots
  /// Several units that take 512 bits.
  bool wide = false;
  /// A few operations of 512 bits are enough to make narrow ones use these units alone.
  bool reaches = false;
  bool several() const { return throughput < 0.95 * slots; }
};

/// Times of a loop, of readings that repeated theirs.
struct Times {
  double least = 1e300, second = 1e300;
  unsigned seen = 0, good = 0;
  bool settled(unsigned wanted) const { return good >= (second - least <= passTolerance * least ? wanted : mostPasses - 1); }
};

class Calibrator {
public:
  Calibrator(const CPU &cpu, const std::map<std::string, Example> &forms, Measurer &measurer, const Prior &prior, const OnStage &onStage)
      : forms(forms), measurer(measurer), prior(prior), onStage(onStage), timer(measurer) {
    result.table.cpu = cpu;
  }

  Result<Calibration> run() {
    const Status status = measure();
    if (!status)
      return Error{status.message()};
    result.samples = timer.samples();
    return std::move(result);
  }

private:
  const std::map<std::string, Example> &forms;
  Measurer &measurer;
  const Prior &prior;
  const OnStage &onStage;
  Timer timer;
  Calibration result;
  std::vector<Subject> subjects; // forms that are timed
  std::vector<Basis> bases;
  std::unordered_map<size_t, Times> known; // by a hash of the body
  std::array<double, numCarriers> carrierLatency = {};
  unsigned wanted = passes;

  void stage(std::string_view what) {
    if (onStage)
      onStage(what);
  }
  const Subject *find(std::string_view form) const {
    for (const Subject &subject : subjects)
      if (subject.form() == form)
        return &subject;
    return nullptr;
  }

  Status measure() {
    if (Status status = timer.start(); !status)
      return status;
    Table &table = result.table;
    table.clock = roundFigure(timer.clockRate() / 1e9);
    table.window = prior.window;
    stage("issue width");
    if (Status status = measureWidth(); !status)
      return status;
    for (const auto &[form, example] : forms)
      if (Result<Pattern> pattern = Pattern::create(example); pattern && pattern->isTimed())
        subjects.push_back({&example, pattern->indexed(false).value_or(*pattern), {}, false});
    if (Status status = measureCarriers(); !status)
      return status;
    wanted = passesOfFigure;
    if (Status status = each("throughputs", &Calibrator::measureThroughput); !status)
      return status;
    if (Status status = each("latencies", &Calibrator::measureLatency); !status)
      return status;
    wanted = passes;
    if (Status status = each("issue slots", &Calibrator::measureSlots); !status)
      return status;
    if (Status status = measureRenaming(); !status)
      return status;
    if (Status status = measureStoreToLoad(); !status)
      return status;
    stage("resources");
    if (Status status = findBases(); !status)
      return status;
    if (Status status = each("resources", &Calibrator::measureUses); !status)
      return status;
    addOwnResources();
    finishForms();
    stage("caches");
    measureCaches();
    stage("check");
    return checkMixes();
  }

  /// Takes a step with every form, and again until all its loops have repeated their times.
  Status each(std::string_view what, Status (Calibrator::*step)(Subject &)) {
    stage(what);
    for (Subject &subject : subjects)
      subject.settled = subject.failed;
    for (unsigned pass = 0; pass < mostPasses; ++pass)
      for (Subject &subject : subjects)
        if (!subject.settled) {
          subject.settled = true; // until a loop tells otherwise
          if (Status status = (this->*step)(subject); !status)
            return status;
        }
    for (Subject &subject : subjects)
      subject.failed |= !subject.settled;
    return {};
  }

  /// Cycles of one round of a body: the second least that repeated itself so far. Interruptions only add, and so does how a host happens to spread
  /// the operations over its ports, which it may keep up for a whole reading; a change of the clock that nobody noticed may take away. `subject` is not
  /// settled before `wanted` readings repeated their times and, unless the two shortest agree, some more did not find a shorter one.
  Status cycles(const std::vector<uint8_t> &body, Subject *subject, double &target) {
    Times &times = known[std::hash<std::string_view>()({reinterpret_cast<const char *>(body.data()), body.size()})];
    for (bool again = true; again; again = !subject && !times.settled(wanted) && times.seen < 2 * mostPasses) {
      Result<Reading> reading = timer.time(body);
      if (!reading)
        return Error{reading.message()};
      ++times.seen;
      if (!reading->repeats)
        continue;
      ++times.good;
      times.second = std::min(times.second, std::max(times.least, reading->cycles));
      times.least = std::min(times.least, reading->cycles);
    }
    if (subject && !times.settled(wanted))
      subject->settled = false;
    target = times.good > 1 ? times.second : times.good ? times.least : 0;
    return {};
  }

  Status measureWidth() {
    std::vector<uint8_t> body;
    appendNops(body, instructionsOfLoop);
    double time = 0;
    if (Status status = cycles(body, nullptr, time); !status)
      return status;
    const double width = instructionsOfLoop / time;
    // The decrement and jump of the loop take a slot or two of 120.
    result.table.issueWidth = std::abs(width - std::round(width)) < 0.15 ? std::round(width) : roundFigure(width);
    return {};
  }

  Status measureCarriers() {
    constexpr Register general = 8, vector = firstVector, mask = firstMask + 1;
    auto pair = [&](Carrier out, Carrier back, Register other) -> Status {
      std::vector<uint8_t> body;
      for (int i = 0; i < 16; ++i) {
        appendCarrier(body, out, other, general);
        appendCarrier(body, back, general, other);
      }
      double time = 0;
      if (Status status = cycles(body, nullptr, time); !status)
        return status;
      // Only the sum can be measured. Equal shares, but of flags, whose consumer takes a cycle.
      carrierLatency[size_t(back)] = out == Carrier::generalToFlags ? 1 : time / 32;
      carrierLatency[size_t(out)] = time / 16 - carrierLatency[size_t(back)];
      return {};
    };
    if (Status status = pair(Carrier::generalToVector, Carrier::vectorToGeneral, vector); !status)
      return status;
    if (Status status = pair(Carrier::generalToMask, Carrier::maskToGeneral, mask); !status)
      return status;
    return pair(Carrier::generalToFlags, Carrier::flagsToGeneral, flagsRegister);
  }

  Status appendCopies(Copies &copies, unsigned count, std::vector<uint8_t> &body) {
    for (unsigned i = 0; i < count; ++i)
      if (Status status = copies.appendTo(body); !status)
        return status;
    return {};
  }
  /// Flags that let a conditional jump fall through.
  void startBody(const Subject &subject, std::vector<uint8_t> &body) {
    if (std::optional<unsigned> condition = subject.pattern.condition())
      appendFlags(body, *condition, /*taken=*/false);
  }

  /// Cycles of a loop of copies with operations that do nothing behind each.
  Status timeCopies(Subject &subject, const Pattern &pattern, unsigned count, unsigned nops, double &time) {
    Copies copies(pattern);
    std::vector<uint8_t> body;
    startBody(subject, body);
    for (unsigned i = 0; i < count; ++i) {
      if (Status status = copies.appendTo(body); !status)
        return status;
      appendNops(body, nops);
    }
    return cycles(body, &subject, time);
  }

  Status measureThroughput(Subject &subject) {
    const unsigned most = std::max(16u, instructionsOfLoop / (1 + Copies(subject.pattern).cuts()));
    // A host may spread the operations of a loop over its ports unevenly for as long as a process lives; hardly those of all loops.
    subject.figure.throughput = 1e300;
    for (auto [count, nops] : {std::pair(most, 0u), {most - 1, 0u}, {most / 2, 1u}, {most / 3, 2u}}) {
      double time = 0;
      if (Status status = timeCopies(subject, subject.pattern, count, nops, time); !status)
        return status;
      subject.figure.throughput = std::min(subject.figure.throughput, time / count);
    }
    return {};
  }

  Status measureLatency(Subject &subject) {
    auto latency = [&](const Chain &chain, double &time) -> Status {
      if (Status status = cycles(chain.body, &subject, time); !status)
        return status;
      time = time / chain.steps - chain.simple;
      for (Carrier carrier : chain.carriers)
        time -= carrierLatency[size_t(carrier)];
      time = std::max(0.0, time);
      return {};
    };
    subject.figure.latency = subject.figure.addressLatency = 0;
    std::vector<double> byPlace(subject.pattern.places().size(), -1);
    Result<std::vector<Chain>> chains = registerChains(subject.pattern);
    if (!chains)
      return Error{chains.message()};
    for (const Chain &chain : *chains) {
      double time = 0;
      if (Status status = latency(chain, time); !status)
        return status;
      subject.figure.latency = std::max(subject.figure.latency, time);
      if (chain.place)
        byPlace[*chain.place] = time;
    }
    // The ports may share the work unevenly.
    if (subject.figure.latency < (1 + boundByPorts) * subject.figure.throughput)
      subject.figure.latency = std::min(subject.figure.latency, subject.figure.throughput);
    setOperands(subject, byPlace);
    Result<std::optional<Chain>> address = addressChain(subject.pattern);
    if (!address)
      return Error{address.message()};
    if (*address)
      if (Status status = latency(**address, subject.figure.addressLatency); !status)
        return status;
    if (chains->empty() && *address)
      subject.figure.latency = subject.figure.addressLatency;
    return {};
  }

  /// Keeps the latency of each operand if they differ.
  static void setOperands(Subject &subject, const std::vector<double> &byPlace) {
    Figure &figure = subject.figure;
    figure.operands.clear();
    for (size_t i = 0; i < byPlace.size(); ++i)
      if (const Place &place = subject.pattern.places()[i]; place.reads && place.role != Place::base && place.role != Place::index)
        figure.operands.push_back(byPlace[i] < 0 ? figure.latency : byPlace[i]);
    const bool differ = std::any_of(figure.operands.begin(), figure.operands.end(), [&](double l) { return l < figure.latency - 0.2; });
    if (!differ || figure.operands.size() != subject.example->instruction.operands.size())
      figure.operands.clear();
  }

  /// A step is the wait behind the store, which leaves the window with the load of the step before, and the load. Behind that operations that are
  /// long done leave as fast as they can.
  Status measureStoreToLoad() {
    const Subject *load = find("vmovups zmm, m512");
    if (!load || load->failed)
      return {};
    constexpr unsigned fewNops = 40, manyNops = 120;
    double alone = 0, few = 0, many = 0;
    for (auto [nops, time] : {std::pair(0u, &alone), {fewNops, &few}, {manyNops, &many}}) {
      const Chain chain = partialChain(nops);
      if (Status status = cycles(chain.body, nullptr, *time); !status)
        return status;
      *time /= chain.steps;
    }
    if (alone > 0)
      result.table.storeToLoad = roundFigure(std::max(0.0, alone - load->figure.latency));
    const double width = few > 0 && many > few ? (manyNops - fewNops) / (many - few) : 0;
    // Where they take as long as to enter the wait was hidden.
    if (width > 1.05 * result.table.issueWidth)
      result.table.retireWidth = std::abs(width - std::round(width)) < 0.25 ? std::round(width) : roundFigure(width);
    return {};
  }

  Status measureRenaming() {
    const Subject *store = find("mov m64, r64");
    if (!store || store->failed)
      return {};
    for (bool otherBase : {false, true}) {
      const Chain chain = renamedChain(otherBase);
      double time = 0;
      if (Status status = cycles(chain.body, nullptr, time); !status)
        return status;
      const double latency = std::max(0.0, time / chain.steps - chain.simple);
      if (time <= 0 || latency > 0.5 * store->figure.latency)
        return {};
      if (otherBase)
        result.table.renaming->anyBase = true;
      else
        result.table.renaming = Renaming{roundFigure(latency), false};
    }
    return {};
  }

  /// Issue slots, with an index in the address and without.
  Status measureSlots(Subject &subject) {
    Figure &figure = subject.figure;
    if (Status status = measureSlots(subject, subject.pattern, figure.uops); !status)
      return status;
    const std::optional<Pattern> with = subject.pattern.indexed(true);
    figure.indexedUops = 0;
    if (!with || figure.throughput > longForm)
      return {};
    double slots = 0;
    if (Status status = measureSlots(subject, *with, slots); !status)
      return status;
    figure.indexedUops = std::max(0.0, slots - figure.uops);
    return {};
  }

  /// Fills what execution leaves of the front end with operations that do nothing.
  Status measureSlots(Subject &subject, const Pattern &pattern, double &target) {
    const double width = result.table.issueWidth;
    const unsigned cuts = Copies(pattern).cuts();
    const unsigned nops = unsigned(std::ceil(1.15 * width * subject.figure.throughput)) + 1;
    const unsigned count = std::clamp(instructionsOfLoop / (1 + nops + cuts), 4u, 24u);
    double time = 0;
    if (Status status = timeCopies(subject, pattern, count, nops, time); !status)
      return status;
    // One slot for the loop's decrement and jump.
    const double slots = (time * width - 1) / count - nops - cuts;
    target = std::max(0.0, std::round(slots));
    return {};
  }

  //===--------------------------------------------------------------------===//
  // Resources
  //===--------------------------------------------------------------------===//

  /// Cycles that one of a form adds to a loop which a resource binds.
  Status addedTime(const Subject &subject, const Basis &basis, Subject *track, double &added) {
    const double width = result.table.issueWidth;
    const unsigned cuts = Copies(subject.pattern).cuts();
    // So many that the resource binds whatever the form does beside it, also the front end.
    const double slack = basis.throughput - basis.slots / width;
    const double slots = subject.figure.uops + cuts;
    const unsigned fillers =
        unsigned(std::ceil(std::max({2.0, 1.5 * subject.figure.throughput / basis.throughput + 1, 1.3 * slots / width / slack})));
    if (Status status = addedTime(subject, basis, fillers, track, added); !status)
      return status;
    // How operations are spread is chance: with more of the others there is more room for it.
    if (basis.wide) {
      double withMore = 0;
      if (Status status = addedTime(subject, basis, 2 * fillers, track, withMore); !status)
        return status;
      added = std::min(added, withMore);
    }
    // One operation of 512 bits may slow all narrow ones: what grows with their number is not its work.
    if (basis.several() && !basis.wide && isWide(subject.form()) && added > 0) {
      double withMore = 0;
      if (Status status = addedTime(subject, basis, 2 * fillers, track, withMore); !status)
        return status;
      if (withMore > 1.1 * added)
        added = std::max(0.0, 2 * added - withMore);
    }
    return {};
  }

  Status addedTime(const Subject &subject, const Basis &basis, unsigned fillers, Subject *track, double &added) {
    Copies of(subject.pattern, Copies::secondHalf), filler(basis.subject->pattern, Copies::firstHalf);
    const unsigned count = std::clamp(instructionsOfLoop / (fillers + 1 + of.cuts()), 2u, 12u);
    std::vector<uint8_t> body;
    startBody(subject, body);
    startBody(*basis.subject, body);
    for (unsigned i = 0; i < count; ++i) {
      if (Status status = of.appendTo(body); !status)
        return status;
      // Flags of a conditional jump that the form may have changed.
      if (basis.subject->pattern.condition() && subject.pattern.fixedWrites()[flagsRegister])
        startBody(*basis.subject, body);
      if (Status status = appendCopies(filler, fillers, body); !status)
        return status;
    }
    double time = 0;
    if (Status status = cycles(body, track, time); !status)
      return status;
    added = time / count - fillers * basis.throughput;
    return {};
  }

  Status findBases() {
    for (const Saturator &saturator : saturators) {
      const Subject *subject = find(saturator.form);
      if (!subject || subject->failed)
        continue;
      Basis basis{saturator.resource, subject, subject->figure.throughput, subject->figure.uops};
      basis.wide = basis.several() && isWide(saturator.form);
      // Bound by the front end: there is no resource to be seen behind it.
      if (basis.throughput < 1.06 * basis.slots / result.table.issueWidth)
        continue;
      bool distinct = true;
      for (const Basis &known : bases) {
        if (known.wide != basis.wide)
          continue;
        double there = 0, back = 0;
        if (Status status = addedTime(*subject, known, nullptr, there); !status)
          return status;
        if (Status status = addedTime(*known.subject, basis, nullptr, back); !status)
          return status;
        // Each takes as much of the other's resource as of its own.
        const bool same = std::abs(there - basis.throughput) < 0.1 * basis.throughput && std::abs(back - known.throughput) < 0.1 * known.throughput;
        distinct &= !same;
      }
      if (distinct)
        bases.push_back(std::move(basis));
    }
    for (Basis &basis : bases)
      if (basis.wide)
        if (Status status = findReach(basis); !status)
          return status;
    for (const Basis &basis : bases)
      result.table.resources.push_back({basis.name, 1, basis.wide && basis.reaches});
    return {};
  }

  /// Whether one operation of 512 bits among many narrow ones slows all of these down, as it does where it closes a unit for them. Beside a stream of
  /// wide ones it is also how a host happens to spread operations over units that costs narrow ones time.
  Status findReach(Basis &basis) {
    constexpr unsigned narrowOnes = 11, groups = 6;
    for (const Basis &other : bases) {
      if (other.wide || !other.several() || isWide(other.subject->form()))
        continue;
      double added = 0;
      if (Status status = addedTime(*other.subject, basis, nullptr, added); !status)
        return status;
      if (added < 1.2 * other.throughput) // it does not care
        continue;
      Copies narrow(other.subject->pattern, Copies::firstHalf), wide(basis.subject->pattern, Copies::secondHalf);
      std::vector<uint8_t> body;
      startBody(*other.subject, body);
      for (unsigned i = 0; i < groups; ++i) {
        if (Status status = appendCopies(narrow, narrowOnes, body); !status)
          return status;
        if (Status status = wide.appendTo(body); !status)
          return status;
      }
      double time = 0;
      if (Status status = cycles(body, nullptr, time); !status)
        return status;
      const double apart = narrowOnes * other.throughput, together = narrowOnes * added + basis.throughput;
      basis.reaches |= time / groups > (apart + together) / 2;
    }
    return {};
  }

  Status measureUses(Subject &subject) {
    Figure &figure = subject.figure;
    figure.uses.clear();
    if (figure.throughput > longForm)
      return {};
    for (uint32_t b = 0; b < bases.size(); ++b) {
      if (bases[b].subject == &subject) {
        figure.uses.push_back({b, figure.throughput});
        continue;
      }
      if (bases[b].wide && !bases[b].reaches && !isWide(subject.form()))
        continue;
      double added = 0;
      if (Status status = addedTime(subject, bases[b], &subject, added); !status)
        return status;
      const double unit = bases[b].throughput;
      if (bases[b].several()) {
        // Operations use all units of a resource or none. A host does not spread them as well as it might, which only adds.
        added = std::min(std::floor(added / unit + roundedUp), std::max(1.0, figure.uops)) * unit;
      } else if (const double multiple = std::round(added / unit) * unit; std::abs(added - multiple) < nearMultiple * unit) {
        added = multiple;
      }
      // A form never works longer than it takes when alone, but for narrow ones beside wide ones.
      if (!bases[b].wide || isWide(subject.form()))
        added = std::min(added, figure.throughput);
      else
        added = std::min(added, 1.5 * figure.throughput); // two units are left of three
      if (added > leastUse * unit)
        figure.uses.push_back({b, added});
    }
    return {};
  }

  /// What takes longer than its resources explain has one that the basis does not saturate: one for each mnemonic.
  void addOwnResources() {
    Table &table = result.table;
    for (Subject &subject : subjects) {
      Figure &figure = subject.figure;
      const double explained = table.throughputOf(figure, isWide(subject.form()));
      if (subject.failed || figure.throughput <= (1 + tolerance) * explained)
        continue;
      // What cuts chains takes issue slots beside those of the form.
      const unsigned cuts = Copies(subject.pattern).cuts();
      if (cuts && figure.throughput <= (1 + tolerance) * (figure.uops + cuts) / table.issueWidth) {
        figure.throughput = explained;
        continue;
      }
      // Seven registers that are updated in turns do not keep five units busy all the time; operations between them would.
      const auto updates = [](const Place &place) { return place.reads && place.writes && place.cls == RegisterClass::general; };
      if (figure.throughput <= 1.2 * explained && std::any_of(subject.pattern.places().begin(), subject.pattern.places().end(), updates)) {
        figure.throughput = explained;
        continue;
      }
      const std::string mnemonic = subject.form().substr(0, subject.form().find(' '));
      std::optional<uint32_t> resource = table.findResource(mnemonic);
      if (!resource) {
        resource = uint32_t(table.resources.size());
        table.resources.push_back({mnemonic, 1, false});
      }
      figure.uses.push_back({*resource, figure.throughput});
    }
  }

  //===--------------------------------------------------------------------===//
  // What becomes of all that
  //===--------------------------------------------------------------------===//

  static void roundAll(Figure &figure) {
    for (double *value : {&figure.latency, &figure.addressLatency, &figure.uops, &figure.throughput})
      *value = roundFigure(*value);
    for (Use &use : figure.uses)
      use.work = roundFigure(use.work);
    for (double &latency : figure.operands)
      latency = roundFigure(latency);
  }

  void finishForms() {
    Table &table = result.table;
    std::vector<std::pair<const Figure *, const Figure *>> both; // the prior's and the measured figures of a form
    std::vector<std::optional<Figure>> priors;
    priors.reserve(subjects.size());
    for (Subject &subject : subjects)
      if (!subject.failed) {
        roundAll(subject.figure);
        Figure &figure = table.forms[subject.form()] = subject.figure;
        priors.push_back(prior.figure ? prior.figure(*subject.example) : std::nullopt);
        if (priors.back())
          both.push_back({&*priors.back(), &figure});
      }
    unsigned disturbed = 0;
    for (const auto &[form, example] : forms) {
      if (table.find(form))
        continue;
      std::optional<Figure> figure = prior.figure ? prior.figure(example) : std::nullopt;
      if (!figure) {
        result.warnings.push_back(fmt::format("'{}' has no figures: it cannot be timed and {} does not know it", form, prior.name));
        continue;
      }
      if (find(form)) {
        ++disturbed;
        result.warnings.push_back(fmt::format("'{}' never took the same time twice: its figures are those of {}", form, prior.name));
      }
      // On the resources of this table: like a measured form that the prior takes for the same.
      const auto like = std::find_if(both.begin(), both.end(), [&](const auto &pair) {
        return pair.first->uses == figure->uses && pair.first->uops == figure->uops && pair.first->throughput == figure->throughput;
      });
      figure->uses = like == both.end() ? std::vector<Use>() : like->second->uses;
      figure->origin = Origin::model;
      roundAll(*figure);
      table.forms[form] = *figure;
    }
    table.disturbed = disturbed > 0;
    const auto measured = [](const auto &form) { return form.second.origin == Origin::measured; };
    table.notes.push_back(fmt::format("{} of {} forms measured; the others and the window are those of {}",
                                      std::count_if(table.forms.begin(), table.forms.end(), measured), forms.size(), prior.name));
  }

  void measureCaches() {
    Table &table = result.table;
    table.caches = measurer.caches();
    uint64_t outer = 0; // bytes of the last level
    for (size_t level = 0; level < table.caches.size(); ++level) {
      Cache &cache = table.caches[level];
      const uint64_t inner = level ? table.caches[level - 1].bytes : 0;
      // Well inside of the level and well outside of the one before; a last level that others share is not filled.
      const uint64_t wanted = cache.bytes ? (inner ? std::min(4 * inner, (inner + cache.bytes) / 2) : cache.bytes / 2) : 4 * outer;
      const uint64_t bytes = (cache.bytes ? std::min(wanted, mostMemory) : std::clamp(wanted, leastMemory, mostMemory)) / 4096 * 4096;
      outer = std::max(outer, cache.bytes);
      if (bytes == 0)
        continue;
      const double chase = measurer.chaseTicks(bytes), load = measurer.streamTicks(bytes, false), store = measurer.streamTicks(bytes, true);
      // What ran before may slow the first additions down.
      double cycle = timer.clock();
      for (unsigned run = 0; run < 20; ++run)
        cycle = std::min(cycle, timer.clock());
      if (chase <= 0 || load <= 0 || store <= 0) {
        result.warnings.push_back(fmt::format("no memory of {} MiB to time {}", bytes >> 20, cache.name));
        continue;
      }
      cache.latency = roundFigure(chase / cycle);
      cache.loadBytes = roundFigure(64 * cycle / load);
      cache.storeBytes = roundFigure(64 * cycle / store);
      if (!cache.bytes && bytes < 2 * outer)
        table.notes.push_back(fmt::format("memory was timed with {} MiB, which the last level may hold in part", bytes >> 20));
    }
  }

  /// Times random mixes of forms and notes how far the busiest resource is from that.
  Status checkMixes() {
    Table &table = result.table;
    std::vector<const Subject *> choice;
    // Only what resources decide: nothing that waits for what another form of the mix has written.
    const auto updates = [](const Place &place) { return place.reads && place.writes; };
    for (const Subject &subject : subjects) {
      const std::vector<Place> &places = subject.pattern.places();
      if (!subject.failed && subject.figure.throughput <= 4 && subject.example->instruction.branch == Branch::none &&
          !Copies(subject.pattern).cuts() && std::none_of(places.begin(), places.end(), updates))
        choice.push_back(&subject);
    }
    if (choice.empty())
      return {};
    std::mt19937 random(1);
    std::vector<double> errors;
    for (unsigned mix = 0; mix < checkedMixes; ++mix) {
      std::vector<Copies> copies;
      std::vector<double> work(table.resources.size());
      double slots = 0;
      std::vector<bool> wide(table.resources.size());
      for (unsigned i = 0; i < formsOfMix; ++i) {
        const Subject &subject = *choice[random() % choice.size()];
        copies.emplace_back(subject.pattern);
        slots += subject.figure.uops;
        for (const Use &use : subject.figure.uses) {
          work[use.resource] += use.work;
          wide[use.resource] = wide[use.resource] || isWide(subject.form());
        }
      }
      std::vector<uint8_t> body;
      constexpr unsigned rounds = 12;
      for (unsigned round = 0; round < rounds; ++round)
        for (unsigned i = 0; i < formsOfMix; ++i)
          if (Status status = copies[i].appendTo(body); !status)
            return status;
      double time = 0;
      if (Status status = cycles(body, nullptr, time); !status)
        return status;
      double predicted = slots / table.issueWidth;
      for (size_t r = 0; r < work.size(); ++r)
        if (wide[r] || !table.resources[r].wide)
          predicted = std::max(predicted, work[r]);
      if (time > 0)
        errors.push_back(std::abs(predicted * rounds / time - 1));
    }
    if (errors.empty())
      return {};
    std::sort(errors.begin(), errors.end());
    double sum = 0;
    for (double error : errors)
      sum += error;
    table.notes.push_back(fmt::format("{} random mixes of {} forms take what the resources predict within {:.1f} % on average, {:.1f} % for nine in "
                                      "ten",
                                      errors.size(), formsOfMix, 100 * sum / double(errors.size()), 100 * errors[errors.size() * 9 / 10]));
    return {};
  }
};
} // namespace

Result<Calibration> calibrate(const CPU &cpu, const std::map<std::string, Example> &forms, Measurer &measurer, const Prior &prior,
                              const OnStage &onStage) {
  return Calibrator(cpu, forms, measurer, prior, onStage).run();
}

} // namespace vtpu::host
