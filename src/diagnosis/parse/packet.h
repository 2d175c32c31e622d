// A packet that arrives, and how a rule of a firewall fits it: what the readers of iptables and of
// nftables share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace diagnosis::parse {

/// A new TCP connection that arrives.
struct Packet {
  std::string from;                 ///< IPv4 address, for nftables also IPv6; "" = not known
  std::uint16_t port = 0;           ///< its destination as the chain sees it
  std::uint16_t original_port = 0;  ///< as it was sent, before DNAT
};

/// What a chain decides about a packet.
struct Verdict {
  enum class Fate { kNone, kAccepted, kDropped };
  Fate fate = Fate::kNone;  ///< kNone: nothing decided (or something that we cannot match might)
  bool by_address = false;  ///< the deciding rule names an address or network
  std::string rule;         ///< the deciding rule, or the policy
};

/// How a match fits a packet; kMaybe: we cannot tell. Ordered: of several that must all fit the
/// least counts, of several of which one must fit the greatest.
enum class Fit { kNo, kMaybe, kYes };

inline Fit All(Fit a, Fit b) { return std::min(a, b); }
inline Fit Any(Fit a, Fit b) { return std::max(a, b); }
inline Fit Not(Fit fit) {
  return fit == Fit::kMaybe ? fit : fit == Fit::kYes ? Fit::kNo : Fit::kYes;
}

}  // namespace diagnosis::parse
