// The set of probes: what a reload changes, runs beside the schedule, what was seen last.
#include "probe/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "probe/common.h"
#include "probe/scheduler_state.h"

namespace probe {
namespace {

std::string KeyOf(const std::string& target, const std::string& probe) {
  return target + '\xff' + probe;
}

}  // namespace

const Kind* Scheduler::State::FindKind(std::string_view name) const {
  const auto at =
      std::ranges::find(catalogue, name, [](const Kind* kind) { return kind->spec.name; });
  return at == catalogue.end() ? nullptr : *at;
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

void Scheduler::SetConfirmation(const Confirmation& confirmation) {
  auto doubt = std::move(state_->confirmation.doubt);
  state_->confirmation = confirmation;
  state_->confirmation.doubt = std::move(doubt);
}

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
