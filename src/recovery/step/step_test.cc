// Every step over scripted sessions, and the contract between causes and steps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "diagnosis/kind.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/systemd.h"
#include "loop/process.h"
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
  /// Nothing is run as root that no step says it runs: `raksa sudoers` is made of that.
  void TearDown() override {
    model::Target declared;
    declared.application = {{.kind = "nginx"},
                            {.kind = "docker"},
                            {.kind = "service", .name = "x"},
                            {.kind = "container", .name = "web"},
                            {.kind = "container", .name = "db"},
                            {.kind = "container", .name = "app"},
                            {.kind = "container", .name = "up"},
                            {.kind = "container", .name = "gone"},
                            {.kind = "container", .name = "80"}};
    for (const auto& component : target_.application) {
      declared.application.push_back(component);
    }
    Policy policy;
    policy.drop_caches = true;
    const auto privileges = Privileges(declared, policy);
    for (const auto& argv : shell_.as_root) {
      EXPECT_TRUE(ssh::Covers(privileges, argv))
          << "no step says that it runs this as root: " << ssh::ShowArgv(argv);
    }
  }
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
                                                 {"80", "1", "5", "service", "nginx.service", "/x"},
                                                 {"80", "77", "5", "shell", "x", "/x"}}) {
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

TEST_F(StepTest, ServiceStartDoesNothingWhenItRunsAndClaimsNothing) {
  shell_.On(Show("nginx.service"), UnitText("active", "success"));
  const auto outcome = Run("service-start", {"nginx.service"});
  EXPECT_FALSE(outcome.done);
  EXPECT_TRUE(outcome.refused);
  EXPECT_EQ(outcome.state_after, "State active");
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
  const std::string cat = "cat /proc/77/stat /proc/77/cgroup";
  const std::string readlink = "sudo readlink /proc/77/exe";
  const std::string listen = "LISTEN 0 5 *:80 *:* users:((\"python3\",pid=77,fd=3))\n";
  const std::vector<std::string> args = {"80",      "77",        "4711",
                                         "service", "x.service", "/usr/bin/python3"};
  shell_.On(Show("x.service"), UnitText("active", "success"));
  shell_.On("sh …", "ended by TERM\n");
  shell_.On(readlink, "/usr/bin/python3\n");
  shell_.On("sudo ss -ltnpH", listen);
  shell_.On(cat, "77 (python3)" + stat + "0::/user.slice/user-1000.slice/session-3.scope\n");
  EXPECT_TRUE(Run("free-port", args).done);
  ASSERT_EQ(shell_.changed.size(), 1u);
  EXPECT_THAT(shell_.changed[0], HasSubstr(" sh 77 4711"));
  EXPECT_THAT(shell_.changed[0], HasSubstr("as_root kill -TERM \"$1\""));
  shell_.changed.clear();
  // It runs another program now (exec keeps number and start time): nothing is ended.
  shell_.Forget(readlink).On(readlink, "/usr/sbin/important\n");
  EXPECT_THAT(Run("free-port", args).error, HasSubstr("another program"));
  EXPECT_THAT(shell_.changed, IsEmpty());
  shell_.Forget(readlink).On(readlink, "/usr/bin/python3\n");
  // It let go of the port: nothing is ended.
  shell_.Forget("sudo ss -ltnpH").On("sudo ss -ltnpH", "");
  EXPECT_TRUE(Run("free-port", args).refused);
  EXPECT_THAT(shell_.changed, IsEmpty());
  shell_.Forget("sudo ss -ltnpH").On("sudo ss -ltnpH", listen);
  // Another process has the number now: nothing is ended.
  shell_.Forget(cat).On(cat, "77 (python3) S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9999 0\n0::/\n");
  EXPECT_TRUE(Run("free-port", args).refused);
  EXPECT_THAT(shell_.changed, IsEmpty());
  // It became a service's: left alone and named.
  shell_.Forget(cat).On(cat, "77 (python3)" + stat + "0::/system.slice/web.service\n");
  const auto outcome = Run("free-port", args);
  EXPECT_FALSE(outcome.done);
  EXPECT_THAT(outcome.error, HasSubstr("web.service"));
  EXPECT_THAT(shell_.changed, IsEmpty());
  for (const std::string& never :
       {"sshd", "dockerd", "systemd", "containerd", "docker-proxy", "raksa"}) {
    shell_.Forget(cat).On(cat, "77 (" + never + ")" + stat + "0::/\n");
    EXPECT_FALSE(Run("free-port", args).done);
    EXPECT_THAT(shell_.changed, IsEmpty());
  }
}

TEST(FreePort, TheScriptEndsAProcessAndNoOtherOne) {
  // The script itself, in a real shell, on a process of our own.
  ssh::ScriptedShell shell;
  loop::Loop loop;
  shell.On("cat …", "77 (python3) S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n0::/\n");
  shell.On("sudo readlink …", "/usr/bin/python3\n");
  shell.On("sudo ss …", "LISTEN 0 5 *:80 *:* users:((\"python3\",pid=77,fd=3))\n");
  std::vector<std::string> script;
  Request request;
  request.args = {"80", "77", "4711", "service", "x.service", "/usr/bin/python3"};
  request.shell = &shell;
  const auto outcome = loop.RunTask(Find("free-port")->run(request));
  for (const auto& command : outcome.commands) {
    if (command.changes) {
      script = command.argv;
    }
  }
  ASSERT_EQ(script.size(), 6u);
  const auto run = [&](pid_t pid, const std::string& start) {
    script[4] = std::to_string(pid);
    script[5] = start;
    return loop.RunTask(loop::RunProcess(script, {}))->exit_status;
  };
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  std::ifstream in("/proc/" + std::to_string(child) + "/stat");
  std::string word;
  std::string start;
  for (int i = 1; i <= 22 && in >> word; ++i) {
    start = word;
  }
  EXPECT_EQ(run(child, start + "1"), 3) << "another start time: another process";
  EXPECT_EQ(::kill(child, 0), 0) << "it lives";
  if (::geteuid() == 0) {
    EXPECT_EQ(run(child, start), 0);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  } else {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

TEST_F(StepTest, AfterTheRestartNginxItselfMustHoldItsPorts) {
  const auto unit = UnitText("active", "success") + "MainPID=50\n";
  shell_.On(Show("nginx.service"), UnitText("failed", "signal")).On(Show("nginx.service"), unit);
  shell_.On("sudo nginx -t", "ok\n");
  shell_.On("sudo systemctl restart -- nginx.service", "");
  const std::string ss = "sudo ss -ltnpH";
  const std::string ps = "ps -o 'etimes=,args=' --ppid 50";
  const std::string listen = "LISTEN 0 5 *:80 *:* users:((\"nginx\",pid=51,fd=3)";
  shell_.On(ss, listen + ",(\"nginx\",pid=50,fd=3))\n");
  shell_.On(ps, "      0 nginx: worker process\n");
  const auto start = [&] {
    shell_.Forget(Show("nginx.service"))
        .On(Show("nginx.service"), UnitText("failed", "signal"))
        .On(Show("nginx.service"), unit);
    return Run("service-start", {"nginx.service"});
  };
  EXPECT_TRUE(start().done);
  shell_.Forget(ps).On(ps, "   4000 nginx: worker process\n   4000 other\n");
  EXPECT_THAT(start().error, HasSubstr("4000 s old"));
  shell_.Forget(ss).On(ss, listen + ")\n");
  EXPECT_THAT(start().error, HasSubstr("held by another nginx, pid 51"));
}

TEST_F(StepTest, WhatSharesTheNetworkOfAContainerIsRestartedAfterIt) {
  const auto container = [](const std::string& id, const std::string& more, int minute) {
    return R"({"id":")" + id + R"(","name":"/)" + id +
           R"(","project":"p","state":{"Status":"running","Running":true,"ExitCode":0,"StartedAt":"2026-01-01T00:)" +
           std::to_string(minute) + R"(:00Z"},)" + more + "}\n";
  };
  target_.application = {{.kind = "container", .name = "web"},
                         {.kind = "container", .name = "db"},
                         {.kind = "container", .name = "app"}};
  shell_.On(Inspect("web"), State(false, 137));
  shell_.On(Inspect("web"), container("aa", R"("service":"vpn")", 30));
  shell_.On(Inspect("db"), container("bb", R"("network":"container:aa")", 10));
  shell_.On(Inspect("app"), container("cc", R"("depends":"x:service_started:false,vpn:y:z")", 10));
  shell_.On("sudo docker start -- web", "web\n");
  shell_.On("sudo docker restart -- db", "db\n");
  const auto outcome = Run("container-start", {"web"});
  EXPECT_TRUE(outcome.done) << outcome.error;
  EXPECT_THAT(shell_.changed, ElementsAre("sudo docker start -- web", "sudo docker restart -- db"));
  EXPECT_EQ(outcome.state_after,
            "Running true; db shares its network, restarted after it: Running true; app depends on "
            "it: Running true");
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
