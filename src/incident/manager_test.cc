// Tests of the incident's state machine: every path, on a frozen clock, with scripted hands.
#include "incident/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "incident/text.h"
#include "incident/world_testing.h"

namespace incident {
namespace {

using namespace std::chrono_literals;
using incident::testing::World;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = alert::Change::Kind;
using model::IncidentState;
using model::Outcome;

bool Mentions(const model::Incident& incident, const std::string& words) {
  return std::any_of(incident.timeline.begin(), incident.timeline.end(), [&](const auto& entry) {
    return entry.text.find(words) != std::string::npos;
  });
}

TEST(Incident, IsRepairedProvedToldAndClosed) {
  World w;
  w.broken = {{.component = "nginx"}};
  const auto alert = World::Http();
  w.Fire(alert);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
  EXPECT_THAT(w.log, ElementsAre("diagnose", "act nginx", "verify ok", "verify ok", "verify ok"));
  EXPECT_THAT(w.Messages(), ElementsAre("ended")) << "people hear when it is proved, not later";
  w.End(alert);
  ASSERT_TRUE(w.UntilClosed(30s));
  const auto done = w.Newest();
  EXPECT_EQ(done.outcome, Outcome::kFixed);
  EXPECT_EQ(done.title, "web1: http_code 500");
  EXPECT_LT(done.verified - done.opened, 3s);
  EXPECT_THAT(w.states, ElementsAre("open", "confirming", "diagnosing", "planned", "acting",
                                    "settling", "verifying", "holding", "resolved"));
  EXPECT_THAT(w.Messages(), ElementsAre("ended"));
  EXPECT_TRUE(Mentions(done, "systemctl show nginx → exit 0"));
  const auto text = Write(done, "ended", "en");
  EXPECT_EQ(text.subject, "[FIXED] web1: Service is stopped (nginx)");
  EXPECT_THAT(text.Text(), HasSubstr("Host IP: 192.0.2.11\n"));
  EXPECT_THAT(text.Text(), HasSubstr("Service Name: nginx\n"));
  EXPECT_THAT(text.Text(), HasSubstr("State: State inactive\n"));
  EXPECT_THAT(text.Text(), HasSubstr("---Recovery Result---\n"));
  EXPECT_THAT(text.Text(), HasSubstr("Solve Time: "));
  EXPECT_THAT(Write(done, "ended", "th").Text(), HasSubstr("เซอร์วิสหยุดทำงาน"));
}

TEST(Incident, ADrillIsCalledOneInItsTimelineAndMessage) {
  World w;
  w.broken = {{.component = "nginx"}};
  auto alert = World::Http();
  alert.annotations.Set("raksa_drill", "service-stopped:nginx, begun by ann");
  w.Fire(alert);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
  w.End(alert);
  ASSERT_TRUE(w.UntilClosed(30s));
  const auto done = w.Newest();
  EXPECT_TRUE(Mentions(done, "this is a drill: service-stopped:nginx, begun by ann"));
  const auto text = Write(done, "ended", "en");
  EXPECT_EQ(text.subject, "[DRILL] [FIXED] web1: Service is stopped (nginx)");
  EXPECT_THAT(text.Text(), HasSubstr("Drill: service-stopped:nginx, begun by ann\n"));
}

TEST(Incident, MendsTheDeepestFirstAndLooksInBetween) {
  World w;
  w.broken = {{.component = "nginx", .depth = 1},
              {.component = "docker", .depth = 2},
              {.component = "web", .depth = 3, .consequence_of = "docker"}};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 1; }, 5s));
  std::erase_if(w.broken, [](const auto& b) { return b.component == "web"; });  // comes with docker
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 15s));
  std::vector<std::string> acts;
  std::copy_if(w.log.begin(), w.log.end(), std::back_inserter(acts),
               [](const auto& l) { return l.starts_with("act") || l == "diagnose"; });
  EXPECT_THAT(acts, ElementsAre("diagnose", "act docker", "diagnose", "act nginx"));
}

TEST(Incident, GivesUpLoudlyAfterBoundedTries) {
  World w;
  w.step = 200ms;
  w.broken = {{.component = "nginx", .works = false}};
  const auto alert = World::Http();
  w.Fire(alert);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 60s));
  EXPECT_EQ(w.Count("act"), 2);
  EXPECT_THAT(w.Messages(), ElementsAre("opened"));
  EXPECT_EQ(w.manager->Open()[0].outcome, Outcome::kNotFixed);
  EXPECT_EQ(Write(w.manager->Open()[0], "opened", "en").tag, "NOT FIXED");
  w.Pass(60s);
  EXPECT_EQ(w.Count("act"), 2);
  w.End(alert);
  ASSERT_TRUE(w.UntilClosed(5s));
  EXPECT_THAT(w.Messages(), ElementsAre("opened", "ended"));
  EXPECT_EQ(w.Newest().outcome, Outcome::kNotFixed);
}

TEST(Incident, AStepThatFailsIsExaminedAgain) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.step_fails = true;
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 30s));
  EXPECT_THAT(w.log, ElementsAre("diagnose", "act nginx", "diagnose", "act nginx", "diagnose"));
  EXPECT_THAT(w.Messages(), ElementsAre("opened"));
}

TEST(Incident, HealsByItself) {
  World w;
  w.broken = {{.component = "nginx"}};
  const auto alert = World::Http();
  w.Fire(alert);
  ASSERT_TRUE(w.Until([&] { return w.Count("diagnose") == 1; }, 5s));
  w.End(alert);
  ASSERT_TRUE(w.UntilClosed(5s));
  EXPECT_EQ(w.Count("act"), 0);
  EXPECT_EQ(w.Newest().outcome, Outcome::kHealedItself);
  EXPECT_THAT(w.Messages(), ElementsAre("ended"));
}

TEST(Incident, AHostThatIsDownIsToldOnceAndLeftAlone) {
  World w;
  w.step = 200ms;
  const auto ping = World::Metric("ping");
  w.Fire(ping);
  w.Send(Kind::kSuppressed, World::Http(0), "web1 does not answer ping");
  w.Pass(60s);
  EXPECT_THAT(w.log, IsEmpty());
  EXPECT_THAT(w.Messages(), ElementsAre("opened"));
  EXPECT_EQ(Write(w.manager->Open()[0], "opened", "en").subject, "[DOWN] web1: no answer to ping");
  w.End(ping);
  ASSERT_TRUE(w.UntilClosed(5s));
  EXPECT_THAT(w.Messages(), ElementsAre("opened", "ended"));
  EXPECT_EQ(w.Newest().outcome, Outcome::kReported);
}

TEST(Incident, StopsLoggingInWhenTheHostGoesDown) {
  World w;
  w.step = 200ms;
  w.broken = {{.component = "nginx", .works = false}};
  const auto http = World::Http();
  w.Fire(http);
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 1; }, 5s));
  const auto ping = World::Metric("ping");
  w.Fire(ping);
  w.Send(Kind::kSuppressed, http, "web1 does not answer ping");
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 10s));
  const auto asked = w.Count("diagnose") + w.Count("act");
  w.Pass(30s);
  EXPECT_EQ(w.Count("diagnose") + w.Count("act"), asked);
  w.End(ping);
  w.broken[0].works = true;
  w.Pass(5s);
  w.Send(Kind::kUnsuppressed, http, "");
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
}

TEST(Incident, ResourcesAreExaminedAndToldNeverChanged) {
  World w;
  w.broken = {{.component = "host"}};
  auto cpu = World::Metric("cpu_percent");
  cpu.value = 97;
  w.Fire(cpu);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_THAT(w.log, ElementsAre("diagnose"));
  EXPECT_EQ(w.manager->Open()[0].title, "web1: CPU 97 % used");
  w.End(cpu);
  ASSERT_TRUE(w.UntilClosed(5s));
  EXPECT_EQ(w.Newest().outcome, Outcome::kReported);
  EXPECT_THAT(w.Messages(), ElementsAre("opened", "ended"));
}

TEST(Incident, AlertsOfOneApplicationJoin) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.Fire(World::Http(0));
  w.Fire(World::Metric("port"));
  w.Fire(World::Metric("mem_percent"));
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 1; }, 5s));
  EXPECT_EQ(w.manager->Open().size(), 2U);
}

TEST(Incident, OtherCodesAreOnlyExamined) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.Fire(World::Http(403));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_EQ(w.Count("act"), 0);
  w.Send(Kind::kUpdated, World::Http(500), "another status code");
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
}

TEST(Incident, ObserveSaysWhatItWouldHaveDone) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.guard = {.kind = GuardVerdict::Kind::kObserve, .reason = "mode observe"};
  const auto alert = World::Http();
  w.Fire(alert);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_TRUE(Mentions(w.manager->Open()[0], "would have done service-restart nginx for nginx"));
  EXPECT_EQ(w.Count("act"), 0);
  EXPECT_THAT(w.Messages(), ElementsAre("opened"));
}

TEST(Incident, WaitsForApproval) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.guard = {.kind = GuardVerdict::Kind::kNeedsApproval, .reason = "mode approve"};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kAwaitingApproval; }, 5s));
  EXPECT_THAT(w.Messages(), ElementsAre("approval"));
  EXPECT_FALSE(w.manager->Approve("nope", "ann"));
  EXPECT_FALSE(w.manager->Approve(w.last_id, ""));
  EXPECT_FALSE(w.manager->Approve(w.last_id, "a\nb"));
  w.Pass(2s);
  EXPECT_EQ(w.Count("act"), 0);
  ASSERT_TRUE(w.manager->Approve(w.last_id, "ann"));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
  EXPECT_THAT(w.Messages(), ElementsAre("approval", "ended"));
  EXPECT_EQ(w.loop.RunTask(w.journal->Audit(5))->front().who, "ann");
  EXPECT_FALSE(w.manager->Approve(w.last_id, "ann")) << "too late";
}

TEST(Incident, OptionsMayChangeWhileItIsOpen) {
  World w;
  w.options.hold = 1h;
  w.Kill();
  w.Start();
  w.broken = {{.component = "nginx"}};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
  auto options = w.options;
  options.hold = 2s;
  w.manager->SetOptions(options);
  ASSERT_TRUE(w.Until([&] { return w.State() != IncidentState::kHolding; }, 1min));
}

TEST(Incident, AnOldPlanIsMadeAnewAfterTheYes) {
  World w;
  w.options.plan_age = 5s;
  w.Kill();
  w.Start();
  w.broken = {{.component = "nginx"}};
  w.guard = {.kind = GuardVerdict::Kind::kNeedsApproval};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kAwaitingApproval; }, 5s));
  w.Pass(6s);
  w.broken = {{.component = "docker"}};
  ASSERT_TRUE(w.manager->Approve(w.last_id, "ann"));
  w.Pass(3s);
  EXPECT_EQ(w.State(), IncidentState::kAwaitingApproval) << "another repair needs another yes";
  EXPECT_EQ(w.Count("act"), 0);
  ASSERT_TRUE(w.manager->Reject(w.last_id, "bob", "not now"));
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
}

TEST(Incident, TheGuardsHoldIsWaitedOut) {
  World w;
  w.step = 200ms;
  w.broken = {{.component = "nginx"}};
  w.guard = {.kind = GuardVerdict::Kind::kRefused,
             .reason = "cooldown",
             .not_before = base::Clock::Now() + 20s};
  w.Fire(World::Http());
  w.Pass(5s);
  EXPECT_THAT(w.Messages(), ElementsAre("opened"));
  w.guard = {.kind = GuardVerdict::Kind::kAllowed};
  EXPECT_EQ(w.Count("act"), 0);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 30s));
  EXPECT_THAT(w.Messages(), ElementsAre("opened", "ended"));
}

TEST(Incident, ARefusalForGoodNeedsAPerson) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.guard = {.kind = GuardVerdict::Kind::kRefused, .reason = "budget spent"};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_TRUE(Mentions(w.manager->Open()[0], "refused: budget spent"));
  EXPECT_EQ(w.Count("act"), 0);
}

TEST(Incident, ARefusalAtTheLastMomentIsBounded) {
  World w;
  w.step = 200ms;
  w.broken = {{.component = "nginx"}};
  w.refuse_act = true;
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 90s));
  EXPECT_LE(w.Count("refuse"), 11);
  EXPECT_EQ(w.Count("act"), 0);
}

TEST(Incident, ThatComesBackWhileWatchedIsOpenedAgain) {
  World w;
  w.broken = {{.component = "nginx"}};
  auto alert = World::Http();
  w.Fire(alert);
  for (int i = 1; i <= 2; ++i) {
    ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s)) << i;
    w.End(alert);
    w.Pass(3s);
    w.broken = {{.component = "nginx"}};
    alert.starts_at = base::Clock::Now();
    w.Fire(alert);
    w.Until([&] { return w.State() != IncidentState::kHolding; }, 5s);
  }
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 20s));
  EXPECT_EQ(w.Count("act"), 2) << "the same remedy a third time treats the symptom";
  EXPECT_EQ(w.manager->Open()[0].outcome, Outcome::kFixedThenRecurred);
  EXPECT_THAT(w.Messages(), ElementsAre("ended", "ended", "opened"));
}

TEST(Incident, ASilentRelapseIsSeenAtTheEndOfTheWatch) {
  World w;
  w.step = 200ms;
  w.broken = {{.component = "nginx"}};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
  w.broken = {{.component = "nginx"}};  // the alert never ended, so nothing fires
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 2; }, 30s));
}

TEST(Incident, SilencedIsRepairedQuietly) {
  World w;
  w.step = 200ms;
  w.broken = {{.component = "nginx"}};
  const auto alert = World::Http();
  w.Fire(alert, "S1");
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
  w.End(alert);
  ASSERT_TRUE(w.UntilClosed(30s));
  EXPECT_THAT(w.Messages(), IsEmpty());
  w.broken = {{.component = "nginx", .repairable = false}};
  w.Fire(alert, "S1");
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_THAT(w.Messages(), IsEmpty());
  w.Send(Kind::kUnsilenced, alert, "the silence is over");
  EXPECT_THAT(w.Messages(), ElementsAre("opened")) << "what is owed is told";
}

TEST(Incident, MaintenancePausesIt) {
  World w;
  w.step = 200ms;
  w.broken = {{.component = "nginx"}};
  const auto alert = World::Http();
  w.Fire(alert);
  w.Send(Kind::kSuppressed, alert, "maintenance by bob");
  w.Pass(20s);
  EXPECT_EQ(w.Count("act"), 0);
  w.Send(Kind::kUnsuppressed, alert, "");
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
}

TEST(Incident, AStrangersFalseAlarmIsNotActedOn) {
  World w;
  auto alert = World::Metric("port", "grafana");
  w.Fire(alert);
  ASSERT_TRUE(w.UntilClosed(5s));
  EXPECT_EQ(w.Count("diagnose"), 0);
  EXPECT_EQ(w.Newest().outcome, Outcome::kHealedItself);
  auto notice = World::Metric("port", "grafana");
  notice.labels.Set("alertname", "DatasourceNoData");
  w.broken = {{.component = "nginx"}};
  w.Fire(notice);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_EQ(w.Count("diagnose"), 0);
}

TEST(Incident, WithoutAProbeTheAlertsEndIsTheProof) {
  World w;
  w.possible = false;
  w.broken = {{.component = "nginx"}};
  const auto alert = World::Http();
  w.Fire(alert);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kVerifying; }, 5s));
  w.Pass(2s);
  EXPECT_EQ(w.State(), IncidentState::kVerifying);
  w.End(alert);
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 5s));
}

TEST(Incident, AnUnreachableHostIsTriedAFewTimes) {
  World w;
  w.step = 200ms;
  w.examine_error = "ssh web1: connection refused";
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 20s));
  EXPECT_EQ(w.Count("diagnose"), 3);
  w.Pass(30s);
  EXPECT_EQ(w.Count("diagnose"), 3);
}

TEST(Incident, WorseIsCalledWorse) {
  World w;
  w.broken = {{.component = "nginx", .works = false}};
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kVerifying; }, 5s));
  w.Pass(2s);
  for (const auto* port : {"80", "443"}) {
    auto more = World::Metric("port");
    more.labels.Set("port", port);
    w.Fire(more);
  }
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 60s));
  EXPECT_EQ(w.manager->Open()[0].outcome, Outcome::kMadeWorse);
}

TEST(Incident, ASlowStartIsNotAFailure) {
  World w;
  w.broken = {{.component = "nginx"}};
  w.probe_stuck = true;
  w.Fire(World::Http());
  ASSERT_TRUE(w.Until([&] { return w.Count("act") == 1; }, 5s));
  w.Pass(14s);
  w.probe_stuck = false;
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kHolding; }, 10s));
  EXPECT_EQ(w.Count("act"), 1);
}

TEST(Incident, NothingIsChangedWithoutTheJournal) {
  base::SetLogSink([](std::string_view) {});
  World w;
  w.broken = {{.component = "nginx"}};
  w.Fire(World::Http());
  w.journal->Post({.intents = {{.key = w.last_id + "/1", .incident = "stranger"}}});
  ASSERT_TRUE(w.Until([&] { return w.State() == IncidentState::kNeedsHuman; }, 5s));
  EXPECT_EQ(w.Count("act"), 0);
  base::SetLogSink(nullptr);
}

TEST(Incident, IsAcknowledgedAndClosedByHand) {
  World w;
  const auto ping = World::Metric("ping", "grafana");
  w.Fire(ping);
  w.Pass(1s);
  ASSERT_TRUE(w.manager->Acknowledge(w.last_id, "ann"));
  EXPECT_EQ(w.manager->Open()[0].acknowledged_by, "ann");
  ASSERT_TRUE(w.manager->CloseByHand(w.last_id, "ann", "router swapped"));
  ASSERT_TRUE(w.UntilClosed(5s));
  EXPECT_FALSE(w.manager->Acknowledge(w.last_id, "ann"));
}

}  // namespace
}  // namespace incident
