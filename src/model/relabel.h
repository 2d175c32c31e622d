// Relabeling: rules that rename, add and drop labels, or drop what has them, as Prometheus's
// relabel_config (https://prometheus.io/docs/prometheus/2.42/configuration/configuration/).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"

namespace re2 {
class RE2;
}

namespace model {

enum class RelabelAction : std::uint8_t {
  kReplace,    ///< target_label becomes the replacement, when the regex matches
  kKeep,       ///< drops what the regex does not match
  kDrop,       ///< drops what it matches
  kKeepEqual,  ///< drops what has another value in target_label
  kDropEqual,  ///< drops what has the same value in target_label
  kHashMod,    ///< target_label becomes the hash of the value modulo `modulus`
  kLabelMap,   ///< copies labels whose name matches to the name that the replacement makes
  kLabelDrop,  ///< removes labels whose name matches
  kLabelKeep,  ///< removes all others
  kLowercase,  ///< target_label becomes the value in lower case (ASCII)
  kUppercase   ///< target_label becomes the value in upper case (ASCII)
};

/// The words of configuration files, in the order of RelabelAction.
std::span<const std::string_view> RelabelActions();

/// One rule. What it looks at is the values of `source_labels` with `separator` between them; the
/// regular expression has to match all of it.
struct RelabelRule {
  RelabelAction action = RelabelAction::kReplace;
  std::vector<std::string> source_labels;
  std::string separator = ";";
  std::string target_label;  ///< for kReplace it may have $1, ${1}, ${name}, as `replacement`
  std::string regex = "(.*)";
  std::uint64_t modulus = 0;
  std::string replacement = "$1";
  std::shared_ptr<const re2::RE2> compiled;  ///< of `regex`, set by Compile
  /// Errors: kInvalid with RE2's sentence.
  base::Result<> Compile();
  bool operator==(const RelabelRule& other) const;
};

/// Whether a target_label or the replacement of a labelmap can become a label's name.
bool IsLabelTemplate(std::string_view text);

/// Applies compiled rules one after the other. False: they drop what has these labels, which are
/// then as far as the rules came.
bool Relabel(std::span<const RelabelRule> rules, Labels* labels);

}  // namespace model
