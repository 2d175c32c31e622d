// Prometheus's remote write receiver and remote read: POST /api/v1/write and /api/v1/read. Statuses
// are chosen for what senders make of them: 5xx is sent again, 4xx is dropped.
#include <fmt/format.h>

#include "api/prometheus.h"
#include "base/text.h"
#include "remote/push.h"
#include "remote/wire.h"

namespace api {
namespace {

using Shared = std::shared_ptr<const Sources>;
using Answer = loop::Task<Response>;

constexpr std::size_t kMaxPushes = 8;  ///< at the same time, each up to a body's limit
constexpr std::size_t kMaxReads = 4;
constexpr std::size_t kMaxReadSamples = 10'000'000;  ///< of one remote read, 16 bytes each

/// Counts requests of one sort while they are worked on.
class Busy {
 public:
  explicit Busy(std::shared_ptr<std::size_t> count) : count_(std::move(count)) { ++*count_; }
  ~Busy() { --*count_; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::shared_ptr<std::size_t> count_;
};

/// Lines of text, as Prometheus answers its senders: they log the first.
Response Refusal(int status, const std::string& why) {
  auto out = Text(status, why + "\n");
  if (status == 503) {
    out.headers.emplace_back("Retry-After", "1");
  }
  return out;
}

/// Whether a Content-Type names another message than the one we know: Remote-Write 2.0 says so, and
/// its senders fall back on 415.
bool OtherMessage(std::string_view type) {
  const auto parts = base::Split(type, ';');
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto part = base::Trim(parts[i]);
    if (part.starts_with("proto=") && part != "proto=prometheus.WriteRequest") {
      return true;
    }
  }
  return false;
}

template <class F>
loop::Task<std::invoke_result_t<F>> OnWorker(Shared s, F work) {
  if (s->worker == nullptr) {
    co_return work();
  }
  auto out = co_await s->worker->Run(std::move(work));
  co_return std::move(out);
}

/// What was read of a push, ready for the store.
struct Push {
  std::vector<model::Batch> batches;
  std::vector<remote::Metadata> metadata;
  std::size_t refused = 0;
  std::string refused_reason;
};

base::Result<Push> ReadPush(const std::string& body) {
  auto read = remote::DecodeWrite(body);
  if (!read) {
    return base::Fail(read.error());
  }
  return Push{remote::ToBatches(*read), std::move(read->metadata), read->refused,
              std::move(read->refused_reason)};
}

Answer Write(Shared s, std::shared_ptr<std::size_t> count, Request request) {
  if (!s->push) {
    co_return Refusal(404, "nothing takes samples here");
  }
  if (OtherMessage(request.Header("content-type"))) {
    co_return Refusal(415, "only prometheus.WriteRequest (Remote-Write 1.0) is understood");
  }
  if (*count >= kMaxPushes) {
    co_return Refusal(503, "too many pushes at the same time");
  }
  const Busy busy(count);
  auto read = co_await OnWorker(s, [body = std::move(request.body)] { return ReadPush(body); });
  if (!read) {
    const bool large = read.error().kind == base::ErrorKind::kRefused;
    co_return Refusal(large ? 413 : 400, read.error().message);
  }
  const auto refused = read->refused;
  const auto reason = std::move(read->refused_reason);
  const auto done = co_await s->push(std::move(read->batches), std::move(read->metadata));
  if (!done) {
    const auto kind = done.error().kind;
    if (kind == base::ErrorKind::kNotFound) {
      co_return Refusal(404, done.error().message);
    }
    const bool ours = kind == base::ErrorKind::kInvalid || kind == base::ErrorKind::kRefused;
    co_return Refusal(ours ? 400 : 503, done.error().message);
  }
  if (refused > 0) {
    co_return Refusal(
        400, fmt::format("{} samples were left out, the others are stored: {}", refused, reason));
  }
  Response out;
  out.status = 204;
  co_return out;
}

/// Runs on the worker.
Response ReadAll(const Sources& s, const std::string& body) {
  const auto request = remote::DecodeRead(body);
  if (!request) {
    return Refusal(request.error().kind == base::ErrorKind::kRefused ? 413 : 400,
                   request.error().message);
  }
  remote::ReadResponseWriter writer;
  std::size_t samples = 0;
  for (const auto& query : request->queries) {
    const auto found = s.querier->Select(query.matchers, query.from, query.to);
    if (!found) {
      const bool ours = found.error().kind == base::ErrorKind::kInvalid ||
                        found.error().kind == base::ErrorKind::kRefused;
      return Refusal(ours ? 400 : 500, found.error().message);
    }
    for (const auto& series : *found) {
      samples += series.t.size();
    }
    if (samples > kMaxReadSamples) {
      return Refusal(400, fmt::format("exceeded sample limit ({})", kMaxReadSamples));
    }
    writer.Add(*found);
  }
  Response out;
  out.content_type = "application/x-protobuf";
  out.headers.emplace_back("Content-Encoding", "snappy");
  out.body = writer.Take();
  return out;
}

Answer Read(Shared s, std::shared_ptr<std::size_t> count, Request request) {
  if (*count >= kMaxReads) {
    co_return Refusal(503, "too many remote reads at the same time");
  }
  const Busy busy(count);
  co_return co_await OnWorker(s, [s, body = std::move(request.body)] { return ReadAll(*s, body); });
}

}  // namespace

void AddRemote(Router& router, Shared sources) {
  const auto add = [&](const char* path, Needs needs,
                       Answer (*fn)(Shared, std::shared_ptr<std::size_t>, Request)) {
    auto& route =
        router.Add("POST", path, needs,
                   [sources, fn, count = std::make_shared<std::size_t>(0)](Request request) {
                     return fn(sources, count, std::move(request));
                   });
    route.snappy = true;
  };
  add("/api/v1/write", Needs::kPush, Write);
  if (sources->querier != nullptr) {
    add("/api/v1/read", Needs::kRead, Read);
  }
}

}  // namespace api
