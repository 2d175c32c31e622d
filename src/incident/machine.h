// Machine: one open incident and the task that drives it through its states.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "incident/hands.h"
#include "incident/journal.h"
#include "incident/manager.h"
#include "incident/policy.h"

namespace incident {

/// Drives one incident. Belongs to the loop. The manager keeps it (shared) until it is closed; the
/// task Run holds it too.
class Machine {
 public:
  /// A new incident is begun with its first alert; one from the journal with `memory` (what
  /// Memory() gave). `told` is called after every change.
  Machine(const Needs* needs, model::Incident incident, const boost::json::object& memory,
          std::function<void(const model::Incident&)> told);

  /// Runs until the incident is closed.
  static loop::Task<> Run(std::shared_ptr<Machine> self);
  /// For one found in the journal: says in the timeline what was under way and where it goes on.
  loop::Task<> Resume();

  /// For a new one: writes the first lines of its timeline.
  void Begun(const std::string& silenced_by, bool flapping);

  // What happens to its alerts; may come at any time.
  void Firing(const model::Alert& alert, const std::string& silenced_by, bool flapping);
  void Ended(const model::Alert& alert, const std::string& reason);
  void Suppressed(const model::Alert& alert, const std::string& reason);
  void Silenced(const model::Alert& alert, const std::string& silence, const std::string& reason);
  void Flapping(const model::Alert& alert, const std::string& reason);
  void Updated(const model::Alert& alert);

  // What people say.
  base::Result<> Approve(const std::string& by);
  base::Result<> Reject(const std::string& by, const std::string& why);
  void Acknowledge(const std::string& by);
  void TakeOver(const std::string& by, const std::string& why);
  base::Result<> Again(const std::string& by);
  void CloseByHand(const std::string& by, const std::string& why);

  /// The needs' options are others: what waits by them waits anew.
  void OptionsChanged();

  [[nodiscard]] const model::Incident& incident() const { return incident_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  [[nodiscard]] bool Has(const model::Labels& labels) const;
  /// Alerts that neither ended nor are suppressed.
  [[nodiscard]] std::vector<model::Alert> Active() const;

 private:
  // One function a state; each ends with another state entered, or closed.
  loop::Task<> Open();
  loop::Task<> Confirm();
  loop::Task<> Diagnose();
  loop::Task<> Plan();
  loop::Task<> Await();
  loop::Task<> Act();
  loop::Task<> Settle();
  loop::Task<> Prove();
  loop::Task<> Hold();
  loop::Task<> WaitForPeople();

  loop::Task<bool> Interrupted();
  loop::Task<> PlanWithoutRemedy();
  loop::Task<> PlanRefused(GuardVerdict verdict);
  loop::Task<> StartActing(model::Finding finding);
  loop::Task<> ActRefused(ActRequest request, std::string reason);
  void ForgetYes(bool approved);
  loop::Task<bool> PassesNow(int passes);
  loop::Task<> ProveByAlerts();
  loop::Task<> Verified(std::string detail);
  loop::Task<> Recurred(std::string why);
  loop::Task<> NeedHuman(model::Outcome outcome, std::string why);
  loop::Task<> Close(model::Outcome outcome, std::string why);
  /// Waits for the next event, at most `limit` (nullopt = for ever). False: time was over.
  loop::Task<bool> WaitChange(std::optional<base::Duration> limit);

  void Enter(model::IncidentState state, const std::string& why);
  void Note(const std::string& kind, const std::string& text, boost::json::object data = {});
  void NoteCommands(const std::vector<model::CommandRecord>& commands);
  void NoteFindings(const DiagnoseAnswer& answer, base::Duration took);
  /// What the host says now of the changes whose results were lost with a former run.
  void NoteLost();
  void Tell(const std::string& event);
  /// Everything noted since the last save, in one transaction with the incident and its memory.
  Batch TakeBatch();
  loop::Task<bool> Save();
  void SaveLater();
  void Changed();
  [[nodiscard]] boost::json::object Memory() const;
  [[nodiscard]] boost::json::object Durations() const;
  [[nodiscard]] bool HostDown() const;
  /// The host is down, and there is a way to mend that from outside.
  [[nodiscard]] bool Powered() const;
  /// What the active alerts call for.
  [[nodiscard]] Treatment Wanted() const;
  /// Puts what was repaired, and is not seen any more, beside the newest findings. `fixed`: the
  /// deepest of all of it is the incident's cause.
  void KeepRepaired(bool fixed);
  [[nodiscard]] bool Muted() const;
  [[nodiscard]] bool AllEnded() const;
  [[nodiscard]] bool OtherRemedies() const;
  [[nodiscard]] model::Outcome Failed() const;
  [[nodiscard]] std::vector<model::Alert> ToProve() const;
  [[nodiscard]] base::Time LastAct() const;
  /// A change was made so lately that it may only need time to start.
  [[nodiscard]] bool MayStart() const;
  [[nodiscard]] bool Taken() const { return !taken_by_.empty(); }
  [[nodiscard]] bool Acted() const { return incident_.acted != base::Time{}; }

  const Needs* needs_;
  model::Incident incident_;
  std::string subject_;
  std::function<void(const model::Incident&)> told_;
  loop::Event event_;
  std::uint64_t events_ = 0;  ///< counts what came from outside
  std::uint64_t seen_ = 0;    ///< how many of them the task has looked at
  Batch batch_;
  base::Time entered_{};  ///< when the present state began

  std::set<model::Labels> suppressed_;
  std::map<model::Labels, std::string> silenced_;  ///< → id of the silence
  bool flapping_ = false;
  bool opened_told_ = false;  ///< people know that it is open
  bool ended_told_ = false;   ///< people know that it is over
  std::string owed_;          ///< message held back by a silence
  int rounds_ = 0;            ///< changes tried since the last recurrence
  int steps_ = 0;             ///< changes tried at all; numbers the intents
  int recurrences_ = 0;
  int guard_waits_ = 0;
  int examinations_failed_ = 0;
  std::map<std::string, int> tried_;  ///< RemedyKey → times
  bool fresh_work_ = false;           ///< a repairable alert came since people were asked
  bool recurred_ = false;             ///< an alert fired anew while holding

  std::string examine_error_;  ///< why the last diagnosis could not look
  // What is waited for goes by the steady clock: a wall clock that somebody sets changes nothing.
  base::Instant diagnosed_{};  ///< when it ended
  base::Instant changed_{};    ///< when the last change ended
  base::Instant proved_{};     ///< when it was proved from outside
  std::optional<model::Finding> chosen_;
  std::string planned_key_;   ///< RemedyKey that waits for a yes
  std::string approved_key_;  ///< RemedyKey that a person said yes to
  std::string approved_by_;
  std::string rejected_by_;
  std::string taken_by_;  ///< a person took it over: nothing more is changed
  std::string again_by_;  ///< a person wants it examined anew
  std::string reject_why_;
  std::string failure_;                   ///< what the outside probe said when it last failed
  std::vector<model::StepOutcome> lost_;  ///< begun by a former run, and not yet looked at since
};

}  // namespace incident
