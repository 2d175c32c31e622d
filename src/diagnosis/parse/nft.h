// What `nft -j list ruleset` says: the tables of nftables, and what they do with a new TCP
// connection. JSON and not nft's own language, for its grammar is one that a library reads:
// libnftables-json(5).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnosis/parse/packet.h"

namespace diagnosis::parse {

/// What of a packet a match looks at.
enum class NftField {
  kPort,          ///< `tcp dport`, `th dport`
  kOriginalPort,  ///< `ct original proto-dst`
  kProtocol,      ///< `meta l4proto`
  kProtocol4,     ///< `ip protocol`
  kProtocol6,     ///< `ip6 nexthdr`
  kFamily,        ///< `meta nfproto`, `meta protocol`
  kSource4,       ///< `ip saddr`
  kSource6,       ///< `ip6 saddr`
  kInterface,     ///< `iifname`, `iif`
  kState,         ///< `ct state`
  kOther4,        ///< another field of IPv4: none of an IPv6 packet, else not known
  kOther6,        ///< another field of IPv6
  kNever,         ///< a field of another protocol: `udp dport`
  kUnknown
};

/// A number or an address as 16 bytes, the highest first; IPv4 as ::ffff:a.b.c.d.
using NftBytes = std::array<std::uint8_t, 16>;

/// A value that a field is held against: a word, or all from `low` to `high`.
struct NftValue {
  std::string word;  ///< "lo", "established", "tcp"; "" = a span
  NftBytes low{};
  NftBytes high{};
};

enum class NftAction {
  kNone,      ///< the next rule
  kAccept,    ///< this base chain lets it pass
  kDrop,      ///< dropped or rejected
  kReturn,    ///< back to where the chain was jumped to from
  kJump,      ///< and back
  kGoto,      ///< and not back
  kRedirect,  ///< to another port of this host
  kUnknown    ///< what we do not know
};

struct NftDecision {
  NftAction action = NftAction::kNone;
  std::string chain;       ///< of kJump and kGoto
  std::uint16_t port = 0;  ///< of kRedirect; 0 = the same
};

/// An element of a set or of a map of verdicts: one value a field.
struct NftElement {
  std::vector<NftValue> values;  ///< empty: every one (`*`)
  bool opaque = false;           ///< we do not know what it stands for
  NftDecision decision;          ///< in a map
};

/// A set or a map of verdicts.
struct NftSet {
  std::vector<NftElement> elements;
};

/// `FIELDS == VALUES`, `FIELDS vmap …`.
struct NftLookup {
  std::vector<NftField> fields;  ///< several: `ip saddr . tcp dport`
  bool negated = false;
  bool opaque = false;  ///< it may fit or not, but for what the fields rule out
  NftSet in_place;
  std::string set;  ///< the name of one; "" = `in_place`
};

struct NftRule {
  std::uint64_t handle = 0;  ///< by which `nft delete rule` knows it
  std::vector<NftLookup> matches;
  std::optional<NftLookup> map;  ///< decides instead of `decision`
  bool opaque = false;           ///< it has a condition that we do not know: it may fit or not
  bool strange = false;  ///< where `matches` fit it does what we cannot follow (dnat, queue, a new
                         ///< port): nothing is proved behind it
  NftDecision decision;
  std::string text;  ///< about as nft writes it, printable, at most 200 bytes
};

struct NftChain {
  std::string type;  ///< of a base chain: "filter", "nat", "route"; "" = it is jumped to only
  std::string hook;  ///< "prerouting", "input", "forward", …
  int priority = 0;  ///< the smaller the earlier
  bool policy_drop = false;
  std::vector<NftRule> rules;
};

struct NftTable {
  std::string family;  ///< "ip", "ip6", "inet"; others are left out
  std::string name;
  std::map<std::string, NftChain, std::less<>> chains;
  std::map<std::string, NftSet, std::less<>> sets;
};

struct NftRuleset {
  std::vector<NftTable> tables;
  bool untracked = false;  ///< something says `notrack`: a new connection may have no state
};

/// Reads `nft -j list ruleset`; text around the object (warnings) is left out. Errors: kInvalid
/// when it is no such JSON, above 4 MiB, deeper than 32, or with more than 10,000 rules, 2,000
/// chains or 200,000 elements.
base::Result<NftRuleset> ReadNft(std::string_view text);

/// What is known of a packet's way besides nftables' own rules.
struct NftWay {
  bool forwarded = false;  ///< docker hands the port to a container
  bool iptables = false;   ///< iptables' own tables were read by another reader: skip them
};

struct NftVerdict {
  bool dropped = false;     ///< for sure
  bool by_address = false;  ///< the rule names an address or network
  std::string table;        ///< "inet filter"
  std::string chain;
  std::uint64_t handle = 0;  ///< 0: the policy of the chain
  std::string rule;          ///< "tcp dport 80 drop", "policy drop"
};

/// Walks the base chains of prerouting, then of input or (when forwarded) of forward, by priority
/// as the kernel does; each of them must accept. A rule that may fit or not is passed over when it
/// drops, and ends its base chain undecided when it accepts. When NAT may change where the packet
/// goes, nothing is decided behind it; nor when the packet's address is not known. Bounded: jumps
/// 16 deep, five million comparisons.
NftVerdict WalkNft(const NftRuleset& ruleset, const Packet& packet, const NftWay& way);

}  // namespace diagnosis::parse
