// The guard: each rule by itself, and that no sequence of events ever exceeds one of them.
#include "recovery/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST_F(GuardTest, AClockThatIsSetForwardGivesNoBudgetBack) {
  for (const std::string& component : {"a", "b", "c"}) {
    EXPECT_EQ(Do(Start("web1", component)), Kind::kAllowed);
  }
  clock_.SetWall(base::Clock::Now() + 5h);
  const auto verdict = guard_.MayAct(Start("web1", "d"), world_);
  EXPECT_THAT(verdict.reason, HasSubstr("budget"));
  EXPECT_EQ(verdict.not_before, base::Clock::Now() + 10min);
}

TEST_F(GuardTest, MinimumHealthyOfAGroup) {
  Policy policy = AutoPolicy();
  policy.minimum_hosts = 2;
  guard_.SetPolicy(policy);
  world_ = {.group = "shop", .group_hosts = 3, .group_healthy = 1};
  auto action = Start();
  EXPECT_EQ(Reason(action), "") << "what does not run takes nothing away when it is started";
  action.disruptive = true;
  EXPECT_EQ(Reason(action),
            "minimum healthy: 1 of the 3 hosts of group shop would be left serving, 2 must");
  action.approved = true;
  EXPECT_NE(Reason(action), "") << "a person's yes does not lift it";
  world_.group_healthy = 2;
  EXPECT_EQ(Reason(action), "");
  world_ = {.group_hosts = 3, .group_healthy = 0};
  EXPECT_EQ(Reason(action), "") << "a host without a group";
  policy.minimum_hosts = 0;
  policy.minimum_percent = 34;
  guard_.SetPolicy(policy);
  world_ = {.group = "shop", .group_hosts = 3, .group_healthy = 1};
  EXPECT_THAT(Reason(action), HasSubstr("2 must")) << "34 % of 3 is rounded up";
  policy.minimum_percent = 33;
  guard_.SetPolicy(policy);
  EXPECT_EQ(Reason(action), "");
}

TEST_F(GuardTest, PowerCyclingHasLimitsOfItsOwn) {
  Action cycle = Start("web1", "host");
  cycle.step = kPowerCycle;
  EXPECT_EQ(Do(cycle), Kind::kAllowed);
  EXPECT_THAT(Reason(cycle), HasSubstr("cooldown"));
  clock_.Advance(16min);
  EXPECT_THAT(Reason(cycle), HasSubstr("budget: power-cycle was done 1 times"));
  clock_.Advance(45min);
  EXPECT_EQ(Reason(cycle), "");
  EXPECT_EQ(Do(Start()), Kind::kAllowed);
}

}  // namespace
}  // namespace recovery
