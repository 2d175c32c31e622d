// Target groups to targets with one scrape each.
#include "target/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/check.h"
#include "config/relabel.h"
#include "target/parts.h"

namespace target {
namespace {

using config::MapReader;
using config::Node;

constexpr std::string_view kScrape = "prometheus";
constexpr base::Duration kMinRefresh = std::chrono::seconds(1);
constexpr base::Duration kMaxRefresh = std::chrono::hours(24);
constexpr std::size_t kLongestName = 63;

constexpr std::string_view kOwn[] = {"target", "ip", "url", "probe", "alertname"};
constexpr std::string_view kSchemes[] = {"http", "https"};
constexpr std::string_view kParam = "__param_";

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
  if (const Node rules = map.Optional("relabel_configs")) {
    out.relabeling = config::ReadRelabeling(rules);
  }
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

void ReadGroupLabel(const Node& entry, model::Labels* out) {
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
    out->Set(name, entry.Word(kSchemes).value_or("http"));
  } else if (name == "__metrics_path__" && !value.starts_with('/')) {
    entry.Report("a path begins with /");
  } else {
    out->Set(name, value);
  }
}

model::Labels ReadGroupLabels(const Node& node) {
  model::Labels out;
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

/// What relabeling gets to see of one target, as Prometheus has it.
model::Labels Found(const std::string& address, const model::Labels& group,
                    const Discovery& discovery, const std::string& file) {
  const auto& options = discovery.probe.options;
  model::Labels out = {{"__scheme__", "http"}, {"__metrics_path__", "/metrics"}};
  out.Set("job", options.Get<std::string>("job"));
  out.Set("instance", options.Get<std::string>("instance"));
  for (const auto& [name, value] : options.Get<std::map<std::string, std::string>>("params")) {
    out.Set(std::string(kParam) + name, value);
  }
  out.Set(discovery.files.empty() ? "__meta_url" : "__meta_filepath",
          discovery.files.empty() ? discovery.url : file);
  out = out.With(discovery.labels).With(group);
  out.Set("__address__", address);
  return out;
}

/// What labels after relabeling make a target impossible; "" when nothing does.
std::string Impossible(const model::Labels& labels, const std::string& url) {
  if (!labels.Has("__address__")) {
    return "relabeling leaves no __address__";
  }
  if (std::ranges::find(kSchemes, labels.Get("__scheme__")) == std::end(kSchemes)) {
    return fmt::format("relabeling makes the scheme {}",
                       model::QuoteValue(labels.Get("__scheme__").substr(0, 60)));
  }
  if (!labels.Get("__metrics_path__").starts_with('/')) {
    return "a path begins with /";
  }
  for (const auto name : kOwn) {
    if (labels.Has(name)) {
      return fmt::format("relabeling sets the label \"{}\", which is reserved", name);
    }
  }
  return config::CheckUrl(url);
}

/// The host of host:port.
std::string HostOf(std::string_view address) {
  const auto colon = address.rfind(':');
  const bool port = colon != std::string::npos && address.find(']', colon) == std::string::npos;
  auto host = address.substr(0, port ? colon : std::string::npos);
  if (host.starts_with('[')) {
    host = host.substr(1, host.size() - 2);
  }
  return std::string(host);
}

void AddTarget(const Node& item, const model::Labels& group, const Discovery& discovery,
               std::vector<model::Target>* out) {
  const auto written = item.String();
  if (!written) {
    return;
  }
  auto labels = Found(*written, group, discovery, item.place().file);
  if (!model::Relabel(discovery.relabeling, &labels)) {
    return;
  }
  const std::string address(labels.Get("__address__"));
  const auto url =
      fmt::format("{}://{}{}", labels.Get("__scheme__"), address, labels.Get("__metrics_path__"));
  if (auto wrong = Impossible(labels, url); !wrong.empty() || address.contains('/')) {
    item.Report(wrong.empty() ? "an address is host:port, without scheme and path" : wrong,
                "expected host:port");
    return;
  }
  model::Target target;
  target.probes = {discovery.probe};
  auto& options = target.probes[0].options;
  options.Set("url", url);
  options.Set("job", std::string(labels.Get("job")));
  if (labels.Has("instance")) {
    options.Set("instance", std::string(labels.Get("instance")));
  }
  std::map<std::string, std::string> params;
  for (const auto& [name, value] : labels) {
    if (name.starts_with(kParam)) {
      params[name.substr(kParam.size())] = value;
    } else if (!name.starts_with("__") && name != "job" && name != "instance") {
      target.labels.Set(name, value);
    }
  }
  if (!params.empty() || options.Has("params")) {
    options.Set("params", std::move(params));
  }
  target.name = NameOf(options.Get<std::string>("job"), address);
  target.address = HostOf(address);
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
