// Examination of whole chains whose firewall lets nothing in.
#include "diagnosis/chain_testing.h"
#include "diagnosis/firewall/firewall.h"

namespace diagnosis {
namespace {

using testing::Contains;

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

}  // namespace
}  // namespace diagnosis
