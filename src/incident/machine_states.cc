// The states of a machine that look and wait: open, confirming, diagnosing, awaiting approval,
// holding, needs human.
#include <fmt/format.h>

#include <boost/json/array.hpp>

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

constexpr int kMaxExaminationFailures = 3;

}  // namespace

loop::Task<> Machine::Run(std::shared_ptr<Machine> self) {
  if (!self->lost_.empty()) {  // whoever was stopped in the middle of a change left a lock behind
    co_await self->needs_->hands->GiveBack(self->incident_.target);
  }
  while (self->incident_.Open()) {
    switch (self->incident_.state) {
      case IncidentState::kOpen:
        co_await self->Open();
        break;
      case IncidentState::kConfirming:
        co_await self->Confirm();
        break;
      case IncidentState::kDiagnosing:
        co_await self->Diagnose();
        break;
      case IncidentState::kPlanned:
        co_await self->Plan();
        break;
      case IncidentState::kAwaitingApproval:
        co_await self->Await();
        break;
      case IncidentState::kActing:
        co_await self->Act();
        break;
      case IncidentState::kSettling:
        co_await self->Settle();
        break;
      case IncidentState::kVerifying:
        co_await self->Prove();
        break;
      case IncidentState::kHolding:
        co_await self->Hold();
        break;
      case IncidentState::kResolved:
      case IncidentState::kNeedsHuman:
        co_await self->WaitForPeople();
        break;
    }
  }
}

loop::Task<> Machine::Resume() {
  // How long ago that was by the wall clock is all there is to know now.
  const auto ago = [](base::Time at) {
    const auto past = std::clamp<base::Duration>(base::Clock::Now() - at, 0s, 24h);
    return base::Clock::Steady() - past;
  };
  proved_ = ago(incident_.verified);
  changed_ = ago(LastAct());
  auto unfinished = co_await needs_->journal->Unfinished(incident_.id);
  const auto state = incident_.state;
  Note("note", "taken up again after a restart", {{"state", model::ToString(state)}});
  if (unfinished) {
    for (const auto& intent : *unfinished) {
      Note(
          "step",
          fmt::format("{} on {} was begun at {} and its result is not known: examined again before "
                      "anything else is done",
                      intent.step, intent.component, base::FormatRfc3339(intent.at)),
          {{"key", intent.key}});
      model::StepOutcome lost{.step = intent.step,
                              .component = intent.component,
                              .error = std::string(kResultLost),
                              .started = intent.at,
                              .finished = base::Clock::Now()};
      incident_.steps.push_back(lost);
      lost_.push_back(lost);
      changed_ = base::Clock::Steady();
      batch_.results.push_back({intent.key, std::move(lost)});
      if (!Acted()) {
        incident_.acted = intent.at;  // something may have been changed
      }
    }
  }
  if (state == IncidentState::kPlanned || state == IncidentState::kActing) {
    Enter(IncidentState::kDiagnosing, "nothing is done on an old plan");
  } else if (state == IncidentState::kSettling) {
    Enter(IncidentState::kVerifying, "the change was made before the restart");
  }
  const bool saved = co_await Save();
  (void)saved;
}

loop::Task<bool> Machine::Interrupted() {
  if (AllEnded()) {
    if (!Acted()) {
      co_await Close(Outcome::kHealedItself, "every alert ended before anything was done");
    } else {
      Enter(IncidentState::kVerifying, "every alert ended: proved once more");
      co_await Save();
    }
    co_return true;
  }
  if (Taken()) {
    co_await NeedHuman(Acted() ? Failed() : Outcome::kReported, taken_by_ + " has taken it over");
    co_return true;
  }
  if (HostDown() && !Powered()) {
    co_await NeedHuman(Acted() ? Failed() : Outcome::kReported,
                       "the host does not answer ping: nobody logs in until it does");
    co_return true;
  }
  if (Active().empty()) {  // what goes on is held back (maintenance, a dependency): so are we
    co_await WaitChange(std::nullopt);
    co_return true;
  }
  co_return false;
}

loop::Task<> Machine::Open() {
  const bool interrupted = co_await Interrupted();
  if (interrupted) {
    co_return;
  }
  if (Wanted() == Treatment::kReport) {
    co_await NeedHuman(Outcome::kReported, "nothing that can be repaired from here");
    co_return;
  }
  Enter(IncidentState::kConfirming, "looked at once more");
  co_await Save();
}

loop::Task<> Machine::Confirm() {
  const bool interrupted = co_await Interrupted();
  if (interrupted) {
    co_return;
  }
  const auto active = Active();
  const bool ours = std::any_of(active.begin(), active.end(),
                                [](const model::Alert& a) { return a.source == "rule"; });
  std::string why = "confirmed by the probe's own quick repeats";
  if (!ours && Wanted() == Treatment::kRepair) {
    // A sender outside says so: our own probes must see it too before anybody logs in.
    const bool well = co_await PassesNow(needs_->options.verify_passes);
    if (well) {
      co_await Close(Outcome::kHealedItself, "the outside probes pass: there is nothing to repair");
      co_return;
    }
    why = "confirmed by our own probes";
  }
  Enter(IncidentState::kDiagnosing, why);
  co_await Save();
}

loop::Task<> Machine::Diagnose() {
  const bool interrupted = co_await Interrupted();
  if (interrupted) {
    co_return;
  }
  const auto began = base::Clock::Steady();
  DiagnoseRequest request{incident_.id, incident_.target, Active()};
  auto answer = co_await needs_->hands->Diagnose(std::move(request));
  diagnosed_ = base::Clock::Steady();
  examine_error_ = answer.error;
  incident_.findings = answer.findings;
  if (!answer.cause.empty()) {
    incident_.cause = answer.cause;
  }
  NoteFindings(answer, base::Clock::Steady() - began);
  NoteLost();
  Enter(IncidentState::kPlanned, answer.error.empty() ? "examined" : "it could not be examined");
  co_await Save();
}

void Machine::NoteLost() {
  if (!examine_error_.empty()) {
    return;
  }
  for (const auto& step : std::exchange(lost_, {})) {
    const auto at = std::find_if(incident_.findings.begin(), incident_.findings.end(),
                                 [&](const auto& f) { return f.component == step.component; });
    if (at != incident_.findings.end()) {
      Note("step",
           fmt::format("{} on {} was interrupted; the host says now: {}", step.step, step.component,
                       !at->state.empty() ? at->state : (at->cause.empty() ? "well" : at->title)));
    }
  }
}

void Machine::NoteFindings(const DiagnoseAnswer& answer, base::Duration took) {
  for (const auto& finding : answer.findings) {
    NoteCommands(finding.commands);
    auto data = ToJson(finding);
    data.erase("commands");
    auto text = finding.cause.empty() ? fmt::format("{}: well", finding.component)
                                      : fmt::format("{}: {}", finding.component, finding.title);
    if (!finding.state.empty()) {
      text += fmt::format(" ({})", finding.state);
    }
    if (!finding.evidence.empty() && !finding.cause.empty()) {
      text += ": " + finding.evidence.substr(0, 500);
    }
    if (!finding.consequence_of.empty()) {
      text += "; follows from " + finding.consequence_of;
    }
    Note("finding", text, std::move(data));
  }
  const json::object data{{"seconds", base::ToSeconds(took)},
                          {"cause", base::Printable(answer.cause)},
                          {"component", base::Printable(answer.component)}};
  if (!answer.error.empty()) {
    Note("finding", "the host could not be examined: " + answer.error, data);
  } else {
    Note("finding",
         fmt::format(
             "examined in {}: {}", base::HumanDuration(took),
             answer.cause.empty() ? "no cause found" : answer.cause + " of " + answer.component),
         data);
  }
}

loop::Task<> Machine::Await() {
  const bool interrupted = co_await Interrupted();
  if (interrupted) {
    co_return;
  }
  if (!rejected_by_.empty()) {
    const auto by = std::exchange(rejected_by_, "");
    const auto why = std::exchange(reject_why_, "");
    co_await NeedHuman(
        Acted() ? Failed() : Outcome::kReported,
        fmt::format("{} said no to the repair{}{}", by, why.empty() ? "" : ": ", why));
    co_return;
  }
  if (!approved_key_.empty() && approved_key_ == planned_key_) {
    const bool fresh = chosen_ && base::Clock::Steady() - diagnosed_ < needs_->options.plan_age;
    Enter(fresh ? IncidentState::kPlanned : IncidentState::kDiagnosing,
          fresh ? "approved by " + approved_by_
                : "approved by " + approved_by_ + "; the plan is old: examined again");
    co_await Save();
    co_return;
  }
  co_await WaitChange(std::nullopt);
}

loop::Task<> Machine::Hold() {
  const auto held = base::Clock::Steady() - proved_;
  const auto& options = needs_->options;
  if (recurred_) {
    co_await Recurred("an alert fired again while it was watched");
    co_return;
  }
  if (held < options.hold) {
    co_await WaitChange(options.hold - held);
    co_return;
  }
  if (!AllEnded()) {
    const bool well = co_await PassesNow(1);
    if (recurred_ || !well) {
      co_await Recurred("the outside probe fails again");
      co_return;
    }
    const auto active = Active();
    const bool ours = std::any_of(active.begin(), active.end(),
                                  [](const model::Alert& a) { return a.source == "rule"; });
    if (ours && held < 3 * options.hold) {  // the rule is slower than the probe
      co_await WaitChange(std::min<base::Duration>(options.hold, 5s));
      co_return;
    }
    if (ours) {
      co_await NeedHuman(Outcome::kNotFixed, "the outside probe passes, yet the alert goes on");
      co_return;
    }
  }
  co_await Close(incident_.outcome, "it stayed well for " + base::HumanDuration(held));
}

loop::Task<> Machine::Recurred(std::string why) {
  recurred_ = false;
  ++recurrences_;
  rounds_ = 0;
  incident_.outcome = Outcome::kFixedThenRecurred;
  opened_told_ = false;
  ended_told_ = false;
  Note("note",
       fmt::format("it came back {} after it was fixed: {}",
                   base::HumanDuration(base::Clock::Steady() - proved_), why),
       {{"recurrences", recurrences_}});
  if (recurrences_ > needs_->options.max_recurrences) {
    co_await NeedHuman(
        Outcome::kFixedThenRecurred,
        fmt::format("it came back {} times: the repair treats the symptom", recurrences_));
    co_return;
  }
  Enter(IncidentState::kDiagnosing, "opened again");
  co_await Save();
}

loop::Task<> Machine::NeedHuman(Outcome outcome, std::string why) {
  fresh_work_ = false;
  incident_.outcome = outcome;
  KeepRepaired(false);
  Enter(IncidentState::kNeedsHuman, why);
  if (!opened_told_) {
    Tell("opened");
  }
  ended_told_ = false;
  base::Log(Acted() ? base::Level::kError : base::Level::kWarn, "an incident needs a person",
            {{"incident", incident_.id}, {"target", incident_.target}, {"err", why}});
  co_await Save();
}

loop::Task<> Machine::WaitForPeople() {
  if (AllEnded()) {
    co_await Close(incident_.outcome == Outcome::kNone ? Outcome::kHealedItself : incident_.outcome,
                   "every alert has ended");
    co_return;
  }
  if (!again_by_.empty()) {
    const auto by = std::exchange(again_by_, "");
    rounds_ = 0;
    guard_waits_ = 0;
    examinations_failed_ = 0;
    tried_.clear();
    fresh_work_ = false;
    incident_.outcome = recurrences_ > 0 ? Outcome::kFixedThenRecurred : Outcome::kNone;
    Enter(IncidentState::kDiagnosing, "asked for by " + by);
    co_await Save();
    co_return;
  }
  if (fresh_work_ && !Taken() && !HostDown() && TreatmentOf(Active()) == Treatment::kRepair) {
    fresh_work_ = false;
    incident_.outcome = recurrences_ > 0 ? Outcome::kFixedThenRecurred : Outcome::kNone;
    Enter(IncidentState::kConfirming, "something that can be repaired came up");
    co_await Save();
    co_return;
  }
  co_await WaitChange(std::nullopt);
}

loop::Task<> Machine::Close(Outcome outcome, std::string why) {
  incident_.outcome = outcome;
  incident_.closed = base::Clock::Now();
  Enter(IncidentState::kResolved, why);
  if (!ended_told_) {
    if (outcome == Outcome::kHealedItself && flapping_ && !opened_told_) {
      Note("message", "no message: the alert is flapping and nobody was told that it began",
           {{"event", "ended"}});
    } else {
      Tell("ended");
    }
  }
  // A journal that cannot be written must not keep the incident open for ever; the rest is retried.
  for (int i = 0; i < kMaxExaminationFailures; ++i) {
    const bool saved = co_await Save();
    if (saved) {
      co_return;
    }
    co_await loop::Sleep(1s);
  }
}

}  // namespace incident
