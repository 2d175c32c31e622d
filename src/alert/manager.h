// Manager: the one layer that decides which alerts are told and acted on: de-duplication, silences,
// maintenance, dependencies, flapping, acknowledgement.
#pragma once

#include <boost/json/object.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alert/silence.h"
#include "base/clock.h"
#include "model/alert.h"

namespace alert {

/// Something that happened to one alert, as the rooms behind this one hear of it.
struct Change {
  enum class Kind {
    kFiring,        ///< new, and nothing holds it back: open or join an incident
    kResolved,      ///< it ended (only for alerts that were told before, firing or suppressed)
    kSuppressed,    ///< it goes on, but a down host, a dependency or maintenance swallows it
    kUnsuppressed,  ///< what swallowed it is over and it still fires: as kFiring
    kSilenced,      ///< from now on without messages
    kUnsilenced,    ///< messages again
    kUpdated,       ///< it fires on, but the http_code is another one now
    kFlapping       ///< it has come and gone too often lately; told once, nothing is held back
  };
  Kind kind = Kind::kFiring;
  model::Alert alert;       ///< with ends_at set for kResolved
  std::string reason;       ///< why, one sentence; "" for kFiring
  std::string silenced_by;  ///< id of the silence that mutes its messages; "" = none
  bool flapping = false;
};
using Changes = std::vector<Change>;
using AlertSink = std::function<void(const Change&)>;
std::string_view ToString(Change::Kind kind);

/// What the daemon knows of a target's ping.
struct PingState {
  enum class Kind {
    kNone,     ///< the target is not pinged
    kUnknown,  ///< no result yet, or a missed answer is being confirmed right now
    kUp,
    kDown  ///< confirmed
  };
  Kind kind = Kind::kNone;
  base::Time at{};  ///< slot time of that result
};
/// Asked whenever an alert might be a consequence of a down host. Empty function: kNone for all.
using PingFunction = std::function<PingState(const std::string& target)>;

struct Options {
  /// How long an alert waits for a ping result that is newer than it, before it fires.
  base::Duration grace = std::chrono::seconds(1);
  /// A ping result counts as newer than the alert when its slot is at most so much older than the
  /// alert's start: quick re-probes have confirmed the alert meanwhile. Keep below the interval.
  base::Duration slack = std::chrono::milliseconds(1500);
  /// How long it waits for the ping alert when the ping is confirmed down (a rule with `for`).
  base::Duration down_grace = std::chrono::seconds(15);
  /// How long after a host is back its other alerts stay suppressed: it is booting.
  base::Duration after_down = std::chrono::seconds(15);
  base::Duration flap_window = std::chrono::minutes(10);
  std::size_t flap_changes = 10;  ///< so many starts and ends within the window: flapping
  std::size_t max_alerts = 20'000;
};

enum class Status { kPending, kFiring, kSuppressed };
std::string_view ToString(Status status);

/// One active alert, for pages and the API.
struct View {
  model::Alert alert;
  std::uint64_t fingerprint = 0;
  Status status = Status::kPending;
  std::string reason;  ///< why pending or suppressed
  std::string silenced_by;
  std::string inhibited_by;  ///< name of the target whose ping is down; "" = none
  bool flapping = false;
  std::string acknowledged_by;
  std::string acknowledged_comment;
};

/// Counts for `raksa_alerts_*`.
struct Stats {
  std::uint64_t received = 0;
  std::uint64_t duplicates =
      0;                      ///< repeats of an alert that is active, late copies of an ended one
  std::uint64_t dropped = 0;  ///< over the limit or malformed
  std::size_t firing = 0;
  std::size_t suppressed = 0;
  std::size_t pending = 0;
};

/// Holds the active alerts. Synchronous; belongs to one thread. Times are given, never asked for.
/// The returned Changes also went to the sink, in the same order: new ping alerts first, so that
/// the dependants' suppression finds the reason already told.
class Manager {
 public:
  explicit Manager(Options options = {}, PingFunction ping = {});

  void SetSink(AlertSink sink) { sink_ = std::move(sink); }
  /// Who cannot be reached without whom: target → names (model::Target::depends_on).
  void SetDependencies(std::map<std::string, std::vector<std::string>> depends_on);

  /// Takes alerts: firing (ends_at zero or in the future: then it expires by itself) or resolved
  /// (ends_at now or past). Repeats are recognised by fingerprint and start.
  Changes Receive(std::vector<model::Alert> alerts, base::Time now);
  /// The whole truth of one source: like Receive, and its other active alerts are resolved. For the
  /// first evaluation after a restart, when the rules no longer know what fired before it.
  Changes Sync(const std::string& source, std::vector<model::Alert> alerts, base::Time now);
  /// Looks again: waiting alerts, expiries, silences that begin or end. Call it after every new
  /// ping result and at Next().
  Changes Tick(base::Time now);
  /// When Tick is due at the latest; nullopt = not before something new comes.
  [[nodiscard]] std::optional<base::Time> Next(base::Time now) const;
  /// Targets whose alerts wait for a ping result: probing them now spares the grace.
  [[nodiscard]] std::vector<std::string> WaitingFor() const;

  /// Adds a silence, or replaces the one of the same id. Gives its id. Errors: kInvalid (Check),
  /// kRefused beyond 1000 silences.
  base::Result<std::string> AddSilence(Silence silence, base::Time now);
  /// A maintenance window of one target. Errors: as AddSilence.
  base::Result<std::string> AddMaintenance(const std::string& target, base::Time starts,
                                           base::Time ends, std::string by, std::string comment,
                                           base::Time now);
  /// Ends a silence now. Errors: kNotFound.
  base::Result<> ExpireSilence(const std::string& id, base::Time now);
  /// Active and coming silences, and those that ended within the last day.
  [[nodiscard]] std::vector<Silence> Silences() const { return silences_; }
  /// The active maintenance window that covers a target, or nullptr.
  [[nodiscard]] const Silence* MaintenanceOf(const std::string& target, base::Time now) const;

  /// Somebody has seen it. Ends with the alert. Errors: kNotFound, kInvalid (names).
  base::Result<> Acknowledge(std::uint64_t fingerprint, std::string by, std::string comment);

  [[nodiscard]] std::vector<View> Views() const;
  /// The active alerts of a target that nothing suppresses (also those still waiting).
  [[nodiscard]] std::vector<model::Alert> AlertsOf(const std::string& target) const;
  [[nodiscard]] Stats stats() const;

  /// Everything that must survive a restart, and back. Restore replaces the state and tells
  /// nobody. Errors: kCorrupt, then nothing has changed.
  [[nodiscard]] boost::json::object Snapshot() const;
  base::Result<> Restore(const boost::json::object& snapshot, base::Time now);

 private:
  struct Held {
    model::Alert alert;
    base::Time received{};
    base::Time expires{};  ///< a future ends_at; zero = until it is resolved
    Status status = Status::kPending;
    bool told = false;
    std::string reason;
    std::string silenced_by;
    std::string inhibited_by;
    std::string ack_by;
    std::string ack_comment;
  };
  struct Ended {
    base::Time starts{};
    base::Time at{};
  };
  struct Flaps {
    std::deque<base::Time> changes;
    bool flapping = false;
  };
  struct Verdict {
    Status status = Status::kFiring;
    std::string reason;
    std::string inhibited_by;
  };

  bool Take(model::Alert alert, base::Time now, Changes& changes);
  void End(std::map<model::Labels, Held>::iterator at, base::Time when, base::Time now,
           std::string reason, Changes& changes);
  void Reconcile(base::Time now, Changes& changes);
  void Apply(Held& held, const Verdict& verdict, Changes& changes);
  [[nodiscard]] Verdict Judge(const Held& held, base::Time now) const;
  [[nodiscard]] Verdict JudgePing(const Held& held, const std::vector<std::string>& gates,
                                  base::Time now) const;
  [[nodiscard]] std::vector<std::string> Gates(const model::Alert& alert) const;
  [[nodiscard]] const Silence* Silencing(const model::Labels& labels, SilenceKind kind,
                                         base::Time now) const;
  void CountFlap(const model::Alert& alert, base::Time now, Changes& changes);
  [[nodiscard]] bool Flapping(const model::Labels& labels) const;
  void Forget(base::Time now);
  Changes Tell(Changes changes);

  Options options_;
  PingFunction ping_;
  AlertSink sink_;
  std::map<std::string, std::vector<std::string>> upstream_;  ///< transitive, without cycles
  std::map<model::Labels, Held> active_;
  std::map<model::Labels, Ended> ended_;
  std::map<model::Labels, Flaps> flaps_;
  std::map<std::string, int> down_;         ///< active ping alerts of each target
  std::map<std::string, base::Time> back_;  ///< when a target's last ping alert ended
  std::vector<Silence> silences_;
  Stats stats_;
};

}  // namespace alert
