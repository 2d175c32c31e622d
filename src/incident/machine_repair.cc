// The states of a machine that repair: planned, acting, settling, verifying.
#include <fmt/format.h>

#include "alert/json.h"
#include "base/log.h"
#include "base/text.h"
#include "incident/advice.h"
#include "incident/json.h"
#include "incident/machine.h"

namespace incident {
namespace {

namespace json = boost::json;
using model::IncidentState;
using model::Outcome;
using namespace std::chrono_literals;

constexpr int kMaxGuardWaits = 10;
constexpr int kMaxExaminations = 3;

/// "service-restart nginx".
std::string StepText(const model::Finding& finding) {
  auto out = finding.remedy;
  for (const auto& arg : finding.remedy_args) {
    out += " " + base::Printable(arg);
  }
  return out;
}

/// The deepest cause that follows from no other; nullptr when all is well.
const model::Finding* DeepestCause(const std::vector<model::Finding>& findings) {
  const model::Finding* deepest = nullptr;
  for (const auto& finding : findings) {
    if (!finding.cause.empty() && finding.consequence_of.empty() &&
        (deepest == nullptr || finding.depth > deepest->depth)) {
      deepest = &finding;
    }
  }
  return deepest;
}

}  // namespace

void Machine::KeepRepaired(bool fixed) {
  const model::Finding* deepest = nullptr;
  const auto found = FindingsOf(incident_);
  for (const auto& finding : found) {
    const bool done =
        std::any_of(incident_.steps.begin(), incident_.steps.end(), [&](const auto& step) {
          return step.done && step.component == finding.component && step.step == finding.remedy;
        });
    if (!done || !finding.consequence_of.empty()) {
      continue;
    }
    if (deepest == nullptr || finding.depth > deepest->depth) {
      deepest = &finding;
    }
    const bool known =
        std::any_of(incident_.findings.begin(), incident_.findings.end(), [&](const auto& f) {
          return f.component == finding.component && f.cause == finding.cause;
        });
    if (!known) {
      incident_.findings.push_back(finding);
    }
  }
  if (fixed && deepest != nullptr) {
    incident_.cause = deepest->cause;
  }
}

base::Time Machine::LastAct() const {
  base::Time last{};
  for (const auto& step : incident_.steps) {
    last = std::max(last, step.finished);
  }
  return last;
}

bool Machine::MayStart() const {
  return Acted() && base::Clock::Steady() - changed_ < needs_->options.patience;
}

std::vector<model::Alert> Machine::ToProve() const {
  std::vector<model::Alert> out;
  const bool powered = needs_->hands->MendsDownHost(incident_.target);
  for (const auto& item : incident_.alerts) {
    if (TreatmentOf(item) == Treatment::kRepair || (powered && item.Metric() == "ping")) {
      out.push_back(item);
    }
  }
  return out;
}

bool Machine::OtherRemedies() const {
  return std::any_of(incident_.findings.begin(), incident_.findings.end(),
                     [&](const model::Finding& f) {
                       const auto tried = tried_.find(RemedyKey(f));
                       return Repairable(f) && (tried == tried_.end() || tried->second == 0);
                     });
}

Outcome Machine::Failed() const {
  if (recurrences_ > 0) {
    return Outcome::kFixedThenRecurred;
  }
  // More than before: state alerts that began clearly after our change and were not there before.
  std::size_t before = 0;
  std::size_t after = 0;
  for (const auto& item : needs_->alerts_of(incident_.target)) {
    if (SubjectOf(item) == "application") {
      (item.starts_at > incident_.acted + 1s ? after : before) += 1;
    }
  }
  for (const auto& item : incident_.alerts) {
    before += !item.Firing() && item.starts_at <= incident_.acted + 1s ? 1 : 0;
  }
  return after > before ? Outcome::kMadeWorse : Outcome::kNotFixed;
}

loop::Task<bool> Machine::PassesNow(int passes) {
  for (int i = 0; i < passes; ++i) {
    if (i > 0) {
      co_await loop::Sleep(needs_->options.verify_gap);
    }
    const auto result = co_await needs_->verify(incident_.target, ToProve());
    if (!result.possible) {
      co_return AllEnded();
    }
    if (!result.passed) {
      Note("verify", "outside probe: " + result.detail, {{"passed", false}});
      co_return false;
    }
  }
  co_return true;
}

loop::Task<> Machine::Plan() {
  const bool interrupted = co_await Interrupted();
  if (interrupted) {
    co_return;
  }
  if (Wanted() != Treatment::kRepair) {
    co_await NeedHuman(Outcome::kReported, "examined; this is for people to decide");
    co_return;
  }
  const auto* best = Deepest(incident_.findings);
  if (best == nullptr) {
    co_await PlanWithoutRemedy();
    co_return;
  }
  chosen_ = *best;
  const auto key = RemedyKey(*chosen_);
  const auto& options = needs_->options;
  if (rounds_ >= options.max_rounds || tried_[key] >= options.max_same) {
    co_await NeedHuman(
        Failed(), recurrences_ > 0
                      ? fmt::format("it came back {} times; {} treats the symptom", recurrences_,
                                    StepText(*chosen_))
                      : fmt::format("{} was tried {} times, {} changes in all, and it is still "
                                    "broken",
                                    StepText(*chosen_), tried_[key], rounds_));
    co_return;
  }
  if (Powered() && tried_[key] > 0) {  // a host that is booting must not be switched off again
    co_await NeedHuman(Failed(), StepText(*chosen_) + " was done, and the host does not answer");
    co_return;
  }
  const ActRequest request{incident_.id, incident_.target, *chosen_, key == approved_key_,
                           key == approved_key_ ? approved_by_ : ""};
  const auto verdict = needs_->hands->MayAct(request);
  switch (verdict.kind) {
    case GuardVerdict::Kind::kAllowed:
      co_await StartActing(*chosen_);
      break;
    case GuardVerdict::Kind::kNeedsApproval:
      planned_key_ = key;
      Enter(IncidentState::kAwaitingApproval,
            fmt::format("{} for {} waits for a person's yes{}{}", StepText(*chosen_),
                        chosen_->component, verdict.reason.empty() ? "" : ": ", verdict.reason));
      Tell("approval");
      co_await Save();
      break;
    case GuardVerdict::Kind::kObserve:
      Note("guard", fmt::format("would have done {} for {}: {}", StepText(*chosen_),
                                chosen_->component, verdict.reason));
      co_await NeedHuman(Acted() ? Failed() : Outcome::kReported,
                         "mode observe: nothing is changed");
      break;
    case GuardVerdict::Kind::kRefused:
      co_await PlanRefused(verdict);
      break;
  }
}

loop::Task<> Machine::PlanWithoutRemedy() {
  if (!examine_error_.empty()) {
    ++examinations_failed_;
    if (examinations_failed_ < kMaxExaminations) {
      co_await WaitChange(examinations_failed_ * 2s);
      Enter(IncidentState::kDiagnosing, "tried again");
      co_await Save();
      co_return;
    }
    examinations_failed_ = 0;
    co_await NeedHuman(Acted() ? Failed() : Outcome::kReported,
                       "the host cannot be examined: " + examine_error_);
    co_return;
  }
  examinations_failed_ = 0;
  const auto* cause = DeepestCause(incident_.findings);
  const bool known = cause != nullptr;
  if (MayStart()) {
    Enter(IncidentState::kVerifying, "nothing more to repair: it may only need time to start");
    co_await Save();
    co_return;
  }
  if (!Acted() && !known) {
    const bool well = co_await PassesNow(needs_->options.verify_passes);
    if (well) {
      co_await Close(Outcome::kHealedItself, "the outside probes pass again");
      co_return;
    }
  }
  auto why = known ? cause->title + ": this is for people to mend"
                   : std::string("no cause was found that could be repaired");
  if (!known && Acted() && !failure_.empty()) {
    why = "what was repaired runs, yet the outside probe still fails: " + failure_ +
          "; no other cause was found";
  }
  co_await NeedHuman(Acted() ? Failed() : Outcome::kReported, std::move(why));
}

loop::Task<> Machine::PlanRefused(GuardVerdict verdict) {
  Note("guard", "refused: " + verdict.reason);
  const auto now = base::Clock::Now();
  const auto until = base::Clock::Steady() + (verdict.not_before - now);
  const bool later = verdict.not_before > now && ++guard_waits_ <= kMaxGuardWaits;
  if (!later) {
    co_await NeedHuman(Acted() ? Failed() : Outcome::kReported,
                       "the guard refuses: " + verdict.reason);
    co_return;
  }
  if (verdict.not_before > now + 10s && !opened_told_) {
    Tell("opened");
  }
  co_await Save();
  while (!AllEnded() && (!HostDown() || Powered()) && !Taken()) {
    const auto left = until - base::Clock::Steady();
    if (left <= base::Duration::zero()) {
      break;
    }
    co_await WaitChange(left);
  }
  Enter(IncidentState::kDiagnosing, "examined again after the guard's hold");
  co_await Save();
}

loop::Task<> Machine::StartActing(model::Finding finding) {
  const auto key = RemedyKey(finding);
  ++rounds_;
  ++steps_;
  ++tried_[key];
  incident_.cause = finding.cause;
  Enter(IncidentState::kActing, fmt::format("{} for {}", StepText(finding), finding.component));
  batch_.intents.push_back({.key = fmt::format("{}/{}", incident_.id, steps_),
                            .incident = incident_.id,
                            .target = incident_.target,
                            .component = finding.component,
                            .step = finding.remedy,
                            .args = finding.remedy_args,
                            .at = base::Clock::Now()});
  if (needs_->journal->in_memory()) {
    Note("note", "the disk takes no writes: what is done now is kept in memory only");
  }
  const bool written = co_await Save();
  if (!written) {
    chosen_.reset();
    co_await NeedHuman(Acted() ? Failed() : Outcome::kReported,
                       "the journal cannot be written: nothing is changed on a host without it");
  }
}

loop::Task<> Machine::Act() {
  if (!chosen_) {
    Enter(IncidentState::kDiagnosing, "nothing is done on an old plan");
    co_await Save();
    co_return;
  }
  const auto finding = *std::exchange(chosen_, std::nullopt);
  const auto key = RemedyKey(finding);
  if (Taken()) {  // while the intent was being written
    --rounds_;
    --tried_[key];
    model::StepOutcome refused{.step = finding.remedy,
                               .component = finding.component,
                               .refused = true,
                               .error = taken_by_ + " has taken it over",
                               .started = base::Clock::Now(),
                               .finished = base::Clock::Now()};
    batch_.results.push_back({fmt::format("{}/{}", incident_.id, steps_), refused});
    incident_.steps.push_back(std::move(refused));
    Enter(IncidentState::kDiagnosing, "not done: " + taken_by_ + " has taken it over");
    co_await Save();
    co_return;
  }
  const bool approved = key == approved_key_;
  ActRequest request{incident_.id, incident_.target, finding, approved,
                     approved ? approved_by_ : ""};
  const auto began = base::Clock::Now();
  auto outcome = co_await needs_->hands->Act(request);
  if (outcome.started == base::Time{}) {
    outcome.started = began;
  }
  if (outcome.finished == base::Time{}) {
    outcome.finished = base::Clock::Now();
  }
  changed_ = base::Clock::Steady();
  NoteCommands(outcome.commands);
  batch_.results.push_back({fmt::format("{}/{}", incident_.id, steps_), outcome});
  incident_.steps.push_back(outcome);
  if (outcome.refused) {
    --tried_[key];  // nothing was changed
    co_await ActRefused(std::move(request), outcome.error);
    co_return;
  }
  ForgetYes(approved);
  if (!Acted()) {
    incident_.acted = outcome.started;
  }
  Note("step",
       fmt::format("{} for {}: {}", StepText(finding), finding.component,
                   outcome.done ? outcome.state_after : "failed: " + outcome.error),
       {{"done", outcome.done},
        {"seconds", base::ToSeconds(outcome.finished - outcome.started)},
        {"state_after", base::Printable(outcome.state_after)}});
  Enter(outcome.done ? IncidentState::kSettling : IncidentState::kDiagnosing,
        outcome.done ? "given a moment" : "the change did not take: examined again");
  co_await Save();
}

void Machine::ForgetYes(bool approved) {
  if (approved) {  // one yes, one change
    approved_key_.clear();
    planned_key_.clear();
  }
}

loop::Task<> Machine::ActRefused(ActRequest request, std::string reason) {
  Note("guard", "not done: " + reason);
  --rounds_;
  const auto verdict = needs_->hands->MayAct(request);
  if (verdict.kind == GuardVerdict::Kind::kRefused && verdict.not_before > base::Clock::Now()) {
    Enter(IncidentState::kPlanned, "refused at the last moment, for now");
    co_await Save();
    co_return;
  }
  ForgetYes(request.approved);
  if (++guard_waits_ > kMaxGuardWaits) {
    co_await NeedHuman(Acted() ? Failed() : Outcome::kReported, "the guard refuses: " + reason);
    co_return;
  }
  Enter(IncidentState::kDiagnosing, "refused at the last moment: examined again");
  co_await Save();
  co_await loop::Sleep(3s);
}

loop::Task<> Machine::Settle() {
  co_await loop::Sleep(needs_->options.settle * std::max(1, rounds_));
  Enter(IncidentState::kVerifying, "the outside probes are asked");
  co_await Save();
}

loop::Task<> Machine::Prove() {
  const auto began = base::Clock::Steady();
  const auto& options = needs_->options;
  // A host that was switched on has to boot first.
  const bool boots = !incident_.steps.empty() && incident_.steps.back().done && Powered();
  const auto limit =
      boots ? options.boot_limit : (OtherRemedies() ? options.verify_short : options.verify_limit);
  int passes = 0;
  std::string failure;
  for (;;) {
    const auto result = co_await needs_->verify(incident_.target, ToProve());
    if (!result.possible) {
      co_await ProveByAlerts();
      co_return;
    }
    passes = result.passed ? passes + 1 : 0;
    if (result.passed || result.detail != failure) {
      Note("verify",
           result.passed
               ? fmt::format("pass {} of {}: {}", passes, options.verify_passes, result.detail)
               : "fails: " + result.detail,
           {{"passed", result.passed}});
    }
    if (passes >= options.verify_passes) {
      co_await Verified(result.detail);
      co_return;
    }
    failure = result.passed ? "" : result.detail;
    if ((HostDown() && !Powered()) || (passes == 0 && base::Clock::Steady() - began >= limit)) {
      break;
    }
    co_await loop::Sleep(options.verify_gap);
  }
  if (AllEnded() && !MayStart()) {
    co_await NeedHuman(Failed(), "the alerts ended, but the outside probe still fails: " + failure);
    co_return;
  }
  failure_ = failure;
  Enter(IncidentState::kDiagnosing, "the outside probe still fails: " + failure);
  co_await Save();
}

loop::Task<> Machine::ProveByAlerts() {
  Note("verify", "no probe of ours measures it: the alert's own end is awaited");
  const auto end = base::Clock::Steady() + needs_->options.patience;
  while (!AllEnded() && !HostDown()) {
    const auto left = end - base::Clock::Steady();
    if (left <= base::Duration::zero()) {
      break;
    }
    co_await WaitChange(left);
  }
  if (AllEnded()) {
    co_await Verified("the alerts ended");
    co_return;
  }
  co_await NeedHuman(Failed(), "the alert goes on after the repair");
}

json::object Machine::Durations() const {
  base::Time first = incident_.opened;
  for (const auto& item : incident_.alerts) {
    first = std::min(first, item.starts_at);
  }
  const auto acted = incident_.acted;
  const auto repaired = std::max(LastAct(), acted);
  return {{"detected", base::ToSeconds(incident_.opened - first)},
          {"diagnosed", base::ToSeconds(acted - incident_.opened)},
          {"repaired", base::ToSeconds(repaired - acted)},
          {"verified", base::ToSeconds(incident_.verified - repaired)},
          {"total", base::ToSeconds(incident_.verified - first)}};
}

loop::Task<> Machine::Verified(std::string detail) {
  incident_.verified = base::Clock::Now();
  proved_ = base::Clock::Steady();
  recurred_ = false;
  KeepRepaired(true);
  incident_.outcome = recurrences_ > 0 ? Outcome::kFixedThenRecurred : Outcome::kFixed;
  Note("verify", "proved from outside: " + detail, Durations());
  Enter(IncidentState::kHolding, "fixed; watched for " + base::HumanDuration(needs_->options.hold));
  Tell("ended");
  co_await Save();
}

}  // namespace incident
