// Readers of single keys: addresses, sizes, tokens, certificates, rule paths.
#include "app/settings_keys.h"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/secret.h"
#include "base/text.h"
#include "config/check.h"

namespace app {
namespace {

using config::MapReader;
using config::Node;

constexpr std::uint64_t kSmallestStore = 16ULL << 20U;

/// "" when `path` is a file that can be opened, else why not.
std::string CheckFile(const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) {
    return fmt::format("{}: {}", path, std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode)) {
    return fmt::format("{}: not a regular file", path);
  }
  return "";
}

void CheckListen(const Node& node, const std::string& text) {
  if (text.starts_with("unix:")) {
    // sun_path of unix(7) holds 108 bytes with its end.
    if (!text.starts_with("unix:/") || text.size() > 5 + 107) {
      node.Report("a unix socket is unix: and an absolute path of up to 107 bytes");
    }
    return;
  }
  if (const auto wrong = config::CheckHostPort(text, true); !wrong.empty()) {
    node.Report(wrong, "expected host:port or unix:/path");
  }
}

}  // namespace

std::optional<std::uint64_t> ParseSize(std::string_view text) {
  struct Unit {
    std::string_view name;
    double bytes;
  };
  static constexpr std::array<Unit, 10> kUnits = {{{"KiB", 1024.0},
                                                   {"MiB", 1048576.0},
                                                   {"GiB", 1073741824.0},
                                                   {"TiB", 1099511627776.0},
                                                   {"KB", 1e3},
                                                   {"kB", 1e3},
                                                   {"MB", 1e6},
                                                   {"GB", 1e9},
                                                   {"TB", 1e12},
                                                   {"B", 1.0}}};
  double factor = 1;
  for (const auto& unit : kUnits) {
    if (text.ends_with(unit.name)) {
      factor = unit.bytes;
      text.remove_suffix(unit.name.size());
      break;
    }
  }
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || value < 0 ||
      value * factor > 1e18) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(value * factor);
}

std::string ReadPath(Node node) {
  const auto path = node ? node.String() : std::nullopt;
  return path ? config::ResolvePath(node.place().file, *path) : "";
}

std::vector<std::string> ReadListen(Node node) {
  if (!node) {
    return {"127.0.0.1:8001"};
  }
  std::vector<std::string> out;
  for (const Node& item : node.IsScalar() ? std::vector<Node>{node} : node.Items("listen")) {
    if (auto text = item.String()) {
      CheckListen(item, *text);
      if (std::ranges::find(out, *text) != out.end()) {
        item.Report(fmt::format("the address {} stands twice", *text));
      }
      out.push_back(std::move(*text));
    }
  }
  if (out.empty() && node.IsList()) {
    node.Report("listen: the list is empty", "leave the key out for 127.0.0.1:8001");
  }
  return out;
}

Retention ReadRetention(Node node) {
  Retention out;
  if (!node) {
    return out;
  }
  MapReader map(node, "retention");
  if (const Node age = map.Optional("age")) {
    out.age = age.Span(std::chrono::hours(1), std::chrono::hours(24 * 3650)).value_or(out.age);
  }
  if (const Node tiers = map.Optional("tiers")) {
    out.tiers = tiers.Span(base::Duration{}, std::chrono::hours(24 * 3650)).value_or(out.tiers);
  }
  if (const Node size = map.Optional("size")) {
    const auto text = size.String();
    const auto bytes = text ? ParseSize(*text) : std::nullopt;
    if (text && !bytes) {
      size.Report(fmt::format("\"{}\" is no size", base::Printable(text->substr(0, 60))),
                  "expected a size such as 500MB or 2GiB");
    } else if (bytes && *bytes != 0 && *bytes < kSmallestStore) {
      size.Report(fmt::format("{} is too small for the store", *text), "expected at least 16MiB");
    }
    out.size = bytes.value_or(0);
  }
  map.Finish();
  return out;
}

probe::Confirmation ReadConfirm(Node node) {
  probe::Confirmation out;
  if (!node) {
    return out;
  }
  MapReader map(node, "confirm");
  if (const Node probes = map.Optional("probes")) {
    out.probes = static_cast<int>(probes.Integer(0, 20).value_or(out.probes));
  }
  if (const Node spacing = map.Optional("spacing")) {
    out.spacing =
        spacing.Span(std::chrono::milliseconds(10), std::chrono::seconds(10)).value_or(out.spacing);
  }
  if (const Node watch = map.Optional("watch")) {
    out.watch =
        watch.Span(std::chrono::milliseconds(200), std::chrono::minutes(1)).value_or(out.watch);
  }
  map.Finish();
  return out;
}

void ReadLog(Node node, Settings& settings) {
  static constexpr std::string_view kFormats[] = {"text", "json"};
  static constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
  if (!node) {
    return;
  }
  MapReader map(node, "log");
  if (const Node format = map.Optional("format")) {
    settings.log_format =
        format.Word(kFormats) == "json" ? base::LogFormat::kJson : base::LogFormat::kText;
  }
  if (const Node level = map.Optional("level")) {
    const auto word = level.Word(kLevels);
    settings.log_level = word == "debug"   ? base::Level::kDebug
                         : word == "warn"  ? base::Level::kWarn
                         : word == "error" ? base::Level::kError
                                           : base::Level::kInfo;
  }
  map.Finish();
}

AuthSettings ReadAuth(Node node) {
  AuthSettings out;
  if (!node) {
    return out;
  }
  MapReader map(node, "auth");
  if (const Node file = map.Required("token_file")) {
    out.token_file = ReadPath(file);
    if (!out.token_file.empty()) {
      if (auto tokens = api::ReadTokenFile(out.token_file)) {
        out.auth.tokens = std::move(*tokens);
        if (out.auth.tokens.empty()) {
          file.Report(out.token_file + " holds no token", "a line is: NAME ROLE SHA256");
        }
      } else {
        file.Report(tokens.error().message);
      }
    }
  }
  if (const Node always = map.Optional("always")) {
    out.auth.always = always.Bool().value_or(false);
  }
  if (const Node names = map.Optional("host_names")) {
    for (const Node& item : names.Items("host_names")) {
      if (const auto name = item.String()) {
        if (const auto wrong = config::CheckHost(*name); !wrong.empty()) {
          item.Report(wrong);
        }
        out.auth.host_names.push_back(*name);
      }
    }
  }
  map.Finish();
  return out;
}

TlsSettings ReadTls(Node node) {
  TlsSettings out;
  if (!node) {
    return out;
  }
  MapReader map(node, "tls");
  const Node cert = map.Required("cert_file");
  const Node key = map.Required("key_file");
  out.cert_file = ReadPath(cert);
  out.key_file = ReadPath(key);
  if (const auto wrong = out.cert_file.empty() ? "" : CheckFile(out.cert_file); !wrong.empty()) {
    cert.Report(wrong);
  }
  if (!out.key_file.empty()) {
    if (const auto secret = base::ReadSecretFile(out.key_file); !secret) {
      key.Report(secret.error().message);
    }
  }
  map.Finish();
  return out;
}

namespace {

/// The files that one entry of `rules:` names.
void ExpandRule(const Node& item, const std::string& text, std::vector<std::string>& out) {
  const std::string path =
      config::ResolvePath(item.place().file, text == "default" ? "rules/default.yaml" : text);
  if (path.find_first_of("*?[") == std::string::npos) {
    if (const auto wrong = CheckFile(path); !wrong.empty()) {
      item.Report(wrong);
      return;
    }
    out.push_back(path);
    return;
  }
  glob_t found{};
  const int failed = glob(path.c_str(), 0, nullptr, &found);
  const std::unique_ptr<glob_t, decltype(&globfree)> freed(&found, &globfree);
  if (failed != 0 || found.gl_pathc == 0) {
    item.Report(fmt::format("no rule file is called {}", path));
    return;
  }
  for (std::size_t i = 0; i < found.gl_pathc && i < 1000; ++i) {
    out.emplace_back(found.gl_pathv[i]);
  }
}

}  // namespace

std::vector<std::string> ReadRulePaths(Node node, config::Document& document) {
  std::vector<std::string> out;
  if (!node) {
    const auto path = config::ResolvePath(document.file(), "rules/default.yaml");
    if (const auto wrong = CheckFile(path); !wrong.empty()) {
      document.Report({document.file(), 0, 0}, "no rules: " + wrong,
                      "name the rule files: rules: [FILE], or rules: [] for none");
      return out;
    }
    return {path};
  }
  for (const Node& item : node.IsScalar() ? std::vector<Node>{node} : node.Items("rules")) {
    if (const auto text = item.String()) {
      const auto before = out.size();
      ExpandRule(item, *text, out);
      for (auto at = before; at < out.size(); ++at) {
        if (std::find(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(at), out[at]) !=
            out.begin() + static_cast<std::ptrdiff_t>(at)) {
          item.Report(fmt::format("the rule file {} stands twice", out[at]));
        }
      }
    }
  }
  return out;
}

void CheckExposure(const std::vector<Node>& listens, const AuthSettings& auth) {
  if (!auth.token_file.empty()) {
    return;
  }
  for (const Node& node : listens) {
    for (const Node& item : node.IsList() ? node.Items("listen") : std::vector<Node>{node}) {
      const std::string text = item.text();
      if (!text.starts_with("unix:") && config::CheckHostPort(text, true).empty() &&
          !config::IsLoopback(text)) {
        item.Report(fmt::format("others could reach {} and nobody would need a token", text),
                    "add auth: {token_file: PATH}, or listen on 127.0.0.1 behind a proxy");
      }
    }
  }
}

namespace {

StatusPageSettings::Application ReadShown(const Node& node, const Settings& settings) {
  StatusPageSettings::Application out;
  MapReader map(node, "an application of the status page");
  if (const Node name = map.Required("name")) {
    out.name = name.String().value_or("");
  }
  if (const Node description = map.Optional("description")) {
    out.description = description.String().value_or("");
  }
  const Node targets = map.Required("targets");
  std::vector<std::string> known;
  known.reserve(settings.targets.size());
  for (const auto& target : settings.targets) {
    known.push_back(target.name);
  }
  for (const Node& item : targets ? targets.Items("targets") : std::vector<Node>{}) {
    const auto name = item.String();
    if (name && std::ranges::find(known, *name) == known.end()) {
      const auto nearest = base::Nearest(*name, known);
      item.Report(fmt::format("there is no target \"{}\"", base::Printable(*name)),
                  nearest.empty() ? "" : fmt::format("did you mean \"{}\"?", nearest));
    } else if (name) {
      out.targets.push_back(*name);
    }
  }
  if (targets.IsList() && targets.Items("targets").empty()) {
    targets.Report("an application of the status page needs at least one target");
  }
  map.Finish();
  return out;
}

}  // namespace

StatusPageSettings ReadStatusPage(Node node, const Settings& settings) {
  StatusPageSettings out;
  if (!node) {
    return out;
  }
  MapReader map(node, "status_page");
  if (const Node title = map.Required("title")) {
    out.title = title.String().value_or("");
  }
  if (const Node listen = map.Optional("listen")) {
    out.listen = listen.String().value_or("");
    if (const auto wrong = config::CheckHostPort(out.listen, true);
        !wrong.empty() && !out.listen.empty()) {
      listen.Report(wrong, "expected host:port");
    } else if (std::ranges::find(settings.listen, out.listen) != settings.listen.end() ||
               (!out.listen.empty() && out.listen == settings.shs_listen)) {
      listen.Report(fmt::format("the address {} is in listen already", out.listen));
    }
  }
  if (const Node list = map.Required("applications")) {
    for (const Node& item : list.Items("applications")) {
      auto application = ReadShown(item, settings);
      if (std::ranges::find(out.applications, application.name,
                            &StatusPageSettings::Application::name) != out.applications.end()) {
        item.Report(fmt::format("the application \"{}\" stands twice", application.name));
      }
      out.applications.push_back(std::move(application));
    }
  }
  map.Finish();
  return out;
}

}  // namespace app
