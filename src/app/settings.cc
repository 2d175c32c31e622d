// Reads the configuration file: one function for the top map, the keys' readers beside it.
#include "app/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/settings_keys.h"
#include "base/text.h"
#include "config/check.h"
#include "diagnosis/kind.h"
#include "probe/kind.h"

namespace app {
namespace {

using config::MapReader;
using config::Node;

model::Labels ReadExternalLabels(const Node& node) {
  model::Labels out;
  for (const Node& entry : node ? node.Entries("external_labels") : std::vector<Node>()) {
    if (!model::IsLabelName(entry.key()) || entry.key().starts_with("__")) {
      entry.document()->Report(entry.key_place(), fmt::format("\"{}\" cannot name a label",
                                                              base::Printable(entry.key())));
    } else if (const auto value = entry.String()) {
      out.Set(entry.key(), *value);
    }
  }
  return out;
}

void ReadPlaces(MapReader& map, Settings& settings) {
  const Node listen = map.Optional("listen");
  const Node shs = map.Optional("shs_listen");
  settings.listen = ReadListen(listen);
  if (shs) {
    if (const auto text = shs.String()) {
      settings.shs_listen = *text;
      if (const auto wrong = config::CheckHostPort(*text, true); !wrong.empty()) {
        shs.Report(wrong, "expected host:port");
      } else if (std::ranges::find(settings.listen, *text) != settings.listen.end()) {
        shs.Report("the address " + *text + " is in listen already");
      }
    }
  }
  settings.auth = ReadAuth(map.Optional("auth"));
  settings.tls = ReadTls(map.Optional("tls"));
  std::vector<Node> listens;
  for (const Node& node : {listen, shs}) {
    if (node) {
      listens.push_back(node);
    }
  }
  CheckExposure(listens, settings.auth);
  const Node data_dir = map.Required("data_dir");
  settings.data_dir = ReadPath(data_dir);
  settings.retention = ReadRetention(map.Optional("retention"));
  settings.web_dir = ReadPath(map.Optional("web_dir"));
  if (const Node url = map.Optional("external_url")) {
    settings.external_url = url.String().value_or("");
    if (const auto wrong = config::CheckUrl(settings.external_url);
        !wrong.empty() && !settings.external_url.empty()) {
      url.Report(wrong);
    }
  }
  settings.external_labels = ReadExternalLabels(map.Optional("external_labels"));
}

void ReadTop(config::Document& document, Settings& settings) {
  static constexpr std::string_view kLanguages[] = {"en", "th"};
  if (document.Root().IsNull()) {
    if (document.ok()) {
      document.Report({document.file(), 0, 0}, "the file is empty",
                      "config/quickstart.yaml is a beginning");
    }
    return;
  }
  MapReader map(document.Root(), "the configuration");
  if (!map.ok()) {
    return;
  }
  ReadPlaces(map, settings);
  const Node defaults = map.Optional("defaults");
  const Node credentials = map.Optional("credentials");
  const Node discovery = map.Optional("discovery");
  const Node targets = discovery ? map.Optional("targets") : map.Required("targets");
  auto fleet = target::ReadTargets(defaults, credentials, targets, ConfiguredKinds());
  settings.discovery = target::ReadDiscovery(discovery, fleet.defaults, ConfiguredKinds());
  settings.defaults = std::move(fleet.defaults);
  settings.credentials = std::move(fleet.credentials);
  settings.targets = std::move(fleet.targets);
  settings.confirm = ReadConfirm(map.Optional("confirm"));
  settings.rule_files = ReadRulePaths(map.Optional("rules"), document);
  if (const Node language = map.Optional("language")) {
    settings.language = language.Word(kLanguages).value_or("en");
  }
  ReadLog(map.Optional("log"), settings);
  settings.recovery = recovery::ReadPolicy(map.Optional("recovery"));
  settings.notify = notify::ReadChannels(map.Optional("notify"));
  settings.status_page = ReadStatusPage(map.Optional("status_page"), settings);
  settings.webhooks = ReadWebhooks(map.Optional("webhooks"));
  settings.remote_write = ReadRemoteWrite(map.Optional("remote_write"));
  settings.store = ReadStore(map.Optional("store"));
  if (const Node receiver = map.Optional("remote_write_receiver")) {
    settings.remote_write_receiver = receiver.Bool().value_or(false);
  }
  map.Finish();
}

/// Reads the rule files; their mistakes are the configuration's. A group's name is unique in its
/// file only, as in Prometheus.
void ReadRules(Settings& settings, Loaded& out) {
  for (const auto& path : settings.rule_files) {
    auto loaded = rule::LoadFile(path);
    out.files.push_back(path);
    if (!loaded) {
      out.problems.push_back({{path, 0, 0}, loaded.error().message, "", ""});
      continue;
    }
    out.problems.insert(out.problems.end(), loaded->problems.begin(), loaded->problems.end());
    std::ranges::move(loaded->groups, std::back_inserter(settings.rules));
  }
}

}  // namespace

std::size_t CountRules(const std::vector<rule::Group>& groups) {
  std::size_t n = 0;
  for (const auto& group : groups) {
    n += group.rules.size();
  }
  return n;
}

target::Kinds ConfiguredKinds() {
  target::Kinds out;
  for (const auto* kind : probe::Catalogue()) {
    out.probes.push_back(&kind->spec);
  }
  for (const auto* kind : diagnosis::Catalogue()) {
    out.components.push_back(&kind->spec);
  }
  return out;
}

Loaded LoadSettings(const std::string& path) {
  Loaded out;
  auto document = config::Document::Load(path);
  if (!document) {
    out.unreadable = document.error();
    return out;
  }
  out.files.push_back(path);
  Settings settings{.file = path};
  ReadTop(**document, settings);
  out.problems = (*document)->problems();
  ReadRules(settings, out);
  if (out.problems.empty()) {
    settings.shown = ShowSettings(**document);
    out.settings = std::move(settings);
  }
  return out;
}

}  // namespace app
