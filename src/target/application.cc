// application: the chain of components that a request passes, from short words or with options.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "config/check.h"
#include "target/parts.h"

namespace target {
namespace {

using config::MapReader;
using config::Node;

/// A kind needs a name when its description has a required option "name"; these always do.
bool NeedsName(const model::KindSpec& kind) {
  static constexpr std::string_view kNamed[] = {"service", "container", "command"};
  return std::ranges::find(kNamed, kind.name) != std::end(kNamed) ||
         std::ranges::any_of(kind.options, [](const model::OptionSpec& option) {
           return option.name == "name" && option.required;
         });
}

/// Names of units, containers and commands become words of a remote command line: 1 to 128 of
/// letters, digits and _ . @ : -, not beginning with '-'.
bool GoodName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && name[0] != '-' &&
         std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '@' || c == ':' || c == '-';
         });
}

/// The options of a kind but "name", which stands in the component itself.
std::vector<model::OptionSpec> WithoutName(const model::KindSpec& kind) {
  auto options = kind.options;
  std::erase_if(options, [](const auto& option) { return option.name == "name"; });
  return options;
}

void ReportUnknown(const Node& node, std::string_view word, const Kinds& kinds) {
  node.document()->Report(
      node.key().empty() ? node.place() : node.key_place(),
      fmt::format("\"{}\" is no kind of component", base::Printable(word.substr(0, 60))),
      Proposal(word, Names(kinds.components)));
}

/// "firewall", "container:web-application", "nginx".
std::optional<model::ComponentSpec> FromWord(const Node& node, const Kinds& kinds) {
  const auto text = node.String();
  if (!text) {
    return std::nullopt;
  }
  const auto colon = text->find(':');
  model::ComponentSpec out{.kind = text->substr(0, colon)};
  const auto* kind = FindKind(kinds.components, out.kind);
  if (colon != std::string::npos) {
    out.name = text->substr(colon + 1);
  } else if (kind == nullptr) {
    const std::string near = base::Nearest(*text, Names(kinds.components));
    if (!near.empty()) {
      node.Report(fmt::format("\"{}\" is no kind of component", *text),
                  fmt::format("did you mean \"{}\"? A systemd unit of that name is written "
                              "\"service:{}\"",
                              near, *text));
      return std::nullopt;
    }
    out = {.kind = "service", .name = *text};
    kind = FindKind(kinds.components, "service");
  }
  if (kind == nullptr) {
    ReportUnknown(node, out.kind, kinds);
    return std::nullopt;
  }
  if ((colon != std::string::npos || !out.name.empty()) && !GoodName(out.name)) {
    node.Report(out.name.empty() ? fmt::format("a name is missing after \"{}:\"", out.kind)
                                 : std::string("a component's name with characters that none has"),
                "letters, digits and _ . @ : -");
    return std::nullopt;
  }
  if (out.name.empty() && NeedsName(*kind)) {
    node.Report(fmt::format("a {} needs a name", out.kind),
                fmt::format("write \"{}:NAME\"", out.kind));
    return std::nullopt;
  }
  for (const auto& option : WithoutName(*kind)) {
    if (option.required) {
      node.Report(fmt::format("a {} needs the key \"{}\"", out.kind, option.name),
                  fmt::format("write it as a map: {}: {{{}: …}}", out.kind, option.name));
    }
  }
  out.options = config::DefaultOptions(WithoutName(*kind));
  return out;
}

/// `command: {name: …, check: […]}`.
std::optional<model::ComponentSpec> FromMap(const Node& node, const Kinds& kinds) {
  const auto entries = node.Entries("a component");
  if (entries.size() != 1) {
    node.Report("a component is one kind with its options",
                "begin each component with its own '-'");
    return std::nullopt;
  }
  const Node& entry = entries.front();
  const auto* kind = FindKind(kinds.components, entry.key());
  if (kind == nullptr) {
    ReportUnknown(entry, entry.key(), kinds);
    return std::nullopt;
  }
  model::ComponentSpec out{.kind = entry.key()};
  MapReader map(entry, fmt::format("a {}", out.kind));
  const Node name = NeedsName(*kind) ? map.Required("name") : map.Optional("name");
  if (name) {
    out.name = name.String().value_or("");
    if (!out.name.empty() && !GoodName(out.name)) {
      name.Report("a component's name with characters that none has",
                  "letters, digits and _ . @ : -");
    }
  }
  out.options = config::ReadOptions(map, WithoutName(*kind));
  map.Finish();
  return out;
}

}  // namespace

std::vector<model::ComponentSpec> ReadApplication(config::Node node, const Kinds& kinds) {
  std::vector<model::ComponentSpec> out;
  for (const Node& item : node.Items("application")) {
    auto component = item.IsMap() ? FromMap(item, kinds) : FromWord(item, kinds);
    if (!component) {
      continue;
    }
    const auto same = [&](const model::ComponentSpec& other) {
      return other.Id() == component->Id();
    };
    if (std::ranges::any_of(out, same)) {
      item.Report(
          fmt::format("the component \"{}\" stands twice in one application", component->Id()));
      continue;
    }
    out.push_back(std::move(*component));
  }
  return out;
}

}  // namespace target
