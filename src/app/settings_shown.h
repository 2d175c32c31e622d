// The configuration as it may be shown to who looks: every value with its path, secrets hidden.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/node.h"

namespace app {

/// What the file says, twice: as a list and as YAML.
struct ShownSettings {
  /// "targets[0].name" and its value, in the order of the file. Lists and maps without items are
  /// "[]" and "{}".
  std::vector<std::pair<std::string, std::string>> lines;
  std::string yaml;
};

/// Reads a document as it stands, defaults left out. Hidden ("***"): values of keys that speak of a
/// password, secret, token or community (files that hold one are named, never opened), headers and
/// bodies of requests, users and query strings in URLs, and the paths of the addresses that
/// messages go to, since some services make those their secret.
ShownSettings ShowSettings(config::Document& document);

/// One value, hidden as far as it has to be; `path` are the keys that lead to it.
std::string ShownValue(const std::vector<std::string>& path, const std::string& value);

}  // namespace app
