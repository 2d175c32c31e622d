// Rules of iptables, recorded and made up.
#include <gtest/gtest.h>

#include "diagnosis/parse/iptables.h"
#include "diagnosis/recorded_testing.h"

namespace diagnosis::parse {
namespace {

using Fate = Verdict::Fate;

Verdict Decide(const std::string& rules, Packet packet, std::string_view chain = "INPUT",
               std::string_view skip = "ufw") {
  const auto table = ReadIptables(rules);
  EXPECT_TRUE(table) << (table ? "" : table.error().message);
  return Walk(*table, chain, packet, skip);
}

constexpr std::string_view kMonitor = "10.77.0.1";

Packet To(std::uint16_t port, std::string_view from = kMonitor) {
  return {.from = std::string(from), .port = port, .original_port = port};
}

TEST(Iptables, ADropForThePort) {
  const std::string rules =
      "-P INPUT ACCEPT\n"
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
      "-A INPUT -p tcp -m tcp --dport 80 -j DROP\n";
  const auto verdict = Decide(rules, To(80));
  EXPECT_EQ(verdict.fate, Fate::kDropped);
  EXPECT_FALSE(verdict.by_address);
  EXPECT_NE(verdict.rule.find("--dport 80 -j DROP"), std::string::npos);
  EXPECT_EQ(Decide(rules, To(443)).fate, Fate::kNone);
}

TEST(Iptables, AddressesAndTheirOpposite) {
  EXPECT_EQ(Decide("-N INPUT\n-A INPUT -s 10.77.0.0/24 -j REJECT\n", To(80)).fate, Fate::kDropped);
  EXPECT_TRUE(Decide("-N INPUT\n-A INPUT -s 10.77.0.1/32 -j DROP\n", To(80)).by_address);
  EXPECT_EQ(Decide("-N INPUT\n-A INPUT ! -s 10.77.0.0/24 -j DROP\n", To(80)).fate, Fate::kNone);
  EXPECT_EQ(Decide("-N INPUT\n-A INPUT -s 10.77.0.9/32 -j DROP\n", To(80, "")).fate, Fate::kNone)
      << "an address that is not known is no proof";
}

TEST(Iptables, ChainsAreFollowedAndReturnedFrom) {
  const std::string rules =
      "-P INPUT DROP\n-N f2b\n"
      "-A INPUT -j f2b\n-A INPUT -p tcp -m multiport --dports 80,443 -j ACCEPT\n"
      "-A f2b -s 192.0.2.1/32 -j REJECT --reject-with icmp-port-unreachable\n-A f2b -j RETURN\n";
  EXPECT_EQ(Decide(rules, To(80)).fate, Fate::kAccepted);
  EXPECT_EQ(Decide(rules, To(80, "192.0.2.1")).fate, Fate::kDropped);
  EXPECT_EQ(Decide(rules, To(5432)).rule, "-P INPUT DROP");
}

TEST(Iptables, WhatUfwMayAcceptIsNotBlamedOnAnybodyElse) {
  const std::string rules =
      "-P INPUT DROP\n-N ufw-before-input\n-A INPUT -j ufw-before-input\n"
      "-A INPUT -p tcp --dport 80 -j DROP\n";
  EXPECT_EQ(Decide(rules, To(80)).fate, Fate::kNone);
}

TEST(Iptables, WhatCannotBeMatchedIsNoProof) {
  EXPECT_EQ(Decide("-N INPUT\n-A INPUT -m set --match-set bad src -j DROP\n", To(80)).fate,
            Fate::kNone);
  EXPECT_EQ(Decide("-N INPUT\n-A INPUT -p tcp -m limit --limit 3/min -j ACCEPT\n"
                   "-A INPUT -j DROP\n",
                   To(80))
                .fate,
            Fate::kNone);
  EXPECT_EQ(Decide("-N INPUT\n-A INPUT -i lo -j DROP\n", To(80)).fate, Fate::kNone);
}

TEST(Iptables, AJumpThatMayBeTakenIntoAChainThatAcceptsIsNoProof) {
  const std::string rules =
      "-N INPUT\n-N good\n-N bad\n-A INPUT -m set --match-set x src -j %\n-A INPUT -j DROP\n"
      "-A good -p tcp -j ACCEPT\n-A bad -j DROP\n";
  const auto with = [&](const std::string& chain) {
    auto text = rules;
    return text.replace(text.find('%'), 1, chain);
  };
  EXPECT_EQ(Decide(with("good"), To(80)).fate, Fate::kNone);
  EXPECT_EQ(Decide(with("bad"), To(80)).fate, Fate::kDropped) << "either way";
}

TEST(Iptables, CommentsAreNoOptions) {
  EXPECT_EQ(
      Decide("-N INPUT\n-A INPUT -p tcp -m comment --comment \"never -j DROP\" -j ACCEPT\n", To(80))
          .fate,
      Fate::kAccepted);
}

TEST(Iptables, ALoopOfChainsEnds) {
  EXPECT_EQ(Decide("-N INPUT\n-N a\n-A INPUT -j a\n-A a -j a\n", To(80)).fate, Fate::kNone);
}

TEST(Iptables, NotUnderstood) {
  EXPECT_FALSE(ReadIptables("iptables: Permission denied\n"));
  EXPECT_FALSE(ReadIptables(""));
}

TEST(Iptables, AServerWithDockerAndUfw) {
  const auto nat = ReadIptables(Recorded("iptables_nat_docker.txt"));
  ASSERT_TRUE(nat);
  const auto published = PublishedPorts(*nat);
  ASSERT_EQ(published.size(), 1u) << "8080 is published on the loopback only";
  EXPECT_EQ(published[0], std::make_pair(std::uint16_t{5432}, std::uint16_t{5432}));
  const auto filter = ReadIptables(Recorded("iptables_docker_user.txt"));
  ASSERT_TRUE(filter);
  EXPECT_EQ(Walk(*filter, "DOCKER-USER", To(5432), "").fate, Fate::kDropped);
  EXPECT_EQ(Walk(*filter, "DOCKER-USER", To(80), "").fate, Fate::kNone);
  EXPECT_EQ(Walk(*filter, "INPUT", To(80), "ufw").fate, Fate::kNone);
}

}  // namespace
}  // namespace diagnosis::parse
