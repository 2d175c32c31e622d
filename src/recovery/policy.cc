// Reading `recovery:`.
#include "recovery/policy.h"

#include <array>

namespace recovery {
namespace {

using config::MapReader;
using config::Node;
using namespace std::chrono_literals;

constexpr std::array<std::string_view, 3> kModes = {"observe", "approve", "auto"};

void Read(MapReader& map, std::string_view key, base::Duration& out, base::Duration min,
          base::Duration max) {
  if (const Node node = map.Optional(key)) {
    out = node.Span(min, max).value_or(out);
  }
}

void Read(MapReader& map, std::string_view key, int& out, int min, int max) {
  if (const Node node = map.Optional(key)) {
    out = static_cast<int>(node.Integer(min, max).value_or(out));
  }
}

void Read(MapReader& map, std::string_view key, double& out, double min, double max) {
  if (const Node node = map.Optional(key)) {
    out = node.Number(min, max).value_or(out);
  }
}

void Read(MapReader& map, std::string_view key, bool& out) {
  if (const Node node = map.Optional(key)) {
    out = node.Bool().value_or(out);
  }
}

void ReadBudget(Node node, Policy& policy) {
  MapReader map(node, "budget");
  if (map.ok()) {
    Read(map, "times", policy.budget, 1, 10'000);
    Read(map, "window", policy.budget_window, 1s, 24h);
    Read(map, "per_day", policy.daily, 1, 100'000);
    map.Finish();
  }
}

void ReadBrake(Node node, Policy& policy) {
  MapReader map(node, "fleet_brake");
  if (map.ok()) {
    Read(map, "hosts", policy.brake_hosts, 2, 1'000'000);
    Read(map, "percent", policy.brake_percent, 1, 100);
    map.Finish();
  }
}

void ReadMinimum(Node node, Policy& policy) {
  MapReader map(node, "minimum_healthy");
  if (map.ok()) {
    if (const Node label = map.Optional("label")) {
      policy.group_label = label.String().value_or(policy.group_label);
    }
    Read(map, "hosts", policy.minimum_hosts, 0, 1'000'000);
    Read(map, "percent", policy.minimum_percent, 0, 100);
    map.Finish();
  }
}

void ReadPower(Node node, Policy& policy) {
  MapReader map(node, "power");
  if (map.ok()) {
    Read(map, "cooldown", policy.power.cooldown, 1min, 24h);
    Read(map, "times", policy.power.budget, 1, 100);
    Read(map, "window", policy.power.window, 1min, 24h);
    Read(map, "per_day", policy.power.daily, 1, 100);
    map.Finish();
  }
}

void ReadRecurrence(Node node, Policy& policy) {
  MapReader map(node, "recurrence");
  if (map.ok()) {
    Read(map, "times", policy.recurrence, 1, 10'000);
    Read(map, "window", policy.recurrence_window, 1s, 24h);
    map.Finish();
  }
}

void ReadVerify(Node node, Policy& policy) {
  MapReader map(node, "verify");
  if (map.ok()) {
    Read(map, "passes", policy.verify_passes, 1, 100);
    Read(map, "spacing", policy.verify_spacing, 0s, 1min);
    map.Finish();
  }
}

}  // namespace

std::string_view ToString(Mode mode) { return kModes[static_cast<std::size_t>(mode)]; }

Mode ParseMode(std::string_view text, Mode otherwise) {
  for (std::size_t i = 0; i < kModes.size(); ++i) {
    if (text == kModes[i]) {
      return static_cast<Mode>(i);
    }
  }
  return otherwise;
}

Limits LimitsOf(const Policy& policy, std::string_view step) {
  if (step == kPowerCycle) {
    return policy.power;
  }
  return {.cooldown = policy.cooldown,
          .budget = policy.budget,
          .window = policy.budget_window,
          .daily = policy.daily};
}

Policy ReadPolicy(Node node) {
  Policy policy;
  if (!node) {
    return policy;
  }
  MapReader map(node, "recovery");
  if (!map.ok()) {
    return policy;
  }
  if (const Node mode = map.Optional("mode")) {
    policy.mode = ParseMode(mode.Word(kModes).value_or("observe"), Mode::kObserve);
  }
  Read(map, "cooldown", policy.cooldown, 0s, 24h);
  Read(map, "backoff", policy.backoff, 1, 100);
  Read(map, "max_cooldown", policy.max_cooldown, 0s, 24h);
  if (const Node budget = map.Optional("budget")) {
    ReadBudget(budget, policy);
  }
  if (const Node brake = map.Optional("fleet_brake")) {
    ReadBrake(brake, policy);
  }
  if (const Node minimum = map.Optional("minimum_healthy")) {
    ReadMinimum(minimum, policy);
  }
  if (const Node power = map.Optional("power")) {
    ReadPower(power, policy);
  }
  if (const Node recurrence = map.Optional("recurrence")) {
    ReadRecurrence(recurrence, policy);
  }
  Read(map, "login_hold", policy.login_hold);
  Read(map, "package_hold", policy.package_hold);
  Read(map, "drop_caches", policy.drop_caches);
  Read(map, "lease", policy.lease, 10s, 10min);
  Read(map, "max_rounds", policy.max_rounds, 1, 100);
  Read(map, "settle", policy.settle, 0s, 10min);
  Read(map, "hold", policy.hold, 0s, 24h);
  if (const Node verify = map.Optional("verify")) {
    ReadVerify(verify, policy);
  }
  map.Finish();
  return policy;
}

}  // namespace recovery
