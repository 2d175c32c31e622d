// PlainClient: plain HTTP/1 GETs over kept connections without libcurl, which needs a third of the
// time that a small scrape takes. Used by the HTTP client only.
#pragma once

#include <memory>
#include <optional>

#include "loop/http_client.h"
#include "loop/plain_route.h"

namespace loop {

class PlainClient {
 public:
  explicit PlainClient(Loop& loop);
  /// Ends its requests with kCancelled.
  ~PlainClient();
  PlainClient(const PlainClient&) = delete;
  PlainClient& operator=(const PlainClient&) = delete;

  /// Whether a request is to be tried here; else libcurl is to carry it out.
  [[nodiscard]] bool Takes(const HttpPlan& plan) const;
  /// Carries out a request, as HttpClient::Send does. `plan` and `taker` outlive the task. nullopt:
  /// the answer is one for libcurl, which must ask again; nothing of the body was given yet.
  Task<std::optional<base::Result<HttpResponse>>> Send(const HttpPlan* plan, base::Duration timeout,
                                                       const HttpTaker* taker);

 private:
  struct Job;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace loop
