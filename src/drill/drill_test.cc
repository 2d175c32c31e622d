// Tests of drills: the contract of every kind, what a target offers, and the order in which a fault
// is armed, caused and taken back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "diagnosis/kind.h"
#include "drill/causing.h"
#include "drill/kind.h"

namespace drill {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Joined(const Argv& argv) {
  std::string out;
  for (const auto& word : argv) {
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

/// web1 as the source design has it.
model::Target SourceTarget() {
  model::Target out;
  out.name = "web1";
  out.ports = {80, 443};
  out.ssh = model::SshCredential{.name = "ops", .user = "ops"};
  out.application = {{.kind = "firewall"},
                     {.kind = "nginx"},
                     {.kind = "docker"},
                     {.kind = "container", .name = "web-application"},
                     {.kind = "container", .name = "web-database"}};
  return out;
}

/// Notes what is run as root; commands that begin with one of `fails` end with status 1.
class NotingShell : public ssh::Shell {
 public:
  loop::Task<base::Result<model::CommandRecord>> Run(ssh::Command command) override {
    model::CommandRecord record;
    record.argv = command.argv;
    const auto line = Joined(command.argv);
    lines.push_back((command.sudo ? "sudo " : "") + line.substr(0, 60));
    if (lose > 0) {
      --lose;
      co_return base::Fail(base::ErrorKind::kUnavailable, "connection closed");
    }
    record.exit_status = 0;
    for (const auto& start : fails) {
      if (line.starts_with(start)) {
        record.exit_status = 1;
        record.output = "Unit was already loaded\n";
      }
    }
    record.output += output;
    co_return record;
  }
  std::vector<std::string> lines;
  std::vector<std::string> fails;
  std::string output;
  int lose = 0;
};

Plan PlanOf(std::string_view scenario) {
  const auto target = SourceTarget();
  const auto found = FindScenario(target, scenario);
  EXPECT_TRUE(found) << scenario;
  return found->kind->plan({.target = target, .component = found->component, .port = "80"});
}

TEST(Drill, EveryKindIsWhole) {
  std::set<std::string_view> names;
  for (const Kind* kind : Catalogue()) {
    const std::string name(kind->spec.name);
    EXPECT_TRUE(names.insert(kind->spec.name).second) << name;
    EXPECT_FALSE(kind->spec.title.empty()) << name;
    EXPECT_NE(diagnosis::FindCause(kind->cause), nullptr) << name << " expects a cause unknown";
    EXPECT_EQ(kind->repaired, !kind->remedy.empty()) << name;
    auto folder = name;
    std::ranges::replace(folder, '-', '_');
    std::ifstream in(std::string(RAKSA_SOURCE_DIR) + "/src/drill/" + folder + "/README.md");
    std::ostringstream readme;
    readme << in.rdbuf();
    for (const std::string_view part : {"**What.**", "**Why.**", "**How.**"}) {
      EXPECT_THAT(readme.str(), HasSubstr(std::string(part))) << name;
    }
    EXPECT_THAT(readme.str(), HasSubstr("`" + std::string(kind->cause) + "`")) << name;
  }
}

TEST(Drill, TheSourcesTargetOffersItsNineSituations) {
  std::vector<std::string> names;
  for (const auto& scenario : Offers(SourceTarget())) {
    names.push_back(scenario.Name());
    const auto plan = PlanOf(scenario.Name());
    EXPECT_FALSE(plan.cause.empty()) << scenario.Name();
    EXPECT_FALSE(plan.undo.empty()) << scenario.Name() << " could leave the host broken";
  }
  EXPECT_THAT(names,
              ElementsAre("service-port-taken:nginx", "service-stopped:nginx", "engine-stopped",
                          "container-port-taken:web-application",
                          "container-stopped:web-application", "container-port-taken:web-database",
                          "container-stopped:web-database", "cpu-high", "memory-high"));
  auto without_login = SourceTarget();
  without_login.ssh.reset();
  EXPECT_TRUE(Offers(without_login).empty());
}

TEST(Drill, AScenarioIsFoundByItsNameAlone) {
  const auto target = SourceTarget();
  EXPECT_EQ(FindScenario(target, "engine-stopped")->Component(), "docker");
  const auto none = FindScenario(target, "engine-stoped");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("did you mean \"engine-stopped\""));
  EXPECT_FALSE(FindScenario(target, "container-stopped:other; reboot"));
}

TEST(Drill, TheUndoIsArmedBeforeTheFault) {
  loop::Loop loop;
  NotingShell shell;
  const auto plan = PlanOf("service-stopped:nginx");
  EXPECT_EQ(loop.RunTask(Cause(&shell, plan)).error, "");
  EXPECT_THAT(shell.lines,
              ElementsAre("sudo systemd-run --quiet --collect --unit=raksa-drill-undo-0 --on",
                          "sudo systemctl stop nginx.service"));
  EXPECT_THAT(
      Joined(ArmArgv(0, plan.undo[0])),
      HasSubstr("--on-active=150 --timer-property=AccuracySec=1s -- systemctl start nginx"));
  shell.lines.clear();
  EXPECT_EQ(loop.RunTask(Undo(&shell, plan)).error, "");
  EXPECT_THAT(shell.lines, ElementsAre("sudo systemctl start nginx.service",
                                       "sudo systemctl stop raksa-drill-undo-0.timer"));
}

TEST(Drill, NothingIsBrokenWhenTheUndoCannotBeArmed) {
  loop::Loop loop;
  NotingShell shell;
  shell.fails = {"systemd-run --quiet --collect --unit=raksa-drill-undo-1"};
  const auto done = loop.RunTask(Cause(&shell, PlanOf("engine-stopped")));
  EXPECT_THAT(done.error, HasSubstr("nothing is broken"));
  EXPECT_EQ(std::ranges::count(shell.lines, "sudo systemctl stop docker.service"), 0);
  EXPECT_EQ(shell.lines.back(), "sudo systemctl stop raksa-drill-undo-0.timer");
}

TEST(Drill, TheUndoIsTriedAgainAfterALostConnection) {
  loop::Loop loop;
  NotingShell shell;
  shell.lose = 1;
  EXPECT_EQ(loop.RunTask(Undo(&shell, PlanOf("service-stopped:nginx"))).error, "");
  EXPECT_THAT(shell.lines, ElementsAre("sudo systemctl start nginx.service",
                                       "sudo systemctl start nginx.service",
                                       "sudo systemctl stop raksa-drill-undo-0.timer"));
}

TEST(Drill, TheEnginesUndoBringsTheContainersTheDeepestFirst) {
  EXPECT_THAT(PlanOf("engine-stopped").undo,
              ElementsAre(Argv{"systemctl", "start", "docker.service"},
                          Argv{"docker", "start", "web-database"},
                          Argv{"docker", "start", "web-application"}));
}

TEST(Drill, APortIsAskedOfDocker) {
  loop::Loop loop;
  NotingShell shell;
  shell.output =
      R"({"name":"/web-database","state":{"Status":"running","Running":true},"restart":{},)"
      R"("ports":{"5432/tcp":[{"HostIp":"","HostPort":"5433"}]},"network":"web","memory":0,)"
      R"("restarts":0,"depends":null})";
  const auto target = SourceTarget();
  const auto port = loop.RunTask(
      PortOf(&shell, target, *FindScenario(target, "container-port-taken:web-database")));
  ASSERT_TRUE(port) << port.error().message;
  EXPECT_EQ(*port, "5433");
  const auto nginx =
      loop.RunTask(PortOf(&shell, target, *FindScenario(target, "service-port-taken:nginx")));
  EXPECT_EQ(*nginx, "80");
}

TEST(Drill, TheSudoersFileGetsEveryCommandOnce) {
  std::set<Argv> seen;
  for (const auto& argv : Commands(SourceTarget())) {
    EXPECT_TRUE(seen.insert(argv).second) << Joined(argv);
  }
  for (const auto& scenario : Offers(SourceTarget())) {
    const auto plan = scenario.kind->plan(
        {.target = SourceTarget(), .component = scenario.component, .port = "[0-9]*"});
    for (std::size_t i = 0; i < plan.undo.size(); ++i) {
      EXPECT_TRUE(seen.contains(plan.undo[i]));
      EXPECT_TRUE(seen.contains(ArmArgv(i, plan.undo[i])));
      EXPECT_TRUE(seen.contains(DisarmArgv(i)));
    }
    for (const auto& argv : plan.cause) {
      EXPECT_TRUE(seen.contains(argv));
    }
  }
}

}  // namespace
}  // namespace drill
