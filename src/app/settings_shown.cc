// Shows a configuration: one walk over its nodes; what is hidden is decided by the keys on the way.
#include "app/settings_shown.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace app {
namespace {

using config::Node;

constexpr std::string_view kHidden = "***";
constexpr std::array<std::string_view, 10> kSecretWords = {
    "password",  "passphrase", "passwd", "secret",        "token",
    "community", "api_key",    "apikey", "authorization", "cookie"};
/// Below these everything is hidden: what is sent to others may hold a login.
constexpr std::array<std::string_view, 2> kSentToOthers = {"headers", "body"};

bool SpeaksOfSecret(std::string_view text) {
  const auto lower = base::LowerCase(text);
  return std::ranges::any_of(kSecretWords,
                             [&](std::string_view word) { return lower.contains(word); });
}

/// The key's own word says that its value is a secret. `credentials` only names them, and what ends
/// in _file is a path.
bool SecretKey(const std::string& key) { return !key.ends_with("_file") && SpeaksOfSecret(key); }

/// A URL without user, password and query; without its path too when that may be a secret.
std::string ShownUrl(const std::string& url, bool hide_path) {
  const auto begin = url.find("://") + 3;
  const auto end = std::min(url.find_first_of("/?#", begin), url.size());
  auto host = url.substr(begin, end - begin);
  if (const auto at = host.rfind('@'); at != std::string::npos) {
    host = std::string(kHidden) + host.substr(at);
  }
  auto rest = url.substr(end);
  if (hide_path && rest.size() > 1) {
    rest = "/" + std::string(kHidden);
  } else if (const auto query = rest.find_first_of("?#"); query != std::string::npos) {
    rest = rest.substr(0, query + 1) + std::string(kHidden);
  }
  return url.substr(0, begin) + host + rest;
}

/// "--password=x" and "TOKEN=x" in commands.
std::string ShownWord(const std::string& value) {
  const auto equals = value.find('=');
  if (equals == std::string::npos || !SpeaksOfSecret(value.substr(0, equals))) {
    return value;
  }
  return value.substr(0, equals + 1) + std::string(kHidden);
}

/// Whether a text may stand in YAML without quotes and mean the same.
bool Plain(const std::string& text) {
  return !text.empty() && text.front() != '-' && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == '/';
  });
}

class Writer {
 public:
  explicit Writer(ShownSettings& out) : out_(out) {}

  void Write(const Node& node, const std::string& path, std::vector<std::string>& keys) {
    if (node.IsMap()) {
      Group(node.Entries(""), true, path, keys);
    } else if (node.IsList()) {
      Group(node.Items(""), false, path, keys);
    } else {
      Leaf(path, node.IsNull() ? "" : ShownValue(keys, node.text()));
    }
  }

 private:
  void Leaf(const std::string& path, const std::string& value) {
    out_.lines.emplace_back(path, value);
    out_.yaml += " " + (Plain(value) ? value : base::JsonQuote(value)) + "\n";
  }

  void Group(const std::vector<Node>& items, bool map, const std::string& path,
             std::vector<std::string>& keys) {
    if (items.empty()) {
      out_.lines.emplace_back(path, map ? "{}" : "[]");
      out_.yaml += map ? " {}\n" : " []\n";
      return;
    }
    out_.yaml += depth_ > 0 ? "\n" : "";
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto key = base::Printable(items[i].key());
      out_.yaml += std::string(2 * depth_, ' ');
      out_.yaml += map ? (Plain(key) ? key : base::JsonQuote(key)) + ":" : "-";
      ++depth_;
      keys.push_back(map ? key : "");
      const auto inner =
          map ? (path.empty() ? key : path + "." + key) : fmt::format("{}[{}]", path, i);
      Write(items[i], inner, keys);
      keys.pop_back();
      --depth_;
    }
  }

  ShownSettings& out_;
  std::size_t depth_ = 0;
};

}  // namespace

std::string ShownValue(const std::vector<std::string>& path, const std::string& value) {
  const bool sent = std::ranges::any_of(path, [](const std::string& key) {
    return std::ranges::find(kSentToOthers, key) != kSentToOthers.end();
  });
  // In a list the key is that of the list.
  const auto key = std::find_if(path.rbegin(), path.rend(),
                                [](const std::string& part) { return !part.empty(); });
  if (sent || (key != path.rend() && SecretKey(*key))) {
    return std::string(kHidden);
  }
  const auto text = base::Printable(value, true);
  if (text.starts_with("http://") || text.starts_with("https://")) {
    const bool line_api = path.back() == "base_url";
    return ShownUrl(text, path.front() == "notify" && !line_api);
  }
  return ShownWord(text);
}

ShownSettings ShowSettings(config::Document& document) {
  ShownSettings out;
  std::vector<std::string> keys;
  if (const auto root = document.Root(); root.IsMap()) {
    Writer(out).Write(root, "", keys);
  }
  return out;
}

}  // namespace app
