// One map a rule: which keys an action needs, and which it does not take.
#include "config/relabel.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace config {
namespace {

using model::RelabelAction;
using model::RelabelRule;

constexpr std::size_t kMostRules = 100;
constexpr std::size_t kLongest = 64U << 10;  // of a regular expression

RelabelAction ActionOf(std::string_view word) {
  const auto words = model::RelabelActions();
  return static_cast<RelabelAction>(std::ranges::find(words, word) - words.begin());
}

/// The keys of one rule, which may be missing, beside what they say.
class RuleReader {
 public:
  explicit RuleReader(const Node& node) : map_(node, "a relabeling rule") {}

  std::optional<RelabelRule> Read() {
    if (!map_.ok()) {
      return std::nullopt;
    }
    if (const Node action = map_.Optional("action")) {
      const auto word = action.Word(model::RelabelActions());
      good_ = word.has_value();
      word_ = word.value_or(word_);
      rule_.action = ActionOf(word_);
    }
    source_ = map_.Optional("source_labels");
    separator_ = map_.Optional("separator");
    target_ = map_.Optional("target_label");
    regex_ = map_.Optional("regex");
    modulus_ = map_.Optional("modulus");
    replacement_ = map_.Optional("replacement");
    map_.Finish();
    ReadSources();
    ReadTexts();
    if (good_) {
      Check();
    }
    return good_ ? std::optional(std::move(rule_)) : std::nullopt;
  }

 private:
  void Wrong(const Node& node, std::string message, std::string hint = "") {
    (node ? node : map_.node()).Report(std::move(message), std::move(hint));
    good_ = false;
  }

  void ReadSources() {
    if (!source_) {
      return;
    }
    if (!source_.IsList()) {
      Wrong(source_, "source_labels is a list", "[__name__, mode]");
      return;
    }
    for (const Node& item : source_.Items("source_labels")) {
      if (const auto name = item.text(); item.IsScalar() && model::IsLabelName(name)) {
        rule_.source_labels.push_back(name);
      } else {
        Wrong(item, fmt::format("\"{}\" cannot name a label", base::Printable(name.substr(0, 60))));
      }
    }
  }

  /// A scalar, which may be empty.
  void Text(const Node& node, std::string_view what, std::string* out) {
    if (node && !node.IsScalar()) {
      Wrong(node, fmt::format("{} is a text", what));
    } else if (node) {
      *out = node.text();
    }
  }

  void ReadTexts() {
    Text(separator_, "separator", &rule_.separator);
    Text(target_, "target_label", &rule_.target_label);
    Text(replacement_, "replacement", &rule_.replacement);
    Text(regex_, "regex", &rule_.regex);
    if (modulus_) {
      const auto modulus = modulus_.Integer(1, INT64_MAX);
      good_ = good_ && modulus.has_value();
      rule_.modulus = static_cast<std::uint64_t>(modulus.value_or(0));
    }
    if (rule_.regex.size() > kLongest) {
      Wrong(regex_, fmt::format("a regular expression is at most {} bytes long", kLongest));
    } else if (const auto compiled = rule_.Compile(); !compiled) {
      Wrong(regex_, fmt::format("this is no regular expression: {}", compiled.error().message),
            "RE2's syntax");
    }
  }

  void Refuse(const Node& node, std::string_view key) {
    if (node) {
      Wrong(node, fmt::format("the action {} does not take {}", word_, key));
    }
  }

  void Check() {
    switch (rule_.action) {
      case RelabelAction::kReplace:
        NeedTarget();
        break;
      case RelabelAction::kHashMod:
        NeedTarget();
        if (!modulus_) {
          Wrong({}, "the action hashmod needs modulus", "modulus: 8");
        }
        break;
      case RelabelAction::kLowercase:
      case RelabelAction::kUppercase:
        NeedTarget();
        Refuse(replacement_, "replacement");
        break;
      case RelabelAction::kKeepEqual:
      case RelabelAction::kDropEqual:
        NeedTarget();
        Refuse(separator_, "separator");
        Refuse(regex_, "regex");
        Refuse(modulus_, "modulus");
        Refuse(replacement_, "replacement");
        break;
      case RelabelAction::kLabelDrop:
      case RelabelAction::kLabelKeep:
        Refuse(source_, "source_labels");
        Refuse(target_, "target_label");
        Refuse(separator_, "separator");
        Refuse(modulus_, "modulus");
        Refuse(replacement_, "replacement");
        break;
      case RelabelAction::kLabelMap:
        if (!model::IsLabelTemplate(rule_.replacement)) {
          Wrong(replacement_, "this replacement cannot name a label", "$1, or prefix_$1");
        }
        break;
      case RelabelAction::kKeep:
      case RelabelAction::kDrop:
        break;
    }
  }

  void NeedTarget() {
    const bool fixed = rule_.action == RelabelAction::kHashMod;
    if (rule_.target_label.empty()) {
      Wrong(target_, fmt::format("the action {} needs target_label", word_));
    } else if (fixed ? !model::IsLabelName(rule_.target_label)
                     : !model::IsLabelTemplate(rule_.target_label)) {
      Wrong(target_,
            fmt::format("\"{}\" cannot name a label",
                        base::Printable(std::string_view(rule_.target_label).substr(0, 60))));
    }
  }

  MapReader map_;
  RelabelRule rule_;
  std::string word_ = "replace";
  Node source_, separator_, target_, regex_, modulus_, replacement_;
  bool good_ = true;
};

}  // namespace

std::vector<model::RelabelRule> ReadRelabeling(const Node& list) {
  std::vector<model::RelabelRule> out;
  if (!list.IsList()) {
    list.Report("relabeling is a list of rules",
                "[{source_labels: [__name__], regex: go_.*, action: drop}]");
    return out;
  }
  for (const Node& item : list.Items("the relabeling rules")) {
    if (out.size() == kMostRules) {
      item.Report(fmt::format("more than {} rules", kMostRules));
      break;
    }
    if (auto rule = RuleReader(item).Read()) {
      out.push_back(std::move(*rule));
    }
  }
  return out;
}

}  // namespace config
