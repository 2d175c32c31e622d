// LocalHands: examination, guard, lease and step together, over scripted sessions.
#include "recovery/hands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/facts.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/systemd.h"
#include "recovery/lease.h"
#include "ssh/scripted_shell_testing.h"

namespace recovery {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kMachine = "0123456789abcdef0123456789abcdef";

class HandsTest : public testing::Test {
 protected:
  HandsTest() {
    target_.name = "web1";
    target_.address = "192.0.2.1";
    target_.ssh.emplace();
    target_.application = {{.kind = "container", .name = "web"}};
    FactsSay(kMachine);
    shell_->On(show_,
               "Id=docker.service\nLoadState=loaded\nActiveState=active\nSubState=running\nResult="
               "success\n");
    shell_->On(inspect_, State(false, 137));
    shell_->On("sudo docker start -- web", "web\n");
    shell_->On("flock …", "taken\n");
    shell_->before_answer = [this](const std::string& line) {
      if (line == "sudo docker start -- web") {
        shell_->Forget(inspect_).On(inspect_, State(true, 0));
      }
    };
    needs_.loop = &loop_;
    needs_.policy.mode = Mode::kAuto;
    needs_.owner = "monitor 1/x";
    needs_.find_target = [this](const std::string& name) {
      return name == "web1" ? std::optional(target_) : std::nullopt;
    };
    needs_.shell_for = [this](const model::Target&) { return shell_; };
    needs_.save = [this](const std::string& snapshot) { saved_.push_back(snapshot); };
  }
  void FactsSay(const std::string& machine) {
    const auto line = ssh::ShowArgv(diagnosis::FactsCommand().argv);
    shell_->Forget(line).On(line, "machine " + machine + "\n");
  }
  static std::string State(bool running, int code) {
    return R"({"state":{"Status":"x","Running":)" + std::string(running ? "true" : "false") +
           R"(,"ExitCode":)" + std::to_string(code) + "}}\n";
  }
  incident::DiagnoseAnswer Diagnose(LocalHands& hands) {
    return loop_.RunTask(hands.Diagnose({.incident = "i", .target = "web1"}));
  }
  model::StepOutcome Act(LocalHands& hands, const model::Finding& finding) {
    return loop_.RunTask(hands.Act({.incident = "i", .target = "web1", .finding = finding}));
  }

  const std::string show_ = "systemctl show -p " + std::string(diagnosis::parse::kUnitProperties) +
                            " -- docker.service docker.socket";
  const std::string inspect_ =
      "sudo " + ssh::ShowArgv({"docker", "container", "inspect", "-f",
                               std::string(diagnosis::parse::kInspectFormat), "--", "web"});
  loop::Loop loop_;
  model::Target target_;
  std::shared_ptr<ssh::ScriptedShell> shell_ = std::make_shared<ssh::ScriptedShell>();
  HandsNeeds needs_;
  std::vector<std::string> saved_;
};

TEST_F(HandsTest, FindsAndRepairsUnderTheLease) {
  LocalHands hands(needs_);
  const auto answer = Diagnose(hands);
  ASSERT_EQ(answer.cause, "container-killed");
  EXPECT_EQ(hands.MayAct({.target = "web1", .finding = answer.findings[0]}).kind,
            incident::GuardVerdict::Kind::kAllowed);
  const auto outcome = Act(hands, answer.findings[0]);
  EXPECT_TRUE(outcome.done) << outcome.error;
  EXPECT_EQ(outcome.step, "container-start");
  EXPECT_EQ(outcome.state_after, "Running true");
  EXPECT_EQ(outcome.commands.front().argv[0], "flock");
  EXPECT_EQ(outcome.commands.back().argv[0], "flock");
  EXPECT_THAT(outcome.commands.front().argv, Contains(kMachine));
  EXPECT_THAT(outcome.commands.front().argv, Contains("monitor-1-x"));
  EXPECT_THAT(shell_->changed, ElementsAre("sudo docker start -- web"));
}

TEST_F(HandsTest, TheBudgetIsOnDiskBeforeAnythingChanges) {
  LocalHands hands(needs_);
  const auto finding = Diagnose(hands).findings[0];
  std::size_t saved_at_change = 0;
  const auto inner = shell_->before_answer;
  shell_->before_answer = [&](const std::string& line) {
    inner(line);
    if (line == "sudo docker start -- web") {
      saved_at_change = saved_.size();
      EXPECT_NE(saved_.back().find("\"step\":\"container-start\""), std::string::npos);
    }
  };
  EXPECT_TRUE(Act(hands, finding).done);
  EXPECT_GE(saved_at_change, 2u);
  LocalHands next(needs_);
  ASSERT_TRUE(next.Restore(saved_.back()));
  EXPECT_EQ(next.guard().Tried("web1", "container:web", "container-start", std::chrono::hours(1)),
            1);
}

TEST_F(HandsTest, AnotherMachineIsNeverTouched) {
  LocalHands hands(needs_);
  const auto finding = Diagnose(hands).findings[0];
  FactsSay("ffffffffffffffffffffffffffffffff");
  const auto answer = Diagnose(hands);
  EXPECT_EQ(answer.cause, "host-identity-changed");
  shell_->Forget("flock …").On("flock …", "ffffffffffffffffffffffffffffffff\n", 70);
  const auto outcome = Act(hands, finding);
  EXPECT_TRUE(outcome.refused);
  EXPECT_THAT(outcome.error, HasSubstr("another machine"));
  EXPECT_THAT(shell_->changed, IsEmpty());
}

TEST_F(HandsTest, ALeaseOfSomebodyElseIsRespectedAndNotCharged) {
  LocalHands hands(needs_);
  const auto finding = Diagnose(hands).findings[0];
  shell_->Forget("flock …").On("flock …", "other for 100 s more\n", 75);
  auto before = base::Clock::Now();
  const auto outcome = Act(hands, finding);
  EXPECT_TRUE(outcome.refused);
  EXPECT_EQ(outcome.error, "the host's lock is held by other for 100 s more");
  EXPECT_THAT(shell_->changed, IsEmpty());
  EXPECT_EQ(hands.guard().Tried("web1", "container:web", "container-start", std::chrono::hours(1)),
            0);
  // It is not asked for again at once, and when it is free everything goes on.
  const auto wait = hands.MayAct({.target = "web1", .finding = finding});
  EXPECT_EQ(wait.kind, incident::GuardVerdict::Kind::kRefused);
  EXPECT_EQ(wait.reason, outcome.error);
  EXPECT_GT(wait.not_before, before + std::chrono::seconds(1));
  EXPECT_LT(wait.not_before, base::Clock::Now() + std::chrono::seconds(4));
  before = base::Clock::Now();
  Act(hands, finding);
  EXPECT_GT(hands.MayAct({.target = "web1", .finding = finding}).not_before,
            before + std::chrono::seconds(4));
  shell_->Forget("flock …").On("flock …", "taken\n");
  EXPECT_TRUE(Act(hands, finding).done);
}

TEST_F(HandsTest, ALockThatAFormerRunLeftIsGivenBack) {
  LocalHands hands(needs_);
  loop_.RunTask(hands.GiveBack("web1"));
  loop_.RunTask(hands.GiveBack("nobody"));
  ASSERT_EQ(shell_->asked.size(), 1u);
  EXPECT_THAT(shell_->asked[0], HasSubstr("monitor-1-x"));
  EXPECT_THAT(shell_->asked[0], HasSubstr("rm -f"));
}

TEST_F(HandsTest, WhatTheHostSaysRightBeforeTheChangeCounts) {
  LocalHands hands(needs_);
  const auto finding = Diagnose(hands).findings[0];
  const auto line = ssh::ShowArgv(diagnosis::FactsCommand().argv);
  shell_->Forget(line).On(line, "machine " + std::string(kMachine) + "\npackager 5 dpkg\n");
  const auto outcome = Act(hands, finding);
  EXPECT_TRUE(outcome.refused);
  EXPECT_THAT(outcome.error, HasSubstr("package manager"));
  EXPECT_THAT(shell_->changed, IsEmpty());
}

TEST_F(HandsTest, AnApplicationErrorGetsOneStartAndThenAReport) {
  shell_->before_answer = nullptr;
  shell_->Forget(inspect_).On(inspect_, State(false, 1));
  shell_->On("sudo docker logs --tail 3 -- web", "no settings\n");
  LocalHands hands(needs_);
  const auto first = Diagnose(hands).findings[0];
  EXPECT_EQ(first.cause, "container-application-error");
  EXPECT_EQ(first.remedy, "container-start");
  EXPECT_FALSE(Act(hands, first).done);
  const auto second = Diagnose(hands).findings[0];
  EXPECT_EQ(second.cause_class, model::CauseClass::kReport);
  EXPECT_EQ(second.remedy, "");
}

TEST_F(HandsTest, UnknownTargetsAndStepsAreRefused) {
  LocalHands hands(needs_);
  EXPECT_NE(loop_.RunTask(hands.Diagnose({.target = "nobody"})).error, "");
  model::Finding finding{.component = "x", .remedy = "rm -rf"};
  EXPECT_EQ(hands.MayAct({.target = "web1", .finding = finding}).kind,
            incident::GuardVerdict::Kind::kRefused);
  EXPECT_TRUE(Act(hands, finding).refused);
  finding.remedy = "container-start";
  EXPECT_TRUE(loop_.RunTask(hands.Act({.target = "nobody", .finding = finding})).refused);
  EXPECT_THAT(shell_->asked, IsEmpty());
}

TEST_F(HandsTest, ModeObserveChangesNothing) {
  needs_.policy.mode = Mode::kObserve;
  LocalHands hands(needs_);
  const auto finding = Diagnose(hands).findings[0];
  EXPECT_TRUE(Act(hands, finding).refused);
  EXPECT_THAT(shell_->changed, IsEmpty());
}

TEST_F(HandsTest, AHostIsPowerCycledOnlyWhenPingAndSshAreDead) {
  ssh::ScriptedShell local;
  local.On("virsh reset web1", "Domain was reset\n");
  Surroundings world{.failing_hosts = 1, .all_hosts = 9, .ping_down = true};
  needs_.local = &local;
  needs_.surroundings = [&](const std::string&) { return world; };
  const auto line = ssh::ShowArgv(diagnosis::FactsCommand().argv);
  const auto ssh_is = [&](base::ErrorKind kind) { shell_->Forget(line).Lose(line, kind); };
  const auto diagnose = [&](LocalHands& hands) {
    model::Alert ping;
    ping.labels.Set("metric", "ping");
    return loop_.RunTask(hands.Diagnose({.incident = "i", .target = "web1", .alerts = {ping}}));
  };
  LocalHands hands(needs_);
  ssh_is(base::ErrorKind::kDeadline);
  EXPECT_FALSE(hands.MendsDownHost("web1"));
  EXPECT_EQ(diagnose(hands).findings[0].remedy, "") << "off unless somebody said how";
  model::ComponentSpec host{.kind = "host"};
  host.options.Set("power_cycle", std::vector<std::string>{"virsh", "reset", "web1"});
  target_.application.push_back(host);
  EXPECT_TRUE(hands.MendsDownHost("web1"));
  const auto finding = diagnose(hands).findings[0];
  ASSERT_EQ(finding.cause, "host-down");
  ASSERT_EQ(finding.remedy, kPowerCycle);
  // It lives after all.
  FactsSay(kMachine);
  EXPECT_THAT(Act(hands, finding).error, HasSubstr("SSH answers"));
  ssh_is(base::ErrorKind::kDenied);
  EXPECT_THAT(Act(hands, finding).error, HasSubstr("SSH answers"));
  ssh_is(base::ErrorKind::kDeadline);
  world.ping_down = false;
  EXPECT_TRUE(Act(hands, finding).refused);
  world.ping_down = true;
  // The guard's own rules.
  world.cut_off = true;
  EXPECT_THAT(Act(hands, finding).error, HasSubstr("cut off"));
  world.cut_off = false;
  world.failing_hosts = 6;
  EXPECT_THAT(Act(hands, finding).error, HasSubstr("fleet brake"));
  world.failing_hosts = 1;
  EXPECT_THAT(local.asked, IsEmpty());
  const auto outcome = Act(hands, finding);
  EXPECT_TRUE(outcome.done) << outcome.error;
  EXPECT_THAT(local.changed, ElementsAre("virsh reset web1"));
  EXPECT_THAT(Act(hands, finding).error, HasSubstr("cooldown"));
  EXPECT_THAT(shell_->changed, IsEmpty());
}

TEST_F(HandsTest, ThisMachinesShellRunsArgvAndKnowsNoSudo) {
  LocalShell shell;
  const auto said = loop_.RunTask(shell.Run({.argv = {"printf", "%s", "$HOME;x"}}));
  ASSERT_TRUE(said);
  EXPECT_EQ(said->output, "$HOME;x");
  EXPECT_EQ(said->exit_status, 0);
  EXPECT_FALSE(loop_.RunTask(shell.Run({.argv = {"true"}, .sudo = true})));
  EXPECT_FALSE(loop_.RunTask(shell.Run({.argv = {}})));
  EXPECT_FALSE(loop_.RunTask(shell.Run({.argv = {"/no/such/program"}})).has_value() &&
               loop_.RunTask(shell.Run({.argv = {"/no/such/program"}}))->exit_status == 0);
  EXPECT_FALSE(
      loop_.RunTask(shell.Run({.argv = {"sleep", "9"}, .limit = std::chrono::milliseconds(50)})));
}

TEST(OwnerName, IsAPlainWord) {
  EXPECT_EQ(OwnerName("a,b;c\n"), "a-b-c-");
  EXPECT_EQ(OwnerName(""), "raksa");
}

}  // namespace
}  // namespace recovery
