// The manager's state of one rule, and its evaluation. Inside the room only.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "rule/manager.h"

namespace rule {

/// One rule with what it remembers between evaluations.
struct RuleState {
  Rule rule;
  std::map<model::Labels, ActiveAlert> alerts;  ///< by the alert's labels
  std::map<model::Labels, base::Time> known;    ///< series seen, for no_data: alert
  std::set<model::Labels> written;              ///< series of the last evaluation
  std::string error;
  base::Time evaluated_at{};
  base::Duration took{};
};

struct GroupState {
  Group group;  ///< its rules are in `rules`
  std::vector<RuleState> rules;
  base::Time evaluated_at{};
  base::Duration took{};
  bool evaluated = false;
};

/// An alert as the next rooms take it; `ends_at` zero while it fires.
model::Alert ToAlert(const ActiveAlert& active, base::Time ends_at);

/// What names a rule across reloads: kind, name, expression, labels and times.
std::string IdentityOf(const Group& group, const Rule& rule);

/// One evaluation of one rule.
class RuleRun {
 public:
  RuleRun(RuleState& state, const Group& group, base::Time now, const QueryFunc& query,
          const ManagerOptions& options, Evaluation& out);
  void Run();

 private:
  struct Found {
    model::Labels series;
    double value = 0;
  };

  base::Result<> Record();
  base::Result<> Alert();
  base::Result<std::vector<Found>> Ask(const promql::Expr& expr) const;
  base::Result<std::map<model::Labels, ActiveAlert>> Raised(const std::vector<Found>& found) const;
  ActiveAlert Make(const model::Labels& series, double value) const;
  base::Result<> AddMissing(std::map<model::Labels, ActiveAlert>& raised);
  void Merge(std::map<model::Labels, ActiveAlert> raised);
  bool Vanished(ActiveAlert& alert);
  bool HasData(const ActiveAlert& alert);
  void End(const ActiveAlert& alert);
  void WriteAlerts();
  void Write(model::Labels labels, double value);
  void WriteStale();

  RuleState& state_;
  const Group& group_;
  base::Time now_;
  const QueryFunc& query_;
  base::Duration no_data_bound_;
  const Surroundings& surroundings_;
  TemplateQuery template_query_;  ///< `query` in templates
  Evaluation& out_;
  std::set<model::Labels> written_;
  bool presence_asked_ = false;
  bool presence_failed_ = false;
  std::set<model::Labels> present_;
};

}  // namespace rule
