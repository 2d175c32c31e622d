// The manager's groups: when they are due, how they change, what they show, what outlives a
// restart.
#include "rule/manager.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>

#include "promql/number.h"
#include "rule/state.h"

namespace rule {
namespace {

namespace json = boost::json;

json::object ToJson(const model::Labels& labels) {
  json::object out;
  for (const auto& [name, value] : labels) {
    out[name] = value;
  }
  return out;
}

model::Labels LabelsOf(const json::value& value) {
  std::vector<model::Labels::Pair> pairs;
  for (const auto& [name, text] : value.as_object()) {
    pairs.emplace_back(std::string(name), std::string(text.as_string()));
  }
  return model::Labels(std::move(pairs));
}

json::object ToJson(const ActiveAlert& alert) {
  return {{"labels", ToJson(alert.labels)},
          {"annotations", ToJson(alert.annotations)},
          {"series", ToJson(alert.series)},
          {"state", ToString(alert.state)},
          {"value", promql::FormatSample(alert.value)},
          {"active_at", base::ToMs(alert.active_at)},
          {"fired_at", base::ToMs(alert.fired_at)},
          {"keep_firing_since", base::ToMs(alert.keep_firing_since)},
          {"no_data_since", base::ToMs(alert.no_data_since)}};
}

base::Time TimeOf(const json::object& object, std::string_view name) {
  constexpr std::int64_t kMost = 9'000'000'000'000;  // what nanoseconds can hold
  return base::FromMs(std::clamp<std::int64_t>(object.at(name).as_int64(), 0, kMost));
}

ActiveAlert AlertOf(const json::object& object) {
  ActiveAlert out;
  out.labels = LabelsOf(object.at("labels"));
  out.annotations = LabelsOf(object.at("annotations"));
  out.series = LabelsOf(object.at("series"));
  out.state =
      object.at("state").as_string() == "firing" ? AlertState::kFiring : AlertState::kPending;
  out.value =
      promql::ParseFloat(std::string(object.at("value").as_string())).value_or(std::nan(""));
  out.active_at = TimeOf(object, "active_at");
  out.fired_at = TimeOf(object, "fired_at");
  out.keep_firing_since = TimeOf(object, "keep_firing_since");
  out.no_data_since = TimeOf(object, "no_data_since");
  return out;
}

/// Whether a rule may ask for one of these.
bool AsksForOneOf(const Rule& rule, const std::vector<model::Sample>& samples) {
  return std::ranges::any_of(samples, [&](const model::Sample& sample) {
    return std::ranges::any_of(rule.metrics, [&](const std::string& name) {
      return name.empty() || name == sample.labels->Get(model::kName);
    });
  });
}

using Saved = std::map<std::string, std::map<model::Labels, ActiveAlert>>;

base::Result<Saved> Read(std::string_view text) {
  Saved out;
  try {
    const json::value root = json::parse(text);
    for (const json::value& rule : root.at("rules").as_array()) {
      auto& alerts = out[std::string(rule.at("rule").as_string())];
      for (const json::value& alert : rule.at("alerts").as_array()) {
        ActiveAlert active = AlertOf(alert.as_object());
        const model::Labels labels = active.labels;
        alerts.emplace(labels, std::move(active));
      }
    }
  } catch (const std::exception& error) {
    return base::Fail(base::ErrorKind::kCorrupt, std::string("state of alerts: ") + error.what());
  }
  return out;
}

}  // namespace

std::string_view ToString(AlertState state) {
  return state == AlertState::kFiring ? "firing" : "pending";
}

std::string_view RuleView::State() const {
  std::string_view out = "inactive";
  for (const ActiveAlert& alert : alerts) {
    if (alert.state == AlertState::kFiring) {
      return "firing";
    }
    out = "pending";
  }
  return out;
}

std::string IdentityOf(const Group& group, const Rule& rule) {
  std::string out = group.name;
  const auto add = [&out](std::string_view part) {
    out += '\x1f';
    out += part;
  };
  add(rule.alerting ? "alert" : "record");
  add(rule.name);
  add(rule.expr ? rule.expr->ToString() : rule.text);
  for (const auto& [name, text] : rule.labels) {
    add(name);
    add(text.text());
  }
  add(base::FormatDuration(rule.hold));
  return out;
}

Manager::Manager(std::vector<Group> groups, ManagerOptions options) : options_(std::move(options)) {
  static_cast<void>(Replace(std::move(groups), {}));
}
Manager::~Manager() = default;
Manager::Manager(Manager&&) noexcept = default;
Manager& Manager::operator=(Manager&&) noexcept = default;

std::size_t Manager::size() const { return groups_.size(); }

Evaluation Manager::Evaluate(std::size_t index, base::Time now, const QueryFunc& query,
                             const RecordFunc& record) {
  Evaluation out;
  out.t = base::ToMs(now);
  GroupState& group = groups_.at(index);
  const base::Instant start = base::Clock::Steady();
  for (RuleState& state : group.rules) {
    if (record && AsksForOneOf(state.rule, out.samples)) {
      record(std::exchange(out.samples, {}), out.t);
    }
    RuleRun(state, group.group, now, query, options_, out).Run();
  }
  group.evaluated = true;
  group.evaluated_at = now;
  group.took = base::Clock::Steady() - start;
  return out;
}

void Manager::SetSurroundings(Surroundings surroundings) {
  options_.surroundings = std::move(surroundings);
}

std::vector<std::size_t> Manager::GroupsDue(base::Time now) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const GroupState& group = groups_[i];
    // A clock that was set back must not stop the rules.
    if (!group.evaluated || now < group.evaluated_at ||
        now - group.evaluated_at >= group.group.interval) {
      out.push_back(i);
    }
  }
  return out;
}

std::optional<base::Time> Manager::NextDue() const {
  std::optional<base::Time> out;
  for (const GroupState& group : groups_) {
    const base::Time due =
        group.evaluated ? group.evaluated_at + group.group.interval : base::Time{};
    out = out ? std::min(*out, due) : due;
  }
  return out;
}

std::vector<std::size_t> Manager::GroupsFor(std::string_view metric) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const bool asks = std::ranges::any_of(groups_[i].rules, [metric](const RuleState& state) {
      return std::ranges::any_of(state.rule.metrics, [metric](const std::string& name) {
        return name.empty() || name == metric;
      });
    });
    if (asks) {
      out.push_back(i);
    }
  }
  return out;
}

std::vector<model::Alert> Manager::Replace(std::vector<Group> groups, base::Time now) {
  std::map<std::string, RuleState*> old;
  for (GroupState& group : groups_) {
    for (RuleState& state : group.rules) {
      old.emplace(IdentityOf(group.group, state.rule), &state);
    }
  }
  std::vector<GroupState> fresh;
  for (Group& group : groups) {
    GroupState state;
    for (Rule& rule : group.rules) {
      RuleState rule_state;
      const auto at = old.find(IdentityOf(group, rule));
      if (at != old.end()) {
        rule_state = std::move(*at->second);
        at->second->alerts.clear();
        old.erase(at);
      }
      rule_state.rule = std::move(rule);
      state.rules.push_back(std::move(rule_state));
    }
    group.rules.clear();
    state.group = std::move(group);
    if (state.group.interval.count() == 0) {
      state.group.interval = options_.interval;
    }
    fresh.push_back(std::move(state));
  }
  std::vector<model::Alert> ended;
  for (const auto& [identity, state] : old) {
    for (const auto& [labels, alert] : state->alerts) {
      if (alert.state == AlertState::kFiring) {
        ended.push_back(ToAlert(alert, now));
      }
    }
  }
  groups_ = std::move(fresh);
  return ended;
}

std::vector<model::Alert> Manager::Forget(std::string_view target, base::Time now) {
  std::vector<model::Alert> ended;
  for (GroupState& group : groups_) {
    for (RuleState& state : group.rules) {
      std::erase_if(state.alerts, [&](const auto& pair) {
        const ActiveAlert& alert = pair.second;
        if (alert.labels.Get("target") != target) {
          return false;
        }
        if (alert.state == AlertState::kFiring) {
          ended.push_back(ToAlert(alert, now));
        }
        return true;
      });
      std::erase_if(state.known,
                    [&](const auto& pair) { return pair.first.Get("target") == target; });
    }
  }
  return ended;
}

std::string Manager::Snapshot() const {
  json::array rules;
  for (const GroupState& group : groups_) {
    for (const RuleState& state : group.rules) {
      json::array alerts;
      for (const auto& [labels, alert] : state.alerts) {
        alerts.push_back(ToJson(alert));
      }
      if (!alerts.empty()) {
        rules.push_back(json::object{{"rule", IdentityOf(group.group, state.rule)},
                                     {"alerts", std::move(alerts)}});
      }
    }
  }
  return json::serialize(json::object{{"version", 1}, {"rules", std::move(rules)}});
}

base::Result<> Manager::Restore(std::string_view snapshot) {
  auto saved = Read(snapshot);
  if (!saved) {
    return base::Fail(saved.error());
  }
  for (GroupState& group : groups_) {
    for (RuleState& state : group.rules) {
      const auto at = saved->find(IdentityOf(group.group, state.rule));
      if (at != saved->end()) {
        state.alerts = std::move(at->second);
      }
    }
  }
  return {};
}

std::vector<GroupView> Manager::Views() const {
  std::vector<GroupView> out;
  for (const GroupState& group : groups_) {
    GroupView view{&group.group, group.group.interval, group.evaluated_at, group.took, {}};
    for (const RuleState& state : group.rules) {
      RuleView rule{&state.rule, {}, state.error, state.evaluated_at, state.took};
      for (const auto& [labels, alert] : state.alerts) {
        rule.alerts.push_back(alert);
      }
      view.rules.push_back(std::move(rule));
    }
    out.push_back(std::move(view));
  }
  return out;
}

std::vector<ActiveAlert> Manager::Alerts() const {
  std::vector<ActiveAlert> out;
  for (const GroupView& group : Views()) {
    for (const RuleView& rule : group.rules) {
      out.insert(out.end(), rule.alerts.begin(), rule.alerts.end());
    }
  }
  return out;
}

}  // namespace rule
