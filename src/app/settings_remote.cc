// Reads `remote_write:` and `store:`: other stores, and what they want to see of us.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "app/settings_keys.h"
#include "base/text.h"
#include "config/check.h"

namespace app {
namespace {

using config::MapReader;
using config::Node;
using model::OptionSpec;
using model::OptionType;

constexpr std::uint64_t kSmallestQueue = 1ULL << 20U;

const OptionSpec kEndpoint[] = {
    {.name = "url", .type = OptionType::kUrl, .help = "where it is", .required = true},
    {.name = "bearer_token_file",
     .type = OptionType::kSecretFile,
     .help = "file with a token for Authorization: Bearer"},
    {.name = "user", .type = OptionType::kString, .help = "of basic authentication"},
    {.name = "password_file",
     .type = OptionType::kSecretFile,
     .help = "file with the password of basic authentication"},
    {.name = "ca_file", .type = OptionType::kFile, .help = "certificates that are trusted"},
    {.name = "verify_tls",
     .type = OptionType::kBool,
     .help = "false: any certificate is taken",
     .fallback = "true"},
};

const OptionSpec kWrite[] = {
    {.name = "timeout",
     .type = OptionType::kDuration,
     .help = "for one request",
     .fallback = "30s",
     .min = 1,
     .max = 300},
    {.name = "name", .type = OptionType::kString, .help = "of its queue and in metrics"},
    {.name = "queue_age",
     .type = OptionType::kDuration,
     .help = "samples that wait longer are dropped",
     .fallback = "1d",
     .min = 60,
     .max = 86400.0 * 366},
    {.name = "resend",
     .type = OptionType::kDuration,
     .help = "what was sent so shortly before the receiver went away is sent again",
     .fallback = "10s",
     .min = 0,
     .max = 600},
    {.name = "batch",
     .type = OptionType::kInteger,
     .help = "samples of a request",
     .fallback = "2000",
     .min = 1,
     .max = 100'000},
    {.name = "shards",
     .type = OptionType::kInteger,
     .help = "requests at the same time, at most",
     .fallback = "4",
     .min = 1,
     .max = 64},
    {.name = "max_backoff",
     .type = OptionType::kDuration,
     .help = "between two tries, at most",
     .fallback = "5s",
     .min = 0.1,
     .max = 300},
    {.name = "metadata",
     .type = OptionType::kDuration,
     .help = "so often type, help and unit of metrics are told; 0s: never",
     .fallback = "1m",
     .min = 0,
     .max = 86400},
    {.name = "write_relabel_configs",
     .type = OptionType::kRelabeling,
     .help = "rules as Prometheus's that rename or drop what goes out"},
};

const OptionSpec kStore[] = {
    {.name = "timeout",
     .type = OptionType::kDuration,
     .help = "for one query",
     .fallback = "30s",
     .min = 1,
     .max = 120},
};

std::vector<std::pair<std::string, std::string>> ReadHeaders(const Node& node) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!node) {
    return out;
  }
  for (const Node& entry : node.Entries("headers")) {
    const auto value = entry.String();
    if (!IsHeaderName(entry.key())) {
      entry.Report(fmt::format("\"{}\" is no name of an HTTP header",
                               base::Printable(entry.key().substr(0, 60))));
    } else if (value && !base::IsPrintable(*value)) {
      entry.Report("a header's value has to be printable");
    } else if (value) {
      out.emplace_back(entry.key(), *value);
    }
  }
  return out;
}

remote::Endpoint ReadEndpoint(MapReader& map, std::span<const OptionSpec> more,
                              model::Options& options) {
  remote::Endpoint out;
  std::vector<OptionSpec> specs(std::begin(kEndpoint), std::end(kEndpoint));
  specs.insert(specs.end(), more.begin(), more.end());
  options = config::ReadOptions(map, specs);
  out.url = options.Get<std::string>("url");
  out.bearer = options.Get<base::Secret>("bearer_token_file");
  out.user = options.Get<std::string>("user");
  out.password = options.Get<base::Secret>("password_file");
  out.ca_file = options.Get<std::string>("ca_file");
  out.verify_tls = options.Get<bool>("verify_tls", true);
  out.timeout = options.Get<base::Duration>("timeout", std::chrono::seconds(30));
  out.headers = ReadHeaders(map.Optional("headers"));
  if (out.user.empty() != out.password.empty() && map.ok()) {
    map.node().Report("user and password_file belong together");
  }
  if (!out.user.empty() && !out.bearer.empty()) {
    map.node().Report("either bearer_token_file or user and password_file, not both");
  }
  return out;
}

model::Labels ReadLabels(const Node& node) {
  model::Labels out;
  if (!node) {
    return out;
  }
  for (const Node& entry : node.Entries("labels")) {
    if (!model::IsLabelName(entry.key()) || entry.key().starts_with("__")) {
      entry.Report(
          fmt::format("\"{}\" is no name of a label", base::Printable(entry.key().substr(0, 60))));
    } else if (const auto value = entry.String()) {
      out.Set(entry.key(), *value);
    }
  }
  return out;
}

/// The host and port of a URL, as a name that can stand in a file's.
std::string NameOf(const std::string& url) {
  const auto begin = url.find("://");
  auto out = url.substr(begin == std::string::npos ? 0 : begin + 3);
  out = out.substr(0, out.find_first_of("/?#"));
  std::ranges::replace_if(
      out, [](unsigned char c) { return std::isalnum(c) == 0 && c != '.' && c != '-' && c != '_'; },
      '-');
  const auto first = out.find_first_not_of("-.");
  return first == std::string::npos ? "remote" : out.substr(first, 63);
}

remote::WriteTo ReadOne(const Node& node) {
  remote::WriteTo out;
  model::Options options;
  MapReader map(node, "a remote_write");
  out.endpoint = ReadEndpoint(map, kWrite, options);
  out.name = options.Get<std::string>("name");
  if (out.name.empty()) {
    out.name = NameOf(out.endpoint.url);
  } else if (const auto wrong = config::CheckName(out.name); !wrong.empty()) {
    map.Optional("name").Report(wrong);
  }
  out.labels = ReadLabels(map.Optional("labels"));
  if (const Node size = map.Optional("queue_size")) {
    const auto text = size.String();
    const auto bytes = text ? ParseSize(*text) : std::nullopt;
    if (text && (!bytes || *bytes < kSmallestQueue)) {
      size.Report(
          fmt::format("\"{}\" is no size for a queue", base::Printable(text->substr(0, 60))),
          "expected at least 1MiB, for example 512MiB");
    }
    out.queue_bytes = bytes.value_or(out.queue_bytes);
  }
  out.queue_age = options.Get<base::Duration>("queue_age", out.queue_age);
  out.resend = options.Get<base::Duration>("resend", out.resend);
  out.batch = static_cast<std::uint32_t>(options.Get<std::int64_t>("batch", out.batch));
  out.shards = static_cast<std::uint32_t>(options.Get<std::int64_t>("shards", out.shards));
  out.max_backoff = options.Get<base::Duration>("max_backoff", out.max_backoff);
  out.metadata = options.Get<base::Duration>("metadata", out.metadata);
  out.relabeling = options.Get<std::vector<model::RelabelRule>>("write_relabel_configs");
  map.Finish();
  return out;
}

}  // namespace

std::vector<remote::WriteTo> ReadRemoteWrite(Node node) {
  std::vector<remote::WriteTo> out;
  if (!node) {
    return out;
  }
  for (const Node& item : node.Items("remote_write")) {
    auto one = ReadOne(item);
    if (std::ranges::find(out, one.name, &remote::WriteTo::name) != out.end()) {
      item.Report(fmt::format("a remote_write is called \"{}\" already", one.name),
                  "give each a name of its own: name: WORD");
    }
    out.push_back(std::move(one));
  }
  return out;
}

std::optional<remote::Endpoint> ReadStore(Node node) {
  if (!node) {
    return std::nullopt;
  }
  MapReader map(node, "store");
  model::Options options;
  auto out = ReadEndpoint(map, kStore, options);
  map.Finish();
  return out;
}

}  // namespace app
