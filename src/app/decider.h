// Decider: evaluates the rules on their worker, in time and at once when a state flips, and hands
// on what fires.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/sources.h"
#include "loop/worker.h"
#include "model/alert.h"
#include "rule/manager.h"

namespace app {

/// Belongs to the loop; the rules themselves live on the worker.
class Decider {
 public:
  /// Every firing alert and each that has just ended; `first`: this is the first full evaluation
  /// since the start.
  using AlertSink = std::function<void(std::vector<model::Alert> alerts, bool first)>;
  /// Recorded series that are still to be stored.
  using SampleSink = std::function<void(model::Batch batch)>;

  /// `query` and `record` are called on the worker. `record` makes series readable that the next
  /// rule of a group asks for; empty: it sees them at the next evaluation.
  Decider(loop::Loop& loop, loop::Worker& worker, rule::QueryFunc query,
          std::function<void(model::Batch)> record, AlertSink alerts, SampleSink samples);
  ~Decider();

  /// Takes new groups; alerts of rules that stay the same keep their state. `gone`: targets that
  /// are watched no more.
  void Replace(std::vector<rule::Group> groups, std::vector<std::string> gone,
               rule::Surroundings surroundings);
  /// Takes up what Snapshot gave. Before Run. Errors: kCorrupt.
  base::Result<> Restore(const std::string& snapshot);
  /// New samples can be read; `flipped` are the metrics that changed a state among them.
  void OnReadable(std::vector<std::string> flipped);
  /// The task that evaluates; runs until cancelled.
  loop::Task<> Run();

  /// As of the last evaluation.
  [[nodiscard]] std::vector<api::RuleGroupView> Views() const { return views_; }
  /// The rules' own comparisons of a metric with a number.
  [[nodiscard]] std::vector<api::ThresholdView> Thresholds() const { return thresholds_; }
  [[nodiscard]] std::string Snapshot() const { return snapshot_; }
  [[nodiscard]] std::uint64_t evaluations() const { return evaluations_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  struct Core;
  struct Round;
  void Take(Round round, bool first);

  loop::Worker& worker_;
  std::shared_ptr<Core> core_;
  AlertSink alerts_;
  SampleSink samples_;
  loop::Event event_;
  std::vector<std::string> flipped_;
  bool all_ = true;  ///< evaluate every group in the next round
  std::vector<api::RuleGroupView> views_;
  std::vector<api::ThresholdView> thresholds_;
  std::string snapshot_;
  std::uint64_t evaluations_ = 0;
  std::uint64_t failures_ = 0;
};

/// The comparisons `metric OP number` (either way round) that alerting rules make at their root.
std::vector<api::ThresholdView> ThresholdsOf(const std::vector<rule::Group>& groups);

}  // namespace app
