// Reader of the expressions in nft's JSON.
#include "diagnosis/parse/nft_expression.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>

#include "base/text.h"

namespace diagnosis::parse {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxName = 256;
constexpr std::size_t kMaxShown = 6;

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

/// The one member of an object like `{"meta": {…}}`; nullptr when there is not exactly one.
const json::key_value_pair* Sole(const json::value& value) {
  const auto* object = value.if_object();
  return object != nullptr && object->size() == 1 ? &*object->begin() : nullptr;
}

std::optional<std::uint64_t> Number(const json::value& value) {
  if (const auto* number = value.if_int64(); number != nullptr && *number >= 0) {
    return static_cast<std::uint64_t>(*number);
  }
  return std::nullopt;
}

NftBytes BytesOf(std::uint64_t number) {
  NftBytes out{};
  for (std::size_t i = 0; i < 8; ++i) {
    out[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  }
  return out;
}

/// An address, and whether it is one of IPv4.
std::optional<std::pair<NftBytes, bool>> Address(std::string_view text) {
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(std::string(text.substr(0, 64)), ec);
  if (ec) {
    return std::nullopt;
  }
  const auto v6 = address.is_v4() ? boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped,
                                                                     address.to_v4())
                                  : address.to_v6();
  return std::make_pair(v6.to_bytes(), address.is_v4());
}

NftField PayloadField(const std::string& protocol, const std::string& field) {
  if (protocol == "tcp" || protocol == "th") {
    return field == "dport" ? NftField::kPort : NftField::kUnknown;
  }
  if (protocol == "ip") {
    return field == "saddr"      ? NftField::kSource4
           : field == "protocol" ? NftField::kProtocol4
                                 : NftField::kOther4;
  }
  if (protocol == "ip6") {
    return field == "saddr"     ? NftField::kSource6
           : field == "nexthdr" ? NftField::kProtocol6
                                : NftField::kOther6;
  }
  constexpr std::array<std::string_view, 9> kOthers = {"udp",    "udplite", "sctp", "dccp", "icmp",
                                                       "icmpv6", "igmp",    "ah",   "esp"};
  return std::find(kOthers.begin(), kOthers.end(), protocol) != kOthers.end() ? NftField::kNever
                                                                              : NftField::kUnknown;
}

NftField FieldOf(const json::value& expression) {
  const auto* sole = Sole(expression);
  if (sole == nullptr) {
    return NftField::kUnknown;
  }
  const std::string_view kind = sole->key();
  const auto key = NftText(sole->value(), "key");
  if (kind == "payload") {
    return PayloadField(NftText(sole->value(), "protocol"), NftText(sole->value(), "field"));
  }
  if (kind == "meta") {
    return key == "l4proto"                        ? NftField::kProtocol
           : key == "nfproto" || key == "protocol" ? NftField::kFamily
           : key == "iifname" || key == "iif"      ? NftField::kInterface
                                                   : NftField::kUnknown;
  }
  if (kind == "ct") {
    if (key == "state") {
      return NftField::kState;
    }
    if (key == "proto-dst" && NftText(sole->value(), "dir") == "original") {
      return NftField::kOriginalPort;
    }
  }
  return NftField::kUnknown;
}

void ReadFields(const json::value* left, NftLookup& out) {
  if (left == nullptr) {
    out.opaque = true;
    return;
  }
  const auto* concat = NftMember(*left, "concat");
  if (concat == nullptr || !concat->is_array()) {
    out.fields.push_back(FieldOf(*left));
    return;
  }
  for (const auto& part : concat->get_array()) {
    if (out.fields.size() < 16) {
      out.fields.push_back(FieldOf(part));
    }
  }
}

/// `{"addr": "10.0.0.0", "len": 8}`.
bool ReadPrefix(const json::value& prefix, NftValue& out) {
  const auto address = Address(NftText(prefix, "addr"));
  const auto* length = NftMember(prefix, "len");
  const auto bits = length == nullptr ? std::nullopt : Number(*length);
  if (!address || !bits || *bits > (address->second ? 32 : 128)) {
    return false;
  }
  const std::size_t fixed = *bits + (address->second ? 96 : 0);
  out.low = out.high = address->first;
  for (std::size_t bit = fixed; bit < 128; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    out.low[bit / 8] &= static_cast<std::uint8_t>(~mask);
    out.high[bit / 8] |= mask;
  }
  return true;
}

bool ReadValue(const json::value& value, NftValue& out) {
  if (const auto number = Number(value)) {
    out.low = out.high = BytesOf(*number);
    return true;
  }
  if (const auto* text = value.if_string()) {
    if (text->empty() || text->size() > kMaxName || View(*text).starts_with('@')) {
      return false;
    }
    if (const auto address = Address(View(*text))) {
      out.low = out.high = address->first;
    } else {
      out.word = View(*text);
    }
    return true;
  }
  if (const auto* prefix = NftMember(value, "prefix")) {
    return ReadPrefix(*prefix, out);
  }
  const auto* range = NftMember(value, "range");
  if (range == nullptr || !range->is_array() || range->get_array().size() != 2) {
    return false;
  }
  NftValue last;
  if (!ReadValue(range->get_array()[0], out) || !ReadValue(range->get_array()[1], last) ||
      !out.word.empty() || !last.word.empty()) {
    return false;
  }
  out.high = last.high;
  return out.low <= out.high;
}

/// An element of a set: a value, several (concat), or one with a time limit. What else an element
/// may carry (a limit of its own) makes it opaque.
NftElement ReadElement(const json::value& item) {
  NftElement out;
  const auto* value = &item;
  if (const auto* wrapped = NftMember(item, "elem")) {
    constexpr std::array<std::string_view, 5> kHarmless = {"val", "timeout", "expires", "comment",
                                                           "counter"};
    if (const auto* object = wrapped->if_object()) {
      out.opaque = std::any_of(object->begin(), object->end(), [&](const auto& member) {
        return std::find(kHarmless.begin(), kHarmless.end(), std::string_view(member.key())) ==
               kHarmless.end();
      });
    }
    value = NftMember(*wrapped, "val");
    if (value == nullptr) {
      out.opaque = true;
      return out;
    }
  }
  if (value->is_string() && value->get_string() == "*") {
    return out;  // every value
  }
  const auto* concat = NftMember(*value, "concat");
  if (concat == nullptr || !concat->is_array()) {
    out.opaque = !ReadValue(*value, out.values.emplace_back()) || out.opaque;
    return out;
  }
  for (const auto& part : concat->get_array()) {
    out.opaque =
        out.values.size() >= 16 || !ReadValue(part, out.values.emplace_back()) || out.opaque;
    if (out.opaque) {
      break;
    }
  }
  return out;
}

/// `tcp dport < 1024`, `>= 1024`: as a span. False: no such operator, or not a port.
bool ReadComparison(std::string_view op, const json::value& right, NftValue& out) {
  const auto number = Number(right);
  if (!number || *number > 65535) {
    return false;
  }
  if (op == "<" && *number > 0) {
    out.high = BytesOf(*number - 1);
  } else if (op == "<=") {
    out.high = BytesOf(*number);
  } else if (op == ">" || op == ">=") {
    out.low = BytesOf(*number + (op == ">" ? 1 : 0));
    out.high = BytesOf(65536);
  } else {
    return false;
  }
  return true;
}

/// "@name": the name; "" when it is none.
std::string SetName(const json::value& value) {
  const auto* text = value.if_string();
  if (text == nullptr || text->size() < 2 || text->size() > kMaxName || text->front() != '@') {
    return "";
  }
  return std::string(View(*text).substr(1));
}

void ReadRight(std::string_view op, const json::value& right, NftLookup& out, NftBudget& budget) {
  const bool equal = op == "==" || op == "!=" || op == "in";
  out.negated = op == "!=";
  out.set = equal ? SetName(right) : "";
  if (!out.set.empty()) {
    return;
  }
  const auto* set = NftMember(right, "set");
  if (equal && set != nullptr) {
    out.in_place = ReadNftElements(*set, false, budget);
  } else if (op == "in" && right.is_array()) {
    out.in_place = ReadNftElements(right, false, budget);  // flags: any of them
  } else if (equal) {
    out.in_place.elements.push_back(ReadElement(right));
  } else {
    NftElement element;
    element.opaque = out.fields.size() != 1 || out.fields[0] != NftField::kPort ||
                     !ReadComparison(op, right, element.values.emplace_back());
    out.in_place.elements.push_back(std::move(element));
  }
}

std::string ShowValue(const json::value& value, int depth);

std::string Joined(const json::array& items, std::string_view between, int depth) {
  std::string out;
  std::size_t shown = 0;
  for (const auto& item : items) {
    out += out.empty() ? "" : between;
    if (++shown > kMaxShown) {
      return out + "…";
    }
    out += ShowValue(item, depth + 1);
  }
  return out;
}

/// `{"payload": {"protocol": "tcp", "field": "dport"}}` and the like; "…" when it is none.
std::string ShowField(std::string_view kind, const json::value& content) {
  const auto key = NftText(content, "key");
  if (kind == "payload") {
    return NftText(content, "protocol") + " " + NftText(content, "field");
  }
  if (kind == "meta") {
    return key == "iifname" || key == "iif" ? key : "meta " + key;
  }
  if (kind == "ct") {
    const auto direction = NftText(content, "dir");
    return "ct " + (direction.empty() ? "" : direction + " ") + key;
  }
  return "…";
}

std::string ShowValue(const json::value& value, int depth) {
  if (const auto number = Number(value)) {
    return std::to_string(*number);
  }
  if (const auto* text = value.if_string()) {
    return base::Printable(View(*text).substr(0, 64));
  }
  const auto* sole = Sole(value);
  if (depth > 4 || sole == nullptr) {
    return value.is_array() && depth <= 4 ? Joined(value.get_array(), ",", depth) : "…";
  }
  const std::string_view kind = sole->key();
  const auto& content = sole->value();
  const auto* items = content.if_array();
  if (kind == "prefix") {
    const auto* length = NftMember(content, "len");
    return base::Printable(NftText(content, "addr").substr(0, 64)) + "/" +
           (length == nullptr ? "…" : ShowValue(*length, 5));
  }
  if (kind == "elem") {
    const auto* inner = NftMember(content, "val");
    return inner == nullptr ? "…" : ShowValue(*inner, depth + 1);
  }
  if (items != nullptr) {
    return kind == "range"    ? Joined(*items, "-", depth)
           : kind == "set"    ? "{ " + Joined(*items, ", ", depth) + " }"
           : kind == "concat" ? Joined(*items, " . ", depth)
                              : "…";
  }
  return base::Printable(ShowField(kind, content).substr(0, 80));
}

}  // namespace

const json::value* NftMember(const json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

std::string NftText(const json::value& value, std::string_view name) {
  const auto* member = NftMember(value, name);
  const auto* text = member == nullptr ? nullptr : member->if_string();
  return text == nullptr || text->size() > kMaxName ? "" : std::string(View(*text));
}

bool ReadNftVerdict(std::string_view name, const json::value& content, NftDecision& out) {
  constexpr std::array<std::pair<std::string_view, NftAction>, 7> kVerdicts = {
      {{"accept", NftAction::kAccept},
       {"drop", NftAction::kDrop},
       {"reject", NftAction::kDrop},
       {"continue", NftAction::kNone},
       {"return", NftAction::kReturn},
       {"jump", NftAction::kJump},
       {"goto", NftAction::kGoto}}};
  const auto* at = std::find_if(kVerdicts.begin(), kVerdicts.end(),
                                [name](const auto& each) { return each.first == name; });
  if (at == kVerdicts.end()) {
    return false;
  }
  out = {.action = at->second};
  if (out.action == NftAction::kJump || out.action == NftAction::kGoto) {
    out.chain = NftText(content, "target");
  }
  return true;
}

NftSet ReadNftElements(const json::value& elements, bool map, NftBudget& budget) {
  NftSet out;
  const auto* items = elements.if_array();
  if (items == nullptr) {
    out.elements.push_back(
        {.values = {}, .opaque = true, .decision = {NftAction::kUnknown, "", 0}});
    return out;
  }
  for (const auto& item : *items) {
    if (--budget < 0) {
      return out;  // the reader gives all of it up
    }
    const auto* pair = item.if_array();
    if (!map) {
      out.elements.push_back(ReadElement(item));
      continue;
    }
    NftElement element;
    element.opaque = true;
    element.decision.action = NftAction::kUnknown;
    if (pair != nullptr && pair->size() == 2) {
      element = ReadElement((*pair)[0]);
      const auto* verdict = Sole((*pair)[1]);
      if (verdict == nullptr ||
          !ReadNftVerdict(verdict->key(), verdict->value(), element.decision)) {
        element.decision.action = NftAction::kUnknown;
      }
    }
    out.elements.push_back(std::move(element));
  }
  return out;
}

NftLookup ReadNftMatch(const json::value& match, NftBudget& budget) {
  NftLookup out;
  ReadFields(NftMember(match, "left"), out);
  const auto* right = NftMember(match, "right");
  if (right == nullptr) {
    out.opaque = true;
  } else {
    ReadRight(NftText(match, "op"), *right, out, budget);
  }
  return out;
}

NftLookup ReadNftMap(const json::value& map, NftBudget& budget) {
  NftLookup out;
  ReadFields(NftMember(map, "key"), out);
  const auto* data = NftMember(map, "data");
  out.set = data == nullptr ? "" : SetName(*data);
  if (out.set.empty()) {
    const auto* set = data == nullptr ? nullptr : NftMember(*data, "set");
    out.in_place = ReadNftElements(set == nullptr ? json::value() : *set, true, budget);
  }
  return out;
}

std::string ShowNftMatch(const json::value& match) {
  const auto* left = NftMember(match, "left");
  const auto* right = NftMember(match, "right");
  const auto op = NftText(match, "op");
  return (left == nullptr ? "…" : ShowValue(*left, 0)) +
         (op == "==" || op == "in" ? " " : " " + base::Printable(op.substr(0, 2)) + " ") +
         (right == nullptr ? "…" : ShowValue(*right, 0));
}

std::string ShowNftMap(const json::value& map) {
  const auto* key = NftMember(map, "key");
  const auto* data = NftMember(map, "data");
  return (key == nullptr ? "…" : ShowValue(*key, 0)) + " vmap " +
         (data != nullptr && data->is_string() ? ShowValue(*data, 0) : "{ … }");
}

}  // namespace diagnosis::parse
