// What people say to an incident, and hosts that are switched off and on from outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "incident/manager.h"
#include "incident/world_testing.h"

namespace incident {
namespace {

using namespace std::chrono_literals;
using incident::testing::World;
using model::IncidentState;
using model::Outcome;

bool Mentions(const model::Incident& incident, const std::string& words) {
  return std::any_of(incident.timeline.begin(), incident.timeline.end(), [&](const auto& entry) {
    return entry.text.find(words) != std::string::npos;
  });
}

TEST(Incident, APersonTakesItOverAndGivesItBack) {
  World w;
  w.broken = {{.component = "nginx", .works = false}};
  w.guard = {.kind = GuardVerdict::Kind::kNeedsApproval};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kAwaitingApproval; }, 5s));
  EXPECT_FALSE(w.manager->Again(w.last_id, "ann").has_value()) << "it does not wait for a person";
  ASSERT_TRUE(w.manager->TakeOver(w.last_id, "ann", "mine"));
  EXPECT_FALSE(w.manager->TakeOver(w.last_id, "", "").has_value());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_TRUE(Mentions(w.manager->Open()[0], "ann took it over"));
  w.guard = {.kind = GuardVerdict::Kind::kAllowed};
  w.Fire(World::Metric("port"));  // new work: none of ours
  w.Pass(5s);
  w.Kill();
  w.Start();  // nor after a restart
  w.Pass(5s);
  EXPECT_EQ(w.Count("act"), 0);
  EXPECT_EQ(w.State(), IncidentState::kNeedsHuman);
  w.broken = {{.component = "nginx"}};
  ASSERT_TRUE(w.manager->Again(w.last_id, "ann"));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
  EXPECT_EQ(w.Count("act"), 1);
}

TEST(Incident, TakenOverWhileAChangeIsMadeNothingFollowsIt) {
  World w;
  w.broken = {{.component = "nginx", .works = false}};
  w.act_time = 2s;
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.Count("act nginx") == 1; }, 10s));
  ASSERT_TRUE(w.manager->TakeOver(w.last_id, "ann", ""));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 30s));
  w.Pass(20s);
  EXPECT_EQ(w.Count("act"), 1);
}

TEST(Incident, AHostThatIsDownIsSwitchedOffAndOnOnlyOnce) {
  World w;
  w.step = 200ms;
  w.power = true;
  w.options.boot_limit = 10s;
  w.Kill();
  w.Start();
  w.broken = {{.component = "host", .works = false}};
  w.Fire(World::Metric("ping"));
  ASSERT_TRUE(w.Until([&] { return w.Count("act host") == 1; }, 10s));
  w.Pass(8s);
  EXPECT_EQ(w.State(), IncidentState::kVerifying) << "it may boot";
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 20s));
  w.Pass(60s);
  EXPECT_EQ(w.Count("act"), 1);
  EXPECT_EQ(w.manager->Open()[0].outcome, Outcome::kNotFixed);
}

TEST(Incident, AHostThatWasSwitchedOnIsProvedByItsPing) {
  World w;
  w.power = true;
  w.broken = {{.component = "host"}};
  w.Fire(World::Metric("ping"));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 20s));
  w.End(World::Metric("ping"));
  ASSERT_TRUE(w.UntilClosed(60s));
  EXPECT_EQ(w.Newest().outcome, Outcome::kFixed);
}

TEST(Incident, WithoutAWayFromOutsideNobodyLogsInToAHostThatIsDown) {
  World w;
  w.broken = {{.component = "host"}};
  w.Fire(World::Metric("ping"));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_TRUE(w.log.empty());
}

}  // namespace
}  // namespace incident
