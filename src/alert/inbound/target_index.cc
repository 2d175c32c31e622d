// Names, addresses and URLs in one spelling, and the search among them.
#include "alert/inbound/target_index.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "base/text.h"

namespace alert::inbound {
namespace {

constexpr std::size_t kMaxPlace = 2048;

/// An address as inet_ntop writes it, a name in lower case without the root's dot.
std::string CanonicalHost(std::string_view host) {
  std::string text = base::LowerCase(host);
  if (text.ends_with('.')) {
    text.pop_back();
  }
  std::array<unsigned char, sizeof(in6_addr)> raw{};
  std::array<char, INET6_ADDRSTRLEN> shown{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), raw.data()) == 1 &&
        inet_ntop(family, raw.data(), shown.data(), shown.size()) != nullptr) {
      return shown.data();
    }
  }
  return text;
}

bool IsLoopback(std::string_view canonical) {
  return canonical == "localhost" || canonical.ends_with(".localhost") || canonical == "::1" ||
         canonical.starts_with("::ffff:127.") || canonical == "0.0.0.0" || canonical == "::" ||
         (canonical.starts_with("127.") &&
          canonical.find_first_not_of("0123456789.") == std::string_view::npos);
}

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

struct HostPort {
  std::string host;  ///< canonical; "" when the text is none
  std::string port;
};

/// Splits "host", "host:port", "[v6]:port", "v6".
HostPort SplitHost(std::string_view text) {
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) {
      return {};
    }
    const auto rest = text.substr(end + 1);
    const bool port = rest.starts_with(':') && IsPort(rest.substr(1));
    return {CanonicalHost(text.substr(1, end - 1)), std::string(port ? rest.substr(1) : "")};
  }
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find(':') == colon &&
      IsPort(text.substr(colon + 1))) {
    return {CanonicalHost(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  }
  return {CanonicalHost(text), ""};
}

struct Url {
  HostPort at;
  std::string whole;  ///< scheme://host[:port]/path?query, in one spelling
};

/// Takes a URL apart; an empty host when `text` is none.
Url SplitUrl(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) {
    return {};
  }
  const std::string scheme = base::LowerCase(text.substr(0, colon));
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const auto slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  if (const auto user = authority.rfind('@'); user != std::string_view::npos) {
    authority.remove_prefix(user + 1);
  }
  Url out{.at = SplitHost(authority), .whole = {}};
  if (out.at.host.empty()) {
    return {};
  }
  const bool usual = (scheme == "http" && out.at.port == "80") ||
                     (scheme == "https" && out.at.port == "443") || out.at.port.empty();
  const auto path = rest.substr(slash);
  out.whole = scheme + "://" + out.at.host + (usual ? "" : ":" + out.at.port) +
              (path.starts_with('/') ? "" : "/") + std::string(path);
  return out;
}

}  // namespace

std::string WithoutUser(std::string_view url) {
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) {
    return std::string(url);
  }
  const auto start = colon + 3;
  const auto end = std::min(url.find_first_of("/?#", start), url.size());
  const auto user = url.substr(start, end - start).rfind('@');
  return user == std::string_view::npos
             ? std::string(url)
             : std::string(url.substr(0, start)) + std::string(url.substr(start + user + 1));
}

TargetIndex::TargetIndex(std::span<const model::Target> targets) {
  for (const auto& target : targets) {
    Add(target);
  }
}

void TargetIndex::Add(const model::Target& target) {
  const auto id = static_cast<std::uint32_t>(names_.size());
  names_.push_back(target.name);
  by_name_[target.name].push_back(id);
  if (!target.address.empty()) {
    by_address_[CanonicalHost(target.address)].push_back(id);
  }
  if (const Url url = SplitUrl(target.url); !url.at.host.empty()) {
    by_url_[url.whole].push_back(id);
    by_url_host_[url.at.host].push_back(id);
  }
}

const TargetIndex::Ids* TargetIndex::Match(const Place& place, std::string& port) const {
  const std::string_view value = base::Trim(place.value);
  if (value.empty() || value.size() > kMaxPlace || !base::IsPrintable(value)) {
    return nullptr;
  }
  const auto look = [](const auto& map, std::string_view key) -> const Ids* {
    const auto at = map.find(key);
    return at == map.end() ? nullptr : &at->second;
  };
  if (const Ids* ids = look(by_name_, value)) {
    return ids;
  }
  const Url url = SplitUrl(value);
  const bool is_url = value.find("://") != std::string_view::npos;
  const HostPort at = is_url ? url.at : SplitHost(value);
  if (at.host.empty() || (!place.loopback && IsLoopback(at.host))) {
    return nullptr;
  }
  port = at.port;
  if (const Ids* ids = is_url ? look(by_url_, url.whole) : look(by_name_, at.host)) {
    return ids;
  }
  if (const Ids* ids = look(by_address_, at.host)) {
    return ids;
  }
  if (const Ids* ids = look(by_url_host_, at.host)) {
    return ids;
  }
  return is_url ? look(by_name_, at.host) : nullptr;
}

Found TargetIndex::Find(std::span<const Place> places) const {
  Found found;
  Ids left;
  for (const auto& place : places) {
    std::string port;
    const Ids* ids = Match(place, port);
    if (ids == nullptr) {
      continue;
    }
    if (left.empty()) {
      left = *ids;
      found.port = port;
    } else {
      Ids both;
      std::ranges::set_intersection(left, *ids, std::back_inserter(both));
      if (!both.empty()) {
        left = std::move(both);
      }
    }
    if (left.size() == 1) {
      break;
    }
  }
  found.candidates = left.size();
  if (left.size() == 1) {
    found.target = names_[left.front()];
  } else {
    found.port.clear();
  }
  return found;
}

}  // namespace alert::inbound
