// What the scheduler's files share: its probes and what it does with each (inside the room).
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loop/loop.h"
#include "probe/flip.h"
#include "probe/scheduler.h"
#include "probe/series.h"

namespace probe {

/// One configured probe.
struct Scheduler::Entry {
  Entry(loop::Loop& loop, model::Labels labels)
      : timer(loop.io()), scope(loop), series(std::move(labels)) {}
  std::shared_ptr<const model::Target> target;
  std::shared_ptr<const model::ProbeSpec> spec;
  const Kind* kind = nullptr;
  std::shared_ptr<Memory> memory;
  loop::Timer timer;  ///< the driver's sleep; cancelled when the interval changes
  loop::Scope scope;
  Series series;
  std::vector<Reading> own;  ///< of the run itself, without values
  StateValues confirmed;
  bool has_run = false;
  bool removed = false;
  bool outside = false;          ///< a burst's run is going on
  std::uint64_t generation = 0;  ///< counts changes of the interval
  std::shared_ptr<const model::Batch> last;
  bool success = false;
  std::string reason;
  base::Instant ended{};
};

struct Scheduler::State : std::enable_shared_from_this<Scheduler::State> {
  State(World w, SampleSink s, Confirmation c, std::span<const Kind* const> k)
      : world(w), sink(std::move(s)), confirmation(c), catalogue(k), bursts(*w.loop) {}

  const Kind* FindKind(std::string_view name) const;
  void Change(Entry& entry, std::shared_ptr<const model::Target> target,
              const model::ProbeSpec& spec, model::Labels labels);
  void Remove(const std::shared_ptr<Entry>& entry);
  void SendStale(Entry& entry, const char* reason);
  bool HostIsDown(const Entry& entry) const;
  void Publish(Entry& entry, Run&& run);
  static Run MakeRun(const Entry& entry, model::Timestamp slot);
  static Request Ask(const Entry& entry, model::Timestamp slot);
  static loop::Task<> Drive(std::shared_ptr<State> self, std::shared_ptr<Entry> entry);
  static loop::Task<> OneSlot(std::shared_ptr<State> self, std::shared_ptr<Entry> entry,
                              base::Time slot);
  static loop::Task<> Look(std::shared_ptr<State> self, std::shared_ptr<Entry> entry);
  static loop::Task<> WatchUntil(std::shared_ptr<State> self, std::shared_ptr<Entry> entry,
                                 base::Instant due);
  static loop::Task<Outcome> RunKind(std::shared_ptr<State> self, std::shared_ptr<Entry> entry,
                                     Request request);
  static loop::Task<bool> Confirm(std::shared_ptr<State> self, std::shared_ptr<Entry> entry,
                                  model::Timestamp slot, Outcome* outcome);
  static loop::Task<Outcome> Outside(std::shared_ptr<State> self, std::shared_ptr<Entry> entry);
  static loop::Task<> OutsideOnce(std::shared_ptr<State> self, std::shared_ptr<Entry> entry);
  static loop::Task<> Burst(std::shared_ptr<State> self, std::string target, base::Duration every,
                            base::Duration span, std::uint64_t number);

  World world;
  SampleSink sink;
  Confirmation confirmation;
  std::span<const Kind* const> catalogue;
  std::map<std::string, std::shared_ptr<Entry>> entries;
  std::map<std::string, std::vector<std::shared_ptr<Entry>>> by_target;
  std::map<std::string, std::uint64_t> burst_numbers;
  loop::Scope bursts;
  std::vector<std::shared_ptr<Entry>> ending;  ///< removed, their tasks not joined yet
  SchedulerStats stats;
  bool stopped = false;
};

}  // namespace probe
