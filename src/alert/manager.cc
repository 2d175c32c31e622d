// The alert manager: what comes in, what is told.
#include "alert/manager.h"

#include <fmt/format.h>

#include <set>

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"

namespace alert {
namespace {

constexpr auto kRememberEnded = std::chrono::hours(1);
constexpr auto kRememberSilence = std::chrono::hours(24);
constexpr std::size_t kMaxLabels = 64;
constexpr std::size_t kMaxText = 4096;
constexpr auto kPoll = std::chrono::milliseconds(50);

bool Bounded(const model::Labels& labels) {
  return labels.size() <= kMaxLabels &&
         std::all_of(labels.begin(), labels.end(), [](const auto& pair) {
           return pair.first.size() <= kMaxText && pair.second.size() <= kMaxText;
         });
}

/// In which order changes of one round are told.
int Rank(const Change& change) {
  switch (change.kind) {
    case Change::Kind::kFiring:
      return change.alert.Metric() == "ping" ? 0 : 2;
    case Change::Kind::kSuppressed:
      return 1;
    case Change::Kind::kUnsuppressed:
      return change.alert.Metric() == "ping" ? 0 : 3;
    case Change::Kind::kResolved:
      return 4;
    default:
      return 5;
  }
}

}  // namespace

std::string_view ToString(Change::Kind kind) {
  constexpr std::array<std::string_view, 8> kNames = {"firing",       "resolved", "suppressed",
                                                      "unsuppressed", "silenced", "unsilenced",
                                                      "updated",      "flapping"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::string_view ToString(Status status) {
  constexpr std::array<std::string_view, 3> kNames = {"pending", "firing", "suppressed"};
  return kNames.at(static_cast<std::size_t>(status));
}

Manager::Manager(Options options, PingFunction ping) : options_(options), ping_(std::move(ping)) {}

void Manager::SetDependencies(std::map<std::string, std::vector<std::string>> depends_on) {
  std::map<std::string, std::set<std::string>> closure;
  for (const auto& [name, direct] : depends_on) {
    std::vector<std::string> open(direct.begin(), direct.end());
    auto& seen = closure[name];
    while (!open.empty()) {
      auto next = std::move(open.back());
      open.pop_back();
      if (!seen.insert(next).second) {
        continue;
      }
      if (const auto at = depends_on.find(next); at != depends_on.end()) {
        open.insert(open.end(), at->second.begin(), at->second.end());
      }
    }
  }
  upstream_.clear();
  for (const auto& [name, all] : closure) {
    for (const auto& up : all) {
      // In a circle nobody is upstream: else all of it would fall silent together.
      const auto back = closure.find(up);
      if (back == closure.end() || !back->second.contains(name)) {
        upstream_[name].push_back(up);
      }
    }
  }
}

Changes Manager::Receive(std::vector<model::Alert> alerts, base::Time now) {
  Changes changes;
  for (auto& alert : alerts) {
    ++stats_.received;
    if (!Take(std::move(alert), now, changes)) {
      ++stats_.dropped;
    }
  }
  Reconcile(now, changes);
  return Tell(std::move(changes));
}

Changes Manager::Sync(const std::string& source, std::vector<model::Alert> alerts, base::Time now) {
  std::set<model::Labels> present;
  for (const auto& alert : alerts) {
    if (alert.Firing()) {
      present.insert(alert.labels);
    }
  }
  for (const auto& [labels, held] : active_) {
    if (held.alert.source == source && !present.contains(labels)) {
      auto over = held.alert;
      over.ends_at = now;
      alerts.push_back(std::move(over));
    }
  }
  return Receive(std::move(alerts), now);
}

Changes Manager::Tick(base::Time now) {
  Changes changes;
  Reconcile(now, changes);
  return Tell(std::move(changes));
}

bool Manager::Take(model::Alert alert, base::Time now, Changes& changes) {
  if (alert.labels.empty() || !Bounded(alert.labels) || !Bounded(alert.annotations)) {
    return false;
  }
  if (alert.starts_at == base::Time{} || alert.starts_at > now) {
    alert.starts_at = now;  // a sender whose clock is ahead must not postpone the repair
  }
  const auto at = active_.find(alert.labels);
  if (!alert.Firing() && alert.ends_at <= now) {
    // Our own rules speak in order: an end before the start means that the wall clock was set back.
    if (at != active_.end() &&
        (alert.ends_at >= at->second.alert.starts_at || alert.source == "rule")) {
      End(at, std::max(alert.ends_at, at->second.alert.starts_at), now, "", changes);
    } else {
      ++stats_.duplicates;
    }
    return true;
  }
  const auto expires = std::exchange(alert.ends_at, base::Time{});
  if (at != active_.end()) {  // a repeat: the first start stays, the newest particulars count
    auto& held = at->second;
    alert.starts_at = std::min(alert.starts_at, held.alert.starts_at);
    // A resource's figure changes all the time; another status code may ask for another treatment.
    const bool other = alert.Metric() == "http_code" && alert.value != held.alert.value;
    held.alert = std::move(alert);
    held.expires = expires;
    if (other && held.status == Status::kFiring) {
      changes.push_back({Change::Kind::kUpdated, held.alert, "another status code",
                         held.silenced_by, Flapping(held.alert.labels)});
    }
    ++stats_.duplicates;
    return true;
  }
  const auto ended = ended_.find(alert.labels);
  if (ended != ended_.end() && alert.starts_at <= ended->second.starts) {
    ++stats_.duplicates;  // a late copy of an alert that has ended
    return true;
  }
  if (active_.size() >= options_.max_alerts) {
    if (stats_.dropped % 1000 == 0) {  // a flood of alerts must not become a flood of lines
      base::Log(base::Level::kError, "too many active alerts: new ones are dropped",
                {{"limit", options_.max_alerts}, {"alert", alert.labels.ToString()}});
    }
    return false;
  }
  if (alert.Metric() == "ping" && !alert.Target().empty()) {
    ++down_[std::string(alert.Target())];
  }
  CountFlap(alert, now, changes);
  auto labels = alert.labels;
  active_.emplace(std::move(labels),
                  Held{.alert = std::move(alert), .received = now, .expires = expires});
  return true;
}

void Manager::End(std::map<model::Labels, Held>::iterator at, base::Time when, base::Time now,
                  std::string reason, Changes& changes) {
  auto held = std::move(at->second);
  active_.erase(at);
  held.alert.ends_at = when;
  ended_[held.alert.labels] = {held.alert.starts_at, now};
  if (held.alert.Metric() == "ping" && !held.alert.Target().empty()) {
    const std::string target(held.alert.Target());
    if (--down_[target] <= 0) {
      down_.erase(target);
      back_[target] = now;
    }
  }
  CountFlap(held.alert, now, changes);
  if (held.told) {
    const bool flapping = Flapping(held.alert.labels);
    changes.push_back({.kind = Change::Kind::kResolved,
                       .alert = std::move(held.alert),
                       .reason = std::move(reason),
                       .silenced_by = std::move(held.silenced_by),
                       .flapping = flapping});
  }
}

void Manager::Reconcile(base::Time now, Changes& changes) {
  Forget(now);
  for (auto at = active_.begin(); at != active_.end();) {
    const auto here = at++;
    if (here->second.expires != base::Time{} && here->second.expires <= now) {
      const auto when = here->second.expires;
      End(here, when, now, "its end came and nobody renewed it", changes);
    }
  }
  for (auto& [labels, held] : active_) {
    const auto* silence = Silencing(labels, SilenceKind::kSilence, now);
    const std::string by = silence == nullptr ? "" : silence->id;
    const bool was_firing = held.status == Status::kFiring;
    const bool changed = (by.empty()) != held.silenced_by.empty();
    held.silenced_by = by;
    Apply(held, Judge(held, now), changes);
    if (changed && was_firing && held.status == Status::kFiring) {
      changes.push_back(
          {by.empty() ? Change::Kind::kUnsilenced : Change::Kind::kSilenced, held.alert,
           silence == nullptr
               ? "the silence is over"
               : fmt::format("silenced by {}: {}", silence->created_by, silence->comment),
           by, Flapping(labels)});
    }
  }
}

void Manager::Apply(Held& held, const Verdict& verdict, Changes& changes) {
  const auto before = std::exchange(held.status, verdict.status);
  held.reason = verdict.reason;
  held.inhibited_by = verdict.inhibited_by;
  if (before == verdict.status || verdict.status == Status::kPending) {
    return;
  }
  auto kind = Change::Kind::kFiring;
  if (verdict.status == Status::kSuppressed) {
    kind = Change::Kind::kSuppressed;
  } else if (held.told) {
    kind = Change::Kind::kUnsuppressed;
  }
  held.told = true;
  changes.push_back(
      {kind, held.alert, verdict.reason, held.silenced_by, Flapping(held.alert.labels)});
}

Manager::Verdict Manager::Judge(const Held& held, base::Time now) const {
  if (const auto* window = Silencing(held.alert.labels, SilenceKind::kMaintenance, now)) {
    return {Status::kSuppressed,
            fmt::format("maintenance by {} until {}: {}", window->created_by,
                        base::FormatRfc3339(window->ends), window->comment),
            ""};
  }
  const auto gates = Gates(held.alert);
  for (const auto& gate : gates) {
    const bool own = gate == held.alert.Target();
    if (down_.contains(gate)) {
      return {Status::kSuppressed,
              own ? fmt::format("{} does not answer ping", gate)
                  : fmt::format("{}, on which it depends, does not answer ping", gate),
              gate};
    }
    const auto back = back_.find(gate);
    if (back != back_.end() && now < back->second + options_.after_down) {
      return {Status::kSuppressed,
              fmt::format("{} has only just come back (waiting {})", gate,
                          base::HumanDuration(options_.after_down)),
              gate};
    }
  }
  if (held.status == Status::kFiring) {
    return {};
  }
  return JudgePing(held, gates, now);
}

Manager::Verdict Manager::JudgePing(const Held& held, const std::vector<std::string>& gates,
                                    base::Time now) const {
  if (!ping_ || held.told) {
    return {};
  }
  for (const auto& gate : gates) {
    const auto state = ping_(gate);
    if (state.kind == PingState::Kind::kNone) {
      continue;
    }
    const bool fresh = state.at + options_.slack >= held.alert.starts_at;
    if (state.kind == PingState::Kind::kUp && fresh) {
      continue;
    }
    const bool down = state.kind == PingState::Kind::kDown;
    if (now < held.received + (down ? options_.down_grace : options_.grace)) {
      return {Status::kPending,
              down ? fmt::format("{} does not answer ping: waiting for its own alert", gate)
                   : fmt::format("waiting for a ping result of {}", gate),
              gate};
    }
  }
  return {};
}

std::vector<std::string> Manager::Gates(const model::Alert& alert) const {
  std::vector<std::string> out;
  const std::string target(alert.Target());
  if (target.empty()) {
    return out;
  }
  if (alert.Metric() != "ping") {
    out.push_back(target);
  }
  if (const auto at = upstream_.find(target); at != upstream_.end()) {
    out.insert(out.end(), at->second.begin(), at->second.end());
  }
  return out;
}

void Manager::CountFlap(const model::Alert& alert, base::Time now, Changes& changes) {
  auto& flaps = flaps_[alert.labels];
  flaps.changes.push_back(now);
  while (flaps.changes.size() > options_.flap_changes ||
         flaps.changes.front() + options_.flap_window < now) {
    flaps.changes.pop_front();
  }
  if (flaps.changes.size() >= options_.flap_changes && !flaps.flapping) {
    flaps.flapping = true;
    changes.push_back({Change::Kind::kFlapping, alert,
                       fmt::format("{} starts and ends within {}", flaps.changes.size(),
                                   base::HumanDuration(options_.flap_window)),
                       "", true});
  }
}

bool Manager::Flapping(const model::Labels& labels) const {
  const auto at = flaps_.find(labels);
  return at != flaps_.end() && at->second.flapping;
}

void Manager::Forget(base::Time now) {
  std::erase_if(ended_, [&](const auto& item) { return item.second.at + kRememberEnded < now; });
  std::erase_if(back_, [&](const auto& item) { return item.second + options_.after_down <= now; });
  std::erase_if(silences_, [&](const Silence& s) { return s.ends + kRememberSilence < now; });
  for (auto at = flaps_.begin(); at != flaps_.end();) {
    auto& flaps = at->second;
    while (!flaps.changes.empty() && flaps.changes.front() + options_.flap_window < now) {
      flaps.changes.pop_front();
    }
    // It calms down at half the number that makes it flapping.
    flaps.flapping = flaps.flapping && flaps.changes.size() > options_.flap_changes / 2;
    at = flaps.changes.empty() ? flaps_.erase(at) : std::next(at);
  }
  while (ended_.size() > options_.max_alerts) {
    ended_.erase(ended_.begin());
  }
  while (flaps_.size() > 2 * options_.max_alerts) {
    flaps_.erase(flaps_.begin());
  }
}

Changes Manager::Tell(Changes changes) {
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return Rank(a) < Rank(b); });
  if (sink_) {
    for (const auto& change : changes) {
      sink_(change);
    }
  }
  return changes;
}

std::optional<base::Time> Manager::Next(base::Time now) const {
  std::optional<base::Time> next;
  const auto offer = [&](base::Time t) {
    if (t > now && (!next || t < *next)) {
      next = t;
    }
  };
  for (const auto& [labels, held] : active_) {
    if (held.status == Status::kPending) {
      offer(now + kPoll);
    }
    if (held.expires != base::Time{}) {
      offer(held.expires);
    }
  }
  for (const auto& silence : silences_) {
    offer(silence.starts);
    offer(silence.ends);
  }
  for (const auto& [target, at] : back_) {
    offer(at + options_.after_down);
  }
  return next;
}

std::vector<std::string> Manager::WaitingFor() const {
  std::set<std::string> out;
  for (const auto& [labels, held] : active_) {
    if (held.status == Status::kPending && !held.inhibited_by.empty()) {
      out.insert(held.inhibited_by);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace alert
