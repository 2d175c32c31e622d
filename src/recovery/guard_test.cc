// The guard: each rule by itself, and that no sequence of events ever exceeds one of them.
#include "recovery/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace recovery {
namespace {

using incident::GuardVerdict;
using testing::HasSubstr;
using namespace std::chrono_literals;
using Kind = GuardVerdict::Kind;

Policy AutoPolicy() {
  Policy policy;
  policy.mode = Mode::kAuto;
  policy.cooldown = 10s;
  return policy;
}

Action Start(std::string target = "web1", std::string component = "nginx") {
  return {.target = std::move(target), .component = std::move(component), .step = "service-start"};
}

class GuardTest : public testing::Test {
 protected:
  Kind Do(const Action& action, bool good = true) {
    const auto verdict = guard_.Take(action, world_);
    if (verdict.kind == Kind::kAllowed) {
      guard_.Finish(action, good);
    }
    return verdict.kind;
  }
  std::string Reason(const Action& action) { return guard_.MayAct(action, world_).reason; }

  base::FrozenClock clock_;
  Guard guard_{AutoPolicy()};
  Surroundings world_;
};

TEST_F(GuardTest, AllowsWhatNothingForbids) {
  EXPECT_EQ(guard_.MayAct(Start(), world_).kind, Kind::kAllowed);
  EXPECT_EQ(Do(Start()), Kind::kAllowed);
}

TEST_F(GuardTest, AnEmptySelectionIsRefused) {
  for (const Action& action :
       {Action{}, Action{.target = "web1"}, Action{.target = "web1", .component = "nginx"},
        Action{.component = "nginx", .step = "service-start"}}) {
    EXPECT_EQ(guard_.MayAct(action, world_).kind, Kind::kRefused);
  }
}

TEST_F(GuardTest, ModesOfThePolicyAndOfTheTarget) {
  auto action = Start();
  action.mode = "observe";
  EXPECT_EQ(guard_.MayAct(action, world_).kind, Kind::kObserve);
  action.approved = true;
  EXPECT_EQ(guard_.MayAct(action, world_).kind, Kind::kObserve) << "observe never changes anything";
  action.mode = "approve";
  EXPECT_EQ(guard_.MayAct(action, world_).kind, Kind::kAllowed);
  action.approved = false;
  EXPECT_EQ(guard_.MayAct(action, world_).kind, Kind::kNeedsApproval);
  guard_.SetPolicy({});
  EXPECT_EQ(guard_.MayAct(Start(), world_).kind, Kind::kObserve) << "nothing is done by default";
}

TEST_F(GuardTest, OneRepairAtATimePerHost) {
  EXPECT_EQ(guard_.Take(Start(), world_).kind, Kind::kAllowed);
  const auto other = guard_.MayAct(Start("web1", "container:db"), world_);
  EXPECT_EQ(other.kind, Kind::kRefused);
  EXPECT_GT(other.not_before, base::Clock::Now());
  EXPECT_EQ(guard_.MayAct(Start("web2"), world_).kind, Kind::kAllowed);
  guard_.Finish(Start(), true);
  EXPECT_EQ(guard_.MayAct(Start("web1", "container:db"), world_).kind, Kind::kAllowed);
}

TEST_F(GuardTest, CooldownGrowsWithFailures) {
  Policy policy = AutoPolicy();
  policy.budget = policy.daily = 1000;
  guard_.SetPolicy(policy);
  EXPECT_EQ(Do(Start(), false), Kind::kAllowed);
  const auto verdict = guard_.MayAct(Start(), world_);
  EXPECT_EQ(verdict.kind, Kind::kRefused);
  EXPECT_EQ(verdict.not_before, base::Clock::Now() + 20s);
  EXPECT_THAT(verdict.reason, HasSubstr("cooldown"));
  clock_.Advance(20s);
  EXPECT_EQ(Do(Start(), false), Kind::kAllowed);
  EXPECT_EQ(guard_.MayAct(Start(), world_).not_before, base::Clock::Now() + 40s);
  clock_.Advance(40s);
  EXPECT_EQ(Do(Start(), true), Kind::kAllowed);
  EXPECT_EQ(guard_.MayAct(Start(), world_).not_before, base::Clock::Now() + 10s);
  EXPECT_EQ(guard_.MayAct(Start("web1", "other"), world_).kind, Kind::kAllowed);
}

TEST_F(GuardTest, BudgetPerHostAndStep) {
  for (const std::string& component : {"a", "b", "c"}) {
    EXPECT_EQ(Do(Start("web1", component)), Kind::kAllowed);
    clock_.Advance(1min);
  }
  const auto verdict = guard_.MayAct(Start("web1", "d"), world_);
  EXPECT_THAT(verdict.reason, HasSubstr("budget"));
  EXPECT_EQ(verdict.not_before, base::Clock::Now() + 7min);
  clock_.Advance(7min);
  EXPECT_EQ(guard_.MayAct(Start("web1", "d"), world_).kind, Kind::kAllowed);
}

TEST_F(GuardTest, ARepairThatHelpsAgainAndAgainIsStopped) {
  Policy policy = AutoPolicy();
  policy.budget = 100;
  guard_.SetPolicy(policy);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Do(Start()), Kind::kAllowed);
    clock_.Advance(5min);
  }
  const auto verdict = guard_.MayAct(Start(), world_);
  EXPECT_THAT(verdict.reason, HasSubstr("symptom"));
  EXPECT_EQ(verdict.not_before, base::Time{}) << "a person must look";
  auto approved = Start();
  approved.approved = true;
  EXPECT_EQ(guard_.MayAct(approved, world_).kind, Kind::kAllowed);
}

TEST_F(GuardTest, FleetBrakeMaintenanceAndOwnNetwork) {
  world_ = {.failing_hosts = 6, .all_hosts = 10};
  EXPECT_THAT(Reason(Start()), HasSubstr("fleet brake: 6 of 10"));
  world_ = {.failing_hosts = 5, .all_hosts = 10};
  EXPECT_EQ(Reason(Start()), "");
  world_ = {.failing_hosts = 2, .all_hosts = 2};
  EXPECT_EQ(Reason(Start()), "") << "two hosts are no fleet";
  world_ = {.cut_off = true};
  EXPECT_THAT(Reason(Start()), HasSubstr("cut off"));
  world_ = {.maintenance = "silence 7"};
  EXPECT_EQ(Reason(Start()), "maintenance: silence 7");
}

TEST_F(GuardTest, HoldsOfTheHost) {
  diagnosis::parse::HostFacts facts;
  world_.facts = &facts;
  auto approved = Start();
  approved.approved = true;
  facts.logins = {"ops at pts/0"};
  EXPECT_THAT(Reason(Start()), HasSubstr("ops at pts/0"));
  EXPECT_EQ(Reason(approved), "");
  facts = {};
  facts.packagers = {"71 dpkg"};
  EXPECT_THAT(Reason(approved), HasSubstr("dpkg"));
  facts = {};
  facts.holds = {"/etc/raksa.hold deploy"};
  EXPECT_THAT(Reason(approved), HasSubstr("deploy"));
}

TEST_F(GuardTest, StateOutlivesARestart) {
  EXPECT_EQ(Do(Start(), false), Kind::kAllowed);
  guard_.KnowMachine("web1", "keys", "abc");
  EXPECT_EQ(guard_.Take(Start("web2"), world_).kind, Kind::kAllowed);  // and then we are killed
  Guard next(AutoPolicy());
  ASSERT_TRUE(next.Restore(guard_.Snapshot()));
  EXPECT_EQ(next.Snapshot(), guard_.Snapshot());
  EXPECT_THAT(next.MayAct(Start(), world_).reason, HasSubstr("cooldown"));
  EXPECT_THAT(next.MayAct(Start("web2"), world_).reason, HasSubstr("cooldown"))
      << "charged before it began";
  EXPECT_EQ(next.Machine("web1", "keys"), "abc");
  EXPECT_EQ(next.Machine("web1", "others"), "") << "enrolled anew";
}

TEST_F(GuardTest, DamagedStateIsRefusedAndChangesNothing) {
  EXPECT_EQ(Do(Start()), Kind::kAllowed);
  const auto good = guard_.Snapshot();
  for (std::size_t n = 0; n < good.size(); n += 3) {
    EXPECT_FALSE(guard_.Restore(good.substr(0, n))) << n;
  }
  EXPECT_FALSE(guard_.Restore(R"({"version":2,"deeds":[],"machines":[]})"));
  EXPECT_FALSE(guard_.Restore(R"({"version":1,"deeds":[{"target":"a"}],"machines":[]})"));
  EXPECT_FALSE(guard_.Restore(
      R"({"version":1,"deeds":[{"target":"a","component":"b","step":"c","at_ms":-1,"outcome":0}],"machines":[]})"));
  EXPECT_EQ(guard_.Snapshot(), good);
}

TEST_F(GuardTest, AClockThatIsSetBackGivesNoBudgetBack) {
  const auto start = base::Clock::Now();
  for (const std::string& component : {"a", "b", "c"}) {
    EXPECT_EQ(Do(Start("web1", component)), Kind::kAllowed);
  }
  clock_.SetWall(start - 5h);
  EXPECT_EQ(guard_.MayAct(Start("web1", "d"), world_).kind, Kind::kRefused);
}

TEST_F(GuardTest, WhatWasNotDoneIsNotCharged) {
  EXPECT_EQ(guard_.Take(Start(), world_).kind, Kind::kAllowed);
  guard_.Undo(Start());
  EXPECT_EQ(guard_.Take(Start(), world_).kind, Kind::kAllowed);
}

/// What really happened, kept apart from the guard.
struct Done {
  std::string target;
  std::string component;
  std::string step;
  base::Time at{};
  bool good = false;
};

TEST(GuardProperty, NoSequenceExceedsALimit) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    base::FrozenClock clock;
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return random() % n; };
    Policy policy = AutoPolicy();
    policy.budget = 1 + static_cast<int>(pick(4));
    policy.daily = policy.budget + static_cast<int>(pick(10));
    policy.recurrence = 1 + static_cast<int>(pick(4));
    policy.cooldown = std::chrono::seconds(pick(30));
    Guard guard(policy);
    std::vector<Done> history;
    std::map<std::string, Action> running;
    for (int i = 0; i < 1500; ++i) {
      clock.Advance(std::chrono::milliseconds(pick(40'000)));
      if (pick(50) == 0) {
        Guard next(policy);
        ASSERT_TRUE(next.Restore(guard.Snapshot()));
        guard = next;  // killed and started again: the host's own lock is another matter
        running.clear();
      }
      Action action{.target = "web" + std::to_string(pick(3)),
                    .component = "c" + std::to_string(pick(3)),
                    .step = pick(2) == 0 ? "service-start" : "container-start"};
      const unsigned mode = pick(12);
      action.mode = mode == 0 ? "observe" : (mode == 1 ? "approve" : "");
      action.approved = pick(10) == 0;
      Surroundings world{.failing_hosts = static_cast<int>(pick(8)),
                         .all_hosts = 8,
                         .cut_off = pick(20) == 0,
                         .maintenance = pick(20) == 0 ? "night" : ""};
      diagnosis::parse::HostFacts facts;
      if (pick(20) == 0) {
        facts.packagers = {"dpkg"};
      }
      world.facts = &facts;
      const auto now = base::Clock::Now();
      if (const auto at = running.find(action.target); at != running.end() && pick(3) > 0) {
        const bool good = pick(2) == 0;
        guard.Finish(at->second, good);
        for (auto it = history.rbegin(); it != history.rend(); ++it) {
          if (it->target == at->second.target && it->component == at->second.component &&
              it->step == at->second.step) {
            it->good = good;
            break;
          }
        }
        running.erase(at);
      }
      if (guard.Take(action, world).kind != Kind::kAllowed) {
        continue;
      }
      // It was allowed: every rule must have been kept.
      ASSERT_FALSE(running.contains(action.target)) << "host lock";
      ASSERT_NE(action.mode, "observe");
      ASSERT_TRUE(action.mode != "approve" || action.approved);
      ASSERT_FALSE(world.cut_off);
      ASSERT_TRUE(world.maintenance.empty());
      ASSERT_TRUE(facts.packagers.empty());
      ASSERT_FALSE(world.failing_hosts >= policy.brake_hosts && world.failing_hosts > 4) << "brake";
      int window = 0;
      int day = 0;
      int helped = 0;
      for (const auto& done : history) {
        const bool same = done.target == action.target && done.step == action.step;
        window += same && now - done.at < policy.budget_window ? 1 : 0;
        day += same && now - done.at < 24h ? 1 : 0;
        if (same && done.component == action.component) {
          ASSERT_GE(now - done.at, policy.cooldown) << "cooldown";
          helped += done.good && now - done.at < policy.recurrence_window ? 1 : 0;
        }
      }
      ASSERT_LT(window, policy.budget) << "budget";
      ASSERT_LT(day, policy.daily) << "daily budget";
      ASSERT_TRUE(helped < policy.recurrence || action.approved) << "recurrence";
      history.push_back({action.target, action.component, action.step, now, false});
      running[action.target] = action;
    }
    EXPECT_GT(history.size(), 10u) << "the test must let something through";
  }
}

}  // namespace
}  // namespace recovery
