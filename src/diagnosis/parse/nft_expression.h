// Expressions of nft's JSON: fields, values and sets, and how they are shown to people. For nft.cc.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "diagnosis/parse/nft.h"

namespace diagnosis::parse {

/// How many elements the sets of one ruleset may still have; below zero: too many.
using NftBudget = int;

/// The member of that name when `value` is an object that has it, else nullptr.
const boost::json::value* NftMember(const boost::json::value& value, std::string_view name);
/// Its text; "" when there is none, or it is longer than nft's names are (256).
std::string NftText(const boost::json::value& value, std::string_view name);

/// Reads `{"match": …}`'s content; what is not known makes it opaque.
NftLookup ReadNftMatch(const boost::json::value& match, NftBudget& budget);
/// Reads `{"vmap": …}`'s content.
NftLookup ReadNftMap(const boost::json::value& map, NftBudget& budget);
/// Reads the elements of a set, `[80, {"range": [1, 9]}]`, or of a map, `[[80, {"drop": null}]]`.
NftSet ReadNftElements(const boost::json::value& elements, bool map, NftBudget& budget);
/// Reads a verdict, `{"jump": {"target": "x"}}`; false: it is none.
bool ReadNftVerdict(std::string_view name, const boost::json::value& content, NftDecision& out);

/// "tcp dport { 80, 443 }": as nft writes it; what is not known is "…". Printable, bounded.
std::string ShowNftMatch(const boost::json::value& match);
/// "tcp dport vmap @ports".
std::string ShowNftMap(const boost::json::value& map);

}  // namespace diagnosis::parse
