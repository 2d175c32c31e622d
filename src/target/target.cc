// Reads `defaults` and `targets`, and checks what concerns several targets.
#include "target/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "config/check.h"
#include "target/parts.h"

namespace target {
namespace {

using config::MapReader;
using config::Node;

constexpr std::string_view kModes[] = {"observe", "approve", "auto"};
constexpr std::string_view kDrill[] = {"allowed", "forbidden"};
constexpr std::size_t kMostLabels = 32;
constexpr std::size_t kLongestLabel = 128;

/// A target while the file is read, with the places that later checks report at.
struct Reading {
  model::Target target;
  Node name;
  std::vector<Node> depends_on;
};

std::string ReadChecked(const Node& node, std::string (*check)(std::string_view)) {
  const auto text = node ? node.String() : std::nullopt;
  if (!text) {
    return "";
  }
  if (const auto wrong = check(*text); !wrong.empty()) {
    node.Report(wrong);
    return "";
  }
  return *text;
}

std::vector<std::uint16_t> ReadPorts(const Node& node) {
  std::vector<std::uint16_t> out;
  for (const Node& item : OneOrMore(node, "ports")) {
    const auto value = item.Integer(1, 65535);
    if (!value) {
      continue;
    }
    const auto port = static_cast<std::uint16_t>(*value);
    if (std::ranges::find(out, port) != out.end()) {
      item.Report(fmt::format("the port {} stands twice", port));
      continue;
    }
    out.push_back(port);
  }
  return out;
}

template <class Credential>
std::vector<std::string> KeysOf(const std::map<std::string, Credential>& map) {
  std::vector<std::string> out;
  out.reserve(map.size());
  for (const auto& [name, credential] : map) {
    out.push_back(name);
  }
  return out;
}

/// The credential that a target names; `other` are those of the other sort, for the message.
template <class Credential, class Other>
std::optional<Credential> Named(const Node& node, std::string_view sort,
                                const std::map<std::string, Credential>& known,
                                const std::map<std::string, Other>& other) {
  const auto name = node ? node.String() : std::nullopt;
  if (!name) {
    return std::nullopt;
  }
  if (const auto at = known.find(*name); at != known.end()) {
    return at->second;
  }
  if (other.contains(*name)) {
    node.Report(fmt::format("the credential \"{}\" has no {} part", *name, sort));
  } else {
    node.Report(fmt::format("no {} credential is called \"{}\"", sort,
                            base::Printable(name->substr(0, 60))),
                Proposal(*name, KeysOf(known)));
  }
  return std::nullopt;
}

std::optional<model::SnmpCredential> NamedSnmp(const Node& node, const Credentials& credentials) {
  // The community that snmpd ships with is no secret and needs no entry of its own.
  if (node.text() == "public" && !credentials.snmp.contains("public")) {
    return model::SnmpCredential{.name = "public", .community = base::Secret("public")};
  }
  return Named(node, "snmp", credentials.snmp, credentials.ssh);
}

Reading ReadTarget(const Node& node, const Fleet& fleet, const Kinds& kinds) {
  Reading out;
  auto& target = out.target;
  MapReader map(node, "a target");
  out.name = map.Required("name");
  target.name = ReadChecked(out.name, config::CheckName);
  target.address = ReadChecked(map.Required("address"), config::CheckHost);
  target.url = ReadChecked(map.Optional("url"), config::CheckUrl);
  target.ports = ReadPorts(map.Optional("ports"));
  target.labels = ReadLabels(map.Optional("labels"), fleet.defaults.labels, kinds);
  const Node snmp = map.Optional("snmp");
  target.snmp = snmp ? NamedSnmp(snmp, fleet.credentials) : std::nullopt;
  const Node ssh = map.Optional("ssh");
  target.ssh = Named(ssh, "ssh", fleet.credentials.ssh, fleet.credentials.snmp);
  const auto timing = ReadTiming(map, {fleet.defaults.interval, fleet.defaults.timeout});
  const Node ping = map.Optional("ping");
  const Node probes = map.Optional("probes");
  target.probes = ReadProbes(probes, target, !ping || ping.Bool().value_or(true), timing, kinds);
  if (map.ok() && target.probes.empty() && !probes) {
    node.Report("a target that nothing probes", "leave ping: false out, or add ports, url or snmp");
  }
  if (const Node application = map.Optional("application")) {
    target.application = ReadApplication(application, kinds);
    if (!ssh) {
      application.document()->Report(application.key_place(),
                                     "an application is examined over SSH, but this target has "
                                     "no key \"ssh\"",
                                     "name a credential: ssh: NAME");
    }
  }
  if (const Node depends = map.Optional("depends_on")) {
    out.depends_on = OneOrMore(depends, "depends_on");
  }
  if (const Node recovery = map.Optional("recovery")) {
    target.recovery_mode = recovery.Word(kModes).value_or("");
  }
  if (const Node drill = map.Optional("drill")) {
    target.drill = drill.Word(kDrill) == "allowed";
  }
  map.Finish();
  return out;
}

void CheckNames(const std::vector<Reading>& readings) {
  std::map<std::string, config::Place> seen;
  for (const auto& reading : readings) {
    if (reading.target.name.empty()) {
      continue;
    }
    const auto [before, fresh] = seen.emplace(reading.target.name, reading.name.place());
    if (!fresh) {
      reading.name.Report(fmt::format("two targets are called \"{}\"", reading.target.name),
                          fmt::format("the first stands on line {}", before->second.line));
    }
  }
}

/// Follows depends_on from each target; meets one that it came through: a circle. Without
/// recursion, as the chain may be as long as the fleet.
void CheckCircles(const std::vector<Reading>& readings) {
  std::map<std::string, const Reading*> by_name;
  for (const auto& reading : readings) {
    by_name.emplace(reading.target.name, &reading);
  }
  std::set<const Reading*> done;
  for (const auto& start : readings) {
    std::vector<std::pair<const Reading*, std::size_t>> path = {{&start, 0}};
    std::set<const Reading*> on_path = {&start};
    while (!path.empty()) {
      auto& [at, next] = path.back();
      if (done.contains(at) || next >= at->target.depends_on.size()) {
        done.insert(at);
        on_path.erase(at);
        path.pop_back();
        continue;
      }
      const auto index = next++;
      const auto to = by_name.find(at->target.depends_on[index]);
      if (to == by_name.end()) {
        continue;
      }
      if (on_path.contains(to->second)) {
        std::string circle;
        const auto from = std::ranges::find(path, to->second, &decltype(path)::value_type::first);
        for (auto step = from; step != path.end(); ++step) {
          circle += step->first->target.name + " → ";
        }
        const Node& where = at->depends_on[index];
        where.Report(fmt::format("depends_on goes in a circle: {}{}", circle, to->first));
        continue;
      }
      path.emplace_back(to->second, 0);
      on_path.insert(to->second);
    }
  }
}

void CheckDependencies(std::vector<Reading>& readings) {
  std::vector<std::string> names;
  names.reserve(readings.size());
  for (const auto& reading : readings) {
    names.push_back(reading.target.name);
  }
  for (auto& reading : readings) {
    std::vector<Node> good;
    for (const Node& node : reading.depends_on) {
      const auto name = node.String();
      if (!name) {
        continue;
      }
      if (*name == reading.target.name) {
        node.Report("a target that depends on itself");
      } else if (std::ranges::find(names, *name) == names.end()) {
        node.Report(fmt::format("no target is called \"{}\"", base::Printable(name->substr(0, 60))),
                    Proposal(*name, names));
      } else {
        reading.target.depends_on.push_back(*name);
        good.push_back(node);
      }
    }
    reading.depends_on = std::move(good);
  }
  CheckCircles(readings);
}

}  // namespace

std::vector<Node> OneOrMore(Node node, std::string_view what) {
  if (!node) {
    return {};
  }
  return node.IsScalar() ? std::vector<Node>{node} : node.Items(what);
}

const model::KindSpec* FindKind(const std::vector<const model::KindSpec*>& kinds,
                                std::string_view name) {
  const auto at = std::ranges::find_if(kinds, [&](const auto* kind) { return kind->name == name; });
  return at == kinds.end() ? nullptr : *at;
}

std::vector<std::string> Names(const std::vector<const model::KindSpec*>& kinds) {
  std::vector<std::string> out;
  out.reserve(kinds.size());
  for (const auto* kind : kinds) {
    out.emplace_back(kind->name);
  }
  std::ranges::sort(out);
  return out;
}

std::string Proposal(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = word.size() > 64 ? "" : base::Nearest(word, known);
  if (!near.empty()) {
    return fmt::format("did you mean \"{}\"?", near);
  }
  if (known.empty()) {
    return "none is configured";
  }
  constexpr std::size_t kMost = 12;
  const std::vector<std::string> shown(
      known.begin(), known.begin() + static_cast<std::ptrdiff_t>(std::min(known.size(), kMost)));
  return fmt::format("known: {}{}", fmt::join(shown, ", "), known.size() > kMost ? ", …" : "");
}

Timing ReadTiming(MapReader& map, Timing around) {
  Timing out = around;
  const Node interval = map.Optional("interval");
  const Node timeout = map.Optional("timeout");
  if (interval) {
    out.interval = interval.Span(kMinInterval, kMaxInterval).value_or(around.interval);
  }
  if (timeout) {
    out.timeout = timeout.Span(kMinTimeout, kMaxInterval).value_or(around.timeout);
  }
  if (out.timeout > out.interval) {
    (timeout ? timeout : interval)
        .Report(fmt::format("the time-out of {} is longer than the interval of {}",
                            base::FormatDuration(out.timeout), base::FormatDuration(out.interval)),
                "a probe must end before its next run");
  }
  return out;
}

model::Labels ReadLabels(Node node, model::Labels over, const Kinds& kinds) {
  static constexpr std::string_view kReserved[] = {
      "target", "ip", "url", "port", "probe", "path", "interface", "job", "instance", "alertname"};
  std::set<std::string_view> reserved(std::begin(kReserved), std::end(kReserved));
  for (const auto* kind : kinds.probes) {
    for (const auto& metric : kind->metrics) {
      reserved.insert(metric.labels.begin(), metric.labels.end());
    }
  }
  const auto entries = node ? node.Entries("labels") : std::vector<Node>{};
  if (entries.size() > kMostLabels) {
    node.Report(fmt::format("more than {} labels", kMostLabels));
    return over;
  }
  for (const Node& entry : entries) {
    const std::string shown = base::Printable(entry.key().substr(0, 60));
    const auto report = [&](std::string message, std::string hint) {
      entry.document()->Report(entry.key_place(), std::move(message), std::move(hint));
    };
    if (!model::IsLabelName(entry.key())) {
      report(fmt::format("\"{}\" cannot name a label", shown), "letters, digits and '_'");
    } else if (entry.key().starts_with("__") || reserved.contains(entry.key())) {
      report(fmt::format("the label \"{}\" is reserved", shown), "choose another name");
    } else if (const auto value = entry.String()) {
      if (value->size() > kLongestLabel || !base::IsPrintable(*value)) {
        entry.Report(fmt::format("a label's value is up to {} printable bytes", kLongestLabel));
      }
      over.Set(entry.key(), *value);
    }
  }
  return over;
}

Defaults ReadDefaults(Node node) {
  Defaults out;
  if (!node) {
    return out;
  }
  MapReader map(node, "defaults");
  const auto timing = ReadTiming(map, {out.interval, out.timeout});
  out.interval = timing.interval;
  out.timeout = timing.timeout;
  out.labels = ReadLabels(map.Optional("labels"), {}, {});
  map.Finish();
  return out;
}

Fleet ReadTargets(Node defaults, Node credentials, Node targets, const Kinds& kinds) {
  Fleet out{.defaults = ReadDefaults(defaults),
            .credentials = credentials ? ReadCredentials(credentials) : Credentials{}};
  std::vector<Reading> readings;
  const auto items = targets ? targets.Items("targets") : std::vector<Node>{};
  readings.reserve(items.size());
  for (const Node& item : items) {
    readings.push_back(ReadTarget(item, out, kinds));
  }
  if (targets && targets.IsList() && items.empty()) {
    targets.Report("the list of targets is empty", "add one: - {name: web1, address: 192.0.2.11}");
  }
  CheckNames(readings);
  CheckDependencies(readings);
  for (auto& reading : readings) {
    out.targets.push_back(std::move(reading.target));
  }
  return out;
}

Difference Diff(std::span<const model::Target> before, std::span<const model::Target> after) {
  std::map<std::string, const model::Target*> old;
  for (const auto& target : before) {
    old.emplace(target.name, &target);
  }
  Difference out;
  for (const auto& target : after) {
    const auto at = old.find(target.name);
    if (at == old.end()) {
      out.added.push_back(target.name);
      continue;
    }
    if (!(*at->second == target)) {
      out.changed.push_back(target.name);
    }
    old.erase(at);
  }
  for (const auto& [name, target] : old) {
    out.removed.push_back(name);
  }
  std::ranges::sort(out.added);
  std::ranges::sort(out.changed);
  return out;
}

}  // namespace target
