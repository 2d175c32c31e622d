// Rounds of evaluation, and what they hand on.
#include "app/decider.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"

namespace app {
namespace {

/// The series of rules stand in the store under this name; a target's name cannot have a colon.
constexpr std::string_view kRules = ":rules";

model::Labels TemplateTexts(const std::vector<std::pair<std::string, rule::Template>>& pairs) {
  model::Labels out;
  for (const auto& [name, text] : pairs) {
    out.Set(name, text.text());
  }
  return out;
}

api::RuleView ToView(const rule::RuleView& from) {
  api::RuleView to;
  to.recording = !from.rule->alerting;
  to.name = from.rule->name;
  to.query = from.rule->expr->ToString();
  to.hold = from.rule->hold;
  to.keep_firing_for = from.rule->keep_firing_for;
  to.labels = TemplateTexts(from.rule->labels);
  to.annotations = TemplateTexts(from.rule->annotations);
  to.health = from.evaluated_at == base::Time{} ? "unknown" : from.error.empty() ? "ok" : "err";
  to.last_error = from.error;
  to.state = std::string(from.State());
  to.evaluation_time = from.took;
  to.last_evaluation = from.evaluated_at;
  for (const auto& alert : from.alerts) {
    to.alerts.push_back({alert.labels, alert.annotations, std::string(rule::ToString(alert.state)),
                         alert.active_at, alert.value});
  }
  return to;
}

std::vector<api::RuleGroupView> ToViews(const rule::Manager& manager) {
  std::vector<api::RuleGroupView> out;
  for (const auto& group : manager.Views()) {
    api::RuleGroupView view;
    view.name = group.group->name;
    view.file = group.group->file;
    view.interval = group.interval;
    view.limit = group.group->limit;
    view.evaluation_time = group.took;
    view.last_evaluation = group.evaluated_at;
    for (const auto& rule : group.rules) {
      view.rules.push_back(ToView(rule));
    }
    out.push_back(std::move(view));
  }
  return out;
}

/// `5 < x` says the same as `x > 5`.
promql::Op Mirrored(promql::Op op) {
  switch (op) {
    case promql::Op::kLess:
      return promql::Op::kGreater;
    case promql::Op::kGreater:
      return promql::Op::kLess;
    case promql::Op::kLessEqual:
      return promql::Op::kGreaterEqual;
    case promql::Op::kGreaterEqual:
      return promql::Op::kLessEqual;
    default:
      return op;
  }
}

}  // namespace

struct Decider::Core {
  rule::QueryFunc query;
  rule::RecordFunc record;
  rule::Manager manager{{}};
  std::vector<model::Alert> ended;  ///< by Replace, to go out with the next round
};

struct Decider::Round {
  std::vector<rule::Evaluation> evaluations;
  std::vector<model::Alert> ended;
  std::vector<api::RuleGroupView> views;
  std::string snapshot;
  std::optional<base::Time> next;
};

Decider::Decider(loop::Loop& loop, loop::Worker& worker, rule::QueryFunc query,
                 std::function<void(model::Batch)> record, AlertSink alerts, SampleSink samples)
    : worker_(worker),
      core_(std::make_shared<Core>()),
      alerts_(std::move(alerts)),
      samples_(std::move(samples)),
      event_(loop) {
  core_->query = std::move(query);
  if (record) {
    core_->record = [record = std::move(record)](std::vector<model::Sample> recorded,
                                                 model::Timestamp t) {
      record({std::string(kRules), t, std::move(recorded)});
    };
  }
}

Decider::~Decider() = default;

void Decider::Replace(std::vector<rule::Group> groups, std::vector<std::string> gone,
                      rule::Surroundings surroundings) {
  thresholds_ = ThresholdsOf(groups);
  const auto now = base::Clock::Now();
  worker_.Post([core = core_, groups = std::move(groups), gone = std::move(gone), now,
                around = std::move(surroundings)]() mutable {
    core->manager.SetSurroundings(std::move(around));
    auto ended = core->manager.Replace(std::move(groups), now);
    core->ended.insert(core->ended.end(), ended.begin(), ended.end());
    for (const auto& target : gone) {
      ended = core->manager.Forget(target, now);
      core->ended.insert(core->ended.end(), ended.begin(), ended.end());
    }
  });
  all_ = true;
  event_.Notify();
}

base::Result<> Decider::Restore(const std::string& snapshot) {
  // Before Run nothing else uses the core; the groups come by Replace before it.
  return core_->manager.Restore(snapshot);
}

void Decider::OnReadable(std::vector<std::string> flipped) {
  if (!flipped.empty()) {
    flipped_.insert(flipped_.end(), flipped.begin(), flipped.end());
    event_.Notify();
  }
}

void Decider::Take(Round round, bool first) {
  std::vector<model::Alert> alerts = std::move(round.ended);
  for (auto& evaluation : round.evaluations) {
    ++evaluations_;
    for (const auto& error : evaluation.errors) {
      ++failures_;
      base::Log(base::Level::kError, "a rule cannot be evaluated", {{"err", error}});
    }
    alerts.insert(alerts.end(), evaluation.alerts.begin(), evaluation.alerts.end());
    if (!evaluation.samples.empty()) {
      samples_({std::string(kRules), evaluation.t, std::move(evaluation.samples)});
    }
  }
  for (auto& alert : alerts) {
    alert.source = "rule";
  }
  views_ = std::move(round.views);
  const bool same = snapshot_ == round.snapshot;
  snapshot_ = std::move(round.snapshot);
  if (first || !same || !alerts.empty()) {
    alerts_(std::move(alerts), first);
  }
}

loop::Task<> Decider::Run() {
  bool first = true;
  for (;;) {
    const auto now = base::Clock::Now();
    auto flipped = std::exchange(flipped_, {});
    const bool all = std::exchange(all_, false);
    auto round = std::make_shared<Round>();
    auto work = [core = core_, round, now, all, flipped = std::move(flipped)] {
      std::set<std::size_t> groups;
      if (all) {
        for (std::size_t i = 0; i < core->manager.size(); ++i) {
          groups.insert(i);
        }
      }
      for (const auto index : core->manager.GroupsDue(now)) {
        groups.insert(index);
      }
      for (const auto& metric : flipped) {
        for (const auto index : core->manager.GroupsFor(metric)) {
          groups.insert(index);
        }
      }
      for (const auto index : groups) {
        round->evaluations.push_back(core->manager.Evaluate(index, now, core->query, core->record));
      }
      round->ended = std::exchange(core->ended, {});
      round->views = ToViews(core->manager);
      round->snapshot = core->manager.Snapshot();
      round->next = core->manager.NextDue();
    };
    co_await worker_.Run(std::move(work));
    const auto next = round->next;
    Take(std::move(*round), first);
    first = false;
    while (!next && flipped_.empty() && !all_) {
      co_await event_.Wait();  // without rules nothing is ever due
    }
    if (flipped_.empty() && !all_) {
      // A wall clock that is set meanwhile stops the rules for no longer than this.
      constexpr base::Duration kMost = std::chrono::seconds(5);
      co_await event_.WaitFor(std::clamp<base::Duration>(*next - base::Clock::Now(),
                                                         std::chrono::milliseconds(1), kMost));
    }
  }
}

std::vector<api::ThresholdView> ThresholdsOf(const std::vector<rule::Group>& groups) {
  std::vector<api::ThresholdView> out;
  for (const auto& group : groups) {
    for (const auto& rule : group.rules) {
      const auto& root = promql::StripParens(*rule.expr);
      if (!rule.alerting || root.kind != promql::Expr::Kind::kBinary ||
          !promql::IsComparison(root.op)) {
        continue;
      }
      const auto& left = promql::StripParens(*root.args[0]);
      const auto& right = promql::StripParens(*root.args[1]);
      const bool plain =
          left.kind == promql::Expr::Kind::kSelector && right.kind == promql::Expr::Kind::kNumber;
      const bool mirrored =
          left.kind == promql::Expr::Kind::kNumber && right.kind == promql::Expr::Kind::kSelector;
      if (plain || mirrored) {
        const auto op = plain ? root.op : Mirrored(root.op);
        out.push_back({plain ? left.text : right.text, std::string(promql::ToString(op)),
                       plain ? right.number : left.number, rule.name});
      }
    }
  }
  return out;
}

}  // namespace app
