// Sessions: every stored hash is compared, in constant time; ids are made by the server alone.
#include "api/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/id.h"
#include "base/text.h"

namespace api {
namespace {

// Browsers take a cookie with this prefix only over TLS, for this host alone and every path, so
// that no neighbour below the same domain can plant one (RFC 6265bis, 4.1.3.2).
constexpr std::string_view kSecureName = "__Host-raksa";
constexpr std::string_view kPlainName = "raksa";
constexpr std::size_t kMaxCookies = 8;

/// What is counted as one asker.
std::string Asker(const std::string& peer) {
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(peer, ec);
  if (ec || !address.is_v6() || address.to_v6().is_v4_mapped()) {
    return peer;
  }
  const auto bytes = address.to_v6().to_bytes();
  return base::Hex(std::span(bytes).first(8));
}

/// The hashes of the session ids in a Cookie header.
std::vector<std::string> Hashes(std::string_view cookies) {
  std::vector<std::string> out;
  for (const auto part : base::Split(cookies, ';')) {
    const auto pair = base::Trim(part);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || out.size() >= kMaxCookies) {
      continue;
    }
    const auto name = pair.substr(0, equals);
    if (name == kSecureName || name == kPlainName) {
      out.push_back(base::Sha256Hex(pair.substr(equals + 1)));
    }
  }
  return out;
}

bool Holds(const std::vector<std::string>& hashes, const std::string& hash) {
  bool found = false;
  for (const auto& one : hashes) {
    found = base::EqualSecret(one, hash) || found;
  }
  return found;
}

}  // namespace

base::Duration Attempts::Wait(const std::string& peer, base::Instant now) const {
  const auto at = windows_.find(Asker(peer));
  if (at == windows_.end() || at->second.tries < limits_.tries) {
    return {};
  }
  return std::max(base::Duration{}, at->second.begin + limits_.window - now);
}

void Attempts::Add(const std::string& peer, base::Instant now) {
  const auto asker = Asker(peer);
  if (windows_.size() >= limits_.addresses && !windows_.contains(asker)) {
    std::erase_if(windows_,
                  [&](const auto& item) { return item.second.begin + limits_.window <= now; });
    if (windows_.size() >= limits_.addresses) {
      windows_.erase(std::ranges::min_element(windows_, {},
                                              [](const auto& item) { return item.second.begin; }));
    }
  }
  auto& window = windows_.try_emplace(asker, Window{now}).first->second;
  if (window.begin + limits_.window <= now) {
    window = {now, 0};
  }
  ++window.tries;
}

void Sessions::SetTokens(std::vector<Token> tokens) {
  tokens_ = std::move(tokens);
  std::erase_if(sessions_, [&](const Session& session) {
    return std::ranges::none_of(tokens_, [&](const Token& token) {
      return token.name == session.token.name && token.role == session.token.role &&
             token.sha256 == session.token.sha256;
    });
  });
}

void Sessions::MakeRoom(const Token& token, base::Instant now) {
  std::erase_if(sessions_, [&](const Session& session) { return session.until <= now; });
  const auto own = [&](const Session& session) { return session.token.sha256 == token.sha256; };
  if (std::cmp_greater_equal(std::ranges::count_if(sessions_, own), limits_.of_one)) {
    sessions_.erase(std::ranges::find_if(sessions_, own));
  }
  if (sessions_.size() >= limits_.sessions) {
    sessions_.erase(sessions_.begin());
  }
}

Sessions::Login Sessions::Open(const std::string& peer, std::string_view name,
                               std::string_view secret, base::Instant now) {
  Login out;
  out.wait = logins_.Wait(peer, now);
  if (out.wait > base::Duration{}) {
    out.kind = Login::Kind::kWait;
    return out;
  }
  const auto hash = base::Sha256Hex(secret);
  const Token* found = nullptr;
  for (const auto& token : tokens_) {
    if (base::EqualSecret(token.sha256, hash) && token.name == name) {
      found = &token;
    }
  }
  if (found == nullptr) {
    logins_.Add(peer, now);
    return out;
  }
  MakeRoom(*found, now);
  out.kind = Login::Kind::kGood;
  out.id = base::RandomHex(32);
  sessions_.push_back(
      {base::Sha256Hex(out.id), *found, base::RandomHex(32), now + limits_.lifetime});
  out.view = {found->name, found->role, sessions_.back().csrf};
  return out;
}

std::optional<Sessions::View> Sessions::Find(std::string_view cookies, base::Instant now) const {
  const auto hashes = Hashes(cookies);
  std::optional<View> out;
  if (hashes.empty()) {
    return out;
  }
  for (const auto& session : sessions_) {
    if (Holds(hashes, session.id_sha256) && session.until > now) {
      out = {session.token.name, session.token.role, session.csrf};
    }
  }
  return out;
}

void Sessions::Close(std::string_view cookies) {
  const auto hashes = Hashes(cookies);
  std::erase_if(sessions_,
                [&](const Session& session) { return Holds(hashes, session.id_sha256); });
}

std::string Sessions::Cookie(const std::string& id, bool secure) const {
  const auto seconds =
      id.empty() ? 0 : std::chrono::duration_cast<std::chrono::seconds>(limits_.lifetime).count();
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}",
                     secure ? kSecureName : kPlainName, id, seconds, secure ? "; Secure" : "");
}

}  // namespace api
