// Reader of `nft -j list ruleset`.
#include "diagnosis/parse/nft.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <limits>
#include <optional>
#include <set>

#include "base/text.h"
#include "diagnosis/parse/json_answer.h"
#include "diagnosis/parse/nft_expression.h"

namespace diagnosis::parse {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxText = 4 << 20;
constexpr std::size_t kMaxRules = 10'000;
constexpr std::size_t kMaxChains = 2'000;
constexpr NftBudget kMaxElements = 200'000;

template <std::size_t N>
bool OneOf(std::string_view name, const std::array<std::string_view, N>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// Statements that may end the rule, and never the walk.
constexpr std::array<std::string_view, 12> kConditions = {
    "limit", "quota",    "set",       "map",        "meter",   "flow",
    "dup",   "ct count", "ct helper", "ct timeout", "secmark", "ct expectation"};

/// Statements that neither ask nor decide anything. A counter that a map names is none: where the
/// map has nothing the rule ends.
bool Harmless(std::string_view kind, const json::value& content) {
  return kind == "log" || kind == "last" ||
         (kind == "counter" && (!content.is_object() || NftMember(content, "packets") != nullptr));
}

/// A mark is nothing to us; a packet with another address or port is another packet.
bool OnlyMarks(const json::value& mangle) {
  const auto* key = NftMember(mangle, "key");
  return key != nullptr && (NftMember(*key, "meta") != nullptr || NftMember(*key, "ct") != nullptr);
}

/// Whether a mark is a plain value. One that is taken from the packet asks for a packet that has
/// it.
bool IsPlainMark(const json::value& mangle) {
  const auto* value = NftMember(mangle, "value");
  return value != nullptr && (value->is_number() || value->is_string());
}

/// `reject with icmp` and `icmpv6` answer in one family only, and nft leaves the match on the
/// family out of what it prints.
std::optional<NftLookup> FamilyOfReject(const json::value& reject) {
  const auto type = NftText(reject, "type");
  if (type != "icmp" && type != "icmpv6") {
    return std::nullopt;
  }
  NftLookup out;
  out.fields.push_back(type == "icmp" ? NftField::kOther4 : NftField::kOther6);
  out.in_place.elements.emplace_back();  // whatever it is
  return out;
}

std::uint64_t Handle(const json::value& object) {
  const auto* member = NftMember(object, "handle");
  const auto* number = member == nullptr ? nullptr : member->if_int64();
  return number == nullptr || *number < 0 ? 0 : static_cast<std::uint64_t>(*number);
}

/// `redirect to :8081`; a range or a map of ports is not followed.
NftDecision ReadRedirect(const json::value& redirect) {
  NftDecision out{.action = NftAction::kRedirect};
  if (const auto* port = NftMember(redirect, "port")) {
    const auto* number = port->if_int64();
    if (number == nullptr || *number < 1 || *number > 65535) {
      out.action = NftAction::kUnknown;
    } else {
      out.port = static_cast<std::uint16_t>(*number);
    }
  }
  return out;
}

/// Whether a table with these flags may be one that the kernel passes over.
bool Dormant(const json::value& flags) {
  const auto harmless = [](const json::value& flag) {
    return flag == "owner" || flag == "persist";
  };
  const auto* several = flags.if_array();
  return several == nullptr ? !harmless(flags)
                            : !std::all_of(several->begin(), several->end(), harmless);
}

class Reader {
 public:
  base::Result<NftRuleset> Read(const json::array& items) {
    for (const auto& item : items) {
      const auto* object = item.if_object();
      if (object == nullptr || object->size() != 1) {
        return Bad("something that is no object");
      }
      const auto problem = Item(object->begin()->key(), object->begin()->value());
      if (!problem.empty()) {
        return Bad(problem);
      }
      if (rules_ > kMaxRules || chains_ > kMaxChains || elements_ < 0) {
        return Bad("too many rules");
      }
    }
    return std::move(out_);
  }

 private:
  static std::unexpected<base::Error> Bad(std::string_view what) {
    return base::Fail(base::ErrorKind::kInvalid, "nft: its answer has " + std::string(what));
  }

  /// What is wrong with it, or "".
  std::string_view Item(std::string_view kind, const json::value& content) {
    const auto family = NftText(content, "family");
    if (family != "ip" && family != "ip6" && family != "inet") {
      return "";  // bridge, arp and netdev; and metainfo, which has none
    }
    const auto name = NftText(content, "name");
    if (kind == "table") {
      const auto* flags = NftMember(content, "flags");
      if (flags != nullptr && Dormant(*flags)) {
        dormant_.emplace(family, name);
        return "";
      }
      if (name.empty() || Table(family, name) != nullptr || out_.tables.size() >= kMaxChains) {
        return "a table without a name, or twice";
      }
      out_.tables.push_back({.family = family, .name = name, .chains = {}, .sets = {}});
      return "";
    }
    if (kind != "chain" && kind != "rule" && kind != "set" && kind != "map") {
      return "";  // counters, flowtables, …
    }
    auto* table = Table(family, NftText(content, "table"));
    if (table == nullptr && dormant_.contains({family, NftText(content, "table")})) {
      return "";
    }
    if (table == nullptr) {
      return "something in a table that is not there";
    }
    if (kind == "chain") {
      return Chain(content, name, *table);
    }
    if (kind == "rule") {
      return Rule(content, *table);
    }
    const auto* elements = NftMember(content, "elem");
    // A map of other values than verdicts is used by no verdict map.
    const bool verdicts = NftText(content, "map") == "verdict";
    if (name.empty() || table->sets.contains(name)) {
      return "a set without a name, or twice";
    }
    auto& set = table->sets[name];
    if (elements != nullptr && (kind == "set" || verdicts)) {
      set = ReadNftElements(*elements, kind == "map", elements_);
    }
    return "";
  }

  NftTable* Table(std::string_view family, std::string_view name) {
    const auto at = std::find_if(
        out_.tables.begin(), out_.tables.end(),
        [&](const NftTable& table) { return table.family == family && table.name == name; });
    return at == out_.tables.end() ? nullptr : &*at;
  }

  std::string_view Chain(const json::value& content, const std::string& name, NftTable& table) {
    if (name.empty() || table.chains.contains(name)) {
      return "a chain without a name, or twice";
    }
    ++chains_;
    auto& chain = table.chains[name];
    chain.type = NftText(content, "type");
    chain.hook = NftText(content, "hook");
    chain.policy_drop = NftText(content, "policy") == "drop";
    const auto* priority = NftMember(content, "prio");
    if (chain.hook.empty()) {
      return "";
    }
    const auto* number = priority == nullptr ? nullptr : priority->if_int64();
    if (number == nullptr || *number < std::numeric_limits<int>::min() ||
        *number > std::numeric_limits<int>::max()) {
      return "a base chain without a priority";
    }
    chain.priority = static_cast<int>(*number);
    return "";
  }

  std::string_view Rule(const json::value& content, NftTable& table) {
    const auto chain = table.chains.find(NftText(content, "chain"));
    const auto* statements = NftMember(content, "expr");
    if (chain == table.chains.end() || statements == nullptr || !statements->is_array()) {
      return "a rule of no chain, or without content";
    }
    ++rules_;
    NftRule rule;
    rule.handle = Handle(content);
    bool decided = false;
    for (const auto& statement : statements->get_array()) {
      const auto* object = statement.if_object();
      if (object == nullptr || object->size() != 1 || decided) {
        // Nothing stands behind a verdict; what we do not understand may decide anything.
        rule.strange = true;
        break;
      }
      decided = Statement(object->begin()->key(), object->begin()->value(), rule);
    }
    rule.text = base::Printable(std::string_view(rule.text).substr(0, 200));
    chain->second.rules.push_back(std::move(rule));
    return "";
  }

  /// True: it decides, and is the last.
  bool Statement(std::string_view kind, const json::value& content, NftRule& rule) {
    const auto say = [&rule](const std::string& words) {
      rule.text += (rule.text.empty() ? "" : " ") + words;
    };
    if (kind == "match") {
      if (!rule.strange) {  // what stands behind it comes too late
        rule.matches.push_back(ReadNftMatch(content, elements_));
      }
      say(ShowNftMatch(content));
    } else if (kind == "vmap") {
      rule.map = ReadNftMap(content, elements_);
      say(ShowNftMap(content));
      return true;
    } else if (ReadNftVerdict(kind, content, rule.decision)) {
      if (auto family = kind == "reject" ? FamilyOfReject(content) : std::nullopt) {
        rule.matches.push_back(std::move(*family));
      }
      say(std::string(kind) + (rule.decision.chain.empty() ? "" : " " + rule.decision.chain));
      return true;
    } else if (kind == "redirect") {
      rule.decision = ReadRedirect(content);
      return true;
    } else if (kind == "notrack") {
      out_.untracked = true;
    } else if (kind == "mangle") {
      rule.strange = rule.strange || !OnlyMarks(content);
      rule.opaque = rule.opaque || !IsPlainMark(content);
    } else if (kind == "xt" && NftText(content, "type") == "match") {
      rule.opaque = true;
    } else if (OneOf(kind, kConditions)) {
      rule.opaque = true;
    } else if (!Harmless(kind, content)) {
      rule.strange = true;
    }
    return false;
  }

  NftRuleset out_;
  std::set<std::pair<std::string, std::string>> dormant_;
  std::size_t rules_ = 0;
  std::size_t chains_ = 0;
  NftBudget elements_ = kMaxElements;
};

}  // namespace

base::Result<NftRuleset> ReadNft(std::string_view text) {
  const auto root = JsonAnswer(text, "nft", kMaxText);
  if (!root) {
    return base::Fail(root.error());
  }
  const auto* items = NftMember(*root, "nftables");
  if (items == nullptr || !items->is_array()) {
    return base::Fail(base::ErrorKind::kInvalid, "nft: its answer has no ruleset");
  }
  return Reader().Read(items->get_array());
}

}  // namespace diagnosis::parse
