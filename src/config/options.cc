// Reads a kind's options from a map, as the kind's own description says.
#include "config/options.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "base/secret.h"
#include "config/check.h"
#include "config/relabel.h"
#include "config/state.h"

namespace config {
namespace {

using model::OptionSpec;
using model::OptionType;
using model::OptionValue;

bool HasRange(const OptionSpec& spec) { return spec.min != spec.max; }

std::optional<std::int64_t> ReadInteger(const Node& node, const OptionSpec& spec) {
  using Limits = std::numeric_limits<std::int64_t>;
  return HasRange(spec) ? node.Integer(static_cast<std::int64_t>(spec.min),
                                       static_cast<std::int64_t>(spec.max))
                        : node.Integer(Limits::min(), Limits::max());
}

std::optional<base::Duration> ReadSpan(const Node& node, const OptionSpec& spec) {
  const auto of = [](double seconds) {
    return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
  };
  return HasRange(spec) ? node.Span(of(spec.min), of(spec.max))
                        : node.Span(base::Duration::zero(), std::chrono::hours(24 * 365));
}

std::optional<std::string> ReadRegex(const Node& node) {
  auto text = node.String();
  if (!text) {
    return std::nullopt;
  }
  re2::RE2::Options quiet;
  quiet.set_log_errors(false);
  quiet.set_max_mem(1 << 20);
  const re2::RE2 regex(*text, quiet);
  if (!regex.ok()) {
    node.Report(fmt::format("{} is no regular expression: {}", Quoted(*text), regex.error()),
                "RE2's syntax");
    return std::nullopt;
  }
  return text;
}

std::optional<OptionValue> ReadSecret(const Node& node) {
  const auto path = node.String();
  if (!path) {
    return std::nullopt;
  }
  auto secret = base::ReadSecretFile(ResolvePath(node.place().file, *path));
  if (!secret) {
    node.Report(secret.error().message);
    return std::nullopt;
  }
  return *secret;
}

std::optional<OptionValue> ReadText(const Node& node, const OptionSpec& spec) {
  auto text = spec.choices.empty() ? node.String() : node.Word(spec.choices);
  if (text && spec.type == OptionType::kUrl) {
    if (const auto wrong = CheckUrl(*text); !wrong.empty()) {
      node.Report(wrong);
      return std::nullopt;
    }
  }
  if (text && spec.type == OptionType::kFile) {
    return ResolvePath(node.place().file, *text);
  }
  return text;
}

std::optional<OptionValue> ReadStrings(const Node& node, const OptionSpec& spec) {
  if (!node.IsList()) {
    (void)node.Items(spec.name);
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const Node& item : node.Items(spec.name)) {
    if (auto text = spec.choices.empty() ? item.String() : item.Word(spec.choices)) {
      out.push_back(std::move(*text));
    }
  }
  return out;
}

std::optional<OptionValue> ReadIntegers(const Node& node, const OptionSpec& spec) {
  if (!node.IsList()) {
    (void)node.Items(spec.name);
    return std::nullopt;
  }
  std::vector<std::int64_t> out;
  for (const Node& item : node.Items(spec.name)) {
    if (const auto value = ReadInteger(item, spec)) {
      out.push_back(*value);
    }
  }
  return out;
}

std::optional<OptionValue> ReadTexts(const Node& node, const OptionSpec& spec) {
  if (!node.IsMap()) {
    (void)node.Entries(spec.name);
    return std::nullopt;
  }
  std::map<std::string, std::string> out;
  for (const Node& entry : node.Entries(spec.name)) {
    if (auto text = entry.String()) {
      out[entry.key()] = std::move(*text);
    }
  }
  return out;
}

std::optional<OptionValue> ReadValue(const Node& node, const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::kString:
    case OptionType::kUrl:
    case OptionType::kFile:
      return ReadText(node, spec);
    case OptionType::kRegex:
      return ReadRegex(node);
    case OptionType::kInteger:
      return ReadInteger(node, spec);
    case OptionType::kNumber:
      return HasRange(spec) ? node.Number(spec.min, spec.max)
                            : node.Number(-std::numeric_limits<double>::infinity(),
                                          std::numeric_limits<double>::infinity());
    case OptionType::kBool:
      return node.Bool();
    case OptionType::kDuration:
      return ReadSpan(node, spec);
    case OptionType::kSecretFile:
      return ReadSecret(node);
    case OptionType::kStrings:
      return ReadStrings(node, spec);
    case OptionType::kIntegers:
      return ReadIntegers(node, spec);
    case OptionType::kMap:
      return ReadTexts(node, spec);
    case OptionType::kRelabeling:
      return ReadRelabeling(node);
  }
  return std::nullopt;
}

/// The value of an option's own fallback. A fallback that its own option does not allow is a BUG.
OptionValue Fallback(const OptionSpec& spec) {
  const auto document = Document::Parse(std::string(spec.fallback), "");
  auto value = ReadValue(document->Root(), spec);
  if (!value || !document->ok()) {
    throw std::logic_error(
        fmt::format("BUG: option {} has the bad fallback {}", spec.name, Quoted(spec.fallback)));
  }
  return std::move(*value);
}

}  // namespace

model::Options ReadOptions(MapReader& map, std::span<const OptionSpec> specs) {
  model::Options out;
  for (const auto& spec : specs) {
    const Node node = spec.required ? map.Required(spec.name) : map.Optional(spec.name);
    if (node) {
      if (auto value = ReadValue(node, spec)) {
        out.Set(spec.name, std::move(*value));
      }
    } else if (!spec.fallback.empty()) {
      out.Set(spec.name, Fallback(spec));
    }
  }
  return out;
}

model::Options ReadOptions(Node node, std::span<const OptionSpec> specs, std::string_view what) {
  if (node.IsNull()) {
    for (const auto& spec : specs) {
      if (spec.required) {
        node.Report(fmt::format("{} needs the key \"{}\"", what, spec.name));
      }
    }
    return DefaultOptions(specs);
  }
  MapReader map(node, std::string(what));
  auto out = ReadOptions(map, specs);
  map.Finish();
  return out;
}

model::Options ReadBare(const Node& node, std::span<const OptionSpec> specs) {
  auto out = DefaultOptions(specs);
  const auto first = std::ranges::find_if(specs, &OptionSpec::required);
  if (first == specs.end()) {
    (void)node.Entries("the options");
  } else if (auto value = ReadValue(node, *first)) {
    out.Set(first->name, std::move(*value));
  }
  return out;
}

model::Options DefaultOptions(std::span<const OptionSpec> specs) {
  model::Options out;
  for (const auto& spec : specs) {
    if (!spec.fallback.empty()) {
      out.Set(spec.name, Fallback(spec));
    }
  }
  return out;
}

}  // namespace config
