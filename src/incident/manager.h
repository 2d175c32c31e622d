// Manager: opens incidents for alerts, drives each through its states, and is what pages and people
// ask.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alert/manager.h"
#include "incident/hands.h"
#include "incident/journal.h"
#include "loop/loop.h"
#include "model/incident.h"

namespace incident {

/// What one fresh look from outside saw.
struct VerifyResult {
  bool possible = true;  ///< false: no probe of ours measures what raised the alarm
  bool passed = false;   ///< every probe that raised one of the alerts passes now
  std::string detail;    ///< "http_code 200, port 80 open"
};
/// Runs once, newly, every probe that raised one of the alerts. The incident asks several times in
/// a row; a result from before the call must not be given.
using Verify =
    std::function<loop::Task<VerifyResult>(std::string target, std::vector<model::Alert> alerts)>;
/// The active, unsuppressed alerts of a target.
using AlertsOf = std::function<std::vector<model::Alert>(const std::string& target)>;

/// Times and bounds of the state machine.
struct Options {
  base::Duration settle{};  ///< after the first change; grows
  int verify_passes = 3;    ///< passes in a row that count as proof
  base::Duration verify_gap = std::chrono::milliseconds(300);
  base::Duration verify_limit = std::chrono::seconds(6);  ///< then it is examined again
  /// The same while another finding waits to be repaired.
  base::Duration verify_short = std::chrono::milliseconds(1200);
  base::Duration boot_limit = std::chrono::minutes(4);  ///< after a host was switched on
  base::Duration patience = std::chrono::seconds(20);   ///< a slow start may take so long
  base::Duration hold = std::chrono::seconds(20);
  base::Duration plan_age = std::chrono::seconds(60);  ///< an older plan is made anew
  int max_rounds = 5;       ///< changes in one incident before people are asked
  int max_same = 2;         ///< the same remedy on the same component
  int max_recurrences = 2;  ///< after so many comebacks people are asked
  std::size_t max_open = 1000;
};

/// What the manager is given; all of it outlives it.
struct Needs {
  loop::Loop* loop = nullptr;
  Journal* journal = nullptr;
  Hands* hands = nullptr;
  Verify verify;
  AlertsOf alerts_of;
  Options options;
  /// Called when a state of an incident is on disk; may be empty. Tests end the program there.
  std::function<void(const model::Incident&)> on_saved;
};

/// Counts for `raksa_incidents_*`.
struct Stats {
  std::size_t open = 0;
  std::uint64_t opened = 0;
  std::uint64_t refused = 0;                   ///< beyond max_open
  std::map<std::string, std::uint64_t> ended;  ///< by outcome
};

class Machine;

/// All open incidents. Belongs to the loop.
class Manager {
 public:
  using Listener = std::function<void(const model::Incident&)>;

  explicit Manager(Needs needs);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  /// Takes up the open incidents of the journal. Once, before the first OnChange. Errors: the
  /// journal's.
  loop::Task<base::Result<>> Resume();
  /// Other limits from now on, of open incidents, too.
  void SetOptions(const Options& options);
  /// Ends all tasks; what is open stays open in the journal.
  loop::Task<> Stop();

  /// The sink of alert::Manager.
  void OnChange(const alert::Change& change);
  /// After a restart, when every source has spoken once: alerts of open incidents that no longer
  /// exist are taken as ended.
  void Reconcile(const std::vector<alert::View>& views);

  /// A person's yes or no to a planned repair. Errors: kNotFound, kRefused (not waiting for one),
  /// kInvalid (no name).
  base::Result<> Approve(const std::string& id, const std::string& by);
  base::Result<> Reject(const std::string& id, const std::string& by, const std::string& why);
  /// A person looks after it. Errors: kNotFound, kInvalid.
  base::Result<> Acknowledge(const std::string& id, const std::string& by);
  /// A person says that it is over (for alerts of senders that never say so). Not while a change is
  /// being made. Errors: kNotFound, kInvalid, kRefused.
  base::Result<> CloseByHand(const std::string& id, const std::string& by, const std::string& why);

  /// A person takes it over: Raksa changes nothing more in it (a change that is being made ends,
  /// nothing follows) and goes on watching. Errors: kNotFound, kInvalid.
  base::Result<> TakeOver(const std::string& id, const std::string& by, const std::string& why);
  /// A person wants an incident that waits for people to be examined and planned anew, with fresh
  /// counts. The guard's limits stay. Errors: kNotFound, kInvalid, kRefused (it does not wait).
  base::Result<> Again(const std::string& id, const std::string& by);

  /// Open incidents, oldest first, with their timelines.
  [[nodiscard]] std::vector<model::Incident> Open() const;
  /// The open incident of that id, or nullptr; valid until the next co_await.
  [[nodiscard]] const model::Incident* Find(const std::string& id) const;
  /// Newest first, open and closed, without timelines.
  loop::Task<base::Result<std::vector<model::Incident>>> List(Filter filter);
  /// How many meet the filter, whatever `before` and `limit` say.
  loop::Task<base::Result<std::size_t>> Count(Filter filter);
  /// One with its timeline. Errors: kNotFound.
  loop::Task<base::Result<model::Incident>> Get(std::string id);

  /// Calls `listener` after every change of any incident, until Unsubscribe.
  int Subscribe(Listener listener);
  void Unsubscribe(int id);
  [[nodiscard]] Stats stats() const;

 private:
  void Begin(const alert::Change& change);
  void Start(std::shared_ptr<Machine> machine);
  static loop::Task<> Drive(Manager* self, std::shared_ptr<Machine> machine);
  [[nodiscard]] std::shared_ptr<Machine> Of(const model::Alert& alert) const;
  void Publish(const model::Incident& incident);
  base::Result<std::shared_ptr<Machine>> Named(const std::string& id, const std::string& by) const;

  Needs needs_;
  std::map<std::string, std::shared_ptr<Machine>> open_;  ///< by id
  std::map<int, Listener> listeners_;
  int next_listener_ = 1;
  Stats stats_;
  loop::Scope scope_;
};

}  // namespace incident
