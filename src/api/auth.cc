// Auth: tokens are compared by hash; browsers are recognised by the headers that only they send.
#include "api/auth.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

#include <boost/beast/core/detail/base64.hpp>

#include "api/session.h"
#include "base/id.h"
#include "base/text.h"

namespace api {
namespace {

constexpr std::size_t kMaxTokenFile = 1 << 20;

std::string DecodeBase64(std::string_view text) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::decoded_size(text.size()) + 3, '\0');
  out.resize(base64::decode(out.data(), text.data(), text.size()).first);
  return out;
}

/// A Host header without its port; brackets of IPv6 stay.
std::string_view WithoutPort(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    return end == std::string_view::npos ? host : host.substr(0, end + 1);
  }
  return host.substr(0, host.find(':'));
}

bool IsLoopbackAddress(std::string_view host) {
  if (host == "[::1]" || host == "[::ffff:127.0.0.1]") {
    return true;
  }
  const auto parts = base::Split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::ranges::all_of(parts, [](std::string_view part) {
           return !part.empty() && part.size() <= 3 &&
                  std::ranges::all_of(part, [](unsigned char c) { return std::isdigit(c) != 0; });
         });
}

std::optional<Role> ParseRole(std::string_view text) {
  for (const Role role : {Role::kAlert, Role::kPush, Role::kRead, Role::kOperate}) {
    if (text == ToString(role)) {
      return role;
    }
  }
  return std::nullopt;
}

bool Suffices(Role role, Needs needs) {
  switch (needs) {
    case Needs::kNothing:
    case Needs::kLogin:
      return true;
    case Needs::kRead:
      return role == Role::kRead || role == Role::kOperate;
    case Needs::kAlert:
      return role == Role::kAlert || role == Role::kOperate;
    case Needs::kPush:
      return role == Role::kPush || role == Role::kOperate;
    case Needs::kOperate:
      break;
  }
  return role == Role::kOperate;
}

/// The refusal of a request that a browser sent for another site, or nullopt. Browsers send Origin
/// with every cross-site POST and DELETE; Sec-Fetch-Site where they know it (Fetch Metadata, W3C).
std::optional<Response> CheckOrigin(const Request& request) {
  const auto site = request.Header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") {
    return JsonError(403, "forbidden", "refused: the request came from another site");
  }
  const auto origin = request.Header("origin");
  if (!origin.empty() && !IsSameOrigin(origin, request.Header("host"), request.tls)) {
    return JsonError(403, "forbidden", "refused: the request came from another origin");
  }
  return std::nullopt;
}

std::optional<Response> CheckContent(const Request& request) {
  const auto type = request.Header("content-type");
  const auto length = request.Header("content-length");
  const bool empty =
      request.Header("transfer-encoding").empty() && (length.empty() || length == "0");
  if (!empty &&
      !base::EqualIgnoringCase(base::Trim(type.substr(0, type.find(';'))), "application/json")) {
    return JsonError(415, "bad_data", "the body has to be application/json");
  }
  return std::nullopt;
}

/// 401. A browser is not shown a challenge that it would answer with a dialog of its own: it has
/// the page's form.
Response Unauthorized(const Request& request) {
  const bool browser = !request.Header("sec-fetch-mode").empty() ||
                       !request.Header("sec-fetch-site").empty() ||
                       request.Header("user-agent").starts_with("Mozilla/");
  auto out = JsonError(401, "unauthorized", "a token is needed (Authorization: Bearer …)");
  out.headers.emplace_back("WWW-Authenticate", browser
                                                   ? "Bearer realm=\"raksa\""
                                                   : "Basic realm=\"raksa\", charset=\"UTF-8\"");
  return out;
}

}  // namespace

Response TooOften(base::Duration wait) {
  auto out = JsonError(429, "too_many", "too many wrong tries from this address; wait a while");
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  out.headers.emplace_back("Retry-After", std::to_string(seconds));
  return out;
}

const Token* Auth::Find(std::string_view authorization) const {
  const auto space = authorization.find(' ');
  if (space == std::string_view::npos) {
    return nullptr;
  }
  const auto scheme = base::LowerCase(authorization.substr(0, space));
  std::string secret(base::Trim(authorization.substr(space + 1)));
  std::string user;
  if (scheme == "basic") {
    const auto both = DecodeBase64(secret);
    const auto colon = both.find(':');
    if (colon == std::string::npos) {
      return nullptr;
    }
    user = both.substr(0, colon);
    secret = both.substr(colon + 1);
  } else if (scheme != "bearer") {
    return nullptr;
  }
  const auto hash = base::Sha256Hex(secret);
  const Token* found = nullptr;
  for (const auto& token : tokens) {
    if (base::EqualSecret(token.sha256, hash) && (user.empty() || user == token.name)) {
      found = &token;
    }
  }
  return found;
}

std::optional<Response> Auth::Identify(Request& request, Needs needs, bool open,
                                       bool unix_socket) const {
  const auto authorization = request.Header("authorization");
  const auto now = base::Clock::Steady();
  const bool heard = !authorization.empty() && !tokens.empty();
  if (heard && sessions) {
    if (const auto wait = sessions->tokens_tried().Wait(request.peer, now);
        wait > base::Duration{}) {
      return TooOften(wait);
    }
  }
  request.user = "anonymous";
  request.role = open ? Role::kOperate : Role::kNone;
  if (const Token* token = authorization.empty() ? nullptr : Find(authorization)) {
    request.user = token->name;
    request.role = token->role;
    request.anonymous = false;
    return std::nullopt;
  }
  if (heard) {
    if (sessions) {
      sessions->tokens_tried().Add(request.peer, now);
    }
    request.role = needs == Needs::kNothing ? request.role : Role::kNone;
  } else if (const auto session =
                 sessions ? sessions->Find(request.Header("cookie"), now) : std::nullopt) {
    request.user = session->user;
    request.role = session->role;
    request.csrf = session->csrf;
    request.anonymous = false;
    return std::nullopt;
  }
  if (open && !unix_socket && !IsOwnHost(request.Header("host"), host_names)) {
    return JsonError(403, "forbidden",
                     "refused: this server is not known by that Host name (host_names in the "
                     "configuration lists those that are)");
  }
  return std::nullopt;
}

std::optional<Response> Auth::Check(Request& request, Needs needs, bool trusted,
                                    bool unix_socket) const {
  if (everybody) {
    request.user = "anonymous";
    return needs == Needs::kNothing ? std::nullopt : std::optional(Unauthorized(request));
  }
  if (needs == Needs::kAlert &&
      std::ranges::find(signed_paths, request.path) != signed_paths.end()) {
    request.user = "signed";
    request.role = Role::kAlert;
    return CheckOrigin(request);
  }
  const bool open = trusted && !always;
  request.login = !open;
  if (auto refusal = Identify(request, needs, open, unix_socket)) {
    return refusal;
  }
  if (!Suffices(request.role, needs)) {
    if (request.role == Role::kNone) {
      return Unauthorized(request);
    }
    return JsonError(403, "forbidden",
                     "the role " + std::string(ToString(request.role)) + " does not suffice");
  }
  if (needs == Needs::kNothing || needs == Needs::kRead) {
    return std::nullopt;
  }
  if (auto refusal = CheckOrigin(request)) {
    return refusal;
  }
  // Who logs in has no session yet, or gets another.
  if (!request.csrf.empty() && needs != Needs::kLogin &&
      !base::EqualSecret(request.Header("x-csrf-token"), request.csrf)) {
    return JsonError(403, "forbidden", "refused: X-CSRF-Token is not this session's");
  }
  const bool any_content = needs == Needs::kAlert || needs == Needs::kPush;
  return any_content ? std::nullopt : CheckContent(request);
}

base::Result<std::vector<Token>> ParseTokens(std::string_view text, const std::string& file) {
  std::vector<Token> out;
  int number = 0;
  for (const auto line : base::Lines(text)) {
    ++number;
    const auto trimmed = base::Trim(line);
    if (trimmed.empty() || trimmed.starts_with('#')) {
      continue;
    }
    std::vector<std::string> words;
    for (const auto word : base::Split(trimmed, ' ')) {
      if (!word.empty()) {
        words.emplace_back(base::Trim(word));
      }
    }
    const auto place = file + ":" + std::to_string(number) + ": ";
    if (words.size() != 3) {
      return base::Fail(base::ErrorKind::kInvalid, place + "expected NAME ROLE SHA256");
    }
    const auto role = ParseRole(words[1]);
    if (!role) {
      return base::Fail(base::ErrorKind::kInvalid,
                        place + "the role has to be read, alert, push or operate");
    }
    const auto hash = base::LowerCase(words[2]);
    if (hash.size() != 64 || hash.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return base::Fail(base::ErrorKind::kInvalid,
                        place + "the third word has to be a SHA-256 in 64 hexadecimal digits");
    }
    if (words[0].contains(':') || !base::IsPrintable(words[0])) {
      return base::Fail(base::ErrorKind::kInvalid, place + "a token's name may not hold a colon");
    }
    out.push_back({words[0], *role, hash});
  }
  return out;
}

base::Result<std::vector<Token>> ReadTokenFile(const std::string& path) {
  struct stat info{};
  std::ifstream in(path, std::ios::binary);
  if (!in || ::stat(path.c_str(), &info) != 0) {
    return base::Fail(base::ErrorKind::kUnavailable, path + ": cannot be read");
  }
  if ((info.st_mode & S_IRWXO) != 0) {
    return base::Fail(base::ErrorKind::kDenied, path + ": others may read it; chmod 640");
  }
  if (info.st_size > static_cast<off_t>(kMaxTokenFile)) {
    return base::Fail(base::ErrorKind::kInvalid, path + ": larger than 1 MiB");
  }
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return ParseTokens(text, path);
}

std::string NewToken() { return base::RandomHex(32); }

std::string TokenLine(const std::string& name, Role role, std::string_view token) {
  return name + " " + std::string(ToString(role)) + " " + base::Sha256Hex(token) + "\n";
}

bool IsOwnHost(std::string_view host, const std::vector<std::string>& names) {
  const auto name = base::LowerCase(WithoutPort(host));
  if (name == "localhost" || name.ends_with(".localhost") || IsLoopbackAddress(name)) {
    return true;
  }
  return std::ranges::any_of(
      names, [&](const std::string& own) { return base::EqualIgnoringCase(own, name); });
}

bool IsSameOrigin(std::string_view origin, std::string_view host, bool tls) {
  const std::string_view scheme = tls ? "https://" : "http://";
  const std::string_view port = tls ? ":443" : ":80";
  // A proxy in front of us may end TLS: then the browser says https where we speak http.
  if (origin.starts_with("https://")) {
    origin.remove_prefix(8);
  } else if (!tls && origin.starts_with(scheme)) {
    origin.remove_prefix(scheme.size());
  } else {
    return false;
  }
  auto plain = [&](std::string_view authority) {
    return authority.ends_with(port) ? authority.substr(0, authority.size() - port.size())
                                     : authority;
  };
  return !host.empty() && base::EqualIgnoringCase(plain(origin), plain(host));
}

}  // namespace api
