// One task a probe: sleep to the slot, run, confirm a flip, hand on.
#include "probe/scheduler.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

#include "base/log.h"
#include "probe/common.h"
#include "probe/flip.h"
#include "probe/series.h"

namespace probe {
namespace {

namespace asio = boost::asio;

std::string KeyOf(const std::string& target, const std::string& probe) {
  return target + '\xff' + probe;
}

}  // namespace

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

const Kind* Scheduler::State::FindKind(std::string_view name) const {
  const auto at =
      std::ranges::find(catalogue, name, [](const Kind* kind) { return kind->spec.name; });
  return at == catalogue.end() ? nullptr : *at;
}

Run Scheduler::State::MakeRun(const Entry& entry, model::Timestamp slot) {
  return {.target = entry.target,
          .spec = entry.spec,
          .slot = slot,
          .batch = {entry.target->name, slot, {}}};
}

Request Scheduler::State::Ask(const Entry& entry, model::Timestamp slot) {
  return {entry.target, entry.spec, slot, entry.series.base()};
}

/// Adds the batch and gives the run to the sink.
void Scheduler::State::Publish(Entry& entry, Run&& run) {
  if (entry.removed || stopped) {
    return;
  }
  if (entry.own.empty()) {
    const model::Labels label = {{"probe", entry.spec->name}};
    entry.own = {{"probe_success", label, 0}, {"probe_duration_seconds", label, 0}};
  }
  entry.own[0].value = run.outcome.success ? 1 : 0;
  entry.own[1].value = RoundSeconds(run.outcome.took);
  run.batch.samples = entry.series.Take({run.outcome.readings, entry.own});
  entry.last = run.kept = std::make_shared<const model::Batch>(run.batch);
  entry.success = run.outcome.success;
  entry.reason = run.outcome.reason;
  entry.ended = base::Clock::Steady();
  sink(std::move(run));
}

void Scheduler::State::SendStale(Entry& entry, const char* reason) {
  Run run = MakeRun(entry, base::Clock::NowMs());
  run.batch.samples = entry.series.End();
  if (entry.memory) {
    run.outcome.tables = entry.memory->End(entry.target->name, run.slot);
  }
  entry.last.reset();
  if (!run.batch.samples.empty() || !run.outcome.tables.empty()) {
    run.outcome.reason = reason;
    sink(std::move(run));
  }
}

/// SNMP is asked only of hosts that answer pings, when pings are sent at all.
bool Scheduler::State::HostIsDown(const Entry& entry) const {
  const auto at = by_target.find(entry.target->name);
  if (entry.spec->kind != "snmp" || at == by_target.end()) {
    return false;
  }
  return std::any_of(at->second.begin(), at->second.end(), [](const auto& other) {
    const auto ping = std::find_if(other->confirmed.begin(), other->confirmed.end(),
                                   [](const auto& pair) { return pair.first.starts_with("ping"); });
    return other->spec->kind == "icmp" && ping != other->confirmed.end() && ping->second == 0;
  });
}

loop::Task<Outcome> Scheduler::State::RunKind(std::shared_ptr<State> self,
                                              std::shared_ptr<Entry> entry, Request request) {
  struct InFlight {
    std::size_t& count;
    explicit InFlight(std::size_t& c) : count(c) { ++count; }
    ~InFlight() { --count; }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
  };
  const InFlight in_flight(self->stats.in_flight);
  const auto memory = entry->memory;
  co_return co_await entry->kind->run(self->world, std::move(request), memory);
}

/// Re-probes while the confirmed state stays contradicted. `*outcome` becomes the last re-probe's.
/// True: all contradict it.
loop::Task<bool> Scheduler::State::Confirm(std::shared_ptr<State> self,
                                           std::shared_ptr<Entry> entry, model::Timestamp slot,
                                           Outcome* outcome) {
  for (int i = 0; i < self->confirmation.probes; ++i) {
    co_await loop::Sleep(self->confirmation.spacing);
    ++self->stats.reprobes;
    auto again = co_await RunKind(self, entry, Ask(*entry, slot));
    const auto values = StateOf(*entry->kind, again);
    const bool contradicts =
        entry->has_run ? Differs(values, entry->confirmed) : !again.success && !values.empty();
    *outcome = std::move(again);
    if (!contradicts) {
      ++self->stats.unconfirmed_flips;
      co_return false;
    }
    if (i == 0 && self->confirmation.doubt && !self->stopped) {
      self->confirmation.doubt(entry->target->name);
    }
  }
  co_return true;
}

loop::Task<> Scheduler::State::OneSlot(std::shared_ptr<State> self, std::shared_ptr<Entry> entry,
                                       base::Time slot) {
  const auto slot_ms = base::ToMs(slot);
  if (self->HostIsDown(*entry)) {
    ++self->stats.skipped_down;
    entry->success = false;
    entry->reason = "not asked: the host does not answer pings";
    self->SendStale(*entry, entry->reason.c_str());
    entry->ended = base::Clock::Steady();
    co_return;
  }
  const auto generation = entry->generation;
  auto outcome = co_await RunKind(self, entry, Ask(*entry, slot_ms));
  ++self->stats.runs;
  bool flipped = false;
  const auto values = StateOf(*entry->kind, outcome);
  const bool candidate =
      entry->has_run ? Differs(values, entry->confirmed) : !outcome.success && !values.empty();
  if (candidate) {
    flipped = co_await Confirm(self, entry, slot_ms, &outcome);
  }
  if (entry->generation != generation) {
    co_return;  // changed meanwhile: this answers a question that is no longer asked
  }
  const auto now_values = StateOf(*entry->kind, outcome);
  if (!candidate || flipped || !entry->has_run) {
    for (const auto& [key, value] : now_values) {
      entry->confirmed[key] = value;
    }
  }
  entry->has_run = entry->has_run || !now_values.empty();
  self->stats.failures += outcome.success ? 0 : 1;
  self->stats.confirmed_flips += flipped ? 1 : 0;
  Run run = MakeRun(*entry, slot_ms);
  run.outcome = std::move(outcome);
  run.flipped = flipped;
  self->Publish(*entry, std::move(run));
}

/// One look between two slots.
loop::Task<> Scheduler::State::Look(std::shared_ptr<State> self, std::shared_ptr<Entry> entry) {
  const auto generation = entry->generation;
  const auto now_ms = base::Clock::NowMs();
  auto outcome = co_await RunKind(self, entry, Ask(*entry, now_ms));
  ++self->stats.looks;
  if (!Differs(StateOf(*entry->kind, outcome), entry->confirmed)) {
    co_return;
  }
  const bool flipped = co_await Confirm(self, entry, now_ms, &outcome);
  if (!flipped || entry->removed || entry->generation != generation) {
    co_return;
  }
  for (const auto& [key, value] : StateOf(*entry->kind, outcome)) {
    entry->confirmed[key] = value;
  }
  ++self->stats.confirmed_flips;
  Run run = MakeRun(*entry, now_ms);
  run.outcome = std::move(outcome);
  run.flipped = true;
  self->Publish(*entry, std::move(run));
}

/// Looks every `watch` until the next slot is near, for probes of state that have run once.
loop::Task<> Scheduler::State::WatchUntil(std::shared_ptr<State> self, std::shared_ptr<Entry> entry,
                                          base::Instant due) {
  const auto watch = self->confirmation.watch;
  if (watch <= base::Duration::zero() || entry->kind->state_metrics.empty()) {
    co_return;
  }
  const auto generation = entry->generation;
  while (entry->has_run && due - base::Clock::Steady() > watch + watch / 2) {
    boost::system::error_code ec;
    entry->timer.expires_after(watch);
    co_await entry->timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (entry->removed || entry->generation != generation) {
      co_return;
    }
    co_await Look(self, entry);
  }
}

loop::Task<> Scheduler::State::Drive(std::shared_ptr<State> self, std::shared_ptr<Entry> entry) {
  std::optional<base::Time> last;
  while (!entry->removed) {
    const auto generation = entry->generation;
    const auto interval = entry->spec->interval;
    const auto offset = Offset(entry->target->name, interval);
    const auto now = base::Clock::Now();
    // A wall clock that is a little slow must not give the same slot twice.
    const bool ahead = last && *last > now && *last - now < interval;
    auto slot = NextSlot(ahead ? *last : now, interval, offset);
    const auto due = base::Clock::Steady() + (slot - now);
    co_await WatchUntil(self, entry, due);
    if (entry->removed || entry->generation != generation) {
      continue;
    }
    boost::system::error_code ec;
    entry->timer.expires_at(due);
    co_await entry->timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (entry->removed || entry->generation != generation) {
      continue;
    }
    const auto drift = base::Clock::Now() - slot;
    if (drift < -interval / 2 || drift >= interval) {  // the wall clock was set, or we are late
      slot = NextSlot(base::Clock::Now(), interval, offset) - interval;
    }
    if (last && slot == *last) {
      continue;
    }
    last = slot;
    co_await OneSlot(self, entry, slot);
    const auto late = base::Clock::Steady() - due;
    self->stats.skipped_slots += static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, late.count() / std::max<std::int64_t>(1, interval.count())));
  }
}

loop::Task<Outcome> Scheduler::State::Outside(std::shared_ptr<State> self,
                                              std::shared_ptr<Entry> entry) {
  const auto slot = base::Clock::NowMs();
  auto outcome = co_await RunKind(self, entry, Ask(*entry, slot));
  Run run = MakeRun(*entry, slot);
  run.outcome = outcome;
  run.outside = true;
  self->Publish(*entry, std::move(run));
  co_return outcome;
}

loop::Task<> Scheduler::State::OutsideOnce(std::shared_ptr<State> self,
                                           std::shared_ptr<Entry> entry) {
  entry->outside = true;
  co_await Outside(self, entry);
  entry->outside = false;
}

loop::Task<> Scheduler::State::Burst(std::shared_ptr<State> self, std::string target,
                                     base::Duration every, base::Duration span,
                                     std::uint64_t number) {
  const auto until = base::Clock::Steady() + span;
  while (base::Clock::Steady() < until && self->burst_numbers[target] == number) {
    const auto at = self->by_target.find(target);
    if (at == self->by_target.end()) {
      break;
    }
    for (const auto& entry : at->second) {
      if (!entry->outside) {
        entry->scope.Spawn("probe burst", OutsideOnce(self, entry));
      }
    }
    co_await loop::Sleep(every);
  }
}

void Scheduler::State::Remove(const std::shared_ptr<Entry>& entry) {
  SendStale(*entry, "the probe has ended");
  entry->removed = true;
  entry->scope.Cancel();
  entry->timer.cancel();
  ending.push_back(entry);
}

/// Gives an entry its new target and spec. What it measured before counts no longer where the
/// question changed.
void Scheduler::State::Change(Entry& entry, std::shared_ptr<const model::Target> target,
                              const model::ProbeSpec& spec, model::Labels labels) {
  const auto& old = *entry.target;
  const bool same_question = old.address == target->address && old.url == target->url &&
                             old.snmp == target->snmp && entry.spec->options == spec.options;
  const bool same_pace = entry.spec->interval == spec.interval;
  const bool same_labels = *entry.series.base() == labels;
  if (!same_labels) {
    SendStale(entry, "the labels have changed");
    entry.series = Series(std::move(labels));
  } else if (!same_question && entry.memory && entry.memory->size() > 0) {
    SendStale(entry, "the probe has changed");
  }
  entry.target = std::move(target);
  entry.spec = std::make_shared<const model::ProbeSpec>(spec);
  if (!same_question) {
    entry.memory = entry.kind->make_memory != nullptr ? entry.kind->make_memory() : nullptr;
    entry.confirmed.clear();
    entry.has_run = false;
  }
  if (!same_question || !same_pace || !same_labels) {
    ++entry.generation;
    entry.timer.cancel();
  }
}

Scheduler::Scheduler(World world, SampleSink sink, Confirmation confirmation,
                     std::span<const Kind* const> catalogue)
    : state_(std::make_shared<State>(world, std::move(sink), confirmation, catalogue)) {}

Scheduler::~Scheduler() {
  state_->stopped = true;
  for (const auto& [key, entry] : state_->entries) {
    entry->removed = true;
    entry->scope.Cancel();
  }
}

void Scheduler::Apply(std::vector<model::Target> targets) {
  auto& s = *state_;
  std::erase_if(s.ending, [](const auto& entry) { return entry->scope.running() == 0; });
  std::map<std::string, std::shared_ptr<Entry>> before = std::move(s.entries);
  s.entries.clear();
  s.by_target.clear();
  for (auto& value : targets) {
    const auto target = std::make_shared<const model::Target>(std::move(value));
    for (std::size_t i = 0; i < target->probes.size(); ++i) {
      const auto& spec = target->probes[i];
      const Kind* kind = s.FindKind(spec.kind);
      const auto key = KeyOf(target->name, spec.name);
      if (kind == nullptr || s.entries.contains(key)) {
        base::Log(base::Level::kError,
                  kind == nullptr ? "unknown kind of probe" : "probe name twice",
                  {{"target", target->name}, {"probe", spec.name}});
        continue;
      }
      auto labels = target->SampleLabels();
      if (NeedsOwnLabel(*target, i)) {
        labels.Set("probe", spec.name);
      }
      std::shared_ptr<Entry> entry;
      const auto at = before.find(key);
      if (at != before.end() && at->second->kind == kind) {
        entry = at->second;
        before.erase(at);
        s.Change(*entry, target, spec, std::move(labels));
      } else {
        entry = std::make_shared<Entry>(*s.world.loop, std::move(labels));
        entry->target = target;
        entry->spec = std::make_shared<const model::ProbeSpec>(spec);
        entry->kind = kind;
        entry->memory = kind->make_memory != nullptr ? kind->make_memory() : nullptr;
        entry->scope.Spawn("probe " + spec.name, State::Drive(state_, entry));
      }
      s.entries.emplace(key, entry);
      s.by_target[target->name].push_back(entry);
    }
  }
  for (const auto& [key, entry] : before) {
    s.Remove(entry);
  }
}

loop::Task<> Scheduler::Stop() {
  const auto state = state_;
  state->stopped = true;
  state->bursts.Cancel();
  auto all = state->ending;
  for (const auto& [key, entry] : state->entries) {
    entry->removed = true;
    entry->scope.Cancel();
    all.push_back(entry);
  }
  co_await state->bursts.Join();
  for (const auto& entry : all) {
    co_await entry->scope.Join();
  }
  state->entries.clear();
  state->by_target.clear();
  state->ending.clear();
}

loop::Task<Outcome> Scheduler::ProbeNow(std::string target, std::string probe) {
  const auto state = state_;
  const auto at = state->entries.find(KeyOf(target, probe));
  if (at == state->entries.end()) {
    Outcome out;
    out.reason = fmt::format("there is no probe \"{}\" of \"{}\"", probe, target);
    co_return Finish(std::move(out), base::Clock::Steady());
  }
  const auto entry = at->second;
  co_return co_await State::Outside(state, entry);
}

void Scheduler::Watch(std::string target, base::Duration every, base::Duration span) {
  const auto number = ++state_->burst_numbers[target];
  const auto pace = std::max<base::Duration>(every, std::chrono::milliseconds(100));
  if (!state_->stopped) {
    state_->bursts.Spawn("probe watch",
                         State::Burst(state_, std::move(target), pace, span, number));
  }
}

std::vector<Latest> Scheduler::GetLatest() const {
  std::vector<Latest> out;
  const auto now = base::Clock::Steady();
  static const auto kNothing = std::make_shared<const model::Batch>();
  for (const auto& [key, entry] : state_->entries) {
    if (entry->ended == base::Instant{}) {
      continue;
    }
    out.push_back({entry->target, *entry->spec, entry->last ? entry->last : kNothing,
                   entry->success, entry->reason, now - entry->ended,
                   entry->memory ? entry->memory->families() : nullptr});
  }
  return out;
}

SchedulerStats Scheduler::stats() const {
  auto out = state_->stats;
  out.probes = state_->entries.size();
  for (const auto& [key, entry] : state_->entries) {
    out.series += entry->series.size() + (entry->memory ? entry->memory->size() : 0);
  }
  return out;
}

}  // namespace probe
