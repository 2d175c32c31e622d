// What `iptables -S` says: the rules of a table, and what they do with a new TCP connection.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnosis/parse/packet.h"

namespace diagnosis::parse {

/// One rule of a chain. What we do not know how to match makes it `opaque`: it may fit or not.
struct IptablesRule {
  std::string protocol;                                        ///< "tcp", "udp"; "" = every
  std::string source;                                          ///< "10.0.0.0/8"; "" = everybody
  bool source_not = false;                                     ///< `! -s`
  std::string interface;                                       ///< `-i`; "" = every
  bool interface_not = false;                                  ///< `! -i`
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ports;  ///< `--dport`, `--dports`
  std::vector<std::pair<std::uint16_t, std::uint16_t>> original_ports;  ///< `--ctorigdstport`
  bool opaque = false;
  bool never = false;       ///< only for connections that are there already
  std::string target;       ///< "DROP", "REJECT", "ACCEPT", "RETURN", a chain; "" = none
  std::string destination;  ///< DNAT: "172.30.0.2:5432"
  std::string text;         ///< the rule as printed, printable, at most 200 bytes
};

/// A table: chains by name, in order; `policies` of the built-in ones ("DROP").
struct IptablesTable {
  std::map<std::string, std::vector<IptablesRule>, std::less<>> chains;
  std::map<std::string, std::string, std::less<>> policies;
};

/// Reads `iptables -S` (iptables-save's words, iptables(8)). Other lines (warnings) are left out.
/// Errors: kInvalid when there is no chain in it, or more than 10,000 rules.
base::Result<IptablesTable> ReadIptables(std::string_view text);

/// Walks a chain and those that it jumps to, at most 16 deep. Chains whose name begins with
/// `skip` ("ufw") are left out: another reader knows them better; when such a chain stands before
/// the rule that would drop, nothing is decided, for it may accept. A rule that may fit or not is
/// passed over when it drops, and ends the walk undecided when it accepts.
Verdict Walk(const IptablesTable& table, std::string_view chain, const Packet& packet,
             std::string_view skip);

/// Ports of the host that docker's DNAT rules (`iptables -t nat -S`) hand to containers from
/// outside: the host's port and the container's.
std::vector<std::pair<std::uint16_t, std::uint16_t>> PublishedPorts(const IptablesTable& nat);

}  // namespace diagnosis::parse
