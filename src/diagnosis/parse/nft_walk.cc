// The way of a packet through the base chains of nftables.
#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <set>

#include "base/text.h"
#include "diagnosis/parse/nft.h"

namespace diagnosis::parse {
namespace {

constexpr int kMaxDepth = 16;                // as the kernel's jump stack
constexpr std::int64_t kBudget = 5'000'000;  // comparisons of one walk
// Where the hooks of connection tracking and of NAT stand (netfilter_ipv4.h).
constexpr int kTracking = -200;
constexpr int kNat = -100;

/// How a chain ended.
enum class End {
  kThrough,    ///< its last rule is passed, or it returned
  kAccepted,   ///< for sure
  kUndecided,  ///< it may accept
  kDropped,    ///< for sure
  kLost        ///< from here on we do not know what becomes of the packet
};

NftBytes PortBytes(std::uint16_t port) {
  NftBytes out{};
  out[14] = static_cast<std::uint8_t>(port >> 8U);
  out[15] = static_cast<std::uint8_t>(port & 0xFFU);
  return out;
}

Fit Sure(bool fits) { return fits ? Fit::kYes : Fit::kNo; }

/// Only the host itself and its containers send by these. A bridge by the name of docker's is told
/// by its number: another "br-lan" may well be where the world comes in.
bool IsInner(std::string_view interface) {
  const bool bridge = interface.size() == 15 && interface.starts_with("br-") &&
                      interface.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
  return interface == "lo" || interface.starts_with("docker") || interface.starts_with("veth") ||
         bridge;
}

class Walker {
 public:
  Walker(const NftRuleset& ruleset, const Packet& packet, const NftWay& way)
      : ruleset_(ruleset), way_(way), original_port_(packet.original_port), port_(packet.port) {
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(packet.from, ec);
    if (!ec) {
      known_ = true;
      local_ = address.is_loopback();
      v4_ = address.is_v4();
      from_ = (v4_ ? boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, address.to_v4())
                   : address.to_v6())
                  .to_bytes();
    }
  }

  NftVerdict Run() {
    if (!known_) {
      return {};  // of which family it is decides which tables see it
    }
    const auto inner = port_;
    port_ = original_port_;
    if (Hook("prerouting")) {
      if (way_.forwarded) {
        port_ = inner;
        Hook("forward");
      } else {
        Hook("input");
      }
    }
    return verdict_;
  }

 private:
  struct Base {
    const NftTable* table;
    const NftChain* chain;
    std::string name;
    [[nodiscard]] bool nat() const { return chain->type == "nat"; }
    /// NAT's own chains are all run where NAT is hooked in, by their order.
    [[nodiscard]] std::pair<int, int> order() const {
      return {nat() ? kNat : chain->priority, nat() ? chain->priority : 0};
    }
  };

  /// Whether iptables' own words make the table: its readers know it better than we.
  static bool IsIptables(const NftTable& table) {
    constexpr std::array<std::string_view, 5> kNames = {"filter", "nat", "mangle", "raw",
                                                        "security"};
    const auto own = [](const auto& entry) {
      const auto& [name, chain] = entry;
      return chain.hook.empty() ||
             (name.size() == chain.hook.size() &&
              std::equal(name.begin(), name.end(), chain.hook.begin(), [](char big, char small) {
                return small >= 'a' && small <= 'z' && big == small - 'a' + 'A';
              }));
    };
    return table.family != "inet" &&
           std::find(kNames.begin(), kNames.end(), table.name) != kNames.end() &&
           std::all_of(table.chains.begin(), table.chains.end(), own);
  }

  std::vector<Base> Bases(std::string_view hook) const {
    std::vector<Base> out;
    for (const auto& table : ruleset_.tables) {
      const bool ours = table.family == "inet" || table.family == (v4_ ? "ip" : "ip6");
      for (const auto& [name, chain] : table.chains) {
        const bool nat = chain.type == "nat" && hook == "prerouting";
        if (ours && chain.hook == hook && (chain.type == "filter" || nat) &&
            (nat || !way_.iptables || !IsIptables(table))) {
          out.push_back({.table = &table, .chain = &chain, .name = name});
        }
      }
    }
    std::stable_sort(out.begin(), out.end(),
                     [](const Base& a, const Base& b) { return a.order() < b.order(); });
    return out;
  }

  /// False: the walk has ended.
  bool Hook(std::string_view hook) {
    bool translated = false;
    for (const auto& base : Bases(hook)) {
      if (base.nat() && (translated || way_.forwarded)) {
        continue;  // the first that translates is the only one; docker's was read elsewhere
      }
      if (!base.nat() && base.order().first == kNat && (translated || way_.forwarded) &&
          hook == "prerouting") {
        continue;  // before or behind NAT: nobody knows
      }
      // What comes behind NAT in prerouting sees the new port; docker's ports are left to forward.
      if (hook == "prerouting" && way_.forwarded && base.order().first > kNat) {
        continue;
      }
      table_ = base.table;
      early_ = hook == "prerouting" && base.order().first <= kTracking;
      redirected_ = false;
      auto end = Chain(base.name, 0, true);
      if (end == End::kThrough && base.chain->policy_drop) {
        Drop(base.name, 0, "policy drop", false);
        end = End::kDropped;
      }
      translated = translated || redirected_;
      // A chain of NAT that may accept leaves open whether another translates.
      if (end == End::kDropped || end == End::kLost || (base.nat() && end == End::kUndecided)) {
        return false;
      }
    }
    return true;
  }

  End Drop(std::string_view chain, std::uint64_t handle, std::string rule, bool by_address) {
    verdict_ = {.dropped = true,
                .by_address = by_address,
                .table = base::Printable(table_->family + " " + table_->name),
                .chain = base::Printable(chain),
                .handle = handle,
                .rule = std::move(rule)};
    return End::kDropped;
  }

  /// `sure`: the packet is known to come here; else nothing in it is more than possible.
  End Chain(std::string_view name, int depth, bool sure) {
    const auto at = table_->chains.find(name);
    if (at == table_->chains.end() || depth > kMaxDepth) {
      return End::kLost;
    }
    for (const auto& rule : at->second.rules) {
      if (--budget_ < 0) {
        return End::kLost;
      }
      auto fit = rule.opaque && !rule.strange ? Fit::kMaybe : Fit::kYes;
      for (const auto& match : rule.matches) {
        fit = All(fit, Fits(match));
      }
      if (fit == Fit::kNo) {
        continue;
      }
      if (rule.strange) {
        return End::kLost;
      }
      const auto end = rule.map ? Map(name, rule, fit, depth, sure)
                                : Decide(name, rule, rule.decision, fit, depth, sure);
      if (end) {
        return *end;
      }
    }
    return End::kThrough;
  }

  /// Each element that may be the one, as if it were a rule of its own.
  std::optional<End> Map(std::string_view name, const NftRule& rule, Fit fit, int depth,
                         bool& sure) {
    const auto* set = SetOf(*rule.map);
    if (set == nullptr) {
      return End::kLost;
    }
    fit = All(fit, RuledOut(*rule.map));
    if (fit == Fit::kNo) {
      return std::nullopt;
    }
    const NftElement* otherwise = nullptr;
    for (const auto& element : set->elements) {
      if (element.values.empty() && !element.opaque) {
        otherwise = &element;
        continue;
      }
      const auto own = All(fit, Element(*rule.map, element));
      if (own == Fit::kNo) {
        continue;
      }
      const auto end = Decide(name, rule, element.decision, own, depth, sure);
      if (end || own == Fit::kYes) {
        return end;
      }
    }
    return otherwise == nullptr ? std::nullopt
                                : Decide(name, rule, otherwise->decision, fit, depth, sure);
  }

  /// What a rule that fits does; nullopt: the next rule. May take `sure` away from those.
  std::optional<End> Decide(std::string_view name, const NftRule& rule, const NftDecision& decision,
                            Fit fit, int depth, bool& sure) {
    const bool now = sure && fit == Fit::kYes;
    switch (decision.action) {
      case NftAction::kNone:
        return std::nullopt;
      case NftAction::kAccept:
        return now ? End::kAccepted : End::kUndecided;
      case NftAction::kDrop:
        return now ? std::optional(Drop(name, rule.handle, rule.text + (rule.map ? ": drop" : ""),
                                        ByAddress(rule)))
                   : std::nullopt;
      case NftAction::kReturn:
        if (fit == Fit::kYes) {
          return End::kThrough;
        }
        sure = false;
        return std::nullopt;
      case NftAction::kJump:
      case NftAction::kGoto: {
        const auto end = Chain(decision.chain, depth + 1, now);
        if (end != End::kThrough) {
          return end;
        }
        if (decision.action == NftAction::kGoto) {
          if (fit == Fit::kYes) {
            return End::kThrough;
          }
          sure = false;
        }
        return std::nullopt;
      }
      case NftAction::kRedirect:
        if (!now) {
          return End::kLost;
        }
        port_ = decision.port != 0 ? decision.port : port_;
        redirected_ = true;
        return End::kAccepted;
      case NftAction::kUnknown:
        break;
    }
    return End::kLost;
  }

  const NftSet* SetOf(const NftLookup& lookup) const {
    if (lookup.set.empty()) {
      return &lookup.in_place;
    }
    const auto at = table_->sets.find(lookup.set);
    return at == table_->sets.end() ? nullptr : &at->second;
  }

  /// kNo when the packet has not got the fields at all; kMaybe when we do not know them.
  [[nodiscard]] Fit RuledOut(const NftLookup& lookup) const {
    auto out = lookup.opaque ? Fit::kMaybe : Fit::kYes;
    for (const auto field : lookup.fields) {
      const bool of4 = field == NftField::kSource4 || field == NftField::kProtocol4 ||
                       field == NftField::kOther4;
      const bool of6 = field == NftField::kSource6 || field == NftField::kProtocol6 ||
                       field == NftField::kOther6;
      if (field == NftField::kNever) {
        out = Fit::kNo;
      } else if (of4 || of6) {
        out = All(out, Sure(v4_ == of4));
      } else if (field == NftField::kUnknown) {
        out = All(out, Fit::kMaybe);
      }
    }
    return out;
  }

  Fit Fits(const NftLookup& lookup) {
    const auto has = RuledOut(lookup);
    if (has == Fit::kNo) {
      return Fit::kNo;
    }
    const auto* set = SetOf(lookup);
    auto hit = Fit::kNo;
    if (set == nullptr || lookup.opaque) {
      hit = Fit::kMaybe;
    } else {
      for (const auto& element : set->elements) {
        hit = Any(hit, Element(lookup, element));
        if (hit == Fit::kYes) {
          break;
        }
      }
    }
    return All(has, lookup.negated ? Not(hit) : hit);
  }

  Fit Element(const NftLookup& lookup, const NftElement& element) {
    budget_ -= 1;
    if (element.opaque || budget_ < 0) {
      return Fit::kMaybe;
    }
    if (element.values.empty()) {
      return Fit::kYes;
    }
    if (element.values.size() != lookup.fields.size()) {
      return Fit::kMaybe;
    }
    auto out = Fit::kYes;
    for (std::size_t i = 0; i < element.values.size(); ++i) {
      out = All(out, Value(lookup.fields[i], element.values[i]));
    }
    return out;
  }

  [[nodiscard]] static Fit Inside(const NftValue& value, const NftBytes& bytes) {
    return value.word.empty() ? Sure(bytes >= value.low && bytes <= value.high) : Fit::kMaybe;
  }

  [[nodiscard]] Fit Value(NftField field, const NftValue& value) const {
    switch (field) {
      case NftField::kPort:
        return Inside(value, PortBytes(port_));
      case NftField::kOriginalPort:
        return early_ || ruleset_.untracked ? Fit::kMaybe
                                            : Inside(value, PortBytes(original_port_));
      case NftField::kProtocol:
      case NftField::kProtocol4:
      case NftField::kProtocol6:
        return value.word.empty() ? Inside(value, PortBytes(6)) : Sure(value.word == "tcp");
      case NftField::kFamily:
        return Family(value.word);
      case NftField::kSource4:
      case NftField::kSource6:
        return Inside(value, from_);
      case NftField::kInterface:
        return IsInner(value.word) && !local_ ? Fit::kNo : Fit::kMaybe;
      case NftField::kState:
        return State(value.word);
      case NftField::kOther4:
      case NftField::kOther6:
      case NftField::kNever:
      case NftField::kUnknown:
        break;
    }
    return Fit::kMaybe;
  }

  [[nodiscard]] Fit Family(std::string_view word) const {
    const bool of4 = word == "ipv4" || word == "ip";
    return (of4 || word == "ipv6" || word == "ip6") ? Sure(v4_ == of4) : Fit::kMaybe;
  }

  /// The first packet of a connection is new, unless nobody has looked at it yet.
  [[nodiscard]] Fit State(std::string_view word) const {
    if (word == "established" || word == "related") {
      return Fit::kNo;
    }
    const bool open = early_ || ruleset_.untracked;
    if (word == "new") {
      return open ? Fit::kMaybe : Fit::kYes;
    }
    return !open && (word == "invalid" || word == "untracked") ? Fit::kNo : Fit::kMaybe;
  }

  static bool ByAddress(const NftRule& rule) {
    const auto names = [](const NftLookup& lookup) {
      return !lookup.negated &&
             std::any_of(lookup.fields.begin(), lookup.fields.end(), [](NftField field) {
               return field == NftField::kSource4 || field == NftField::kSource6;
             });
    };
    return std::any_of(rule.matches.begin(), rule.matches.end(), names) ||
           (rule.map && names(*rule.map));
  }

  const NftRuleset& ruleset_;
  const NftWay& way_;
  std::uint16_t original_port_;
  std::uint16_t port_;
  bool known_ = false;  ///< the packet's address and with it its family
  bool local_ = false;  ///< the host asks itself
  bool v4_ = false;
  NftBytes from_{};
  const NftTable* table_ = nullptr;
  bool early_ = false;       ///< before connection tracking
  bool redirected_ = false;  ///< the base chain has translated
  std::int64_t budget_ = kBudget;
  NftVerdict verdict_;
};

}  // namespace

NftVerdict WalkNft(const NftRuleset& ruleset, const Packet& packet, const NftWay& way) {
  return Walker(ruleset, packet, way).Run();
}

}  // namespace diagnosis::parse
