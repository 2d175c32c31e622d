// Reading `recovery:`.
#include "recovery/policy.h"

#include <gtest/gtest.h>

namespace recovery {
namespace {

using namespace std::chrono_literals;

Policy Read(const std::string& text, std::string* problems = nullptr) {
  const auto document = config::Document::Parse(text, "raksa.yaml");
  config::MapReader map(document->Root(), "the configuration");
  const auto policy = ReadPolicy(map.Optional("recovery"));
  std::string all;
  for (const auto& problem : document->problems()) {
    all += problem.ToString() + "\n";
  }
  if (problems != nullptr) {
    *problems = all;
  } else {
    EXPECT_EQ(all, "");
  }
  return policy;
}

TEST(ReadPolicy, NothingSaidMeansObserve) {
  EXPECT_EQ(Read("data_dir: /x\n"), Policy{});
  EXPECT_EQ(Policy{}.mode, Mode::kObserve);
}

TEST(ReadPolicy, ReadsEveryKey) {
  const auto policy = Read(
      "recovery:\n  mode: auto\n  cooldown: 30s\n  backoff: 3\n  max_cooldown: 1h\n"
      "  budget: {times: 5, window: 20m, per_day: 50}\n  fleet_brake: {hosts: 4, percent: 25}\n"
      "  recurrence: {times: 9, window: 2h}\n  login_hold: false\n  package_hold: false\n"
      "  drop_caches: true\n  lease: 1m\n  max_rounds: 2\n  settle: 1s\n  hold: 5m\n"
      "  verify: {passes: 4, spacing: 1s}\n"
      "  minimum_healthy: {label: site, hosts: 2, percent: 60}\n"
      "  power: {cooldown: 5m, times: 2, window: 2h, per_day: 4}\n");
  EXPECT_EQ(policy.group_label, "site");
  EXPECT_EQ(policy.minimum_hosts, 2);
  EXPECT_EQ(policy.minimum_percent, 60);
  EXPECT_EQ(LimitsOf(policy, kPowerCycle),
            (Limits{.cooldown = 5min, .budget = 2, .window = 2h, .daily = 4}));
  EXPECT_EQ(LimitsOf(policy, "service-start"),
            (Limits{.cooldown = 30s, .budget = 5, .window = 20min, .daily = 50}));
  EXPECT_EQ(policy.mode, Mode::kAuto);
  EXPECT_EQ(policy.cooldown, 30s);
  EXPECT_EQ(policy.budget, 5);
  EXPECT_EQ(policy.budget_window, 20min);
  EXPECT_EQ(policy.daily, 50);
  EXPECT_EQ(policy.brake_hosts, 4);
  EXPECT_EQ(policy.recurrence, 9);
  EXPECT_FALSE(policy.login_hold);
  EXPECT_TRUE(policy.drop_caches);
  EXPECT_EQ(policy.verify_passes, 4);
  EXPECT_EQ(policy.hold, 5min);
}

TEST(ReadPolicy, MistakesHaveTheirPlace) {
  std::string problems;
  Read(
      "recovery: {mode: automatic, cooldown: soon, budget: {time: 3}, fleet_brake: 7, lease: 1h}\n",
      &problems);
  for (const std::string& part : {"raksa.yaml:1:18", "soon", "time", "lease"}) {
    EXPECT_NE(problems.find(part), std::string::npos) << part << " in\n" << problems;
  }
  Read("recovery: auto\n", &problems);
  EXPECT_NE(problems, "");
}

}  // namespace
}  // namespace recovery
