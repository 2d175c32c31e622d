// Manager: evaluates groups, follows each alert from pending to firing to resolved, and keeps that
// through reloads and restarts.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/alert.h"
#include "model/sample.h"
#include "promql/engine.h"
#include "rule/rule.h"

namespace rule {

/// How rules ask: an expression at a moment.
using QueryFunc = std::function<base::Result<promql::Value>(const promql::Expr&, model::Timestamp)>;

/// Takes samples of rules before a later rule of their group is evaluated that asks for them.
using RecordFunc = std::function<void(std::vector<model::Sample> samples, model::Timestamp t)>;

enum class AlertState { kPending, kFiring };
std::string_view ToString(AlertState state);

/// One alert that a rule has raised, as /api/v1/alerts shows it.
struct ActiveAlert {
  model::Labels labels;
  model::Labels annotations;
  model::Labels series;  ///< the labels of the series, without its name
  AlertState state = AlertState::kPending;
  double value = 0;
  base::Time active_at{};          ///< since when the condition holds
  base::Time fired_at{};           ///< zero while pending
  base::Time keep_firing_since{};  ///< zero unless kept by keep_firing_for
  base::Time no_data_since{};      ///< zero unless its series gives no data

  [[nodiscard]] bool NoDataNow() const { return no_data_since != base::Time{}; }
  bool operator==(const ActiveAlert&) const = default;
};

/// How a rule is doing, as /api/v1/rules shows it.
struct RuleView {
  const Rule* rule = nullptr;
  std::vector<ActiveAlert> alerts;
  std::string error;  ///< of the last evaluation; "" = it went well
  base::Time evaluated_at{};
  base::Duration took{};
  /// "inactive", "pending" or "firing": the highest of its alerts.
  [[nodiscard]] std::string_view State() const;
};
struct GroupView {
  const Group* group = nullptr;
  base::Duration interval{};
  base::Time evaluated_at{};
  base::Duration took{};
  std::vector<RuleView> rules;
};

/// What one evaluation of a group gave.
struct Evaluation {
  model::Timestamp t = 0;
  /// Recorded series, ALERTS and ALERTS_FOR_STATE, and staleness markers for those that ended: to
  /// be stored at `t`.
  std::vector<model::Sample> samples;
  /// Every firing alert, and once each that has ended (ends_at set).
  std::vector<model::Alert> alerts;
  std::vector<std::string> errors;  ///< "group/rule: …"
};

struct ManagerOptions {
  base::Duration interval = std::chrono::seconds(5);  ///< of groups that give none
  /// How long an alert without data is kept: longer than the longest probe interval (a day).
  base::Duration no_data_bound = std::chrono::hours(26);
  Surroundings surroundings;  ///< what templates may tell of us
};

struct RuleState;
struct GroupState;

/// Owns the groups and their alerts. Synchronous; not thread-safe: one thread at a time.
class Manager {
 public:
  explicit Manager(std::vector<Group> groups, ManagerOptions options = {});
  ~Manager();
  Manager(Manager&&) noexcept;
  Manager& operator=(Manager&&) noexcept;

  [[nodiscard]] std::size_t size() const;
  /// Evaluates group `index` (below size()) at `now`. With `record`, samples that a later rule of
  /// the group asks for go there in time, so that it sees them, and not into the answer.
  Evaluation Evaluate(std::size_t index, base::Time now, const QueryFunc& query,
                      const RecordFunc& record = {});
  /// Indices of the groups whose interval has passed since their last evaluation.
  [[nodiscard]] std::vector<std::size_t> GroupsDue(base::Time now) const;
  /// When the next group is due; nullopt without groups.
  [[nodiscard]] std::optional<base::Time> NextDue() const;
  /// Groups with a rule that asks for this metric: to be evaluated at once when it flips.
  [[nodiscard]] std::vector<std::size_t> GroupsFor(std::string_view metric) const;
  /// Takes new groups. Alerts of rules that are the same in name, expression, labels and times stay
  /// as they are; firing ones of others are given back as ended at `now`.
  std::vector<model::Alert> Replace(std::vector<Group> groups, base::Time now);
  /// Ends the alerts whose label `target` is this one: it is watched no more.
  std::vector<model::Alert> Forget(std::string_view target, base::Time now);

  /// What templates may tell of us from now on.
  void SetSurroundings(Surroundings surroundings);

  /// State of all alerts as JSON, for a restart.
  [[nodiscard]] std::string Snapshot() const;
  /// Takes a snapshot's alerts back for the rules that still exist. Errors: kCorrupt; then nothing
  /// has changed.
  base::Result<> Restore(std::string_view snapshot);

  [[nodiscard]] std::vector<GroupView> Views() const;
  [[nodiscard]] std::vector<ActiveAlert> Alerts() const;

 private:
  std::vector<GroupState> groups_;
  ManagerOptions options_;
};

}  // namespace rule
