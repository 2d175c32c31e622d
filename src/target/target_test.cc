// Tests of reading targets: shorthand, credentials, applications, dependencies, reload differences.
#include "target/target.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace target {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Spec = model::OptionSpec;
const model::KindSpec kIcmp = {
    .name = "icmp",
    .options = {Spec{.name = "count", .type = model::OptionType::kInteger, .fallback = "3"}}};
const model::KindSpec kTcp = {.name = "tcp",
                              .options = {Spec{.name = "port",
                                               .type = model::OptionType::kInteger,
                                               .required = true,
                                               .min = 1,
                                               .max = 65535}}};
const model::KindSpec kHttp = {
    .name = "http",
    .options = {Spec{.name = "url", .type = model::OptionType::kUrl},
                Spec{.name = "body_regex", .type = model::OptionType::kRegex}}};
const model::KindSpec kSnmp = {.name = "snmp",
                               .metrics = {{.name = "disk_percent", .labels = {"path"}}}};
const model::KindSpec kFirewall = {.name = "firewall"};
const model::KindSpec kService = {.name = "service"};
const model::KindSpec kContainer = {.name = "container",
                                    .options = {Spec{.name = "engine", .fallback = "docker"}}};
const model::KindSpec kCommand = {
    .name = "command",
    .options = {Spec{.name = "check", .type = model::OptionType::kStrings, .required = true}}};
const Kinds kKinds = {{&kIcmp, &kTcp, &kHttp, &kSnmp},
                      {&kFirewall, &kService, &kContainer, &kCommand}};

/// A read file that lives as long as the test.
struct Read {
  explicit Read(std::string text, std::string file = "x.yaml")
      : document(config::Document::Parse(std::move(text), std::move(file))) {
    config::MapReader map(document->Root(), "the configuration");
    fleet = ReadTargets(map.Optional("defaults"), map.Optional("credentials"),
                        map.Optional("targets"), kKinds);
    map.Finish();
    for (const auto& problem : document->problems()) {
      said += problem.ToString() + "\n";
    }
  }
  std::shared_ptr<config::Document> document;
  Fleet fleet;
  std::string said;
};

/// What a target with these lines gives as problems.
std::string Said(const std::string& lines) {
  return Read("targets:\n  - name: a\n    address: a.example\n" + lines).said;
}

std::vector<std::string> ProbeNames(const model::Target& target) {
  std::vector<std::string> out;
  for (const auto& probe : target.probes) {
    out.push_back(probe.name);
  }
  return out;
}

TEST(Targets, ShortKeysStandForProbes) {
  const Read read(
      "defaults: {interval: 10s, timeout: 2s}\n"
      "credentials: {ops: {ssh: {user: ops}}}\n"
      "targets:\n"
      "  - name: web1\n    address: 192.0.2.11\n    url: http://192.0.2.11/\n    ports: [80, 443]\n"
      "    snmp: public\n    ssh: ops\n    labels: {site: bangkok}\n"
      "    application: [firewall, nginx, docker, \"container:web-application\"]\n");
  ASSERT_THAT(read.said, IsEmpty());
  const auto& target = read.fleet.targets.at(0);
  EXPECT_THAT(ProbeNames(target), ElementsAre("icmp", "tcp:80", "tcp:443", "http", "snmp"));
  EXPECT_EQ(target.probes[0].interval, seconds(10));
  EXPECT_EQ(target.probes[0].timeout, seconds(2));
  EXPECT_EQ(target.probes[1].options.Get<std::int64_t>("port"), 80);
  EXPECT_EQ(target.probes[3].options.Get<std::string>("url"), "http://192.0.2.11/");
  EXPECT_EQ(target.probes[0].options.Get<std::int64_t>("count"), 3);
  EXPECT_EQ(target.snmp->community.Reveal(), "public");
  EXPECT_EQ(target.ssh->user, "ops");
  EXPECT_EQ(target.labels.Get("site"), "bangkok");
  std::vector<std::string> ids;
  for (const auto& component : target.application) {
    ids.push_back(component.Id());
  }
  EXPECT_THAT(
      ids, ElementsAre("firewall", "service:nginx", "service:docker", "container:web-application"));
  EXPECT_EQ(target.application[3].options.Get<std::string>("engine"), "docker");
}

TEST(Targets, ExplicitProbesAddAndReplace) {
  const Read read(
      "targets:\n  - name: a\n    address: a\n    url: http://a/\n    ping: false\n    probes:\n"
      "      - http: {url: http://a/health, body_regex: ok, interval: 30s, timeout: 5s}\n"
      "      - http: {body_regex: hello}\n"
      "      - tcp: {port: 5432, name: database}\n"
      "      - icmp\n");
  ASSERT_THAT(read.said, IsEmpty());
  const auto& target = read.fleet.targets.at(0);
  EXPECT_THAT(ProbeNames(target), ElementsAre("http", "http:/health", "database", "icmp"));
  EXPECT_EQ(target.probes[0].options.Get<std::string>("body_regex"), "hello");
  EXPECT_EQ(target.probes[1].interval, seconds(30));
}

TEST(Targets, ExplicitProbesAreChecked) {
  EXPECT_THAT(Said("    probes:\n      - htp: {url: http://a/}\n"),
              HasSubstr("did you mean \"http\"?"));
  EXPECT_THAT(Said("    probes:\n      - tcp: {}\n"),
              HasSubstr("a tcp probe needs the key \"port\""));
  EXPECT_THAT(Said("    probes:\n      - tcp:\n"), HasSubstr("a tcp probe needs the key \"port\""));
  EXPECT_THAT(Said("    probes:\n      - http: {timeout: 10s}\n"), HasSubstr("longer than"));
  EXPECT_THAT(Said("    probes:\n      - http: {url: http://a/}\n      - http: {url: http://b/}\n"),
              HasSubstr("are called \"http:/\""));
  EXPECT_THAT(Said("    probes:\n      - snmp\n"), HasSubstr("without the key \"snmp\""));
  EXPECT_THAT(Said("    probes:\n      - http: {}\n        tcp: {}\n"), HasSubstr("one kind"));
  EXPECT_THAT(Said("    probes: [[a]]\n"), HasSubstr("expected a map"));
  EXPECT_THAT(Said("    ping: false\n"), HasSubstr("nothing probes"));
}

TEST(Targets, ApplicationsAreChecked) {
  const auto said = [](const std::string& value) {
    return Read(
               "credentials: {ops: {ssh: {user: ops}}}\ntargets:\n  - name: a\n    address: a\n"
               "    ssh: ops\n    application: [" +
               value + "]\n")
        .said;
  };
  EXPECT_THAT(said("\"command:x\""), HasSubstr("needs the key \"check\""));
  EXPECT_THAT(said("{command: {name: x, check: [a, b]}}"), IsEmpty());
  EXPECT_THAT(said("{command: {check: [a]}}"), HasSubstr("needs the key \"name\""));
  EXPECT_THAT(said("\"contaner:x\""), HasSubstr("did you mean \"container\"?"));
  EXPECT_THAT(said("contaner"), HasSubstr("did you mean \"container\"?"));
  EXPECT_THAT(said("containerd"), HasSubstr("\"service:containerd\""));
  EXPECT_THAT(said("\"service:containerd\""), IsEmpty());
  EXPECT_THAT(said("container"), HasSubstr("a container needs a name"));
  EXPECT_THAT(said("\"container:\""), HasSubstr("a name is missing"));
  EXPECT_THAT(said("\"container:a b\""), HasSubstr("characters that none has"));
  EXPECT_THAT(said("\"container:-rf\""), HasSubstr("characters that none has"));
  EXPECT_THAT(said("\"nginx;reboot\""), HasSubstr("characters that none has"));
  EXPECT_THAT(said("nginx, nginx"), HasSubstr("stands twice"));
  EXPECT_THAT(said("{container: {name: x, engin: podman}}"), HasSubstr("did you mean \"engine\"?"));
  EXPECT_THAT(Said("    application: [nginx]\n"), HasSubstr("examined over SSH"));
}

TEST(Targets, LabelsOfOurOwnAreReserved) {
  for (const auto* name : {"target", "ip", "url", "port", "path", "job", "__x__", "9a", "a-b"}) {
    EXPECT_THAT(Said(fmt::format("    labels: {{{}: x}}\n", name)),
                testing::AnyOf(HasSubstr("is reserved"), HasSubstr("cannot name a label")))
        << name;
  }
}

TEST(Targets, DependenciesAreKnownAndWithoutCircles) {
  const auto said = [](const char* a, const char* b, const char* c) {
    return Read(fmt::format("targets:\n  - {{name: a, address: a, depends_on: {}}}\n  - {{name: b, "
                            "address: b, depends_on: {}}}\n  - {{name: c, address: c, depends_on: "
                            "{}}}\n",
                            a, b, c))
        .said;
  };
  EXPECT_THAT(said("[b, c]", "c", "[]"), IsEmpty());
  EXPECT_THAT(said("b", "c", "a"), HasSubstr("in a circle: a → b → c → a"));
  EXPECT_THAT(said("a", "[]", "[]"), HasSubstr("depends on itself"));
  EXPECT_THAT(said("nobody", "[]", "[]"), HasSubstr("no target is called \"nobody\""));
  EXPECT_THAT(Read("targets:\n  - {name: a, address: a}\n  - {name: a, address: b}\n").said,
              HasSubstr("two targets are called \"a\""));
}

TEST(Targets, ALongChainOfDependenciesIsNoTrouble) {
  std::string text = "targets:\n";
  for (int i = 0; i < 5000; ++i) {
    text += fmt::format("  - {{name: t{}, address: a, depends_on: t{}}}\n", i, (i + 1) % 5000);
  }
  EXPECT_THAT(Read(text).said, HasSubstr("in a circle"));
}

class Credential : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_);
    Write("good", "long enough");
    Write("short", "seven77");
    Write("open", "hush");
    chmod((dir_ + "/open").c_str(), 0644);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ + "/" + name) << text << "\n";
    chmod((dir_ + "/" + name).c_str(), 0600);
  }
  Read Snmp(const std::string& body) {
    return Read("credentials: {c: {snmp: {" + body + "}}}\n", dir_ + "/x.yaml");
  }
  std::string dir_ = testing::TempDir() + fmt::format("raksa_target_{}", getpid());
};

TEST_F(Credential, SecretsComeFromFiles) {
  const auto read = Snmp("community_file: good");
  EXPECT_THAT(read.said, IsEmpty());
  EXPECT_EQ(read.fleet.credentials.snmp.at("c").community.Reveal(), "long enough");
  EXPECT_EQ(read.fleet.credentials.snmp.at("c").version, 2);
  EXPECT_THAT(Snmp("community: public").said, IsEmpty());
  const auto inline_secret = Snmp("community: hushhush").said;
  EXPECT_THAT(inline_secret, HasSubstr("community_file: PATH"));
  EXPECT_THAT(inline_secret, testing::Not(HasSubstr("hushhush")));
  EXPECT_THAT(Snmp("community_file: open").said, HasSubstr("everybody may read it"));
  EXPECT_THAT(Snmp("community_file: nowhere").said, HasSubstr("No such file"));
  EXPECT_THAT(Snmp("version: 2c").said, HasSubstr("needs the key \"community_file\""));
}

TEST_F(Credential, SnmpVersion3) {
  const auto read = Snmp(
      "version: 3, user: monitor, auth: {protocol: SHA-256, password_file: good}, "
      "priv: {protocol: AES, password_file: good}");
  EXPECT_THAT(read.said, IsEmpty());
  const auto& got = read.fleet.credentials.snmp.at("c");
  EXPECT_EQ(got.level, "authPriv");
  EXPECT_EQ(got.auth_protocol, "SHA-256");
  EXPECT_EQ(got.priv_password.Reveal(), "long enough");
  EXPECT_THAT(Snmp("version: 3").said, HasSubstr("needs the key \"user\""));
  EXPECT_THAT(Snmp("version: 3, user: m, priv: {protocol: AES, password_file: good}").said,
              HasSubstr("priv without auth"));
  EXPECT_THAT(Snmp("version: 3, user: m, auth: {protocol: SHA-255, password_file: good}").said,
              HasSubstr("did you mean \"SHA-25"));
  EXPECT_THAT(Snmp("version: 3, user: m, auth: {protocol: SHA, password_file: short}").said,
              HasSubstr("shorter than 8"));
  EXPECT_THAT(Snmp("version: 3, user: m, auth: {protocol: SHA, password: abcdefgh}").said,
              HasSubstr("password_file: PATH"));
  EXPECT_THAT(Snmp("version: 3, user: m, level: authPriv").said, HasSubstr("does not fit"));
  EXPECT_THAT(Snmp("version: 3, user: m, community: public").said, HasSubstr("has no meaning"));
  EXPECT_THAT(Snmp("user: m, community: public").said, HasSubstr("did you mean version: 3?"));
  EXPECT_THAT(Snmp("version: 2, community: public").said, HasSubstr("did you mean"));
}

TEST_F(Credential, Ssh) {
  const auto ssh = [](const std::string& body) {
    return Read("credentials: {c: {ssh: {" + body + "}}}\n", "/etc/raksa/x.yaml");
  };
  const auto read = ssh("user: ops, port: 2222, key_file: id, known_hosts: kh, jump: a@b");
  EXPECT_THAT(read.said, IsEmpty());
  const auto& got = read.fleet.credentials.ssh.at("c");
  EXPECT_EQ(got.key_file, "/etc/raksa/id");
  EXPECT_EQ(got.port, 2222);
  EXPECT_THAT(ssh("user: ops, password: x").said, HasSubstr("passwords are not used"));
  EXPECT_THAT(ssh("user: \"-oProxyCommand=x\"").said, HasSubstr("characters that none has"));
  EXPECT_THAT(ssh("user: \"a b\"").said, HasSubstr("characters that none has"));
  EXPECT_THAT(ssh("port: 22").said, HasSubstr("needs the key \"user\""));
  EXPECT_THAT(Read("credentials: {c: {}}\n").said, HasSubstr("without ssh or snmp"));
}

TEST_F(Credential, NamesAreProposed) {
  const Read read(
      "credentials: {ops: {ssh: {user: ops}}}\ntargets:\n"
      "  - {name: a, address: a, ssh: opps}\n"
      "  - {name: b, address: b, snmp: ops}\n");
  EXPECT_THAT(read.said, HasSubstr("did you mean \"ops\"?"));
  EXPECT_THAT(read.said, HasSubstr("the credential \"ops\" has no snmp part"));
}

TEST(Diff, NamesWhatAReloadChanges) {
  const Read before(
      "targets: [{name: a, address: a}, {name: b, address: b}, {name: c, address: c}]");
  const Read after(
      "targets: [{name: d, address: d}, {name: c, address: c}, {name: a, address: x}]");
  const auto diff = Diff(before.fleet.targets, after.fleet.targets);
  EXPECT_THAT(diff.added, ElementsAre("d"));
  EXPECT_THAT(diff.removed, ElementsAre("b"));
  EXPECT_THAT(diff.changed, ElementsAre("a"));
  EXPECT_TRUE(Diff(before.fleet.targets, before.fleet.targets).empty());
}

}  // namespace
}  // namespace target
