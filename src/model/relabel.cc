// The actions of relabel_config, each as Prometheus 2.42 does it (model/relabel/relabel.go).
#include "model/relabel.h"

#include <openssl/evp.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "model/expand.h"

namespace model {
namespace {

using Action = RelabelAction;

constexpr std::array<std::string_view, 11> kActions = {
    "replace",  "keep",      "drop",      "keepequal", "dropequal", "hashmod",
    "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"};

/// What a match found, group by group.
using Groups = std::vector<re2::StringPiece>;

bool Matches(const re2::RE2& regex, std::string_view text, Groups* groups) {
  groups->assign(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) + 1, {});
  return regex.Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED,
                     groups->data(), static_cast<int>(groups->size()));
}

std::string ValueOf(const RelabelRule& rule, const Labels& labels) {
  std::string out;
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    out += i == 0 ? "" : rule.separator;
    out += labels.Get(rule.source_labels[i]);
  }
  return out;
}

/// The last eight bytes of the MD5, the first of them the highest.
std::uint64_t HashOf(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr);
  std::uint64_t out = 0;
  for (std::size_t i = 8; i < 16; ++i) {
    out = out << 8 | digest[i];
  }
  return out;
}

void Replace(const RelabelRule& rule, const Groups& groups, Labels* labels) {
  const auto target = ExpandGroups(rule.target_label, *rule.compiled, groups);
  if (!IsLabelName(target)) {
    labels->Remove(rule.target_label);
    return;
  }
  const auto value = ExpandGroups(rule.replacement, *rule.compiled, groups);
  labels->Set(value.empty() ? rule.target_label : target, value);
}

void MapLabels(const RelabelRule& rule, Labels* labels) {
  Groups groups;
  const Labels before = *labels;
  for (const auto& [name, value] : before) {
    if (Matches(*rule.compiled, name, &groups)) {
      labels->Set(ExpandGroups(rule.replacement, *rule.compiled, groups), value);
    }
  }
}

/// Removes the labels whose name matches, or those whose name does not.
void RemoveLabels(const RelabelRule& rule, bool matching, Labels* labels) {
  Groups groups;
  std::vector<std::string> names;
  for (const auto& [name, value] : *labels) {
    if (Matches(*rule.compiled, name, &groups) == matching) {
      names.push_back(name);
    }
  }
  *labels = labels->Without(names);
}

/// False: dropped.
bool Apply(const RelabelRule& rule, Labels* labels) {
  Groups groups;
  const auto value = ValueOf(rule, *labels);
  switch (rule.action) {
    case Action::kReplace:
      if (Matches(*rule.compiled, value, &groups)) {
        Replace(rule, groups, labels);
      }
      return true;
    case Action::kKeep:
      return Matches(*rule.compiled, value, &groups);
    case Action::kDrop:
      return !Matches(*rule.compiled, value, &groups);
    case Action::kKeepEqual:
      return labels->Get(rule.target_label) == value;
    case Action::kDropEqual:
      return labels->Get(rule.target_label) != value;
    case Action::kHashMod:
      labels->Set(rule.target_label, std::to_string(HashOf(value) % rule.modulus));
      return true;
    case Action::kLabelMap:
      MapLabels(rule, labels);
      return true;
    case Action::kLabelDrop:
      RemoveLabels(rule, true, labels);
      return true;
    case Action::kLabelKeep:
      RemoveLabels(rule, false, labels);
      return true;
    case Action::kLowercase:
      labels->Set(rule.target_label, base::LowerCase(value));
      return true;
    case Action::kUppercase:
      labels->Set(rule.target_label, base::UpperCase(value));
      return true;
  }
  return true;
}

}  // namespace

std::span<const std::string_view> RelabelActions() { return kActions; }

base::Result<> RelabelRule::Compile() {
  re2::RE2::Options options;
  options.set_log_errors(false);
  if (const re2::RE2 bare(regex, options); !bare.ok()) {
    return base::Fail(base::ErrorKind::kInvalid, bare.error());
  }
  auto made = std::make_shared<re2::RE2>("^(?:" + regex + ")$", options);
  if (!made->ok()) {  // too large, for example
    return base::Fail(base::ErrorKind::kInvalid, made->error());
  }
  compiled = std::move(made);
  return {};
}

bool RelabelRule::operator==(const RelabelRule& other) const {
  return action == other.action && source_labels == other.source_labels &&
         separator == other.separator && target_label == other.target_label &&
         replacement == other.replacement && modulus == other.modulus && regex == other.regex;
}

bool IsLabelTemplate(std::string_view text) {
  static const re2::RE2 kForm(R"(^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$)");
  return re2::RE2::FullMatch({text.data(), text.size()}, kForm);
}

bool Relabel(std::span<const RelabelRule> rules, Labels* labels) {
  return std::ranges::all_of(rules, [labels](const auto& rule) { return Apply(rule, labels); });
}

}  // namespace model
