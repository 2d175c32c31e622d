// One task a probe: sleep to the slot, run, confirm a flip, hand on.
#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "base/clock.h"
#include "probe/common.h"
#include "probe/scheduler_state.h"

namespace probe {
namespace {

namespace asio = boost::asio;

}  // namespace

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

}  // namespace probe
