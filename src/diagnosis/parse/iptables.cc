// Reader of `iptables -S`.
#include "diagnosis/parse/iptables.h"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <optional>

#include "base/text.h"
#include "diagnosis/parse/words.h"

namespace diagnosis::parse {
namespace {

constexpr std::size_t kMaxRules = 10'000;
constexpr int kMaxDepth = 16;

using Range = std::pair<std::uint16_t, std::uint16_t>;

/// "80", "8000:8100", "80,443".
bool ReadRanges(std::string_view text, std::vector<Range>& out) {
  for (const auto part : base::Split(text, ',')) {
    Range range;
    const auto colon = part.find(':');
    if (!ReadNumber(part.substr(0, colon), range.first)) {
      return false;
    }
    range.second = range.first;
    if (colon != std::string_view::npos && !ReadNumber(part.substr(colon + 1), range.second)) {
      return false;
    }
    out.push_back(range);
  }
  return true;
}

/// One option and its value; false: it is none that we know how to match.
bool Take(IptablesRule& rule, std::string_view name, std::string_view value, bool negated) {
  if (name == "-s") {
    rule.source = std::string(value);
    rule.source_not = negated;
    return true;
  }
  if (name == "-i") {
    rule.interface = std::string(value);
    rule.interface_not = negated;
    return true;
  }
  if (negated) {
    return false;
  }
  if (name == "-p") {
    rule.protocol = std::string(value);
    return true;
  }
  if (name == "--dport" || name == "--dports") {
    return ReadRanges(value, rule.ports);
  }
  if (name == "--ctorigdstport") {
    return ReadRanges(value, rule.original_ports);
  }
  if (name == "-j" || name == "-g") {
    rule.target = base::Printable(value.substr(0, 64));
    return true;
  }
  if (name == "--to-destination") {
    rule.destination = base::Printable(value.substr(0, 64));
    return true;
  }
  if (name == "--ctstate" || name == "--state") {
    // The first packet of a connection is NEW.
    rule.never = rule.never || value.find("NEW") == std::string_view::npos;
    return true;
  }
  if (name == "-d") {
    return value == "0.0.0.0/0";
  }
  // Matches that say nothing by themselves, and words for people or for the answer.
  return name == "-m" || name == "--reject-with" || name == "--comment";
}

IptablesRule ReadRule(const std::vector<std::string_view>& words, std::string_view line) {
  IptablesRule rule;
  rule.text = base::Printable(line.substr(0, 200));
  bool negated = false;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (words[i] == "!") {
      negated = true;
      continue;
    }
    if (!words[i].starts_with('-')) {
      continue;  // the rest of a comment
    }
    const auto name = words[i];
    const bool has_value = i + 1 < words.size() && !words[i + 1].starts_with('-');
    const bool fits = Take(rule, name, has_value ? words[i + 1] : "", negated);
    rule.opaque = rule.opaque || !fits;
    i += has_value ? 1 : 0;
    if (has_value && words[i].starts_with('"')) {
      // A comment of several words.
      while (i + 1 < words.size() && (words[i].size() < 2 || !words[i].ends_with('"'))) {
        ++i;
      }
    }
    negated = false;
  }
  return rule;
}

bool InRanges(const std::vector<Range>& ranges, std::uint16_t port) {
  return std::any_of(ranges.begin(), ranges.end(), [port](const Range& range) {
    return port >= range.first && port <= range.second;
  });
}

/// Whether an address is in "10.0.0.0/8"; nullopt: not known.
std::optional<bool> InNetwork(std::string_view network, const std::string& address) {
  boost::system::error_code ec;
  const auto ours = boost::asio::ip::make_address_v4(address, ec);
  if (ec) {
    return std::nullopt;
  }
  const auto net = boost::asio::ip::make_network_v4(std::string(network), ec);
  if (ec) {
    return std::nullopt;
  }
  return boost::asio::ip::network_v4(ours, net.prefix_length()).canonical() == net.canonical();
}

/// Bridges and cables of containers, and the loopback: nothing from outside comes in by them.
bool IsInner(std::string_view interface) {
  return interface == "lo" || interface.starts_with("docker") || interface.starts_with("br-") ||
         interface.starts_with("veth");
}

Fit Fits(const IptablesRule& rule, const Packet& packet) {
  if (rule.never) {
    return Fit::kNo;
  }
  if (!rule.protocol.empty() && rule.protocol != "tcp" && rule.protocol != "all") {
    return Fit::kNo;
  }
  if (!rule.ports.empty() && !InRanges(rule.ports, packet.port)) {
    return Fit::kNo;
  }
  if (!rule.original_ports.empty() && !InRanges(rule.original_ports, packet.original_port)) {
    return Fit::kNo;
  }
  bool maybe = rule.opaque;
  if (!rule.source.empty()) {
    const auto in = InNetwork(rule.source, packet.from);
    if (in && *in == rule.source_not) {
      return Fit::kNo;
    }
    maybe = maybe || !in;
  }
  if (!rule.interface.empty() && IsInner(rule.interface) != rule.interface_not) {
    return Fit::kNo;
  }
  if (rule.interface_not && !IsInner(rule.interface)) {
    maybe = true;  // every interface but one that may be ours
  }
  return maybe ? Fit::kMaybe : Fit::kYes;
}

class Walker {
 public:
  Walker(const IptablesTable& table, const Packet& packet, std::string_view skip)
      : table_(table), packet_(packet), skip_(skip) {}

  /// True: the walk has ended, `verdict` tells how.
  bool Chain(std::string_view name, int depth) {
    const auto at = table_.chains.find(name);
    if (at == table_.chains.end() || depth > kMaxDepth) {
      return false;
    }
    for (const auto& rule : at->second) {
      const auto fit = Fits(rule, packet_);
      if (fit == Fit::kNo || rule.target.empty()) {
        continue;
      }
      if (++steps_ > kMaxRules) {
        return true;
      }
      if (rule.target == "DROP" || rule.target == "REJECT") {
        if (fit == Fit::kYes && !others_) {
          verdict.fate = Verdict::Fate::kDropped;
          verdict.by_address = !rule.source.empty() && !rule.source_not;
          verdict.rule = rule.text;
          return true;
        }
      } else if (rule.target == "ACCEPT") {
        verdict.fate = fit == Fit::kYes ? Verdict::Fate::kAccepted : Verdict::Fate::kNone;
        return true;
      } else if (rule.target == "RETURN") {
        if (fit == Fit::kMaybe) {
          return true;
        }
        return false;
      } else if (!skip_.empty() && rule.target.starts_with(skip_)) {
        others_ = true;
      } else if (table_.chains.contains(rule.target)) {
        if (fit == Fit::kMaybe ? MayAccept(rule.target, depth + 1)
                               : Chain(rule.target, depth + 1)) {
          return true;
        }
      }
    }
    return false;
  }

  /// Whether a chain that the packet may come to may let it in. What it drops proves nothing.
  bool MayAccept(std::string_view name, int depth) {
    const auto at = table_.chains.find(name);
    if (at == table_.chains.end() || depth > kMaxDepth) {
      return false;
    }
    return std::any_of(at->second.begin(), at->second.end(), [&](const IptablesRule& rule) {
      return ++steps_ > kMaxRules ||
             (Fits(rule, packet_) != Fit::kNo &&
              (rule.target == "ACCEPT" || (!skip_.empty() && rule.target.starts_with(skip_)) ||
               MayAccept(rule.target, depth + 1)));
    });
  }

  Verdict verdict;
  [[nodiscard]] bool others() const { return others_; }

 private:
  const IptablesTable& table_;
  const Packet& packet_;
  std::string_view skip_;
  bool others_ = false;
  std::size_t steps_ = 0;
};

}  // namespace

base::Result<IptablesTable> ReadIptables(std::string_view text) {
  IptablesTable out;
  std::size_t rules = 0;
  for (const auto line : base::Lines(text)) {
    const auto words = Words(line);
    if (words.size() < 2 || words[1].size() > 64) {
      continue;
    }
    const auto name = base::Printable(words[1]);
    if (words[0] == "-P" && words.size() >= 3) {
      out.policies[name] = base::Printable(words[2].substr(0, 16));
      out.chains[name];
    } else if (words[0] == "-N") {
      out.chains[name];
    } else if (words[0] == "-A") {
      if (++rules > kMaxRules) {
        return base::Fail(base::ErrorKind::kInvalid, "iptables: too many rules");
      }
      out.chains[name].push_back(ReadRule(words, line));
    }
  }
  if (out.chains.empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "iptables: no chain in its answer");
  }
  return out;
}

Verdict Walk(const IptablesTable& table, std::string_view chain, const Packet& packet,
             std::string_view skip) {
  Walker walker(table, packet, skip);
  if (walker.Chain(chain, 0)) {
    return walker.verdict;
  }
  const auto policy = table.policies.find(chain);
  if (policy != table.policies.end() && policy->second == "DROP" && !walker.others()) {
    return {.fate = Verdict::Fate::kDropped,
            .by_address = false,
            .rule = "-P " + std::string(chain) + " DROP"};
  }
  return {};
}

std::vector<std::pair<std::uint16_t, std::uint16_t>> PublishedPorts(const IptablesTable& nat) {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> out;
  const auto docker = nat.chains.find("DOCKER");
  if (docker == nat.chains.end()) {
    return out;
  }
  for (const auto& rule : docker->second) {
    const auto colon = rule.destination.rfind(':');
    std::uint16_t inner = 0;
    // A rule with a destination address (opaque) publishes on one address only.
    if (rule.target == "DNAT" && !rule.opaque && rule.ports.size() == 1 &&
        colon != std::string::npos &&
        ReadNumber(std::string_view(rule.destination).substr(colon + 1), inner)) {
      out.emplace_back(rule.ports[0].first, inner);
    }
  }
  return out;
}

}  // namespace diagnosis::parse
