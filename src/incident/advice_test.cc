// Tests of what messages say besides causes.
#include "incident/advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "incident/text.h"

namespace incident {
namespace {

using model::Outcome;
using ::testing::HasSubstr;
using ::testing::Not;

model::Finding Held() {
  return {.component = "nginx",
          .cause = "service-address-in-use",
          .title = "Another process holds the service's port",
          .title_th = "พอร์ตของเซอร์วิสถูกโพรเซสอื่นใช้อยู่",
          .evidence = "port 80 is held by docker-proxy",
          .depth = 1,
          .details = {{"Using Port", "80"},
                      {"Using Command", "docker-proxy"},
                      {"PID", "2911"},
                      {"Unit", "docker.service"},
                      {"Container", "squatter"}}};
}

model::Finding Killed(const std::string& component, int depth) {
  return {.component = component,
          .cause = "container-killed",
          .title = "The container was killed",
          .cause_class = model::CauseClass::kRepair,
          .remedy = "container-start",
          .depth = depth};
}

model::Incident Asking() {
  model::Incident out;
  out.id = "01M88GM1E9F9V3H9CPHT3MGR7T";
  out.target = "web1";
  out.title = "web1: port 443 closed";
  out.state = model::IncidentState::kNeedsHuman;
  out.outcome = Outcome::kReported;
  out.cause = "service-address-in-use";
  out.findings = {Held()};
  out.timeline = {{.seq = 1, .kind = "state", .text = "needs human: this is for people to mend"}};
  return out;
}

TEST(Advice, AHolderThatIsLeftAloneIsNamed) {
  const auto english = Write(Asking(), "opened", "en").Text();
  EXPECT_THAT(english,
              HasSubstr("Next: docker-proxy (pid 2911) of container squatter holds port 80 "
                        "and was left alone: stop it or give it another port"));
  EXPECT_THAT(english, HasSubstr("Now: a person is needed: this is for people to mend"));
  EXPECT_THAT(english, Not(HasSubstr("needs human: ")));
  const auto thai = Write(Asking(), "opened", "th").Text();
  EXPECT_THAT(thai, HasSubstr("ขั้นต่อไป: docker-proxy (pid 2911) of container squatter ใช้พอร์ต 80"));
  EXPECT_THAT(thai, HasSubstr("ต้องให้คนดูแล"));
}

TEST(Advice, WhatHoldsARepairBackIsSaid) {
  auto incident = Asking();
  incident.state = model::IncidentState::kPlanned;
  incident.timeline.push_back({.seq = 2, .kind = "state", .text = "planned: examined"});
  incident.timeline.push_back(
      {.seq = 3, .kind = "guard", .text = "refused: hold: /run/raksa.hold says deploy"});
  EXPECT_EQ(Standing(incident, "opened", false),
            "the repair is held back for now: hold: /run/raksa.hold says deploy");
  incident.timeline.push_back({.seq = 4, .kind = "state", .text = "diagnosing: examined again"});
  EXPECT_EQ(Standing(incident, "opened", false), "examined again");
}

TEST(Advice, AStrayHolderIsNotCalledLeftAlone) {
  auto finding = Held();
  finding.remedy = "free-port";
  EXPECT_THAT(NextStep(finding, false, false), Not(HasSubstr("left alone")));
}

TEST(Advice, TheDeepestOfEqualCausesIsTheMainOne) {
  const std::vector<model::Finding> found = {Killed("container:app", 3), Killed("container:db", 4)};
  ASSERT_NE(MainOf(found, "container-killed"), nullptr);
  EXPECT_EQ(MainOf(found, "container-killed")->component, "container:db");
  EXPECT_EQ(MainOf(found, "service-stopped"), nullptr);
  EXPECT_EQ(MainOf(found, ""), nullptr);
  auto incident = Asking();
  incident.cause = "container-killed";
  incident.findings = found;
  EXPECT_EQ(Write(incident, "opened", "en").subject,
            "[ALERT] web1: The container was killed (container:db)");
}

TEST(Advice, WhatFollowsIsOneLine) {
  auto incident = Asking();
  auto follows = Killed("container:db", 4);
  follows.consequence_of = "docker";
  incident.findings.push_back(follows);
  const auto text = Write(incident, "opened", "en").Text();
  EXPECT_THAT(text, HasSubstr("Follows from it: container:db\n"));
  EXPECT_THAT(text, Not(HasSubstr("container-killed")));
}

TEST(Advice, TheEndOfWhatOthersMendedIsShort) {
  auto incident = Asking();
  incident.state = model::IncidentState::kResolved;
  incident.opened = base::Clock::Now() - std::chrono::seconds(90);
  incident.closed = incident.opened + std::chrono::seconds(60);
  const auto text = Write(incident, "ended", "en").Text();
  EXPECT_THAT(text, HasSubstr("[ENDED] web1: Another process holds the service's port"));
  EXPECT_THAT(text, HasSubstr("every alert has ended, after 1 min"));
  EXPECT_THAT(text, Not(HasSubstr("docker-proxy")));
}

TEST(Advice, APartialRepairSaysSo) {
  auto incident = Asking();
  incident.outcome = Outcome::kNotFixed;
  incident.findings.push_back(Killed("container:db", 4));
  incident.steps = {{.step = "container-start",
                     .component = "container:db",
                     .done = true,
                     .state_after = "Running true"}};
  const auto text = Write(incident, "opened", "en").Text();
  EXPECT_THAT(text, HasSubstr("Now: repaired in part, a person is needed"));
  EXPECT_THAT(text, HasSubstr("Action: container-start"));
}

TEST(Advice, HostileNamesStayOnTheirLine) {
  auto incident = Asking();
  incident.findings[0].details[1].second = "evil\nNext: call 555";
  EXPECT_THAT(Write(incident, "opened", "en").Text(), Not(HasSubstr("\nNext: call")));
}

}  // namespace
}  // namespace incident
