// Tests of what the incident's state machine does after the daemon was stopped or killed, and of
// its properties over random histories.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/log.h"
#include "incident/manager.h"
#include "incident/text.h"
#include "incident/world_testing.h"

namespace incident {
namespace {

using namespace std::chrono_literals;
using incident::testing::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = alert::Change::Kind;
using model::IncidentState;
using model::Outcome;

bool Mentions(const model::Incident& incident, const std::string& words) {
  return std::any_of(incident.timeline.begin(), incident.timeline.end(), [&](const auto& entry) {
    return entry.text.find(words) != std::string::npos;
  });
}

TEST(Incident, ReconcileEndsWhatNoLongerFires) {
  World w;
  w.Fire(World::Metric("ping"));
  w.Pass(1s);
  w.Kill();
  w.Start();
  w.manager->Reconcile({});
  ASSERT_TRUE(w.UntilClosed(5s));
}

// Killed at every state, it goes on where it may and never acts on what it no longer knows.
TEST(Incident, SurvivesARestartAtEveryState) {
  for (const auto state :
       {IncidentState::kOpen, IncidentState::kConfirming, IncidentState::kDiagnosing,
        IncidentState::kPlanned, IncidentState::kAwaitingApproval, IncidentState::kActing,
        IncidentState::kSettling, IncidentState::kVerifying, IncidentState::kHolding,
        IncidentState::kNeedsHuman}) {
    SCOPED_TRACE(model::ToString(state));
    World w;
    w.options.hold = 2s;
    w.Kill();
    w.Start();
    w.broken = {{.component = "nginx"}};
    if (state == IncidentState::kAwaitingApproval) {
      w.guard = {.kind = GuardVerdict::Kind::kNeedsApproval};
    }
    if (state == IncidentState::kNeedsHuman) {
      w.broken[0].repairable = false;
    }
    const auto alert = World::Http();
    w.Fire(alert);
    const std::string name(model::ToString(state));
    ASSERT_TRUE(w.Until(
        [&] { return std::find(w.states.begin(), w.states.end(), name) != w.states.end(); }, 10s));
    w.Kill();
    const auto before = w.log.size();
    w.Start();
    if (state == IncidentState::kAwaitingApproval) {
      w.Pass(1s);
      EXPECT_EQ(w.State(), state);
      ASSERT_TRUE(w.manager->Approve(w.last_id, "ann"));
    }
    if (state == IncidentState::kNeedsHuman) {
      w.Pass(1s);
      EXPECT_EQ(w.State(), state);
      w.End(alert);
      EXPECT_TRUE(w.UntilClosed(5s));
      EXPECT_THAT(w.Messages(), ElementsAre("opened", "ended"));
      continue;
    }
    ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 20s));
    w.End(alert);
    ASSERT_TRUE(w.UntilClosed(40s));
    const auto done = w.Newest();
    EXPECT_TRUE(Mentions(done, "taken up again after a restart"));
    if (w.log.size() > before) {
      EXPECT_FALSE(w.log[before].starts_with("act")) << "examined or verified first";
    }
    EXPECT_EQ(done.outcome, Outcome::kFixed);
    EXPECT_EQ(std::count(w.states.begin(), w.states.end(), "resolved"), 1);
    const auto messages = w.Messages();
    EXPECT_EQ(std::count(messages.begin(), messages.end(), "ended"), 1);
  }
}

// Whatever happens in whatever order: no two changes without a look between them, never more than
// the bound, and when all alerts have ended no incident stays open.
TEST(Incident, PropertyIsNeverStuckAndNeverActsBlindly) {
  base::SetLogSink([](std::string_view) {});
  for (unsigned seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    World w;
    w.step = 200ms;
    w.options.hold = 2s;
    w.options.patience = 3s;
    w.options.verify_limit = 1s;
    w.Kill();
    w.Start();
    const std::array<model::Alert, 4> alerts = {
        World::Http(), World::Metric("port"), World::Metric("ping"), World::Metric("cpu_percent")};
    for (int i = 0; i < 40; ++i) {
      auto alert = alerts[random() % alerts.size()];
      alert.starts_at = base::Clock::Now();
      switch (random() % 10) {
        case 0:
        case 1:
        case 2:
          w.broken.push_back({.component = fmt::format("c{}", random() % 3),
                              .depth = static_cast<int>(random() % 3),
                              .repairable = random() % 3 != 0,
                              .works = random() % 2 == 0});
          w.Fire(alert);
          break;
        case 3:
          w.End(alert);
          break;
        case 4:
          w.Send(Kind::kSuppressed, alert, "held");
          break;
        case 5:
          w.Send(Kind::kUnsuppressed, alert, "");
          break;
        case 6:
          w.guard.kind = static_cast<GuardVerdict::Kind>(random() % 4);
          w.guard.not_before = base::Clock::Now() + 1s;
          break;
        case 7:
          (void)w.manager->Approve(w.last_id, "ann");
          w.step_fails = random() % 4 == 0;
          w.refuse_act = random() % 4 == 0;
          break;
        case 8:
          w.broken.clear();
          break;
        case 9:
          if (random() % 3 == 0) {
            w.Kill();
            w.Start();
          }
          break;
      }
      w.Pass(std::chrono::milliseconds(random() % 1500));
    }
    bool looked = true;
    for (const auto& what : w.log) {
      const bool act = what.starts_with("act");
      EXPECT_TRUE(!act || looked);
      looked = !act && (looked || what != "give back");
    }
    for (const auto& alert : alerts) {
      w.End(alert);
    }
    EXPECT_TRUE(w.UntilClosed(90s));
  }
  base::SetLogSink(nullptr);
}

// The daemon was killed while the host did what it was told: the host is asked what became of it,
// its lock is given back, nothing is done twice, and people hear what is known and what is not.
TEST(Incident, AChangeWhoseResultWasLostIsLookedAt) {
  World w;
  w.act_time = 5s;
  w.broken = {{.component = "nginx"}};
  const auto alert = World::Http();
  w.Fire(alert);
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 1; }, 10s));
  w.Kill();
  w.broken.clear();  // the change went on without us
  w.Start();
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
  w.End(alert);
  ASSERT_TRUE(w.UntilClosed(60s));
  EXPECT_EQ(w.Count("act"), 1);
  EXPECT_EQ(w.Count("give back"), 1);
  const auto done = w.Newest();
  EXPECT_TRUE(Mentions(done, "its result is not known"));
  EXPECT_EQ(done.outcome, Outcome::kFixed);
  EXPECT_THAT(Write(done, "ended", "en").Text(), HasSubstr("in the middle of the repair"));
}

TEST(Incident, WhatTheHostSaysOfALostChangeIsInTheTimeline) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 1; }, 10s));
  w.Kill();
  w.Start();
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
  EXPECT_TRUE(
      Mentions(w.manager->Open()[0],
               "service-restart on nginx was interrupted; the host says now: State inactive"));
  EXPECT_EQ(w.Count("act"), 2);
}

TEST(Incident, TheOutsideProbesLastWordsSurviveARestart) {
  World w;
  w.options.verify_limit = 1s;
  w.options.patience = 3s;
  w.Kill();
  w.Start();
  w.probe_stuck = true;
  w.broken = {{.component = "nginx"}};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 1; }, 10s));
  ASSERT_TRUE(w.Until([&] { return w.Count("diagnose") == 2; }, 10s));
  w.Kill();
  w.clock.Advance(4s);
  w.Start();
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 20s));
  EXPECT_TRUE(Mentions(w.manager->Open()[0], "the outside probe still fails: http_code 500"));
}

// A refusal for now at the last moment (another's lock) is waited out without asking the host again
// and again, and a person's yes stays good for it.
TEST(Incident, ALockOfAnotherIsWaitedOutWithTheYes) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.guard = {.kind = GuardVerdict::Kind::kNeedsApproval};
  w.refuse_act = true;
  w.refuse_for = 5s;
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kAwaitingApproval; }, 5s));
  ASSERT_TRUE(w.manager->Approve(w.last_id, "ann"));
  ASSERT_TRUE(w.Until([&] { return w.Count("refuse") == 1; }, 5s));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kPlanned; }, 1s));
  const int looks = w.Count("diagnose");
  w.Pass(3s);
  EXPECT_EQ(w.Count("refuse"), 1);
  EXPECT_EQ(w.Count("diagnose"), looks);
  w.refuse_act = false;
  w.guard = {.kind = GuardVerdict::Kind::kNeedsApproval};  // the yes is still good
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
  EXPECT_EQ(w.Count("act"), 1);
}

// Somebody sets the wall clock an hour back (or ahead): what is watched for two seconds is watched
// for two seconds.
TEST(Incident, AWallClockThatIsSetChangesNoWait) {
  for (const auto by : {-3600s, 3600s}) {
    World w;
    w.options.hold = 2s;
    w.Kill();
    w.Start();
    w.broken = {{.component = "nginx"}};
    const auto alert = World::Http();
    w.Fire(alert);
    ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kActing; }, 10s));
    w.clock.SetWall(base::Clock::Now() + by);
    ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
    w.End(alert);
    w.Pass(1s);
    EXPECT_EQ(w.State(), IncidentState::kHolding);
    w.clock.SetWall(base::Clock::Now() - by);
    ASSERT_TRUE(w.UntilClosed(5s));
    EXPECT_EQ(w.Newest().outcome, Outcome::kFixed);
  }
}

}  // namespace
}  // namespace incident
