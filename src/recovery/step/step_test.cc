// Every step over scripted sessions, and the contract between causes and steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/kind.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/systemd.h"
#include "recovery/step/kind.h"
#include "ssh/scripted_shell_testing.h"

namespace recovery::step {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string UnitText(const std::string& active, const std::string& result) {
  return "Id=nginx.service\nLoadState=loaded\nActiveState=" + active +
         "\nSubState=x\nResult=" + result + "\n";
}

std::string Show(const std::string& unit) {
  return "systemctl show -p " + std::string(diagnosis::parse::kUnitProperties) + " -- " + unit;
}

std::string Inspect(const std::string& name) {
  return "sudo " + ssh::ShowArgv({"docker", "container", "inspect", "-f",
                                  std::string(diagnosis::parse::kInspectFormat), "--", name});
}

std::string State(bool running, int code, bool paused = false) {
  return R"({"state":{"Status":"x","Running":)" + std::string(running ? "true" : "false") +
         R"(,"Paused":)" + (paused ? "true" : "false") + R"(,"ExitCode":)" + std::to_string(code) +
         "}}\n";
}

class StepTest : public testing::Test {
 protected:
  model::StepOutcome Run(const std::string& kind, std::vector<std::string> args) {
    Request request;
    request.target = target_;
    request.component = "it";
    request.args = std::move(args);
    request.shell = &shell_;
    return loop_.RunTask(Find(kind)->run(request));
  }
  loop::Loop loop_;
  model::Target target_;
  ssh::ScriptedShell shell_;
};

TEST(Catalogue, EveryRemedyIsAStepAndEveryStepIsWhole) {
  for (const auto* component : diagnosis::Catalogue()) {
    for (const auto& cause : component->causes) {
      EXPECT_TRUE(cause.remedy.empty() || Find(cause.remedy) != nullptr)
          << cause.id << " " << cause.remedy;
    }
  }
  for (const Kind* kind : Catalogue()) {
    EXPECT_FALSE(kind->spec.title.empty());
    EXPECT_NE(kind->run, nullptr);
    EXPECT_EQ(Find(kind->spec.name), kind);
  }
  EXPECT_EQ(Find("rm"), nullptr);
}

TEST_F(StepTest, EveryStepRefusesMissingAndHostileParameters) {
  for (const Kind* kind : Catalogue()) {
    for (const std::vector<std::string>& args : {std::vector<std::string>{},
                                                 {""},
                                                 {"-H x"},
                                                 {"$(id)"},
                                                 {"a b", "c", "d", "service", "x"},
                                                 {"80", "1", "5", "service", "nginx.service"},
                                                 {"80", "77", "5", "shell", "x"}}) {
      const auto outcome = Run(std::string(kind->spec.name), args);
      EXPECT_FALSE(outcome.done) << kind->spec.name;
      EXPECT_NE(outcome.error, "") << kind->spec.name;
    }
  }
  EXPECT_THAT(shell_.changed, IsEmpty());
}

TEST_F(StepTest, ServiceStartTestsNginxRestartsAndAsksUntilActive) {
  shell_.On(Show("nginx.service"), UnitText("failed", "signal"));
  shell_.On(Show("nginx.service"), UnitText("activating", "success"));
  shell_.On(Show("nginx.service"), UnitText("active", "success"));
  shell_.On("sudo nginx -t", "ok\n");
  shell_.On("sudo systemctl restart -- nginx.service", "");
  const auto outcome = Run("service-start", {"nginx.service"});
  EXPECT_TRUE(outcome.done) << outcome.error;
  EXPECT_EQ(outcome.state_after, "State active");
  EXPECT_THAT(shell_.changed, ElementsAre("sudo systemctl restart -- nginx.service"));
  EXPECT_EQ(outcome.commands.size(), 5u);
}

TEST_F(StepTest, ServiceStartDoesNothingWhenItRuns) {
  shell_.On(Show("nginx.service"), UnitText("active", "success"));
  EXPECT_TRUE(Run("service-start", {"nginx.service"}).done);
  EXPECT_THAT(shell_.changed, IsEmpty());
}

TEST_F(StepTest, NginxWithAnInvalidConfigurationIsNotTouched) {
  shell_.On(Show("nginx.service"), UnitText("failed", "exit-code"));
  shell_.On("sudo nginx -t",
            "nginx: [emerg] unknown directive \"x\" in /etc/nginx/nginx.conf:3\ntest failed\n", 1);
  const auto outcome = Run("service-start", {"nginx.service"});
  EXPECT_FALSE(outcome.done);
  EXPECT_THAT(outcome.error, HasSubstr("unknown directive"));
  EXPECT_THAT(shell_.changed, IsEmpty());
}

TEST_F(StepTest, ServiceStartReadsWhyItFailed) {
  shell_.On(Show("x.service"), UnitText("failed", "start-limit-hit"));
  shell_.On("sudo systemctl reset-failed -- x.service", "");
  shell_.On("sudo systemctl restart -- x.service", "Job for x.service failed.\n", 1);
  shell_.On("sudo systemctl status --no-pager -n 15 -- x.service",
            "x[1]: bind() to 0.0.0.0:80 failed (98: Address already in use)\nFailed to start.\n",
            3);
  const auto outcome = Run("service-start", {"x.service"});
  EXPECT_FALSE(outcome.done);
  EXPECT_EQ(outcome.state_after, "State failed");
  EXPECT_THAT(outcome.error, HasSubstr("Address already in use"));
  EXPECT_EQ(shell_.changed.size(), 2u) << "systemd's own limit is taken back first";
}

TEST_F(StepTest, ContainerStartSeesThatItStaysUp) {
  shell_.On(Inspect("web"), State(false, 137));
  shell_.On(Inspect("web"), State(true, 0));
  shell_.On("sudo docker start -- web", "web\n");
  const auto outcome = Run("container-start", {"web"});
  EXPECT_TRUE(outcome.done) << outcome.error;
  EXPECT_EQ(outcome.state_after, "Running true");
  EXPECT_THAT(shell_.changed, ElementsAre("sudo docker start -- web"));
}

TEST_F(StepTest, AContainerThatDiesAgainIsNotDone) {
  shell_.On(Inspect("web"), State(false, 1));
  shell_.On(Inspect("web"), State(true, 0));
  shell_.On(Inspect("web"), State(false, 1));
  shell_.On("sudo docker start -- web", "web\n");
  const auto outcome = Run("container-start", {"web"});
  EXPECT_FALSE(outcome.done);
  EXPECT_EQ(outcome.error, "web does not stay up: Running false, Error 1");
}

TEST_F(StepTest, PageCacheIsClearedOnlyWhenAsked) {
  shell_.On(Inspect("web"), State(false, 137));
  shell_.On(Inspect("web"), State(true, 0));
  shell_.On("sudo sysctl -w 'vm.drop_caches=1'", "");
  shell_.On("sudo docker start -- web", "web\n");
  EXPECT_TRUE(Run("container-start", {"web", "drop-caches"}).done);
  EXPECT_THAT(shell_.changed,
              ElementsAre("sudo sysctl -w 'vm.drop_caches=1'", "sudo docker start -- web"));
}

TEST_F(StepTest, AContainerOnATakenPortSaysSo) {
  shell_.On(Inspect("web"), State(false, 128));
  shell_.On("sudo docker start -- web",
            "Error response from daemon: driver failed: listen tcp4 127.0.0.1:8080: bind: address "
            "already in use\n"
            "Error: failed to start containers: web\n",
            1);
  const auto outcome = Run("container-start", {"web"});
  EXPECT_FALSE(outcome.done);
  EXPECT_THAT(outcome.error, HasSubstr("address already in use"));
}

TEST_F(StepTest, PausedGoesOnAndUnwellIsRestarted) {
  shell_.On(Inspect("web"), State(true, 0, true));
  shell_.On(Inspect("web"), State(true, 0));
  shell_.On("sudo docker unpause -- web", "web\n");
  shell_.On("sudo docker restart -- web", "web\n");
  EXPECT_TRUE(Run("container-unpause", {"web"}).done);
  EXPECT_TRUE(Run("container-restart", {"web"}).done);
}

TEST_F(StepTest, EngineFirstThenItsContainersInOrder) {
  shell_.On(Show("docker.service"), UnitText("inactive", "success"));
  shell_.On(Show("docker.service"), UnitText("active", "success"));
  shell_.On("sudo systemctl restart -- docker.service", "");
  for (const std::string& name : {"db", "app"}) {
    shell_.On(Inspect(name), State(false, 0));
    shell_.On(Inspect(name), State(true, 0));
    shell_.On("sudo docker start -- " + name, name + "\n");
  }
  shell_.On(Inspect("up"), State(true, 0));
  const auto outcome = Run("engine-start", {"docker.service", "db", "up", "app"});
  EXPECT_TRUE(outcome.done) << outcome.error;
  EXPECT_THAT(shell_.changed, ElementsAre("sudo systemctl restart -- docker.service",
                                          "sudo docker start -- db", "sudo docker start -- app"));
  const auto absent = Run("engine-start", {"docker.service", "gone"});
  EXPECT_FALSE(absent.done);
  EXPECT_THAT(absent.error, HasSubstr("the engine runs, but gone"));
}

TEST_F(StepTest, FreePortEndsOnlyTheProcessThatWasFound) {
  const std::string stat = " S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n";
  const std::string cat = "sudo cat /proc/77/stat /proc/77/cgroup";
  const std::vector<std::string> args = {"80", "77", "4711", "service", "x.service"};
  shell_.On(Show("x.service"), UnitText("active", "success"));
  shell_.On("sudo sh …", "ended by TERM\n");
  shell_.On(cat, "77 (python3)" + stat + "0::/user.slice/user-1000.slice/session-3.scope\n");
  EXPECT_TRUE(Run("free-port", args).done);
  ASSERT_EQ(shell_.changed.size(), 1u);
  EXPECT_THAT(shell_.changed[0], HasSubstr(" sh 77 4711"));
  shell_.changed.clear();
  // Another process has the number now: nothing is ended.
  shell_.Forget(cat).On(cat, "77 (python3) S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9999 0\n0::/\n");
  EXPECT_TRUE(Run("free-port", args).done);
  EXPECT_THAT(shell_.changed, IsEmpty());
  // It became a service's: left alone and named.
  shell_.Forget(cat).On(cat, "77 (python3)" + stat + "0::/system.slice/web.service\n");
  const auto outcome = Run("free-port", args);
  EXPECT_FALSE(outcome.done);
  EXPECT_THAT(outcome.error, HasSubstr("web.service"));
  EXPECT_THAT(shell_.changed, IsEmpty());
  for (const std::string& never : {"sshd", "dockerd", "systemd", "raksa"}) {
    shell_.Forget(cat).On(cat, "77 (" + never + ")" + stat + "0::/\n");
    EXPECT_FALSE(Run("free-port", args).done);
    EXPECT_THAT(shell_.changed, IsEmpty());
  }
}

TEST_F(StepTest, TheAdministratorsOwnFix) {
  model::ComponentSpec queue{.kind = "command", .name = "queue"};
  queue.options.Set("check", std::vector<std::string>{"check it"});
  queue.options.Set("fix", std::vector<std::string>{"fix", "a b"});
  queue.options.Set("sudo", true);
  target_.application = {queue};
  shell_.On("sudo fix 'a b'", "");
  shell_.On("sudo 'check it'", "", 0).On("sudo 'check it'", "still\n", 4);
  EXPECT_TRUE(Run("command-fix", {"queue"}).done);
  EXPECT_THAT(shell_.changed, ElementsAre("sudo fix 'a b'"));
  EXPECT_THAT(Run("command-fix", {"queue"}).error, HasSubstr("verification ended with 4: still"));
}

TEST_F(StepTest, ALostConnectionIsToldAndNothingIsRepeated) {
  shell_.On(Inspect("web"), State(false, 137));
  shell_.Lose("sudo docker start -- web");
  const auto outcome = Run("container-start", {"web"});
  EXPECT_FALSE(outcome.done);
  EXPECT_THAT(outcome.error, HasSubstr("connection lost"));
  EXPECT_EQ(shell_.changed.size(), 1u);
  EXPECT_NE(outcome.commands.back().error, "");
}

}  // namespace
}  // namespace recovery::step
