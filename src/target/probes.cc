// probes: the explicit ones of a target and those that its address, ports, url and snmp stand for.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "config/check.h"
#include "config/options.h"
#include "target/parts.h"

namespace target {
namespace {

using config::MapReader;
using config::Node;

/// "a tcp", "an http": as the letters are spoken.
std::string WithArticle(const std::string& kind) {
  static constexpr std::string_view kSpelled[] = {"http", "snmp", "smtp", "ssh"};
  const bool an = std::string_view("aeiou").contains(kind[0]) ||
                  std::ranges::find(kSpelled, kind) != std::end(kSpelled);
  return (an ? "an " : "a ") + kind;
}

/// How a probe without a name is called: its kind, and what tells it from others of that kind.
std::string NameOf(const model::ProbeSpec& probe, const model::Target& target,
                   const model::KindSpec& kind) {
  const auto& values = probe.options.values();
  if (const auto port = values.find("port");
      port != values.end() && std::holds_alternative<std::int64_t>(port->second)) {
    return fmt::format("{}:{}", probe.kind, std::get<std::int64_t>(port->second));
  }
  const auto url = values.find("url");
  if (url == values.end() || !std::holds_alternative<std::string>(url->second)) {
    return probe.kind;
  }
  const auto& text = std::get<std::string>(url->second);
  if (text.empty() || text == target.url) {
    return probe.kind;
  }
  const auto path = text.find('/', text.find("://") + 3);
  // A kind that needs a URL of its own asks many servers of one host: the port tells them apart.
  const auto port = text.substr(0, path).rfind(':');
  const bool own = std::ranges::any_of(
      kind.options, [](const auto& option) { return option.name == "url" && option.required; });
  if (own && port > 5 && port != std::string::npos) {
    const auto digits = text.substr(port + 1, path == std::string::npos ? path : path - port - 1);
    if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos) {
      return fmt::format("{}:{}", probe.kind, digits);
    }
  }
  return fmt::format("{}:{}", probe.kind, path == std::string::npos ? "/" : text.substr(path, 50));
}

std::optional<model::ProbeSpec> ReadOne(const Node& item, const model::Target& target,
                                        Timing timing, const Kinds& kinds) {
  // `- icmp` is `- icmp: {}`.
  const auto entries = item.IsScalar() ? std::vector<Node>{item} : item.Entries("a probe");
  if (entries.size() != 1) {
    if (item.IsMap()) {
      item.Report("a probe is one kind with its options", "begin each probe with its own '-'");
    }
    return std::nullopt;
  }
  const Node& entry = entries.front();
  const std::string kind_name = item.IsScalar() ? item.text() : entry.key();
  const auto* kind = FindKind(kinds.probes, kind_name);
  if (kind == nullptr) {
    entry.document()->Report(
        entry.key_place(),
        fmt::format("\"{}\" is no kind of probe", base::Printable(kind_name.substr(0, 60))),
        Proposal(kind_name, Names(kinds.probes)));
    return std::nullopt;
  }
  model::ProbeSpec out{.kind = kind_name, .interval = timing.interval, .timeout = timing.timeout};
  if (item.IsScalar() || entry.IsNull()) {
    for (const auto& option : kind->options) {
      if (option.required) {
        entry.Report(
            fmt::format("{} probe needs the key \"{}\"", WithArticle(kind_name), option.name));
      }
    }
    out.options = config::DefaultOptions(kind->options);
    out.name = NameOf(out, target, *kind);
    return out;
  }
  if (entry.IsScalar()) {  // `- prometheus: URL`
    out.options = config::ReadBare(entry, kind->options);
    out.name = NameOf(out, target, *kind);
    return out;
  }
  MapReader map(entry, fmt::format("{} probe", WithArticle(kind_name)));
  const auto own = ReadTiming(map, timing);
  out.interval = own.interval;
  out.timeout = own.timeout;
  const Node name = map.Optional("name");
  out.options = config::ReadOptions(map, kind->options);
  map.Finish();
  out.name = NameOf(out, target, *kind);
  if (name) {
    out.name = name.String().value_or(out.name);
    if (out.name.size() > 63 || !base::IsPrintable(out.name)) {
      name.Report("a probe's name is up to 63 printable characters");
    }
  }
  return out;
}

/// What the short keys of a target stand for.
std::vector<model::ProbeSpec> Implied(const model::Target& target, bool ping, Timing timing,
                                      const Kinds& kinds) {
  std::vector<model::ProbeSpec> out;
  const auto add = [&](std::string_view name, auto&& set) {
    if (const auto* kind = FindKind(kinds.probes, name)) {
      model::ProbeSpec probe{.kind = std::string(name),
                             .options = config::DefaultOptions(kind->options),
                             .interval = timing.interval,
                             .timeout = timing.timeout};
      set(probe.options);
      probe.name = NameOf(probe, target, *kind);
      out.push_back(std::move(probe));
    }
  };
  if (ping) {
    add("icmp", [](model::Options&) {});
  }
  for (const auto port : target.ports) {
    add("tcp", [&](model::Options& o) { o.Set("port", static_cast<std::int64_t>(port)); });
  }
  if (!target.url.empty()) {
    add("http", [&](model::Options& o) { o.Set("url", target.url); });
  }
  if (target.snmp) {
    add("snmp", [](model::Options&) {});
  }
  return out;
}

}  // namespace

std::vector<model::ProbeSpec> ReadProbes(config::Node node, const model::Target& target, bool ping,
                                         Timing timing, const Kinds& kinds) {
  std::vector<model::ProbeSpec> explicit_ones;
  for (const Node& item : node ? node.Items("probes") : std::vector<Node>{}) {
    auto probe = ReadOne(item, target, timing, kinds);
    if (!probe) {
      continue;
    }
    if (probe->kind == "snmp" && !target.snmp) {
      item.Report("an snmp probe in a target without the key \"snmp\"",
                  "name a credential: snmp: NAME");
    }
    const auto same = [&](const model::ProbeSpec& other) { return other.name == probe->name; };
    if (std::ranges::any_of(explicit_ones, same)) {
      item.Report(fmt::format("two probes of this target are called \"{}\"", probe->name),
                  "give one of them another name: name: …");
      continue;
    }
    explicit_ones.push_back(std::move(*probe));
  }
  // An explicit probe takes the place of the implied one of its name.
  auto out = Implied(target, ping, timing, kinds);
  for (auto& probe : explicit_ones) {
    const auto same = std::ranges::find(out, probe.name, &model::ProbeSpec::name);
    if (same != out.end()) {
      *same = std::move(probe);
    } else {
      out.push_back(std::move(probe));
    }
  }
  return out;
}

}  // namespace target
