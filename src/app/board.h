// Board: the newest of everything that the probes saw, by target; what the fleet, /metrics and the
// ping gate read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alert/manager.h"
#include "api/exposition.h"
#include "api/sources.h"
#include "model/target.h"
#include "probe/scheduler.h"

namespace app {

/// Belongs to the loop.
class Board {
 public:
  /// Makes `targets` what is shown, in that order; what was seen of those that stay is kept.
  void Apply(const std::vector<model::Target>& targets);
  /// Takes one run, its readings too. Tells whether a card may show another state than before.
  bool OnRun(probe::Run& run);

  /// All targets, without alerts and incidents (the daemon adds them), status by the probes alone.
  [[nodiscard]] std::vector<api::TargetView> Views(base::Time now) const;
  [[nodiscard]] std::optional<api::TargetView> View(const std::string& name, base::Time now) const;
  /// What a card shows besides values: a view without them. nullopt: there is no such target.
  [[nodiscard]] std::optional<api::TargetView> State(const std::string& name, base::Time now) const;
  /// What the newest ping of a target said.
  [[nodiscard]] alert::PingState Ping(const std::string& target) const;
  /// Every measured value with its full labels, as families with the kinds' help texts.
  void AddMetrics(api::Exposition& exposition) const;
  /// The readings of a run as the page's events have them.
  static std::vector<api::ValueView> Values(const std::vector<probe::Reading>& readings,
                                            base::Time time);

 private:
  struct Seen {
    api::ProbeView view;
    std::vector<probe::Reading> readings;
    std::shared_ptr<const model::Batch> batch;
    /// Counts for the target's status: it measures a state, or has succeeded before. An snmpd that
    /// never answered is a value that is not there, no trouble.
    bool counts = false;
  };
  struct Row {
    std::shared_ptr<const model::Target> target;
    std::map<std::string, Seen> probes;  ///< by the probe's name
    base::Time good_since{};             ///< all probes pass since; zero = they do not
    base::Time bad_since{};
    bool settled = false;  ///< only another outcome of a probe changes its state
  };
  /// Of the first failing probe that counts, else of the first that fails; "" when none does.
  [[nodiscard]] static std::string FirstReason(const Row& row);
  [[nodiscard]] static api::TargetView ToState(const Row& row, base::Time now);
  [[nodiscard]] static api::TargetView ToView(const Row& row, base::Time now);

  std::vector<std::string> order_;
  std::map<std::string, Row> rows_;
};

/// Joins alerts and the open incident to a view and settles its status and reason: down (no ping,
/// or nothing passes), degraded (an alert fires or a probe fails), unknown (nothing for three
/// intervals), up.
void Complete(api::TargetView& view, std::vector<alert::View> alerts,
              std::optional<model::Incident> incident);

}  // namespace app
