// Targets by name, or made up on the spot from an address or URL.
#include "app/lookup.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/text.h"
#include "config/check.h"

namespace app {
namespace {

std::string AllProblems(const std::vector<config::Problem>& problems) {
  std::string out = "the configuration has mistakes";
  for (const auto& problem : problems) {
    out += "\n" + problem.ToString();
  }
  return out;
}

/// The host of a URL that was checked: between "//" and the port or path, without the brackets of
/// IPv6.
std::string HostOf(std::string_view url) {
  url.remove_prefix(url.find("//") + 2);
  url = url.substr(0, url.find_first_of("/?#"));
  if (url.starts_with("[")) {
    return std::string(url.substr(1, url.find(']') - 1));
  }
  return std::string(url.substr(0, url.find(':')));
}

/// A target for something that no configuration names; read as a configuration would be, so that
/// the same checks hold.
base::Result<model::Target> MakeTarget(const std::string& name) {
  std::string address = name;
  std::string url;
  if (name.starts_with("http://") || name.starts_with("https://")) {
    if (const auto wrong = config::CheckUrl(name); !wrong.empty()) {
      return base::Fail(base::ErrorKind::kInvalid, fmt::format("\"{}\": {}", name, wrong));
    }
    url = name;
    address = HostOf(url);
  }
  std::string text = "targets: [{name: adhoc, address: " + base::JsonQuote(address);
  if (!url.empty()) {
    text += ", url: " + base::JsonQuote(url);
  }
  const auto document = config::Document::Parse(text + "}]\n", "command line");
  config::MapReader top(document->Root(), "the command line");
  auto fleet = target::ReadTargets(top.Optional("defaults"), top.Optional("credentials"),
                                   top.Required("targets"), ConfiguredKinds());
  if (!document->ok() || fleet.targets.empty()) {
    return base::Fail(
        base::ErrorKind::kInvalid,
        fmt::format("\"{}\": {}", name,
                    document->ok() ? "is no target" : document->problems().front().message));
  }
  return fleet.targets.front();
}

}  // namespace

base::Result<Settings> NeedSettings(const std::string& path) {
  auto loaded = LoadSettings(path);
  if (!loaded.settings) {
    return base::Fail(base::ErrorKind::kInvalid, AllProblems(loaded.problems));
  }
  return std::move(*loaded.settings);
}

base::Result<model::Target> FindTarget(const Common& common, const std::string& name) {
  const auto settings = NeedSettings(common.config);
  if (!settings) {
    return base::Fail(settings.error());
  }
  std::vector<std::string> names;
  for (const auto& target : settings->targets) {
    if (target.name == name) {
      return target;
    }
    names.push_back(target.name);
  }
  const auto nearest = base::Nearest(name, names);
  return base::Fail(
      base::ErrorKind::kNotFound,
      fmt::format("{} has no target \"{}\"{}", common.config, name,
                  nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest)));
}

base::Result<model::Target> FindOrMakeTarget(const Common& common, const std::string& name) {
  const bool looks_like_address =
      name.find_first_of(".:/") != std::string::npos || name == "localhost";
  if (std::filesystem::exists(common.config)) {
    auto found = FindTarget(common, name);
    if (found || !looks_like_address || found.error().kind != base::ErrorKind::kNotFound) {
      return found;
    }
  } else if (!looks_like_address) {
    return base::Fail(
        base::ErrorKind::kNotFound,
        fmt::format(
            "there is no configuration {}; name one with --config, or give an address or URL",
            common.config));
  }
  return MakeTarget(name);
}

}  // namespace app
