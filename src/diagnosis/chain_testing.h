// ChainTest: a recorded server for tests of whole examinations.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/examine.h"
#include "diagnosis/facts.h"
#include "diagnosis/look.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/systemd.h"
#include "diagnosis/recorded_testing.h"
#include "loop/process.h"
#include "ssh/scripted_shell_testing.h"

namespace diagnosis {

inline constexpr std::string_view kMachine = "0123456789abcdef0123456789abcdef";

inline std::string UnitText(const std::string& id, const std::string& active,
                            const std::string& sub, const std::string& result,
                            const std::string& load = "loaded") {
  return "Id=" + id + "\nLoadState=" + load + "\nActiveState=" + active + "\nSubState=" + sub +
         "\nResult=" + result + "\nExecMainCode=0\nExecMainStatus=0\nNRestarts=0\nMainPID=0\n";
}

inline std::string Show(const std::string& units) {
  return "systemctl show -p " + std::string(parse::kUnitProperties) + " -- " + units;
}

inline std::string Inspect(const std::string& name) {
  return "sudo " + ssh::ShowArgv({"docker", "container", "inspect", "-f",
                                  std::string(parse::kInspectFormat), "--", name});
}

inline std::string ContainerText(const std::string& name, bool running, int code) {
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
    EXPECT_THAT(shell_.changed, ::testing::IsEmpty()) << "an examination changes nothing";
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

}  // namespace diagnosis
