// StatusPage: what everybody may know of chosen applications: whether they work, for how much of
// each of the last 90 days they did, and when they did not. No address, no host, no cause.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "incident/journal.h"
#include "loop/worker.h"
#include "model/target.h"
#include "promql/engine.h"
#include "promql/expr.h"
#include "store/querier.h"

namespace app {

/// `status_page:` of the configuration.
struct StatusPageSettings {
  struct Application {
    std::string name;
    std::string description;
    std::vector<std::string> targets;  ///< names of targets, at least one
    bool operator==(const Application&) const = default;
  };
  std::string title;   ///< "" = there is no status page
  std::string listen;  ///< an address of its own, "host:port"; "" = none
  std::vector<Application> applications;
  [[nodiscard]] bool on() const { return !title.empty(); }
};

/// Keeps the public answer ready, so that asking costs nothing whoever asks. Belongs to the loop.
class StatusPage {
 public:
  struct Needs {
    loop::Worker* worker = nullptr;           ///< evaluates
    const store::Querier* querier = nullptr;  ///< read on it
    std::function<loop::Task<base::Result<std::vector<model::Incident>>>(incident::Filter)>
        incidents;
  };
  static constexpr int kDays = 90;

  explicit StatusPage(Needs needs) : needs_(std::move(needs)) {}

  /// Takes what is to be shown; figures of applications that did not change are kept.
  void Configure(StatusPageSettings settings, const std::vector<model::Target>& targets);
  /// Incidents changed: they are read again at the next turn.
  void OnIncident() { incidents_due_ = true; }
  /// Computes, for ever: states and incidents each turn, days that are over once.
  loop::Task<> Run(base::Duration every);
  /// One turn.
  loop::Task<> Turn(base::Time now);
  /// The answer of GET /api/v1/public/status; "" when there is no status page.
  [[nodiscard]] const std::string& json() const { return json_; }

 private:
  /// The part of the day that an application worked; nullopt = no samples.
  using Days = std::map<std::string, std::optional<double>>;
  struct Trouble {
    base::Time from{};
    base::Time until{};      ///< zero = not over
    bool reachable = false;  ///< answered, but with errors
    bool repaired = false;
  };
  struct Shown {
    std::string expr;  ///< 0 to 1: the part of its targets that work
    std::optional<double> now;
    std::vector<Trouble> troubles;
  };

  loop::Task<std::optional<double>> Evaluate(std::string expr, base::Time at);
  loop::Task<> FillDays(base::Time now);
  loop::Task<> ReadIncidents(base::Time now);
  void Write(base::Time now);

  Needs needs_;
  StatusPageSettings settings_;
  std::vector<Shown> shown_;          ///< as settings_.applications
  std::map<std::string, Days> days_;  ///< by expression
  base::Duration lookback_{};
  base::Time today_at_{};         ///< when today's figures were computed
  std::uint64_t generation_ = 0;  ///< of the configuration
  bool incidents_due_ = true;
  base::Time incidents_at_{};
  std::string json_;
};

/// The expression that gives the part (0 to 1) of these targets that work: who has a URL answers
/// with a status of 200 to 399, who has ports only has them open, any other answers the ping.
std::string AvailabilityExpr(const std::vector<std::string>& names,
                             const std::vector<model::Target>& targets);

}  // namespace app
