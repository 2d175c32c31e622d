// Examination, guard, lease, step: one after the other.
#include "recovery/hands.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/text.h"
#include "diagnosis/facts.h"
#include "diagnosis/host/host.h"
#include "diagnosis/look.h"
#include "recovery/lease.h"
#include "ssh/enroll.h"

namespace recovery {
namespace {

using incident::GuardVerdict;
using namespace std::chrono_literals;

// Facts are asked anew before every change; for the guard's first word they may be this old.
constexpr base::Duration kFactsAge = 60s;

model::StepOutcome Refused(const incident::ActRequest& request, std::string why) {
  model::StepOutcome out;
  out.step = request.finding.remedy;
  out.component = request.finding.component;
  out.refused = true;
  out.error = base::Printable(why);
  out.started = out.finished = base::Clock::Now();
  return out;
}

/// Causes that are only reported, after the container was started once to see whether it stays.
bool WorthOneStart(std::string_view cause) {
  return cause == "container-application-error" || cause == "container-no-foreground" ||
         cause == "container-wrong-configuration";
}

constexpr base::Duration kOneStartAgain = 1h;
// How long to wait for a lock that another holds: twice as long each time, at most so long.
constexpr base::Duration kHeldFirst = 3s;
constexpr base::Duration kHeldMost = 30s;

}  // namespace

std::string EnrolledKeys(const model::Target& target) {
  if (!target.ssh) {
    return "";
  }
  std::ifstream in(target.ssh->known_hosts, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  const auto host = target.ssh->port == 22
                        ? target.address
                        : fmt::format("[{}]:{}", target.address, target.ssh->port);
  std::string all = target.address;
  for (const auto& key : ssh::ParseHostKeys(text.str(), host)) {
    all += " " + key.key;
  }
  return base::Sha256Hex(all).substr(0, 32);
}

LocalHands::LocalHands(HandsNeeds needs) : needs_(std::move(needs)), guard_(needs_.policy) {
  needs_.owner = OwnerName(needs_.owner);
}

base::Result<std::shared_ptr<ssh::Shell>> LocalHands::ShellFor(const model::Target& target) {
  if (needs_.shell_for) {
    return needs_.shell_for(target);
  }
  auto session = needs_.pool->Get(target);
  if (!session) {
    return base::Fail(session.error());
  }
  return std::static_pointer_cast<ssh::Shell>(*session);
}

Surroundings LocalHands::Around(const std::string& target) const {
  Surroundings world;
  if (needs_.surroundings) {
    world = needs_.surroundings(target);
  }
  const auto at = facts_.find(target);
  const bool fresh = at != facts_.end() && base::Clock::Steady() - at->second.at < kFactsAge;
  world.facts = fresh ? &at->second.facts : nullptr;
  return world;
}

Action LocalHands::ActionFor(const incident::ActRequest& request,
                             const model::Target& target) const {
  const auto* kind = step::Find(request.finding.remedy);
  return {.target = request.target,
          .component = request.finding.component,
          .step = request.finding.remedy,
          .mode = target.recovery_mode,
          .approved = request.approved,
          .disruptive = kind != nullptr && kind->disruptive};
}

void LocalHands::Save() const {
  if (needs_.save) {
    needs_.save(guard_.Snapshot());
  }
}

void LocalHands::Meet(const model::Target& target, diagnosis::Examination& examination) {
  const auto keys = EnrolledKeys(target);
  const auto known = guard_.Machine(target.name, keys);
  const auto& machine = examination.facts->machine_id;
  facts_[target.name] = {*examination.facts, base::Clock::Steady()};
  if (known.empty()) {
    guard_.KnowMachine(target.name, keys, machine);
    Save();
    base::Log(base::Level::kInfo, "met a host for the first time",
              {{"target", target.name}, {"machine", machine}});
  } else if (known != machine) {
    diagnosis::Request request;
    request.target = target;
    request.component.kind = "host";
    request.depth = static_cast<int>(target.application.size()) + 1;
    diagnosis::Look look(request);
    examination.findings.push_back(look.Found(
        "host-identity-changed", "",
        fmt::format("its machine-id is {}, at first contact it was {}", machine, known)));
    diagnosis::Judge(examination);
  }
}

void LocalHands::AllowOneStart(const std::string& target,
                               std::vector<model::Finding>& findings) const {
  for (auto& finding : findings) {
    if (!WorthOneStart(finding.cause) || !finding.consequence_of.empty() ||
        guard_.Tried(target, finding.component, "container-start", kOneStartAgain) > 0) {
      continue;
    }
    const auto colon = finding.component.find(':');
    if (colon != std::string::npos) {
      finding.cause_class = model::CauseClass::kRepair;
      finding.remedy = "container-start";
      finding.remedy_args = {finding.component.substr(colon + 1)};
    }
  }
}

loop::Task<incident::DiagnoseAnswer> LocalHands::Diagnose(incident::DiagnoseRequest request) {
  incident::DiagnoseAnswer answer;
  const auto target = needs_.find_target(request.target);
  if (!target) {
    answer.error = "no such target: " + base::Printable(request.target);
    co_return answer;
  }
  const auto shell = ShellFor(*target);
  if (!shell) {
    answer.error = shell.error().message;
    co_return answer;
  }
  const auto begun = base::Clock::Steady();
  auto examination =
      co_await diagnosis::Examine(needs_.loop, *target, std::move(request.alerts), shell->get());
  if (examination.facts) {
    Meet(*target, examination);
  }
  AllowOneStart(target->name, examination.findings);
  if (guard_.policy().drop_caches) {
    for (auto& finding : examination.findings) {
      if ((finding.cause == "container-killed" || finding.cause == "container-out-of-memory") &&
          finding.remedy_args.size() == 1) {
        finding.remedy_args.emplace_back("drop-caches");
      }
    }
  }
  base::Log(base::Level::kInfo, "examined",
            {{"target", target->name},
             {"cause", examination.cause},
             {"component", examination.component},
             {"seconds", base::ToSeconds(base::Clock::Steady() - begun)},
             {"err", examination.error}});
  answer.findings = std::move(examination.findings);
  answer.cause = std::move(examination.cause);
  answer.component = std::move(examination.component);
  answer.error = std::move(examination.error);
  co_return answer;
}

GuardVerdict LocalHands::MayAct(const incident::ActRequest& request) {
  const auto target = needs_.find_target(request.target);
  if (!target) {
    return {.kind = GuardVerdict::Kind::kRefused,
            .reason = "no such target: " + base::Printable(request.target)};
  }
  if (step::Find(request.finding.remedy) == nullptr) {
    return {.kind = GuardVerdict::Kind::kRefused,
            .reason = "no such step: " + base::Printable(request.finding.remedy)};
  }
  auto verdict = guard_.MayAct(ActionFor(request, *target), Around(request.target));
  const auto held = held_.find(request.target);
  const auto now = base::Clock::Steady();
  if (verdict.kind == GuardVerdict::Kind::kAllowed && held != held_.end() &&
      held->second.until > now) {
    return {.kind = GuardVerdict::Kind::kRefused,
            .reason = held->second.why,
            .not_before = base::Clock::Now() + (held->second.until - now)};
  }
  return verdict;
}

// Whoever works there is done in seconds; one that was killed keeps it until it expires.
void LocalHands::Wait(const std::string& target, std::string why, base::Duration left) {
  auto& held = held_[target];
  const base::Duration wait = kHeldFirst * (1 << std::min(held.times, 4));
  ++held.times;
  held.why = std::move(why);
  held.until =
      base::Clock::Steady() + std::clamp<base::Duration>(left, 1s, std::min(wait, kHeldMost));
}

loop::Task<> LocalHands::Warm(std::string name) {
  const auto target = needs_.find_target(name);
  if (!target || !target->ssh || needs_.pool == nullptr) {
    co_return;
  }
  const auto session = needs_.pool->Get(*target);
  if (session) {
    const auto connected = co_await (*session)->Connect();
    (void)connected;
  }
}

loop::Task<> LocalHands::GiveBack(std::string name) {
  const auto target = needs_.find_target(name);
  if (!target) {
    co_return;
  }
  const auto shell = ShellFor(*target);
  if (!shell) {
    co_return;
  }
  std::vector<model::CommandRecord> records;
  co_await ReleaseLease(shell->get(), needs_.owner, &records);
}

loop::Task<model::StepOutcome> LocalHands::Act(incident::ActRequest request) {
  const auto target = needs_.find_target(request.target);
  const auto* kind = step::Find(request.finding.remedy);
  if (!target || kind == nullptr) {
    co_return Refused(request, target ? "no such step" : "no such target");
  }
  const auto action = ActionFor(request, *target);
  const auto verdict = guard_.Take(action, Around(request.target));
  if (verdict.kind != GuardVerdict::Kind::kAllowed) {
    co_return Refused(request, verdict.reason);
  }
  Save();  // charged before anything happens: a crash must not give the budget back
  // Whatever ends this frame, the host is given back.
  struct Unlock {
    LocalHands* hands;
    const Action* action;
    bool good = false;
    bool changed = false;
    ~Unlock() {
      if (changed) {
        hands->guard_.Finish(*action, good);
      } else {
        hands->guard_.Undo(*action);
      }
      hands->Save();
    }
  } unlock{this, &action};
  unlock.changed = true;
  model::StepOutcome outcome;
  if (kind->here) {
    outcome = co_await ActHere(kind, request, *target);
  } else {
    outcome = co_await ActLocked(kind, request, *target, action);
  }
  unlock.changed = false;
  for (const auto& command : outcome.commands) {
    unlock.changed = unlock.changed || command.changes;
  }
  unlock.good = outcome.done;
  co_return outcome;
}

bool LocalHands::MendsDownHost(const std::string& target) const {
  const auto found = needs_.find_target(target);
  return found && !diagnosis::host::PowerCycle(*found).empty();
}

/// Neither the host's lock nor its machine-id can be asked: it does not answer, and that is proved
/// here once more.
loop::Task<model::StepOutcome> LocalHands::ActHere(const step::Kind* kind,
                                                   incident::ActRequest request,
                                                   model::Target target) {
  if (!Around(target.name).ping_down) {
    co_return Refused(request, "it is not certain that it does not answer ping");
  }
  const auto shell = ShellFor(target);
  if (!shell) {
    co_return Refused(request, shell.error().message);
  }
  const auto facts = co_await diagnosis::GatherFacts(shell->get());
  if (facts || (facts.error().kind != base::ErrorKind::kUnavailable &&
                facts.error().kind != base::ErrorKind::kDeadline)) {
    co_return Refused(request, "SSH answers: it is not dead");
  }
  if (facts.error().message.find("connection refused") != std::string::npos) {
    co_return Refused(request, "it refuses SSH: it is not dead");
  }
  if (!Around(target.name).ping_down) {
    co_return Refused(request, "it answers ping again");
  }
  step::Request asked;
  asked.target = target;
  asked.component = request.finding.component;
  asked.args = request.finding.remedy_args;
  asked.finding = request.finding;
  asked.shell = needs_.local != nullptr ? needs_.local : &local_;
  const auto started = base::Clock::Now();
  auto outcome = co_await kind->run(std::move(asked));
  outcome.step = request.finding.remedy;
  outcome.component = request.finding.component;
  outcome.started = started;
  outcome.finished = base::Clock::Now();
  base::Log(base::Level::kWarn, "a host was switched off and on from here",
            {{"target", target.name},
             {"incident", request.incident},
             {"done", outcome.done},
             {"err", outcome.error}});
  co_return outcome;
}

loop::Task<model::StepOutcome> LocalHands::ActLocked(const step::Kind* kind,
                                                     incident::ActRequest request,
                                                     model::Target target, Action action) {
  const auto shell = ShellFor(target);
  if (!shell) {
    co_return Refused(request, shell.error().message);
  }
  const auto facts = co_await diagnosis::GatherFacts(shell->get());
  if (!facts) {
    co_return Refused(request, facts.error().message);
  }
  facts_[target.name] = {*facts, base::Clock::Steady()};
  const auto keys = EnrolledKeys(target);
  auto machine = guard_.Machine(target.name, keys);
  if (machine.empty()) {
    machine = facts->machine_id;
    guard_.KnowMachine(target.name, keys, machine);
    Save();
  }
  // What the host says right now counts, not what it said a minute ago.
  Guard now(guard_.policy());
  const auto held = now.MayAct(action, Around(target.name));
  if (held.kind != GuardVerdict::Kind::kAllowed) {
    co_return Refused(request, held.reason);
  }
  std::vector<model::CommandRecord> records;
  base::Duration held_for{};
  const auto lease = co_await TakeLease(shell->get(), machine, needs_.owner, guard_.policy().lease,
                                        &records, LeasePlace(), &held_for);
  if (!lease) {
    if (lease.error().kind == base::ErrorKind::kRefused) {
      Wait(target.name, lease.error().message, held_for);
    }
    auto refused = Refused(request, lease.error().message);
    refused.commands = std::move(records);
    co_return refused;
  }
  held_.erase(target.name);
  step::Request asked;
  asked.target = target;
  asked.component = request.finding.component;
  asked.args = request.finding.remedy_args;
  asked.finding = request.finding;
  asked.shell = shell->get();
  const auto started = base::Clock::Now();
  auto outcome = co_await kind->run(std::move(asked));
  outcome.step = request.finding.remedy;
  outcome.component = request.finding.component;
  outcome.started = started;
  records.insert(records.end(), outcome.commands.begin(), outcome.commands.end());
  co_await ReleaseLease(shell->get(), needs_.owner, &records);
  outcome.finished = base::Clock::Now();
  outcome.commands = std::move(records);
  base::Log(outcome.done ? base::Level::kInfo : base::Level::kWarn, "step ended",
            {{"target", target.name},
             {"incident", request.incident},
             {"step", outcome.step},
             {"component", outcome.component},
             {"done", outcome.done},
             {"state", outcome.state_after},
             {"err", outcome.error}});
  co_return outcome;
}

}  // namespace recovery
