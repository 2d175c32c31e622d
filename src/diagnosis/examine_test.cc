// Examination of whole chains over recorded sessions, and the verdict.
#include "diagnosis/examine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "diagnosis/chain_testing.h"
#include "diagnosis/facts.h"
#include "diagnosis/firewall/firewall.h"
#include "diagnosis/look.h"
#include "diagnosis/nginx/site.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/systemd.h"
#include "loop/process.h"
#include "ssh/scripted_shell_testing.h"

namespace diagnosis {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

TEST_F(ChainTest, AHealthyChainHasNoCause) {
  const auto out = Run();
  EXPECT_EQ(out.cause, "");
  EXPECT_EQ(out.error, "");
  EXPECT_EQ(out.facts->machine_id, kMachine);
  EXPECT_EQ(out.findings.size(), 6u);
  for (const auto& finding : out.findings) {
    EXPECT_EQ(finding.cause, "") << finding.component << " " << finding.evidence;
  }
  EXPECT_THAT(shell_.unknown, IsEmpty());
}

TEST_F(ChainTest, EqualCommandsAreRunOnce) {
  Run();
  EXPECT_EQ(
      std::count(shell_.asked.begin(), shell_.asked.end(), Show("docker.service docker.socket")),
      1);
  EXPECT_LE(shell_.asked.size(), 13u);
}

TEST_F(ChainTest, AKilledContainer) {
  Set(Inspect("web-application"), Recorded("inspect_app-killed.json"));
  const auto out = Run();
  EXPECT_EQ(out.cause, "container-killed");
  EXPECT_EQ(out.component, "container:web-application");
  const auto& finding = At(out, out.component);
  EXPECT_EQ(finding.state, "Running false, Error 137");
  EXPECT_EQ(finding.title, "The container was killed");
  EXPECT_EQ(finding.cause_class, model::CauseClass::kRepair);
  EXPECT_EQ(finding.remedy, "container-start");
  EXPECT_EQ(finding.remedy_args, std::vector<std::string>{"web-application"});
  EXPECT_FALSE(finding.commands.empty());
}

TEST_F(ChainTest, ExitCodesAndFlagsOfContainers) {
  const std::pair<std::string, std::string> cases[] = {
      {"inspect_app-error.json", "container-application-error"},
      {"inspect_container-no-foreground.json", "container-no-foreground"},
      {"inspect_container-wrong-command.json", "container-wrong-configuration"},
      {"inspect_container-paused.json", "container-paused"},
      {"inspect_app-stopped.json", "container-stopped"},
      {"inspect_address_in_use.json", "container-address-in-use"},
  };
  shell_.On("sudo docker logs --tail 3 -- web-application", "cannot read its settings\n");
  for (const auto& [file, cause] : cases) {
    Set(Inspect("web-application"), Recorded(file));
    EXPECT_EQ(Run().cause, cause) << file;
  }
  Set(Inspect("web-application"), ContainerText("web-application", false, 143));
  EXPECT_EQ(Run().cause, "container-stopped");
  Set(Inspect("web-application"), ContainerText("web-application", false, 128));
  EXPECT_EQ(At(Run(), "container:web-application").remedy, "container-start")
      << "the port is free again";
  Set(Inspect("web-application"), "\nError: No such container: web-application\n", 1);
  EXPECT_EQ(Run().cause, "container-absent");
  Set(Inspect("web-application"),
      R"({"state":{"Status":"running","Running":true,"Health":{"Status":"unhealthy","Log":[{"ExitCode":1,"Output":"no"}]}}})");
  EXPECT_EQ(Run().cause, "container-unhealthy");
  Set(Inspect("web-application"),
      R"({"state":{"Status":"exited","OOMKilled":true,"ExitCode":137}})");
  EXPECT_EQ(Run().cause, "container-out-of-memory");
  Set(Inspect("web-application"),
      R"({"state":{"Status":"restarting","Restarting":true,"Running":true}})");
  EXPECT_EQ(Run().cause, "container-restart-loop");
}

TEST_F(ChainTest, AStoppedEngineIsTheCauseAndDockerIsNeverAsked) {
  Set(Show("docker.service docker.socket"), Recorded("show_docker_stopped.txt"));
  const auto out = Run();
  EXPECT_EQ(out.cause, "engine-not-running");
  EXPECT_EQ(out.component, "docker");
  EXPECT_EQ(At(out, "docker").remedy_args,
            (std::vector<std::string>{"docker.service", "web-database", "web-application"}));
  EXPECT_EQ(At(out, "container:web-application").consequence_of, "docker");
  EXPECT_EQ(At(out, "container:web-database").consequence_of, "docker");
  for (const auto& line : shell_.asked) {
    EXPECT_FALSE(line.starts_with("sudo docker")) << "it would wake the engine: " << line;
  }
}

TEST_F(ChainTest, AnEngineThatCannotReadItsConfigurationSaysSo) {
  Set(Show("docker.service docker.socket"),
      UnitText("docker.service", "failed", "failed", "exit-code"));
  Set("sudo journalctl -u docker.service -n 40 -o cat --no-pager",
      "unable to configure the Docker daemon with file /etc/docker/daemon.json: EOF\n");
  EXPECT_EQ(Run().cause, "engine-config-invalid");
}

TEST_F(ChainTest, AStoppedEngineWithoutADockerComponentIsStillRepairedOnce) {
  target_.application.erase(target_.application.begin() + 2);
  Set(Show("docker.service docker.socket"), Recorded("show_docker_stopped.txt"));
  const auto out = Run();
  EXPECT_EQ(out.cause, "container-engine-not-running");
  EXPECT_EQ(out.component, "container:web-database");
  EXPECT_EQ(At(out, "container:web-application").consequence_of, "container:web-database");
}

TEST_F(ChainTest, TheDeepestOfTwoIndependentCausesWins) {
  Set(Show("nginx.service"), UnitText("nginx.service", "inactive", "dead", "success"));
  Set(Inspect("web-database"), ContainerText("web-database", false, 137));
  const auto out = Run("port", 0);
  EXPECT_EQ(out.cause, "container-killed");
  EXPECT_EQ(out.component, "container:web-database");
  EXPECT_EQ(At(out, "nginx").cause, "service-stopped");
  EXPECT_EQ(At(out, "nginx").consequence_of, "");
}

TEST_F(ChainTest, AnApplicationThatFailsWithoutItsDatabaseIsAConsequence) {
  Set(Inspect("web-application"), ContainerText("web-application", false, 1));
  Set(Inspect("web-database"), ContainerText("web-database", false, 0));
  const auto out = Run();
  EXPECT_EQ(out.component, "container:web-database");
  EXPECT_EQ(At(out, "container:web-application").consequence_of, "container:web-database");
}

TEST_F(ChainTest, StatesOfNginx) {
  const auto cause = [&](const std::string& text) {
    Set(Show("nginx.service"), text);
    return Run("port", 0).cause;
  };
  EXPECT_EQ(cause(Recorded("show_nginx_killed.txt")), "service-killed");
  EXPECT_EQ(cause(UnitText("nginx.service", "inactive", "dead", "success")), "service-stopped");
  EXPECT_EQ(cause(UnitText("nginx.service", "failed", "failed", "exit-code")), "service-failed");
  EXPECT_EQ(cause(UnitText("nginx.service", "failed", "failed", "oom-kill")),
            "service-out-of-memory");
  EXPECT_EQ(cause(UnitText("nginx.service", "failed", "failed", "start-limit-hit")),
            "service-start-limit");
  EXPECT_EQ(cause(UnitText("nginx.service", "inactive", "dead", "success", "masked")),
            "service-masked");
  EXPECT_EQ(cause(UnitText("nginx.service", "inactive", "dead", "success", "not-found")),
            "service-absent");
  EXPECT_EQ(cause(UnitText("nginx.service", "activating", "auto-restart", "exit-code")),
            "service-restart-loop");
  EXPECT_EQ(cause(UnitText("nginx.service", "activating", "start-pre", "success")), "")
      << "it is on its way";
  EXPECT_EQ(cause(UnitText("nginx.service", "deactivating", "stop", "success")), "");
  Set("sudo nginx -T",
      "[emerg] 1#1: unknown directive \"indexx\" in /x:15\nnginx: configuration file /x test "
      "failed\n",
      1);
  EXPECT_EQ(cause(UnitText("nginx.service", "failed", "failed", "exit-code")),
            "nginx-config-invalid");
}

TEST_F(ChainTest, AStrayHolderOfThePortIsNamedAndEnded) {
  Set(Show("nginx.service"), UnitText("nginx.service", "failed", "failed", "exit-code"));
  Set("sudo ss -ltnpH", "LISTEN 0 5 0.0.0.0:80 0.0.0.0:* users:((\"hold-port\",pid=3719,fd=3))\n");
  shell_.On("cat /proc/3719/stat /proc/3719/cgroup", Recorded("proc_stray.txt"));
  shell_.On("stat -c '%U' /proc/3719", "ops\n");
  shell_.On("sudo readlink /proc/3719/exe", "/usr/bin/python3.11\n");
  const auto out = Run("port", 0);
  EXPECT_EQ(out.cause, "service-address-in-use");
  const auto& finding = At(out, "nginx");
  EXPECT_EQ(finding.remedy, "free-port");
  EXPECT_EQ(finding.remedy_args,
            (std::vector<std::string>{"80", "3719", "294208", "service", "nginx.service",
                                      "/usr/bin/python3.11"}));
  EXPECT_THAT(finding.details, Contains(std::pair<std::string, std::string>("By", "ops")));
}

TEST_F(ChainTest, AUnitsOrASystemProcessIsNamedAndLeftAlone) {
  Set(Show("nginx.service"), UnitText("nginx.service", "inactive", "dead", "success"));
  const std::string stat = " S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n";
  shell_.On("stat -c '%U' /proc/9", "root\n");
  const std::string session = "0::/user.slice/user-0.slice/session-2.scope\n";
  const std::array<std::string, 3> cases[] = {
      {"apache2", "0::/system.slice/apache2.service\n", "/usr/sbin/apache2"},
      {"sshd", session, "/usr/sbin/sshd"},
      {"me", session, "/usr/bin/dockerd (deleted)"},
      {"systemd-journal", session, "/lib/systemd/systemd-journald"},
      {"containerd", "0::/\n", "/usr/bin/containerd"},
      {"raksa", "0::/\n", "/usr/bin/raksa"},
      {"httpd", "0::/system.slice/docker-" + std::string(64, 'b') + ".scope\n", "/httpd"},
  };
  for (const auto& [command, cgroup, exe] : cases) {
    Set("sudo readlink /proc/9/exe", exe + "\n");
    Set("sudo ss -ltnpH", "LISTEN 0 5 *:80 *:* users:((\"" + command + "\",pid=9,fd=3))\n");
    Set("cat /proc/9/stat /proc/9/cgroup", "9 (" + command + ")" + stat + cgroup);
    const auto out = Run("port", 0);
    EXPECT_EQ(out.cause, "service-address-in-use");
    EXPECT_EQ(At(out, "nginx").remedy, "") << command;
    EXPECT_EQ(At(out, "nginx").cause_class, model::CauseClass::kReport) << command;
    EXPECT_NE(At(out, "nginx").evidence.find(command), std::string::npos);
  }
}

TEST_F(ChainTest, ANginxThatSystemdDidNotStartHoldsThePort) {
  Set(Show("nginx.service"), UnitText("nginx.service", "failed", "failed", "exit-code"));
  Set("sudo ss -ltnpH",
      "LISTEN 0 5 *:80 *:* users:((\"nginx\",pid=12,fd=3),(\"nginx\",pid=9,fd=3))\n");
  const std::string stat = "9 (nginx) S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n";
  Set("cat /proc/9/stat /proc/9/cgroup", stat + "0::/user.slice/user-0.slice/session-2.scope\n");
  Set("stat -c '%U' /proc/9", "root\n");
  Set("sudo readlink /proc/9/exe", "/usr/sbin/nginx\n");
  const auto out = Run("port", 0);
  EXPECT_EQ(out.cause, "service-address-in-use");
  EXPECT_EQ(At(out, "nginx").remedy_args[1], "9") << "its master, not a worker";
  // What is left of the unit itself is the unit's own.
  Set("cat /proc/9/stat /proc/9/cgroup", stat + "0::/system.slice/nginx.service\n");
  EXPECT_EQ(Run("port", 0).cause, "service-failed");
}

TEST(Facts, TheScriptIsOneThatAShellUnderstands) {
  loop::Loop loop;
  loop::ProcessOptions options;
  options.limit = std::chrono::seconds(10);
  const auto ran = loop.RunTask(loop::RunProcess(FactsCommand().argv, options));
  ASSERT_TRUE(ran.has_value());
  EXPECT_EQ(ran->exit_status, 0);
  EXPECT_EQ(ran->err.find("syntax"), std::string::npos) << ran->err;
  EXPECT_EQ(ran->err.find("[-e"), std::string::npos) << ran->err;
}

TEST_F(ChainTest, TheServerBehindNginxIsTriedAndAskedForTheUrlsPath) {
  target_.url = "http://10.77.0.11/shop?x=1";
  Set("sudo nginx -T", Recorded("nginx_T.txt"));
  shell_.On("timeout 5 bash --norc -c …",
            "raksa: line 1: /dev/tcp/127.0.0.1/8080: Connection refused\n", 1);
  auto out = Run("http_code", 502);
  EXPECT_EQ(out.cause, "nginx-upstream-refused");
  EXPECT_NE(At(out, "nginx").evidence.find("127.0.0.1:8080"), std::string::npos);
  EXPECT_THAT(shell_.asked, Contains(testing::EndsWith(" raksa 127.0.0.1 8080 /shop 10.77.0.11")));
  shell_.Forget("timeout 5 bash --norc -c …").On("timeout 5 bash --norc -c …", "", 3);
  EXPECT_EQ(Run("http_code", 0).cause, "nginx-upstream-slow");
  Set(Inspect("web-application"), ContainerText("web-application", false, 137));
  out = Run("http_code", 0);
  EXPECT_EQ(out.cause, "container-killed");
  EXPECT_EQ(At(out, "nginx").consequence_of, "container:web-application");
}

TEST_F(ChainTest, LoadIsLookedAtOnTheHostOnly) {
  shell_.On("top -b -n2 -d0.5 -w512 -o '%CPU'", Recorded("top.txt"));
  const auto out = Run("cpu_percent", 93);
  EXPECT_EQ(out.cause, "host-cpu-high");
  EXPECT_EQ(out.findings.size(), 1u);
  EXPECT_EQ(out.findings[0].details.size(), 15u) << "five processes: command, percent, user";
  EXPECT_EQ(out.findings[0].remedy, "");
  EXPECT_THAT(shell_.asked, Not(Contains("sudo ufw status verbose")));
}

TEST_F(ChainTest, AFullDiskExplainsFailingPrograms) {
  Set("df -P -k",
      "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 1000 999 1 100% /\n");
  Set(Inspect("web-database"), ContainerText("web-database", false, 1));
  const auto out = Run();
  EXPECT_EQ(out.cause, "host-disk-full");
  EXPECT_EQ(At(out, "container:web-database").consequence_of, "host");
}

TEST_F(ChainTest, AHostThatCannotBeReachedIsOneFinding) {
  const auto line = ssh::ShowArgv(FactsCommand().argv);
  const auto cause = [&](base::ErrorKind kind, std::string_view metric) {
    shell_.Forget(line).Lose(line, kind);
    shell_.asked.clear();
    const auto out = Run(metric);
    EXPECT_EQ(shell_.asked.size(), 1u) << "it is not asked again";
    EXPECT_NE(out.error, "");
    return out.cause;
  };
  EXPECT_EQ(cause(base::ErrorKind::kUnavailable, "http_code"), "host-unreachable");
  EXPECT_EQ(cause(base::ErrorKind::kDeadline, "ping"), "host-down");
  EXPECT_EQ(cause(base::ErrorKind::kDenied, "http_code"), "host-login-denied");
}

TEST_F(ChainTest, AConnectionThatIsLostInTheMiddleIsNoCause) {
  shell_.Forget(Inspect("web-database")).Lose(Inspect("web-database"));
  const auto out = Run();
  EXPECT_EQ(out.cause, "");
  EXPECT_EQ(At(out, "container:web-database").cause, kNotExamined);
  EXPECT_EQ(At(out, "container:web-database").remedy, "");
}

TEST_F(ChainTest, GarbageIsNoCause) {
  Set(Inspect("web-database"), "\x1b[31m{{{{\n");
  Set(Show("nginx.service"), "lies\n");
  Set("sudo ufw status verbose", std::string(5000, 'x'));
  const auto out = Run();
  EXPECT_EQ(out.cause, "");
  EXPECT_EQ(At(out, "nginx").cause, kNotExamined);
}

TEST_F(ChainTest, HostileNamesNeverReachTheHost) {
  target_.application = {{.kind = "container", .name = "-v"},
                         {.kind = "container", .name = "$(id)"},
                         {.kind = "service", .name = "-H root@x"},
                         {.kind = "nonsense", .name = "x"}};
  const auto out = Run();
  for (const auto& line : shell_.asked) {
    EXPECT_EQ(line.find("$(id)"), std::string::npos);
    EXPECT_EQ(line.find("root@x"), std::string::npos);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(out.findings[i].cause, kNotExamined);
  }
}

TEST_F(ChainTest, ACommandOfOnesOwn) {
  model::ComponentSpec queue{.kind = "command", .name = "queue"};
  queue.options.Set("check", std::vector<std::string>{"queue-alive", "--max age", "60"});
  target_.application = {queue};
  shell_.On("queue-alive '--max age' 60", "late\n", 3);
  EXPECT_EQ(Run().cause, "command-check-failed-no-fix");
  target_.application[0].options.Set("fix", std::vector<std::string>{"true"});
  const auto out = Run();
  EXPECT_EQ(out.cause, "command-check-failed");
  EXPECT_EQ(out.findings[0].remedy_args, std::vector<std::string>{"queue"});
}

TEST(FindFault, FilesAndPermissions) {
  using nginx::Entry;
  const nginx::Reader www{"www-data", {"www-data", "web"}};
  const Entry root{"/", true, false, true, 0755, "root", "root"};
  Entry site{"/site", true, false, true, 0755, "root", "root"};
  Entry index{"/site/index.html", true, false, false, 0644, "root", "root"};
  const auto fault = [&] { return FindFault({root, site}, {index}, www, true).cause; };
  EXPECT_EQ(fault(), "");
  index.mode = 0600;
  EXPECT_EQ(fault(), "nginx-no-read-permission");
  index.group = "web";
  index.mode = 0640;
  EXPECT_EQ(fault(), "");
  index.there = false;
  EXPECT_EQ(fault(), "nginx-index-missing");
  EXPECT_EQ(FindFault({root, site}, {index}, www, false).cause, "");
  site.mode = 0700;
  EXPECT_EQ(fault(), "nginx-directory-denied");
  site.mode = 0744;
  EXPECT_EQ(fault(), "nginx-no-execute-permission");
  site.there = false;
  EXPECT_EQ(fault(), "nginx-root-wrong");
  // Closed to our own account: only what is seen on the way may be said.
  site.hidden = true;
  EXPECT_EQ(fault(), "");
  Entry parent{"/up", true, false, true, 0700, "root", "root"};
  EXPECT_EQ(FindFault({root, parent, site}, {index}, www, true).path, "/up");
  EXPECT_TRUE(nginx::ReadStat("stat: cannot statx '/up/site': Permission denied\n", {"/up/site"})[0]
                  .hidden);
}

TEST(Decide, TheFirstRuleThatFitsDecides) {
  parse::FirewallStatus status{.active = true, .default_incoming = "deny"};
  EXPECT_TRUE(firewall::Decide(status, 80, "10.0.0.1").blocked);
  status.rules = {{.to = "80/tcp", .permit = "DENY", .from = "10.0.0.0/8"},
                  {.to = "80/tcp", .permit = "ALLOW", .from = "Anywhere"}};
  EXPECT_TRUE(firewall::Decide(status, 80, "10.0.0.1").by_address);
  EXPECT_FALSE(firewall::Decide(status, 80, "192.0.2.1").blocked);
  EXPECT_FALSE(firewall::Decide(status, 80, "").blocked) << "who is not known is not accused";
}

}  // namespace
}  // namespace diagnosis
