// Elsewhere: another engine that answers PromQL by Prometheus's HTTP API, asked instead of the
// embedded store.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "loop/http_client.h"
#include "promql/engine.h"
#include "remote/endpoint.h"

namespace remote {

/// Reads an answer of /api/v1/query or query_range. Errors: what the engine says (kInvalid for
/// bad_data and execution, kDeadline for timeout, else kUnavailable); kInvalid when it is no such
/// answer.
base::Result<promql::Value> ParseAnswer(std::string_view json);

/// Parameters as application/x-www-form-urlencoded.
std::string EncodeForm(const std::vector<std::pair<std::string, std::string>>& pairs);

/// An engine elsewhere. Belongs to the loop, but Instant and Close.
class Elsewhere : public std::enable_shared_from_this<Elsewhere> {
 public:
  Elsewhere(loop::Loop& loop, loop::HttpClient& http, Endpoint endpoint);

  /// Asks a path ("/api/v1/query") with these parameters: POST with a form, or GET for paths that
  /// take no other. The answer is given as it is, whatever its status. Errors: kUnavailable,
  /// kDeadline, …, the engine named; kRefused when the answer is larger than 64 MiB.
  loop::Task<base::Result<loop::HttpResponse>> Ask(
      bool post, std::string path, std::vector<std::pair<std::string, std::string>> pairs);

  /// The value of an expression at a moment (milliseconds since 1970), for a worker's thread: it
  /// waits. After the engine could not be reached, further calls within a second fail at once, so
  /// that many rules do not wait for it one after the other. Errors: as Ask and ParseAnswer;
  /// kCancelled after Close.
  base::Result<promql::Value> Instant(const promql::Expr& expr, model::Timestamp at);
  /// Ends what waits in Instant; from any thread.
  void Close() { closed_ = true; }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  loop::Loop& loop_;
  loop::HttpClient& http_;
  const Endpoint endpoint_;
  const std::string shown_;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;  ///< for the two below
  base::Instant retry_at_{};
  base::Error error_;
};

}  // namespace remote
