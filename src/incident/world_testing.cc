// The made-up world of the incident tests.
#include "incident/world_testing.h"

#include <algorithm>
#include <thread>

namespace incident::testing {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

World::World() {
  std::string pattern = (fs::temp_directory_path() / "raksa-incident-XXXXXX").string();
  folder = mkdtemp(pattern.data());
  Start();
}

World::~World() {
  Kill();
  fs::remove_all(folder);
}

void World::Start() {
  journal = Journal::Open(loop, folder + "/journal.db").value();
  Needs needs;
  needs.loop = &loop;
  needs.journal = journal.get();
  needs.hands = this;
  needs.verify = [this](std::string target, std::vector<model::Alert> alerts) {
    return Look(this, std::move(target), std::move(alerts));
  };
  needs.alerts_of = [this](const std::string&) { return active; };
  needs.options = options;
  manager = std::make_unique<Manager>(std::move(needs));
  manager->Subscribe([this](const model::Incident& i) {
    last_id = i.id;
    const std::string state(model::ToString(i.state));
    if (states.empty() || states.back() != state) {
      states.push_back(state);
    }
  });
  const auto resumed = loop.RunTask(manager->Resume());
  if (!resumed) {
    std::abort();
  }
}

void World::Kill() {
  if (manager) {
    loop.RunTask(manager->Stop());
    manager.reset();
    journal.reset();
    loop.Drain();
  }
}

model::Finding World::FindingOf(const Broken& b) const {
  return {.component = b.component,
          .cause = "service-stopped",
          .title = "Service is stopped",
          .title_th = "เซอร์วิสหยุดทำงาน",
          .cause_class = b.repairable ? model::CauseClass::kRepair : model::CauseClass::kReport,
          .state = "State inactive",
          .evidence = "ActiveState=inactive",
          .remedy = b.repairable ? "service-restart" : "",
          .remedy_args = {b.component},
          .depth = b.depth,
          .consequence_of = b.consequence_of,
          .commands = {{.argv = {"systemctl", "show", b.component}, .exit_status = 0}}};
}

loop::Task<DiagnoseAnswer> World::Diagnose(DiagnoseRequest) {
  log.emplace_back("diagnose");
  co_await loop::Sleep(examine_time);
  DiagnoseAnswer answer;
  answer.error = examine_error;
  if (!examine_error.empty()) {
    co_return answer;
  }
  int depth = -1;
  for (const auto& b : broken) {
    answer.findings.push_back(FindingOf(b));
    if (b.depth > depth) {
      depth = b.depth;
      answer.cause = "service-stopped";
      answer.component = b.component;
    }
  }
  co_return answer;
}

GuardVerdict World::MayAct(const ActRequest& request) {
  if (guard.kind == GuardVerdict::Kind::kNeedsApproval && request.approved) {
    return {.kind = GuardVerdict::Kind::kAllowed};
  }
  return guard;
}

loop::Task<model::StepOutcome> World::Act(ActRequest request) {
  model::StepOutcome out{.step = request.finding.remedy, .component = request.finding.component};
  if (refuse_act) {
    log.push_back("refuse " + request.finding.component);
    out.refused = true;
    out.error = "the host is locked by another";
    if (refuse_for > base::Duration::zero()) {
      guard = {.kind = GuardVerdict::Kind::kRefused,
               .reason = out.error,
               .not_before = base::Clock::Now() + refuse_for};
    }
    co_return out;
  }
  log.push_back("act " + request.finding.component);
  co_await loop::Sleep(act_time);
  const auto at = std::find_if(broken.begin(), broken.end(), [&](const Broken& b) {
    return b.component == request.finding.component;
  });
  if (at != broken.end() && at->works && !step_fails) {
    broken.erase(at);
  }
  out.done = !step_fails;
  out.state_after = out.done ? "State active" : "";
  out.error = out.done ? "" : "Job for it failed";
  co_return out;
}

loop::Task<> World::GiveBack(std::string) {
  log.emplace_back("give back");
  co_return;
}

loop::Task<VerifyResult> World::Look(World* world, std::string, std::vector<model::Alert>) {
  co_await loop::Sleep(20ms);
  const bool passed = world->broken.empty() && !world->probe_stuck;
  world->log.emplace_back(passed ? "verify ok" : "verify fails");
  co_return VerifyResult{.possible = world->possible,
                         .passed = passed,
                         .detail = passed ? "http_code 200" : "http_code 500"};
}

void World::Send(alert::Change::Kind kind, const model::Alert& alert, const std::string& reason,
                 const std::string& silenced_by) {
  manager->OnChange({.kind = kind, .alert = alert, .reason = reason, .silenced_by = silenced_by});
}

void World::Fire(const model::Alert& alert, const std::string& silenced_by) {
  std::erase_if(active, [&](const auto& a) { return a.labels == alert.labels; });
  active.push_back(alert);
  Send(alert::Change::Kind::kFiring, alert, "", silenced_by);
}

void World::End(const model::Alert& alert) {
  std::erase_if(active, [&](const auto& a) { return a.labels == alert.labels; });
  auto over = alert;
  over.ends_at = base::Clock::Now();
  Send(alert::Change::Kind::kResolved, over, "");
}

bool World::Until(const std::function<bool()>& done, base::Duration limit) {
  const auto end = base::Clock::Steady() + limit;
  while (!done()) {
    if (base::Clock::Steady() >= end) {
      return false;
    }
    clock.Advance(step);
    // A frozen timer looks again every real millisecond; the journal's thread needs its moment too.
    const auto real = [] { return std::chrono::steady_clock::now(); };  // real time, not frozen
    const auto until = real() + 1200us;
    // A few rounds at least: on a busy machine the first sleep may outlast the whole moment.
    for (int round = 0; round < 4 || real() < until || journal->backlog() > 0; ++round) {
      loop.Drain();
      if (done()) {
        return true;  // at once: a test that kills the daemon wants this very state
      }
      std::this_thread::sleep_for(100us);
    }
    loop.Drain();
  }
  return true;
}

void World::Pass(base::Duration d) {
  Until([] { return false; }, d);
}

model::Incident World::Newest() {
  const auto list = loop.RunTask(journal->List({.limit = 1}));
  if (!list || list->empty()) {
    return {};
  }
  return loop.RunTask(journal->Get(list->front().id)).value_or(model::Incident{});
}

model::IncidentState World::State() const {
  const auto* incident = manager->Find(last_id);
  return incident == nullptr ? model::IncidentState::kResolved : incident->state;
}

bool World::UntilClosed(base::Duration limit) {
  return Until([this] { return manager->Open().empty(); }, limit) &&
         [this] { return loop.RunUntil([this] { return manager->stats().open == 0; }, 2000ms); }();
}

std::vector<std::string> World::Messages() {
  std::vector<std::string> out;
  const auto messages = loop.RunTask(journal->NewMessages());
  for (const auto& message : *messages) {
    out.push_back(message.event);
  }
  return out;
}

int World::Count(const std::string& what) const {
  return static_cast<int>(
      std::count_if(log.begin(), log.end(), [&](const auto& l) { return l.starts_with(what); }));
}

model::Alert World::Metric(const std::string& metric, const std::string& source) {
  model::Alert out;
  out.labels = {{"alertname", metric},
                {"target", "web1"},
                {"metric", metric},
                {"ip", "192.0.2.11"},
                {"severity", "critical"}};
  out.starts_at = base::Clock::Now();
  out.source = source;
  return out;
}

model::Alert World::Http(double code) {
  auto out = Metric("http_code");
  out.value = code;
  return out;
}

}  // namespace incident::testing
