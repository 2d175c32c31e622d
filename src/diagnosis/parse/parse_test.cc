// The readers: recorded output of real servers, and what no server would say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/host.h"
#include "diagnosis/parse/listeners.h"
#include "diagnosis/parse/nginx_config.h"
#include "diagnosis/parse/systemd.h"
#include "diagnosis/parse/ufw.h"
#include "diagnosis/recorded_testing.h"

namespace diagnosis::parse {
namespace {

using testing::ElementsAre;

TEST(ReadUnits, ReadsAKilledNginx) {
  const auto units = ReadUnits(Recorded("show_nginx_killed.txt")).value();
  ASSERT_EQ(units.size(), 1u);
  EXPECT_EQ(units[0].id, "nginx.service");
  EXPECT_EQ(units[0].active_state, "failed");
  EXPECT_EQ(units[0].result, "signal");
  EXPECT_EQ(units[0].exit_code, 2);
  EXPECT_EQ(units[0].exit_status, 9);
}

TEST(ReadUnits, ReadsSeveralUnitsAndLeavesWarningsOut) {
  const auto units =
      ReadUnits("sudo: unable to resolve host\n" + Recorded("show_docker_stopped.txt")).value();
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[0].active_state, "inactive");
  EXPECT_EQ(units[1].id, "docker.socket");
  EXPECT_EQ(units[1].active_state, "active");
}

TEST(ReadUnits, RefusesWhatIsNotWhole) {
  for (const std::string& text :
       {"", "\n\n", "garbage", "Id=x.service\n",
        "Id=x\nLoadState=loaded\nActiveState=active\nMainPID=x\n",
        "Id=x\nLoadState=loaded\nActiveState=active\nNRestarts=99999999999\n"}) {
    EXPECT_FALSE(ReadUnits(text)) << text;
  }
}

TEST(IsUnitName, RefusesOptionsAndShellWords) {
  EXPECT_TRUE(IsUnitName("getty@tty1.service"));
  for (const std::string& name : {"", "-H", "a b", "a;b", "$(id)", "../x", ".x", "a/b", "a\nb"}) {
    EXPECT_FALSE(IsUnitName(name)) << name;
  }
}

TEST(ReadContainer, ReadsRecordedStates) {
  const auto killed = ReadContainer(Recorded("inspect_app-killed.json")).value();
  EXPECT_EQ(killed.name, "web-application");
  EXPECT_EQ(killed.status, "exited");
  EXPECT_FALSE(killed.running);
  EXPECT_EQ(killed.exit_code, 137);
  EXPECT_EQ(killed.ports, (std::vector<PortBinding>{{"127.0.0.1", 8080, 80, "tcp"}}));
  EXPECT_GT(killed.finished, killed.started);
  const auto taken = ReadContainer(Recorded("inspect_address_in_use.json")).value();
  EXPECT_NE(taken.error.find("address already in use"), std::string::npos);
  const auto wrong = ReadContainer(Recorded("inspect_container-wrong-command.json")).value();
  EXPECT_EQ(wrong.exit_code, 127);
  EXPECT_EQ(wrong.started, base::Time{}) << "docker's year 1 means never";
  EXPECT_TRUE(ReadContainer(Recorded("inspect_container-paused.json"))->paused);
}

TEST(ReadContainer, TextAfterTheObjectIsLeftAlone) {
  EXPECT_TRUE(
      ReadContainer(Recorded("inspect_app-killed.json") + "sudo: unable to resolve host x\n"));
}

TEST(ReadContainer, RefusesWhatIsNoContainer) {
  const std::string deep = std::string(100, '[');
  for (const std::string& text :
       {std::string(""), std::string("[]"), std::string("{"), std::string("{}"),
        std::string("{\"state\":5}"), std::string("{\"state\":{}}"),
        std::string("{\"state\":{\"Status\":\"running\""),
        "{\"state\":{\"Status\":\"x\"},\"ports\":" + deep,
        std::string("Error: No such container")}) {
    EXPECT_FALSE(ReadContainer(text)) << text;
  }
}

TEST(ReadContainer, OddValuesDoNotHurt) {
  const auto c = ReadContainer(
      R"({"name":7,"state":{"Status":"run\u001bning","Running":"yes","ExitCode":1e99,"StartedAt":"x"},)"
      R"("ports":{"80/tcp":[{"HostPort":"99999"},{"HostPort":"0"},5,{"HostPort":"81"}],"x":[],"1/udp":null}})");
  ASSERT_TRUE(c);
  EXPECT_FALSE(c->running);
  EXPECT_EQ(c->status.find('\x1b'), std::string::npos);
  ASSERT_EQ(c->ports.size(), 1u);
  EXPECT_EQ(c->ports[0].host_port, 81);
}

TEST(ReadListeners, ReadsWhoHoldsPort80) {
  const auto listeners = ReadListeners(Recorded("ss_port_taken.txt")).value();
  bool found = false;
  for (const auto& listener : listeners) {
    if (listener.port == 80) {
      found = true;
      EXPECT_EQ(listener.address, "0.0.0.0");
      ASSERT_EQ(listener.owners.size(), 1u);
      EXPECT_EQ(listener.owners[0].command, "hold-port");
    }
  }
  EXPECT_TRUE(found);
}

TEST(ReadListeners, NamesWithQuotesAndParenthesesAndIpv6) {
  const auto listeners =
      ReadListeners(
          "LISTEN 0 1 [::1]:81 [::]:* users:((\"a\",pid=1,fd=3),(\"(b) c\",pid=22,fd=3))\n"
          "LISTEN 0 1 *:82 *:*\nESTAB 0 0 x y\n")
          .value();
  ASSERT_EQ(listeners.size(), 2u);
  EXPECT_EQ(listeners[0].address, "::1");
  EXPECT_THAT(listeners[0].owners, ElementsAre(Owner{"a", 1}, Owner{"(b) c", 22}));
  EXPECT_TRUE(listeners[1].owners.empty());
  EXPECT_FALSE(ReadListeners("LISTEN 0 1 nonsense"));
  EXPECT_FALSE(ReadListeners("LISTEN 0 1 a:70000 b:*"));
}

TEST(ReadIdentity, KnowsASessionsProcess) {
  const auto who = ReadIdentity(Recorded("proc_stray.txt")).value();
  EXPECT_EQ(who.pid, 3719);
  EXPECT_EQ(who.command, "hold-port");
  EXPECT_EQ(who.start_time, 294208u);
  EXPECT_EQ(who.unit, "session-49.scope");
  EXPECT_EQ(who.container, "");
}

TEST(ReadIdentity, KnowsContainersInBothCgroupStylesAndHostileNames) {
  const std::string id(64, 'a');
  const std::string tail = " S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0\n";
  EXPECT_EQ(ReadIdentity("5 (sh)" + tail + "4:memory:/docker/" + id + "\n0::/\n")->container, id);
  const auto scope =
      ReadIdentity("5 (sh)" + tail + "0::/system.slice/docker-" + id + ".scope\n").value();
  EXPECT_EQ(scope.container, id);
  const auto odd =
      ReadIdentity("5 (a) R 1 (b))" + tail + "0::/system.slice/nginx.service\n").value();
  EXPECT_EQ(odd.command, "a) R 1 (b)");
  EXPECT_EQ(odd.start_time, 4711u);
  EXPECT_EQ(odd.unit, "nginx.service");
  for (const std::string& text : {"", "x", "5 (sh", "5 (sh) S 1 2", "x (sh)"}) {
    EXPECT_FALSE(ReadIdentity(text)) << text;
  }
}

TEST(ReadFirewall, ReadsRulesInOrder) {
  const auto status = ReadFirewall(Recorded("ufw_verbose.txt")).value();
  EXPECT_TRUE(status.active);
  EXPECT_EQ(status.default_incoming, "deny");
  ASSERT_EQ(status.rules.size(), 10u);
  EXPECT_EQ(status.rules[1].to, "80/tcp");
  EXPECT_EQ(status.rules[1].permit, "ALLOW");
  EXPECT_EQ(status.rules[1].from, "Anywhere");
  EXPECT_TRUE(status.rules[6].v6);
  EXPECT_EQ(ReadFirewall(Recorded("ufw_port_blocked.txt"))->rules[1].permit, "DENY");
  EXPECT_EQ(ReadFirewall(Recorded("ufw_address_blocked.txt"))->rules[0].from, "10.77.0.1");
  EXPECT_FALSE(ReadFirewall("Status: inactive\n")->active);
  EXPECT_FALSE(ReadFirewall("ERROR: You need to be root\n"));
}

TEST(Covers, PortsListsRangesProfiles) {
  const auto covers = [](std::string to, std::uint16_t port) {
    return Covers({.to = std::move(to), .permit = "ALLOW", .from = "Anywhere"}, port);
  };
  EXPECT_TRUE(covers("80", 80));
  EXPECT_TRUE(covers("80/tcp", 80));
  EXPECT_FALSE(covers("80/udp", 80));
  EXPECT_TRUE(covers("80,443/tcp", 443));
  EXPECT_TRUE(covers("8000:8100/tcp", 8050));
  EXPECT_FALSE(covers("8000:8100/tcp", 80));
  EXPECT_TRUE(covers("Nginx Full", 443));
  EXPECT_TRUE(covers("Anywhere", 1));
  EXPECT_TRUE(covers("192.0.2.1 80/tcp", 80));
  EXPECT_FALSE(covers("5432/tcp on br-web", 5432));
  EXPECT_FALSE(covers("Samba", 80));
}

TEST(FromCovers, AddressesAndNetworks) {
  const auto from = [](std::string f, std::string_view a) {
    return FromCovers({.to = "80", .permit = "DENY", .from = std::move(f)}, a);
  };
  EXPECT_TRUE(from("10.77.0.1", "10.77.0.1"));
  EXPECT_TRUE(from("10.77.0.0/16", "10.77.0.1"));
  EXPECT_FALSE(from("10.78.0.0/16", "10.77.0.1"));
  EXPECT_TRUE(from("2001:db8::/32", "2001:db8::1"));
  EXPECT_FALSE(from("nonsense/99", "10.0.0.1"));
  EXPECT_FALSE(from("10.0.0.0/8", "nonsense"));
}

TEST(ReadTop, TakesTheLastTable) {
  const auto processes = ReadTop(Recorded("top.txt"), 5).value();
  ASSERT_EQ(processes.size(), 5u);
  EXPECT_FALSE(processes[0].user.empty());
  EXPECT_FALSE(processes[0].command.empty());
  const auto two = ReadTop(
                       "PID USER %CPU %MEM COMMAND\n1 a 9.0 1.0 old\n\nPID USER %CPU %MEM COMMAND\n"
                       "2 b 99,5 2.0 stress ng\n3 c x y z\n",
                       5)
                       .value();
  ASSERT_EQ(two.size(), 1u);
  EXPECT_EQ(two[0].command, "stress ng");
  EXPECT_DOUBLE_EQ(two[0].cpu, 99.5);
  EXPECT_FALSE(ReadTop("top: failed tty get\n", 5));
}

TEST(ReadDf, ReadsMountsWithSpaces) {
  const auto all = ReadDf(Recorded("df_k.txt")).value();
  EXPECT_EQ(all[0].mount, "/");
  EXPECT_GT(all[0].size, 0u);
  const auto odd = ReadDf(
                       "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sdb1 100 "
                       "98 2 98% /my disk\n")
                       .value();
  EXPECT_EQ(odd[0].mount, "/my disk");
  EXPECT_NEAR(odd[0].Percent(), 98, 0.01);
  EXPECT_FALSE(ReadDf("df: nothing\n"));
  EXPECT_FALSE(
      ReadDf("Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a x 1 2 3% /\n"));
}

TEST(ReadFacts, ReadsWhatTheScriptTells) {
  const auto facts =
      ReadFacts(
          "machine 0123456789abcdef0123456789abcdef\nboot x\nfrom 10.77.0.1\nnow 1700000000\n"
          "uptime 120.50 400.00\nhold /etc/raksa.hold deploy 12\npackager 71 dpkg\n"
          "who ops      pts/0        2026-11-23 01:50 00:05        1234 (10.0.0.1)\n"
          "who ops      pts/1        2026-11-23 01:50   .          1235 (10.0.0.1)\n"
          "who old      pts/2        2026-11-23 01:50  old         1236 (10.0.0.1)\n"
          "who idle     pts/3        2026-11-23 01:50 02:05        1237 (10.0.0.1)\n")
          .value();
  EXPECT_EQ(facts.machine_id, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(facts.from, "10.77.0.1");
  EXPECT_EQ(facts.now, base::Time(std::chrono::seconds(1700000000)));
  EXPECT_DOUBLE_EQ(facts.uptime_seconds, 120.5);
  EXPECT_THAT(facts.holds, ElementsAre("/etc/raksa.hold deploy 12"));
  EXPECT_THAT(facts.packagers, ElementsAre("71 dpkg"));
  EXPECT_THAT(facts.logins, ElementsAre("ops at pts/0", "ops at pts/1"));
  EXPECT_FALSE(ReadFacts(""));
  EXPECT_FALSE(ReadFacts("machine nonsense\n"));
}

TEST(ReadSite, ReadsTheRecordedConfiguration) {
  const auto site = ReadSite(Recorded("nginx_T.txt"), "10.77.0.13").value();
  EXPECT_EQ(site.user, "www-data");
  EXPECT_EQ(site.root, "/var/www/web");
  EXPECT_THAT(site.index, ElementsAre("index.html"));
  EXPECT_FALSE(site.passes_on);
}

TEST(ReadSite, RemarksOnStandardErrorAfterTheConfigurationAreLeftAlone) {
  EXPECT_TRUE(ReadSite(Recorded("nginx_T.txt") +
                           "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
                           "nginx: configuration file /etc/nginx/nginx.conf test is successful\n",
                       "x"));
}

TEST(ReadSite, ChoosesByNameThenDefault) {
  const std::string text =
      "user 'web user'; # who\nhttp { index a.html b.html;\n"
      "server { listen 80; root /one; }\n"
      "server { listen 80 default_server; root /two; location / { try_files $uri =404; } }\n"
      "server { server_name x.test y.test; root /three; location / { proxy_pass http://u; } } }";
  EXPECT_EQ(ReadSite(text, "y.test")->root, "/three");
  EXPECT_TRUE(ReadSite(text, "y.test")->passes_on);
  const auto two = ReadSite(text, "z.test").value();
  EXPECT_EQ(two.root, "/two");
  EXPECT_TRUE(two.tries_files);
  EXPECT_EQ(two.user, "web user");
  EXPECT_THAT(two.index, ElementsAre("a.html", "b.html"));
}

TEST(ReadSite, RefusesWhatDoesNotHoldTogether) {
  const std::string deep(100, '{');
  for (const std::string& text :
       {std::string(""), std::string("http {"), std::string("}"),
        std::string("http { server { root 'x; } }"), std::string("events {}"), "a " + deep,
        std::string("http { server }")}) {
    EXPECT_FALSE(ReadSite(text, "x")) << text;
  }
}

/// Random damage to real answers: readers refuse or read, and never break.
TEST(Readers, SurviveDamage) {
  std::mt19937 random(7);
  for (const std::string& file :
       {"show_nginx_killed.txt", "inspect_app-killed.json", "ss_port_taken.txt", "proc_stray.txt",
        "ufw_verbose.txt", "top.txt", "df_k.txt", "nginx_T.txt"}) {
    const auto whole = Recorded(file);
    for (int round = 0; round < 300; ++round) {
      auto text = whole.substr(0, random() % (whole.size() + 1));
      for (int i = 0; i < 4 && !text.empty(); ++i) {
        text[random() % text.size()] = static_cast<char>(random());
      }
      (void)ReadUnits(text);
      (void)ReadContainer(text);
      (void)ReadListeners(text);
      (void)ReadIdentity(text);
      (void)ReadFirewall(text);
      (void)ReadTop(text, 5);
      (void)ReadDf(text);
      (void)ReadFacts(text);
      (void)ReadSite(text, "x");
    }
  }
}

}  // namespace
}  // namespace diagnosis::parse
