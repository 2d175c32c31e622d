// The actions of relabel_config, each as Prometheus 2.42 does it (model/relabel/relabel.go).
#include "model/relabel.h"

#include <openssl/evp.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace model {
namespace {

using Action = RelabelAction;

constexpr std::array<std::string_view, 11> kActions = {
    "replace",  "keep",      "drop",      "keepequal", "dropequal", "hashmod",
    "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_';
}

/// What a match found, group by group.
using Groups = std::vector<re2::StringPiece>;

bool Matches(const re2::RE2& regex, std::string_view text, Groups* groups) {
  groups->assign(static_cast<std::size_t>(regex.NumberOfCapturingGroups()) + 1, {});
  return regex.Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED,
                     groups->data(), static_cast<int>(groups->size()));
}

/// The number of the group that a template calls `name`; -1: there is none.
int GroupOf(const re2::RE2& regex, std::string_view name) {
  constexpr int kMost = 100'000'000;
  int number = 0;
  for (const char c : name) {
    number = IsDigit(c) && number >= 0 && number < kMost ? number * 10 + (c - '0') : -1;
  }
  if (number >= 0 && (name[0] != '0' || name.size() == 1)) {
    return number;
  }
  const auto& names = regex.NamedCapturingGroups();
  const auto at = names.find(std::string(name));
  return at == names.end() ? -1 : at->second;
}

/// A template with $1, ${1}, $name, ${name} and $$ filled in, as Go's Regexp.Expand.
std::string Expand(const re2::RE2& regex, std::string_view text, const Groups& groups) {
  std::string out;
  while (true) {
    const auto dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) {
      return out;
    }
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const bool brace = text.starts_with('{');
    const auto begin = text.begin() + (brace ? 1 : 0);
    const auto end = std::find_if_not(begin, text.end(), IsWord);
    if (begin == end || (brace && (end == text.end() || *end != '}'))) {
      out += '$';  // no name follows: the sign stands for itself
      continue;
    }
    const int group = GroupOf(regex, {begin, end});
    if (group >= 0 && static_cast<std::size_t>(group) < groups.size()) {
      const auto& found = groups[static_cast<std::size_t>(group)];
      out.append(found.data() == nullptr ? "" : found.data(), found.size());
    }
    text = {end + (brace ? 1 : 0), text.end()};
  }
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
  const auto target = Expand(*rule.compiled, rule.target_label, groups);
  if (!IsLabelName(target)) {
    labels->Remove(rule.target_label);
    return;
  }
  const auto value = Expand(*rule.compiled, rule.replacement, groups);
  labels->Set(value.empty() ? rule.target_label : target, value);
}

void MapLabels(const RelabelRule& rule, Labels* labels) {
  Groups groups;
  const Labels before = *labels;
  for (const auto& [name, value] : before) {
    if (Matches(*rule.compiled, name, &groups)) {
      labels->Set(Expand(*rule.compiled, rule.replacement, groups), value);
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
