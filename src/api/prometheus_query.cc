// Prometheus's query and query_range: parameters, limits, evaluation on the worker, answers that
// stream. Sentences of 2.42 (web/api/v1/api.go).
#include <fmt/format.h>

#include <atomic>
#include <utility>

#include "api/answer_stream.h"
#include "api/gzip.h"
#include "api/prometheus.h"
#include "promql/engine.h"

namespace api {
namespace {

using Shared = std::shared_ptr<const Sources>;
using Answer = loop::Task<Response>;
using ExprPtr = std::shared_ptr<const promql::Expr>;

constexpr std::size_t kWorthGzip = 2048;
constexpr std::int64_t kMaxPoints = 11'000;

/// What is evaluated: at one moment, or over a range when step > 0.
struct Query {
  ExprPtr expr;
  model::Timestamp start = 0;
  model::Timestamp end = 0;
  std::int64_t step = 0;
  promql::Limits limits;
};

Response Failed(const base::Error& error) {
  switch (error.kind) {
    case base::ErrorKind::kDeadline:
      return JsonError(503, "timeout", error.message);
    case base::ErrorKind::kCancelled:
      return JsonError(503, "canceled", error.message);
    case base::ErrorKind::kInvalid:
    case base::ErrorKind::kRefused:
      return JsonError(422, "execution", error.message);
    default:
      return JsonError(500, "internal", error.message);
  }
}

/// Runs on the worker: evaluates, and begins to write.
Response Evaluate(const Shared& s, const Query& query, bool gzip) {
  const promql::Engine engine(s->querier, query.limits);
  auto answer = query.step > 0 ? engine.Range(*query.expr, query.start, query.end, query.step)
                               : engine.Instant(*query.expr, query.start);
  if (!answer) {
    return Failed(answer.error());
  }
  Response out = JsonText(200, "");
  auto writer = std::make_unique<ValueWriter>(std::move(*answer));
  if (writer->pieces() > 1) {
    out.stream = std::make_shared<AnswerStream>(
        s->worker, std::make_shared<AnswerPieces>(std::move(writer), gzip));
  } else {
    out.body = writer->Piece(0);
    gzip = gzip && out.body.size() >= kWorthGzip;
    out.body = gzip ? Gzip(out.body) : std::move(out.body);
  }
  if (gzip) {
    out.gzipped = true;
    out.headers.emplace_back("Content-Encoding", "gzip");
  }
  return out;
}

/// Counts the queries that run, and tells the evaluation when nobody waits for it any more.
class Running {
 public:
  Running(std::shared_ptr<std::size_t> count, std::shared_ptr<std::atomic<bool>> gone)
      : count_(std::move(count)), gone_(std::move(gone)) {
    ++*count_;
  }
  ~Running() {
    --*count_;
    gone_->store(true);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  std::shared_ptr<std::size_t> count_;
  std::shared_ptr<std::atomic<bool>> gone_;
};

Answer Run(Shared s, std::shared_ptr<std::size_t> count, Query query, bool gzip,
           std::shared_ptr<std::atomic<bool>> gone) {
  if (*count >= s->max_queries) {
    co_return JsonError(503, "unavailable", "too many queries at the same time");
  }
  const Running running(count, gone);
  auto work = [s, query, gzip, gone]() mutable {
    if (s->worker != nullptr) {
      StepBack();
    }
    query.limits.cancelled = gone.get();
    query.limits.helper = s->worker != nullptr;
    return Evaluate(s, query, gzip);
  };
  if (s->worker == nullptr) {
    co_return work();
  }
  auto response = co_await s->worker->Run(std::move(work));
  co_return response;
}

/// Lowers the limit to the request's `timeout`. A refusal, or nullopt.
std::optional<Response> ReadTimeout(const Params& params, promql::Limits& limits) {
  const auto text = params.Get("timeout");
  if (text.empty()) {
    return std::nullopt;
  }
  const auto ms = ParseApiDuration(text);
  if (!ms) {
    return BadParam("timeout", ms.error().message);
  }
  const auto longest =
      std::chrono::duration_cast<std::chrono::milliseconds>(limits.timeout).count();
  limits.timeout = std::chrono::milliseconds(std::clamp<std::int64_t>(*ms, 0, longest));
  return std::nullopt;
}

std::variant<Query, Response> ReadInstant(const Sources& s, const Params& params) {
  Query out;
  out.limits = s.query_limits;
  out.start = base::Clock::NowMs();
  if (const auto text = params.Get("time"); !text.empty()) {
    const auto time = ParseApiTime(text);
    if (!time) {
      return BadParam("time", time.error().message);
    }
    out.start = *time;
  }
  out.end = out.start;
  if (auto refusal = ReadTimeout(params, out.limits)) {
    return std::move(*refusal);
  }
  auto expr = promql::ParseExpr(params.Get("query"));
  if (!expr) {
    return BadParam("query", expr.error().message);
  }
  out.expr = std::move(*expr);
  return out;
}

std::variant<Query, Response> ReadRange(const Sources& s, const Params& params) {
  Query out;
  out.limits = s.query_limits;
  for (const auto& [name, bound] : {std::pair("start", &out.start), std::pair("end", &out.end)}) {
    const auto time = ParseApiTime(params.Get(name));
    if (!time) {
      return BadParam(name, time.error().message);
    }
    *bound = *time;
  }
  if (out.end < out.start) {
    return BadParam("end", "end timestamp must not be before start time");
  }
  const auto step = ParseApiDuration(params.Get("step"));
  if (!step) {
    return BadParam("step", step.error().message);
  }
  if (*step <= 0) {
    return BadParam("step",
                    "zero or negative query resolution step widths are not accepted. Try a "
                    "positive integer");
  }
  out.step = *step;
  std::int64_t span = 0;
  if (__builtin_sub_overflow(out.end, out.start, &span) || span / out.step > kMaxPoints) {
    return JsonError(400, "bad_data",
                     "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
                     "the query resolution (?step=XX)");
  }
  out.limits.max_steps = static_cast<std::size_t>(kMaxPoints) + 1;
  if (auto refusal = ReadTimeout(params, out.limits)) {
    return std::move(*refusal);
  }
  auto expr = promql::ParseExpr(params.Get("query"));
  if (!expr) {
    return BadParam("query", expr.error().message);
  }
  out.expr = std::move(*expr);
  const auto type = out.expr->Type();
  if (type != promql::ValueType::kVector && type != promql::ValueType::kScalar) {
    return BadParam("query",
                    fmt::format("invalid expression type \"{}\" for range query, must be Scalar "
                                "or instant Vector",
                                promql::DocumentedType(type)));
  }
  return out;
}

Answer Ask(Shared s, std::shared_ptr<std::size_t> count, Request request, bool range) {
  if (s->elsewhere) {
    co_return co_await s->elsewhere(std::move(request));
  }
  auto query = range ? ReadRange(*s, request.query) : ReadInstant(*s, request.query);
  if (auto* refusal = std::get_if<Response>(&query)) {
    co_return std::move(*refusal);
  }
  auto gone = request.gone ? request.gone : std::make_shared<std::atomic<bool>>(false);
  co_return co_await Run(s, std::move(count), std::get<Query>(std::move(query)),
                         AcceptsGzip(request.Header("accept-encoding")), std::move(gone));
}

}  // namespace

void AddPrometheusQuery(Router& router, Shared sources) {
  if (sources->querier == nullptr) {
    return;
  }
  auto count = std::make_shared<std::size_t>(0);
  for (const bool range : {false, true}) {
    for (const char* method : {"GET", "POST"}) {
      router.Add(method, range ? "/api/v1/query_range" : "/api/v1/query", Needs::kRead,
                 [sources, count, range](Request request) {
                   return Ask(sources, count, std::move(request), range);
                 });
    }
  }
}

}  // namespace api
