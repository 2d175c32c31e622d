// Auth: who is asking, what they may do, and whether a browser was lured into asking.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "api/router.h"
#include "base/clock.h"
#include "base/result.h"

namespace api {

class Sessions;

/// One token, known by its hash only.
struct Token {
  std::string name;
  Role role = Role::kNone;
  std::string sha256;  ///< of the token, lower-case hexadecimal
};

/// Who may ask, and what.
struct Auth {
  std::vector<Token> tokens;
  /// Names under which this server may be asked without a token, beside loopback's own.
  std::vector<std::string> host_names;
  /// Ask for a token on loopback and unix sockets too.
  bool always = false;
  /// Webhooks whose senders sign: a token is neither needed nor enough there, because the handler
  /// asks for the signature of whoever posts.
  std::vector<std::string> signed_paths;
  /// Everything here is for everybody under any name (the public status page's own address).
  bool everybody = false;
  /// Who logged in by the page's form; nullptr = nobody can.
  std::shared_ptr<Sessions> sessions;

  /// The token that an Authorization header carries (Bearer, or Basic with the token's name as user
  /// or none), nullptr when it carries none that is known. Every stored hash is compared, in
  /// constant time.
  [[nodiscard]] const Token* Find(std::string_view authorization) const;

  /// Fills in who the request is from and says whether it may go on to a route with these needs:
  /// nullopt, or the answer to give instead (401, 403, 429). `trusted` = it came by a loopback
  /// address or a unix socket. Checks the role, the Host (DNS rebinding), the origin and, with a
  /// session's cookie, the session's own token (CSRF).
  [[nodiscard]] std::optional<Response> Check(Request& request, Needs needs, bool trusted,
                                              bool unix_socket) const;

 private:
  std::optional<Response> Identify(Request& request, Needs needs, bool open,
                                   bool unix_socket) const;
};

/// 429 with Retry-After: too many wrong tries.
Response TooOften(base::Duration wait);

/// Reads a token file: lines `NAME ROLE SHA256`, `#` comments. Errors: kUnavailable, kDenied when
/// others may read it, kInvalid with the line's number.
base::Result<std::vector<Token>> ReadTokenFile(const std::string& path);
/// Parses such a file's text; `file` names it in errors.
base::Result<std::vector<Token>> ParseTokens(std::string_view text, const std::string& file);

/// A fresh token (256 bits from the kernel, hexadecimal).
std::string NewToken();
/// The line of the token file for a token.
std::string TokenLine(const std::string& name, Role role, std::string_view token);

/// Whether `host` (a Host header: name or address, optional port) names the loopback or one of
/// `names`.
bool IsOwnHost(std::string_view host, const std::vector<std::string>& names);
/// Whether `origin` ("https://host:port") has the same host and port as `host`, with this scheme.
bool IsSameOrigin(std::string_view origin, std::string_view host, bool tls);

}  // namespace api
