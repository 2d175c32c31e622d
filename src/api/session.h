// Sessions: people who logged in by the page's form, known by a cookie; and who tried too often.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/auth.h"
#include "base/clock.h"

namespace api {

/// Counts wrong tries of each address; whoever has too many waits. IPv6 addresses count by their
/// /64, since one customer has so many. Belongs to the loop's thread.
class Attempts {
 public:
  struct Limits {
    int tries = 10;                                   ///< wrong ones in a window
    base::Duration window = std::chrono::minutes(1);  ///< from the first wrong one
    std::size_t addresses = 4096;                     ///< remembered; the oldest is forgotten
  };
  explicit Attempts(Limits limits) : limits_(limits) {}

  /// How long this address has to wait; zero = it may try.
  [[nodiscard]] base::Duration Wait(const std::string& peer, base::Instant now) const;
  /// Counts a wrong try.
  void Add(const std::string& peer, base::Instant now);

 private:
  struct Window {
    base::Instant begin;
    int tries = 0;
  };
  Limits limits_;
  std::map<std::string, Window> windows_;
};

/// The sessions, in memory only: a restart logs everybody out. Of a session's id only the hash is
/// kept. Belongs to the loop's thread.
class Sessions {
 public:
  struct Limits {
    base::Duration lifetime = std::chrono::hours(12);  ///< after the login, whatever is done
    std::size_t sessions = 256;                        ///< in all; the oldest gives way
    std::size_t of_one = 16;                           ///< of one token; its oldest gives way
    Attempts::Limits logins = {};
    /// Wrong tokens in Authorization headers: programs ask more often than people.
    Attempts::Limits tokens = {.tries = 100};
  };
  /// Who a cookie belongs to.
  struct View {
    std::string user;
    Role role = Role::kNone;
    std::string csrf;  ///< what X-CSRF-Token has to hold
  };
  /// What came of a try to log in.
  struct Login {
    enum class Kind { kGood, kWrong, kWait };
    Kind kind = Kind::kWrong;
    std::string id;  ///< the new session's, for the cookie
    View view;
    base::Duration wait{};
  };

  Sessions() : Sessions(Limits{}) {}
  explicit Sessions(const Limits& limits)
      : limits_(limits), logins_(limits.logins), tokens_tried_(limits.tokens) {}

  /// Whom to know from now on. Sessions of tokens that are gone or changed end.
  void SetTokens(std::vector<Token> tokens);
  /// Makes a session under a fresh id for who has this token under this name.
  Login Open(const std::string& peer, std::string_view name, std::string_view secret,
             base::Instant now);
  /// The session that a Cookie header names, nullopt when there is none that lives.
  [[nodiscard]] std::optional<View> Find(std::string_view cookies, base::Instant now) const;
  /// Ends the sessions that a Cookie header names.
  void Close(std::string_view cookies);
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  [[nodiscard]] const Limits& limits() const { return limits_; }

  /// Wrong tokens in Authorization headers, by address.
  Attempts& tokens_tried() { return tokens_tried_; }

  /// The Set-Cookie of a session; `secure` when the browser speaks TLS. `id` "" removes it.
  [[nodiscard]] std::string Cookie(const std::string& id, bool secure) const;

 private:
  struct Session {
    std::string id_sha256;
    Token token;
    std::string csrf;
    base::Instant until;
  };
  void MakeRoom(const Token& token, base::Instant now);

  Limits limits_;
  std::vector<Token> tokens_;
  std::vector<Session> sessions_;  ///< oldest first
  Attempts logins_;
  Attempts tokens_tried_;
};

}  // namespace api
