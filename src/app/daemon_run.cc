// What the daemon does while it runs: probe runs, alerts and changes pass between the rooms; state
// is kept, the store is kept in order, the page is told.
#include <fmt/format.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <utility>

#include "api/json.h"
#include "app/daemon.h"
#include "base/log.h"
#include "base/resident.h"

namespace app {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// A ping of the same slot as what is in doubt now.
constexpr auto kFreshPing = seconds(2);

/// The names of state metrics among a run's readings.
std::vector<std::string> StateMetrics(const probe::Run& run) {
  std::vector<std::string> out;
  if (const auto* kind = probe::Find(run.spec->kind)) {
    for (const auto metric : kind->state_metrics) {
      out.emplace_back(metric);
    }
  }
  return out;
}

void LogRun(const probe::Run& run) {
  if (run.flipped) {
    base::Log(run.outcome.success ? base::Level::kInfo : base::Level::kWarn, "state changed",
              {{"target", run.target->name},
               {"probe", run.spec->name},
               {"success", run.outcome.success},
               {"reason", run.outcome.reason}});
  }
}

}  // namespace

void Daemon::OnRun(probe::Run& run) {
  if (events_->clients() > 0) {
    const auto time = base::FromMs(run.slot);
    events_->Publish("sample", api::SampleEvent(run.target->name, time,
                                                Board::Values(run.outcome.readings, time)));
  }
  const bool shows = board_.OnRun(run);
  LogRun(run);
  // A run outside the schedule (verification, a watched host) may show a change before its slot
  // comes.
  auto flipped = run.flipped || run.outside ? StateMetrics(run) : std::vector<std::string>();
  if (run.spec->kind == "icmp") {
    alert_event_.Notify();
  }
  ingest_->Put(std::move(run.batch), std::move(flipped), std::move(run.outcome.tables));
  // Most runs change nothing that a card shows; what they measured went out as "sample".
  if (!shows) {
    return;
  }
  if (const auto view = board_.State(run.target->name, base::Clock::Now())) {
    auto shape = fmt::format("{}|{}", static_cast<int>(view->status), view->reason);
    auto& last = seen_[run.target->name];
    if (last != shape) {
      last = std::move(shape);
      changed_.insert(run.target->name);
      fleet_event_.Notify();
    }
  }
}

void Daemon::OnAlerts(std::vector<model::Alert> alerts, bool first) {
  const auto now = base::Clock::Now();
  drills_.Mark(alerts, now);
  if (first) {
    alerts_->Sync("rule", std::move(alerts), now);
    incidents_->Reconcile(alerts_->Views());
  } else if (!alerts.empty()) {
    alerts_->Receive(std::move(alerts), now);
  }
  alert_event_.Notify();
  state_event_.Notify();
}

void Daemon::OnChange(const alert::Change& change) {
  base::Log(base::Level::kInfo, "alert",
            {{"change", alert::ToString(change.kind)},
             {"alert", change.alert.Name()},
             {"target", change.alert.Target()},
             {"reason", change.reason}});
  incidents_->OnChange(change);
  for (const auto& view : alerts_->Views()) {
    if (view.fingerprint == change.alert.Fingerprint()) {
      events_->Publish("alert", api::AlertEvent(view));
    }
  }
  changed_.insert(std::string(change.alert.Target()));
  fleet_event_.Notify();
  state_event_.Notify();
}

void Daemon::OnDoubt(const std::string& name) {
  // Nobody logs in to a host that may be down: only while its ping is answered.
  const auto ping = board_.Ping(name);
  const bool up =
      ping.kind == alert::PingState::Kind::kUp && base::Clock::Now() - ping.at < kFreshPing;
  if ((up || ping.kind == alert::PingState::Kind::kNone) && warming_.insert(name).second) {
    scope_.Spawn("login", WarmUp(name));
  }
}

loop::Task<> Daemon::WarmUp(std::string name) {
  co_await hands_->Warm(name);
  warming_.erase(name);
}

loop::Task<> Daemon::PingNow(std::string name) {
  const auto target = Target(name);
  if (target != nullptr) {
    const auto spec = std::ranges::find(target->probes, "icmp", &model::ProbeSpec::kind);
    if (spec != target->probes.end()) {
      co_await scheduler_->ProbeNow(name, spec->name);
    }
  }
  pinging_.erase(name);
  alert_event_.Notify();
}

loop::Task<> Daemon::WatchAlerts() {
  for (;;) {
    const auto now = base::Clock::Now();
    alerts_->Tick(now);
    for (const auto& target : alerts_->WaitingFor()) {
      if (pinging_.insert(target).second) {
        scope_.Spawn("ping", PingNow(target));
      }
    }
    const auto next = alerts_->Next(now);
    // A wall clock that is set meanwhile holds alerts up for no longer than ten seconds; what comes
    // while there is nothing to wait for wakes this task.
    const auto wait = next ? std::clamp<base::Duration>(*next - now, milliseconds(5), seconds(10))
                           : base::Duration(minutes(1));
    const bool told = co_await alert_event_.WaitFor(wait);
    if (!told && next) {
      state_event_.Notify();
    }
  }
}

loop::Task<> Daemon::KeepState() {
  // What must survive a restart is written soon after it changes, at most once a second.
  std::map<std::string, std::string> kept;
  for (;;) {
    co_await state_event_.WaitFor(minutes(1));
    const std::map<std::string, std::string> now = {
        {"alerts", boost::json::serialize(alerts_->Snapshot())}, {"rules", decider_->Snapshot()}};
    for (const auto& [key, json] : now) {
      if (kept[key] == json) {
        continue;
      }
      const auto done = co_await journal_->PutState(key, json);
      if (done) {
        kept[key] = json;
      } else {
        base::Log(base::Level::kError, "state cannot be kept",
                  {{"state", key}, {"err", done.error().message}});
      }
    }
    co_await loop::Sleep(seconds(1));
  }
}

loop::Task<> Daemon::Maintain() {
  // systemd must hear of us several times within its limit.
  std::uint64_t limit = 0;
  const base::Duration beat = sd_watchdog_enabled(0, &limit) > 0
                                  ? std::min<base::Duration>(microseconds(limit) / 3, minutes(1))
                                  : minutes(1);
  auto next_prune = base::Clock::Steady();
  auto next_trim = base::Clock::Steady();
  auto started = base::Clock::Steady() + seconds(15);  // what only starting needs has run by then
  for (;;) {
    auto* store = store_.get();
    const bool busy = store->unsettled();
    const auto now = base::Clock::Now();
    auto work = [store, now] { return store->Maintain(now); };
    const auto done = co_await store_worker_.Run(std::move(work));
    if (!done) {
      base::Log(base::Level::kError, "keeping the store in order failed",
                {{"err", done.error().message}});
    }
    if (base::Clock::Steady() >= next_prune) {
      next_prune = base::Clock::Steady() + std::chrono::hours(6);
      const auto pruned = co_await journal_->Prune(
          now - std::max<base::Duration>(settings_.retention.age, std::chrono::hours(24 * 365)));
      if (!pruned) {
        base::Log(base::Level::kError, "old incidents cannot be removed",
                  {{"err", pruned.error().message}});
      }
    }
    if (busy || base::Clock::Steady() >= next_trim) {
      next_trim = base::Clock::Steady() + minutes(10);
      malloc_trim(0);  // what a tick has freed goes back; more often it would be asked for again
    }
    if (base::Clock::Steady() >= started) {
      started = base::Instant::max();
      base::ReleaseCode();
    }
    sd_notify(0, "WATCHDOG=1");
    if (store->unsettled()) {
      co_await loop::Sleep(seconds(5));
    } else {
      co_await store_event_.WaitFor(
          std::clamp<base::Duration>(started - base::Clock::Steady(), milliseconds(1), beat));
    }
  }
}

loop::Task<> Daemon::PublishFleet() {
  for (;;) {
    while (changed_.empty() || events_->clients() == 0) {
      co_await fleet_event_.Wait();
    }
    std::vector<api::TargetView> views;
    for (const auto& name : std::exchange(changed_, {})) {
      if (auto view = board_.View(name, base::Clock::Now())) {
        views.push_back(std::move(*view));
      }
    }
    CompleteViews(views);
    std::vector<api::TargetView> changed;
    for (auto& view : views) {
      // What moves with every probe goes out as "sample"; here only what a card shows besides.
      auto shape = fmt::format(
          "{}|{}|{}|{}", static_cast<int>(view.status), view.reason, view.alerts.size(),
          view.incident ? view.incident->id + std::string(model::ToString(view.incident->state))
                        : "");
      auto& last = published_[view.target->name];
      if (last != shape) {
        last = std::move(shape);
        changed.push_back(std::move(view));
      }
    }
    if (!changed.empty()) {
      events_->Publish("fleet", api::FleetEvent(Fleet(), changed, false));
    }
    co_await loop::Sleep(milliseconds(100));
  }
}

}  // namespace app
