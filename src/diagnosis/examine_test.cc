// Examination of whole chains over recorded sessions, and the verdict.
#include "diagnosis/examine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "diagnosis/facts.h"
#include "diagnosis/firewall/firewall.h"
#include "diagnosis/look.h"
#include "diagnosis/nginx/site.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/systemd.h"
#include "diagnosis/recorded_testing.h"
#include "loop/process.h"
#include "ssh/scripted_shell_testing.h"

namespace diagnosis {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kMachine = "0123456789abcdef0123456789abcdef";

std::string UnitText(const std::string& id, const std::string& active, const std::string& sub,
                     const std::string& result, const std::string& load = "loaded") {
  return "Id=" + id + "\nLoadState=" + load + "\nActiveState=" + active + "\nSubState=" + sub +
         "\nResult=" + result + "\nExecMainCode=0\nExecMainStatus=0\nNRestarts=0\nMainPID=0\n";
}

std::string Show(const std::string& units) {
  return "systemctl show -p " + std::string(parse::kUnitProperties) + " -- " + units;
}

std::string Inspect(const std::string& name) {
  return "sudo " + ssh::ShowArgv({"docker", "container", "inspect", "-f",
                                  std::string(parse::kInspectFormat), "--", name});
}

std::string ContainerText(const std::string& name, bool running, int code) {
  return R"({"name":"/)" + name + R"(","state":{"Status":")" + (running ? "running" : "exited") +
         R"(","Running":)" + (running ? "true" : "false") + R"(,"ExitCode":)" +
         std::to_string(code) +
         R"(,"Error":"","StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-01T01:00:00Z"},)" +
         R"("ports":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}})"
         "\n";
}

/// A healthy server as the lab has it; tests break what they need.
class ChainTest : public testing::Test {
 protected:
  void SetUp() override {
    target_.name = "web1";
    target_.url = "http://10.77.0.11/";
    target_.ports = {80, 443};
    target_.application = {{.kind = "firewall"},
                           {.kind = "nginx"},
                           {.kind = "docker"},
                           {.kind = "container", .name = "web-application"},
                           {.kind = "container", .name = "web-database"}};
    shell_.On(ssh::ShowArgv(FactsCommand().argv),
              "machine " + std::string(kMachine) + "\nfrom 10.77.0.1\nnow " +
                  std::to_string(base::Clock::NowMs() / 1000) + "\n");
    shell_.On("sudo ufw status verbose", Recorded("ufw_verbose.txt"));
    shell_.On(Show("nginx.service"), UnitText("nginx.service", "active", "running", "success"));
    shell_.On(Show("docker.service docker.socket"),
              UnitText("docker.service", "active", "running", "success") + "\n" +
                  UnitText("docker.socket", "active", "running", "success"));
    shell_.On(Inspect("web-application"), ContainerText("web-application", true, 0));
    shell_.On(Inspect("web-database"), ContainerText("web-database", true, 0));
    shell_.On("sudo ss -ltnpH", "");
    shell_.On(
        "df -P -k",
        "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 100 20 80 20% /\n");
    shell_.On("df -P -i",
              "Filesystem Inodes IUsed IFree IUse% Mounted on\n/dev/sda1 100 20 80 20% /\n");
    shell_.On("cat /proc/mounts", "/dev/sda1 / ext4 rw,relatime 0 0\n");
    shell_.On("sudo nginx -T", "", 1);
    shell_.On("sudo iptables -S", "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n");
    shell_.On("sudo nft -j list ruleset", "sudo: nft: command not found\n", 1);
  }

  void Set(const std::string& line, const std::string& output, int status = 0) {
    shell_.Forget(line).On(line, output, status);
  }
  Examination Run(std::string_view metric = "http_code", double value = 404) {
    std::vector<model::Alert> alerts;
    if (!metric.empty()) {
      model::Alert alert;
      alert.labels.Set("metric", metric);
      alert.labels.Set("port", metric == "port" ? "80" : "");
      alert.value = value;
      alerts.push_back(alert);
    }
    auto out = loop_.RunTask(Examine(&loop_, target_, alerts, &shell_));
    EXPECT_THAT(shell_.changed, IsEmpty()) << "an examination changes nothing";
    for (const auto& argv : shell_.as_root) {
      EXPECT_TRUE(ssh::Covers(Privileges(target_), argv) || BeyondSudoers(argv))
          << "no kind of component says that it runs this as root: " << ssh::ShowArgv(argv);
    }
    return out;
  }
  static const model::Finding& At(const Examination& examination, std::string_view component) {
    for (const auto& finding : examination.findings) {
      if (finding.component == component) {
        return finding;
      }
    }
    ADD_FAILURE() << "no finding for " << component;
    static const model::Finding kNone;
    return kNone;
  }

  loop::Loop loop_;
  model::Target target_;
  ssh::ScriptedShell shell_;
};

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

TEST_F(ChainTest, FirewallRulesAreReported) {
  Set("sudo ufw status verbose", Recorded("ufw_port_blocked.txt"));
  const auto out = Run("port", 0);
  EXPECT_EQ(out.cause, "firewall-port-blocked");
  const auto& details = At(out, "firewall").details;
  EXPECT_THAT(details, Contains(std::pair<std::string, std::string>("-Permit", "DENY")));
  Set("sudo ufw status verbose", Recorded("ufw_address_blocked.txt"));
  EXPECT_EQ(Run("port", 0).cause, "firewall-address-blocked");
  Set("sudo ufw status verbose", "sudo: ufw: command not found\n", 1);
  EXPECT_EQ(At(Run("port", 0), "firewall").cause, "");
  Set("sudo ufw status verbose", "ERROR: problem running\n", 1);
  EXPECT_EQ(At(Run("port", 0), "firewall").cause, kNotExamined);
}

TEST_F(ChainTest, ARuleOfNftablesIsNamedWithItsPlace) {
  Set("sudo ufw status verbose", "sudo: ufw: command not found\n", 1);
  Set("sudo iptables -S", "sudo: iptables: command not found\n", 1);
  Set("sudo nft -j list ruleset", Recorded("nft_debian.json"));
  const auto out = Run("port", 0);
  EXPECT_EQ(out.cause, "firewall-nft-drops");
  const auto& finding = At(out, "firewall");
  EXPECT_EQ(finding.evidence,
            "nftables: a rule drops port 80: table inet filter, chain input, handle 12: tcp dport "
            "{ 80, 443 } drop");
  using Pair = std::pair<std::string, std::string>;
  EXPECT_THAT(finding.details, Contains(Pair("Table", "inet filter")));
  EXPECT_THAT(finding.details, Contains(Pair("Chain", "input")));
  EXPECT_THAT(finding.details, Contains(Pair("Handle", "12")));
  target_.ports = {5432};
  EXPECT_THAT(At(Run("", 0), "firewall").evidence,
              testing::HasSubstr("what a chain does with the rest drops port 5432: table inet "
                                 "filter, chain input: policy drop"));
  Set("sudo nft -j list ruleset", Recorded("nft_debian.json").substr(0, 2000));
  EXPECT_EQ(At(Run("", 0), "firewall").cause, "") << "half an answer is none";
  Set("sudo nft -j list ruleset", Recorded("nft_debian.json"), 1);
  EXPECT_EQ(At(Run("", 0), "firewall").cause, "");
}

TEST_F(ChainTest, WhatUfwAndDockerMadeOfIptablesIsNotReportedTwice) {
  Set("sudo ufw status verbose", Recorded("ufw_port_blocked.txt"));
  Set("sudo nft -j list ruleset", Recorded("nft_iptables.json"));
  EXPECT_EQ(Run("port", 0).cause, "firewall-port-blocked") << "the policy of ip filter INPUT drops";
  Set("sudo iptables -S", "sudo: a password is required\n", 1);
  EXPECT_EQ(Run("port", 0).cause, "firewall-port-blocked") << "ufw alone is enough to know";
  target_.ports = {5432};
  Set("sudo ufw status verbose", Recorded("ufw_verbose.txt"));
  Set("sudo iptables -S", Recorded("iptables_docker_user.txt"));
  shell_.On("sudo iptables -t nat -S DOCKER", Recorded("iptables_nat_docker.txt"));
  EXPECT_EQ(Run("", 0).cause, "firewall-docker-user-drops");
  Set("sudo iptables -S", "-P INPUT DROP\n-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n");
  Set("sudo nft -j list ruleset", Recorded("nft_debian.json"));
  const auto out = Run("", 0);
  EXPECT_EQ(out.cause, "firewall-nft-drops");
  EXPECT_THAT(At(out, "firewall").evidence, testing::HasSubstr("chain forward: policy drop"));
}

TEST_F(ChainTest, UfwSaysNothingAboutAPortThatDockerPublishes) {
  target_.ports = {5432};
  Set("sudo ufw status verbose", Recorded("ufw_verbose.txt"));
  Set("sudo iptables -S", Recorded("iptables_docker_user.txt"));
  shell_.On("sudo iptables -t nat -S DOCKER", Recorded("iptables_nat_docker.txt"));
  const auto out = Run("", 0);
  EXPECT_EQ(out.cause, "firewall-docker-user-drops")
      << "ufw has no rule for it and denies all else";
  Set("sudo iptables -S", "-P INPUT DROP\n-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n");
  EXPECT_EQ(At(Run("", 0), "firewall").cause, "");
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
