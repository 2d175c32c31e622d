// Reads `webhooks:`: how alerts from other systems are understood and who has to sign them.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "alert/inbound/inbound.h"
#include "app/settings_keys.h"
#include "base/secret.h"
#include "base/text.h"

namespace app {
namespace {

using config::MapReader;
using config::Node;

/// A header's name (RFC 9110 token), or "" after a problem was reported.
std::string ReadHeaderName(const Node& node) {
  const auto name = node ? node.String() : std::nullopt;
  if (!name) {
    return "";
  }
  if (!IsHeaderName(*name)) {
    node.Report(
        fmt::format("\"{}\" is no name of an HTTP header", base::Printable(name->substr(0, 60))));
    return "";
  }
  return *name;
}

std::optional<alert::inbound::Signing> ReadSigning(Node node) {
  if (!node) {
    return std::nullopt;
  }
  alert::inbound::Signing out;
  MapReader map(node, "grafana_signature");
  if (const Node file = map.Required("secret_file")) {
    if (const auto path = ReadPath(file); !path.empty()) {
      auto secret = base::ReadSecretFile(path);
      if (secret) {
        out.secret = std::move(*secret);
      } else {
        file.Report(secret.error().message);
      }
    }
  }
  out.header = ReadHeaderName(map.Optional("header"));
  const Node stamp = map.Optional("timestamp_header");
  out.timestamp_header = ReadHeaderName(stamp);
  if (const Node tolerance = map.Optional("tolerance")) {
    out.freshness =
        tolerance.Span(std::chrono::seconds(1), std::chrono::hours(24)).value_or(out.freshness);
    if (!stamp) {
      tolerance.Report("tolerance without timestamp_header means nothing",
                       "name the header in which Grafana sends its time");
    }
  }
  map.Finish();
  return out;
}

void ReadTargetLabels(const Node& node, std::vector<std::string>& out) {
  if (!node) {
    return;
  }
  for (const Node& item : node.IsScalar() ? std::vector<Node>{node} : node.Items("target_labels")) {
    const auto name = item.String();
    if (!name) {
      continue;
    }
    if (!model::IsLabelName(*name) || name->starts_with("__") || name->size() > 128) {
      item.Report(
          fmt::format("\"{}\" is no name of a label", base::Printable(name->substr(0, 60))));
    } else if (std::ranges::find(out, *name) != out.end()) {
      item.Report(fmt::format("the label {} stands twice", *name));
    } else {
      out.push_back(*name);
    }
  }
}

}  // namespace

bool IsHeaderName(std::string_view name) {
  const auto odd = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) == 0 &&
           std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string::npos;
  };
  return !name.empty() && name.size() <= 128 && !std::ranges::any_of(name, odd);
}

WebhookSettings ReadWebhooks(Node node) {
  static constexpr std::string_view kMetrics[] = {"ping",        "port",        "http_code",
                                                  "cpu_percent", "mem_percent", "disk_percent"};
  WebhookSettings out;
  if (!node) {
    return out;
  }
  MapReader map(node, "webhooks");
  ReadTargetLabels(map.Optional("target_labels"), out.target_labels);
  if (const Node metrics = map.Optional("metrics")) {
    for (const Node& entry : metrics.Entries("metrics")) {
      if (auto metric = entry.Word(kMetrics)) {
        out.metrics[entry.key()] = std::move(*metric);
      }
    }
  }
  out.signing = ReadSigning(map.Optional("grafana_signature"));
  map.Finish();
  return out;
}

}  // namespace app
