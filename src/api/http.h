// Request, Response and the two kinds of body: what handlers see of HTTP. No Beast here.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "loop/task.h"

namespace api {

/// What a token (or an anonymous request on loopback) may do. kAlert may post alerts and nothing
/// else, kPush samples and nothing else; kOperate may do everything.
enum class Role { kNone, kAlert, kPush, kRead, kOperate };

std::string_view ToString(Role role);

/// Name and value pairs of a query or a form, decoded, in the order sent; names may repeat.
class Params {
 public:
  void Add(std::string name, std::string value) {
    pairs_.emplace_back(std::move(name), std::move(value));
  }
  /// The first value of `name`, "" when it is not there.
  [[nodiscard]] std::string_view Get(std::string_view name) const;
  [[nodiscard]] bool Has(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> All(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const {
    return pairs_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// A request, read whole and bounded (headers 16 KiB, body 8 MiB by default).
struct Request {
  std::string method;  ///< "GET", "POST", …; a HEAD arrives as GET and its answer is cut
  std::string target;  ///< as sent, path and query
  std::string path;    ///< decoded, begins with "/", no "..", no "\0"
  Params query;        ///< of the target; of the form too, when the body is one
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
  std::vector<std::string> captures;  ///< what stood for the `*` of the route's pattern
  std::string peer;                   ///< "127.0.0.1", "::1", "unix"
  bool tls = false;
  bool anonymous = true;    ///< nobody said who they are
  bool login = false;       ///< one has to say who one is here
  std::string csrf;         ///< the token of the session whose cookie came; "" without one
  std::string user;         ///< the token's name; "anonymous"
  Role role = Role::kNone;  ///< what the asker may do
  /// Becomes true when the client has gone before its answer was ready, or when nobody waits for it
  /// any more; for work that can be given up. Nullptr where nobody watches.
  std::shared_ptr<std::atomic<bool>> gone;

  /// The first header of that lower-case name, "" when it is not there.
  [[nodiscard]] std::string_view Header(std::string_view lower_case_name) const;
};

/// A body that comes piece by piece (large answers, server-sent events).
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  /// The next piece, not empty; nullopt at the end. Called again only after it was sent.
  virtual loop::Task<std::optional<std::string>> Next() = 0;
};

/// An answer. Either `body` or `stream`; with a stream the body is sent chunked.
struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::shared_ptr<BodyStream> stream;
  bool gzipped = false;  ///< `body` is gzip already and has its Content-Encoding header
  bool live = false;     ///< events: never compressed, its pieces may be long in coming
  bool close = false;    ///< close the connection afterwards
  bool no_store = true;  ///< Cache-Control: no-store unless the handler sets its own
};

/// Answers one request. Must be a plain function that starts a coroutine with its arguments by
/// value (never a capturing coroutine).
using Handler = std::function<loop::Task<Response>(Request)>;

/// `text` as text/plain.
Response Text(int status, std::string text);
/// A JSON text (as it is) as application/json.
Response JsonText(int status, std::string json);
/// Prometheus's error shape.
Response JsonError(int status, std::string_view type, std::string_view message);
/// A Result's error in Prometheus's shape, with the status that its kind has here.
Response JsonError(const base::Error& error);
/// The reason phrase of a status code (RFC 9110), "Unknown" when there is none.
std::string_view ReasonPhrase(int status);

/// Decodes %XX (and + as space when `form`). Errors: kInvalid for a broken escape or a NUL.
base::Result<std::string> PercentDecode(std::string_view text, bool form);
/// Reads a query or a form (application/x-www-form-urlencoded): at most 1,000 pairs; every name and
/// value valid UTF-8. Errors: kInvalid.
base::Result<Params> ParseForm(std::string_view text);
/// Splits a request target into decoded path and query. Absolute form ("http://host/x") is
/// accepted. Errors: kInvalid for anything that is no path, a broken escape, invalid UTF-8, control
/// characters, "..", a NUL.
struct ParsedTarget {
  std::string path;
  Params query;
};
base::Result<ParsedTarget> ParseTarget(std::string_view target);

}  // namespace api
