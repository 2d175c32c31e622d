// HttpClient: HTTP requests by libcurl's multi interface on the loop; for the http probe and the
// notifiers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"

namespace loop {

struct HttpResponse;

/// Takes the body piece by piece, decompressed; `head` has the status and the headers. False ends
/// the transfer.
using HttpTaker = std::function<bool(const HttpResponse& head, std::string_view piece)>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  ///< http or https only; also for redirects
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  base::Duration timeout =
      std::chrono::seconds(10);  ///< for everything, from name look-up to the last byte
  std::size_t max_body =
      1 << 20;            ///< bytes of the answer kept; the rest is read and dropped up to 8 MiB
  int max_redirects = 0;  ///< 0 = a redirect is the answer
  bool verify_tls = true;
  std::string ca_file;      ///< "" = the system's
  std::string unix_socket;  ///< path; "" = TCP
  int ip_version = 0;       ///< 0 any, 4, 6
  bool fresh = false;       ///< true: a connection of its own, as a probe must (not a kept one)
  std::vector<std::string>
      resolve;       ///< curl's "host:port:address", to pin an address already looked up
  std::string user;  ///< basic authentication, "" = none
  std::string password;
  std::string interface_name;  ///< bind to, "" = any
  /// Takes the body without a limit, instead of HttpResponse::body. When it ends the transfer, the
  /// answer is `truncated`. Called on the loop while Send waits.
  HttpTaker on_body;
};

/// A request that is sent again and again, with what it comes to worked out once.
struct HttpPlan;

/// Seconds of each phase, as blackbox_exporter names them in probe_http_duration_seconds{phase=…}.
struct HttpPhases {
  double resolve = 0;
  double connect = 0;
  double tls = 0;
  double processing = 0;
  double transfer = 0;
};

struct HttpResponse {
  int status = 0;  ///< 100–599
  std::vector<std::pair<std::string, std::string>>
      headers;  ///< of the last answer; names in lower case
  std::string body;
  bool truncated = false;
  std::size_t body_bytes = 0;  ///< as received, also beyond max_body
  int redirects = 0;
  std::string final_url;
  std::string remote_address;
  std::string http_version;  ///< "1.0", "1.1", "2"
  bool tls = false;
  std::string tls_version;          ///< "TLSv1.3"
  std::int64_t cert_not_after = 0;  ///< seconds since 1970, the earliest of the chain; 0 = no TLS
  HttpPhases phases;
  double total_seconds = 0;

  [[nodiscard]] std::string_view Header(std::string_view lower_case_name) const;
};

/// One per loop. Requests share its connection cache unless `fresh`.
class HttpClient {
 public:
  explicit HttpClient(Loop& loop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends one request. Any status is a success; errors: kDeadline, kUnavailable (refused,
  /// unreachable, reset), kNotFound (name), kDenied (certificate), kInvalid (URL, garbage instead
  /// of HTTP); the message is curl's sentence.
  Task<base::Result<HttpResponse>> Send(HttpRequest request);

  /// What a request comes to; its timeout and on_body do not count.
  static std::shared_ptr<const HttpPlan> Plan(HttpRequest request);
  /// As the other Send, with these in the request's place.
  Task<base::Result<HttpResponse>> Send(std::shared_ptr<const HttpPlan> plan,
                                        base::Duration timeout, HttpTaker on_body);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace loop
