// Target groups to targets with one scrape each.
#include "target/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/check.h"
#include "target/parts.h"

namespace target {
namespace {

using config::MapReader;
using config::Node;

constexpr std::string_view kScrape = "prometheus";
constexpr base::Duration kMinRefresh = std::chrono::seconds(1);
constexpr base::Duration kMaxRefresh = std::chrono::hours(24);
constexpr std::size_t kLongestName = 63;

/// What labels of a group say of the scrape.
struct GroupLabels {
  std::string scheme = "http";
  std::string path = "/metrics";
  std::string job;
  std::string instance;
  std::map<std::string, std::string> params;
  model::Labels labels;
};

Discovery ReadOne(const Node& node, const Defaults& defaults, const Kinds& kinds) {
  Discovery out;
  MapReader map(node, "a discovery");
  const Node files = map.Optional("file_sd");
  const Node url = map.Optional("http_sd");
  if (static_cast<bool>(files) == static_cast<bool>(url)) {
    node.Report(files ? "only one of file_sd and http_sd may stand here"
                      : "a discovery needs file_sd or http_sd",
                "file_sd: [targets/*.yaml]");
  }
  for (const Node& item : OneOrMore(files, "file_sd")) {
    if (const auto pattern = item.String()) {
      out.files.push_back(config::ResolvePath(item.place().file, *pattern));
    }
  }
  if (url) {
    out.url = url.String().value_or("");
    if (const auto wrong = config::CheckUrl(out.url); !wrong.empty() && !out.url.empty()) {
      url.Report(wrong);
    }
  }
  if (const Node refresh = map.Optional("refresh")) {
    out.refresh = refresh.Span(kMinRefresh, kMaxRefresh).value_or(out.refresh);
  }
  const auto timing = ReadTiming(map, {defaults.interval, defaults.timeout});
  out.labels = ReadLabels(map.Optional("labels"), defaults.labels, kinds);
  out.probe.kind = kScrape;
  out.probe.name = kScrape;
  out.probe.interval = timing.interval;
  out.probe.timeout = timing.timeout;
  const Node options = map.Optional(kScrape);
  if (const auto* kind = FindKind(kinds.probes, kScrape)) {
    auto specs = kind->options;  // the url comes from the group
    std::erase_if(specs, [](const auto& spec) { return spec.required; });
    out.probe.options = options ? config::ReadOptions(options, specs, "a prometheus probe")
                                : config::DefaultOptions(specs);
  }
  map.Finish();
  return out;
}

void ReadGroupLabel(const Node& entry, GroupLabels* out) {
  static constexpr std::string_view kOwn[] = {"target", "ip", "url", "probe", "alertname"};
  static constexpr std::string_view kSchemes[] = {"http", "https"};
  const auto& name = entry.key();
  const auto report = [&](std::string message) {
    entry.document()->Report(entry.key_place(), std::move(message));
  };
  const std::string value = entry.text();
  if (!entry.IsScalar() && !entry.IsNull()) {
    entry.Report("a label's value is a text");
  } else if (!model::IsLabelName(name)) {
    report(fmt::format("\"{}\" cannot name a label", base::Printable(name.substr(0, 60))));
  } else if (std::ranges::find(kOwn, name) != std::end(kOwn)) {
    report(fmt::format("the label \"{}\" is reserved", name));
  } else if (name == "__scheme__") {
    out->scheme = entry.Word(kSchemes).value_or("http");
  } else if (name == "__metrics_path__") {
    if (!value.starts_with('/')) {
      entry.Report("a path begins with /");
    }
    out->path = value;
  } else if (name.starts_with("__param_")) {
    out->params[name.substr(8)] = value;
  } else if (name == "job") {
    out->job = value;
  } else if (name == "instance") {
    out->instance = value;
  } else if (!name.starts_with("__")) {
    out->labels.Set(name, value);
  }
}

GroupLabels ReadGroupLabels(const Node& node) {
  GroupLabels out;
  for (const Node& entry : node ? node.Entries("labels") : std::vector<Node>()) {
    ReadGroupLabel(entry, &out);
  }
  return out;
}

/// A name that a target may have, made of its job and address.
std::string NameOf(const std::string& job, const std::string& address) {
  std::string out;
  for (const char c : job + "-" + address) {
    const bool good = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    out += good ? c : '-';
  }
  while (out.starts_with('-') || out.starts_with('.')) {
    out.erase(0, 1);
  }
  if (out.size() > kLongestName) {
    const auto hash =
        fmt::format("-{:08x}", model::Labels{{"name", out}}.Fingerprint() & 0xffffffff);
    out = out.substr(0, kLongestName - hash.size()) + hash;
  }
  return out;
}

void AddTarget(const Node& item, const GroupLabels& group, const Discovery& discovery,
               std::vector<model::Target>* out) {
  const auto address = item.String();
  if (!address) {
    return;
  }
  const auto url = fmt::format("{}://{}{}", group.scheme, *address, group.path);
  if (auto wrong = config::CheckUrl(url); !wrong.empty() || address->contains('/')) {
    item.Report(wrong.empty() ? "an address is host:port, without scheme and path" : wrong,
                "expected host:port");
    return;
  }
  model::Target target;
  target.probes = {discovery.probe};
  auto& options = target.probes[0].options;
  options.Set("url", url);
  if (!group.job.empty()) {
    options.Set("job", group.job);
  }
  if (!group.instance.empty()) {
    options.Set("instance", group.instance);
  }
  if (!group.params.empty()) {
    auto params = options.Get<std::map<std::string, std::string>>("params");
    params.insert(group.params.begin(), group.params.end());
    options.Set("params", params);
  }
  target.name = NameOf(options.Get<std::string>("job"), *address);
  const auto colon = address->rfind(':');
  const bool port = colon != std::string::npos && address->find(']', colon) == std::string::npos;
  target.address = address->substr(0, port ? colon : std::string::npos);
  if (target.address.starts_with('[')) {
    target.address = target.address.substr(1, target.address.size() - 2);
  }
  target.labels = discovery.labels.With(group.labels);
  out->push_back(std::move(target));
}

}  // namespace

std::vector<Discovery> ReadDiscovery(Node node, const Defaults& defaults, const Kinds& kinds) {
  std::vector<Discovery> out;
  for (const Node& item : node ? node.Items("discovery") : std::vector<Node>()) {
    out.push_back(ReadOne(item, defaults, kinds));
  }
  return out;
}

std::vector<model::Target> ReadGroups(config::Document& document, const Discovery& discovery) {
  std::vector<model::Target> out;
  if (!document.ok() || document.Root().IsNull()) {
    return out;
  }
  for (const Node& node : document.Root().Items("the target groups")) {
    MapReader map(node, "a target group");
    if (!map.ok()) {
      continue;
    }
    const Node targets = map.Required("targets");
    const auto group = ReadGroupLabels(map.Optional("labels"));
    map.Finish();
    for (const Node& item : targets ? targets.Items("targets") : std::vector<Node>()) {
      if (out.size() >= kMaxDiscovered) {
        item.Report(fmt::format("more than {} targets", kMaxDiscovered));
        return out;
      }
      AddTarget(item, group, discovery, &out);
    }
  }
  return out;
}

std::vector<model::Target> Joined(std::vector<model::Target> own,
                                  const std::vector<std::vector<model::Target>>& found) {
  std::set<std::string> names;
  for (const auto& target : own) {
    names.insert(target.name);
  }
  for (const auto& list : found) {
    for (const auto& target : list) {
      auto copy = target;
      if (!names.insert(copy.name).second) {  // one address with other labels or parameters
        const auto hash = copy.SampleLabels()
                              .With({{"url", copy.probes[0].options.Get<std::string>("url")}})
                              .Fingerprint();
        copy.name =
            fmt::format("{}-{:08x}", copy.name.substr(0, kLongestName - 9), hash & 0xffffffff);
        if (!names.insert(copy.name).second) {
          continue;
        }
      }
      own.push_back(std::move(copy));
    }
  }
  return own;
}

}  // namespace target
