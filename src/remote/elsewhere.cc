// Queries to another engine, and its answers.
#include "remote/elsewhere.h"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <charconv>
#include <cmath>
#include <future>
#include <limits>

#include "base/text.h"
#include "base/url.h"

namespace remote {
namespace {

namespace json = boost::json;
using base::ErrorKind;

constexpr std::size_t kMaxAnswer = 64U << 20U;

/// "1.5", "NaN", "+Inf", "-Inf".
std::optional<double> ReadValue(std::string_view text) {
  if (text == "NaN") {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (text == "+Inf" || text == "Inf" || text == "-Inf") {
    const auto inf = std::numeric_limits<double>::infinity();
    return text[0] == '-' ? -inf : inf;
  }
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(out)
                                                                  : std::nullopt;
}

/// [seconds, "value"]; throws what boost::json throws when it is none.
model::Point ReadPoint(const json::value& value) {
  const auto& pair = value.as_array();
  const auto v = ReadValue(std::string_view(pair.at(1).as_string()));
  if (!v) {
    throw std::invalid_argument("a value is no number");
  }
  return {static_cast<model::Timestamp>(std::llround(pair.at(0).to_number<double>() * 1000)), *v};
}

promql::LabelsPtr ReadLabels(const json::value& value) {
  std::vector<model::Labels::Pair> pairs;
  for (const auto& [name, text] : value.as_object()) {
    pairs.emplace_back(std::string(name), std::string(text.as_string()));
  }
  return std::make_shared<const model::Labels>(std::move(pairs));
}

promql::Value ReadData(const json::object& data) {
  const auto& type = data.at("resultType").as_string();
  const auto& result = data.at("result").as_array();
  if (type == "scalar") {
    const auto point = ReadPoint(data.at("result"));
    return promql::Scalar{point.t, point.v};
  }
  if (type == "string") {
    return promql::String{
        static_cast<model::Timestamp>(std::llround(result.at(0).to_number<double>() * 1000)),
        std::string(result.at(1).as_string())};
  }
  if (type == "vector") {
    promql::Vector out;
    for (const auto& one : result) {
      const auto& sample = one.as_object();
      const auto point = ReadPoint(sample.at("value"));
      out.push_back({ReadLabels(sample.at("metric")), point.t, point.v});
    }
    return out;
  }
  if (type != "matrix") {
    throw std::invalid_argument("its type is unknown");
  }
  promql::Matrix out;
  for (const auto& one : result) {
    const auto& series = one.as_object();
    auto& into = out.emplace_back();
    into.labels = ReadLabels(series.at("metric"));
    for (const auto& point : series.at("values").as_array()) {
      into.points.push_back(ReadPoint(point));
    }
  }
  return out;
}

base::Error ErrorOf(const json::object& answer) {
  const auto text = [&](std::string_view key) -> std::string {
    const auto* value = answer.if_contains(key);
    return value != nullptr && value->is_string()
               ? base::Printable(std::string_view(value->as_string()).substr(0, 500))
               : "";
  };
  const auto type = text("errorType");
  const auto kind = type == "bad_data" || type == "execution" || type == "422" || type == "400"
                        ? ErrorKind::kInvalid
                    : type == "timeout" ? ErrorKind::kDeadline
                                        : ErrorKind::kUnavailable;
  const auto message = text("error");
  return {kind, message.empty() ? "an error without a sentence" : message};
}

}  // namespace

base::Result<promql::Value> ParseAnswer(std::string_view text) {
  boost::system::error_code ec;
  const auto root = json::parse({text.data(), text.size()}, ec);
  const auto* answer = ec ? nullptr : root.if_object();
  const auto* status = answer == nullptr ? nullptr : answer->if_contains("status");
  if (status == nullptr || !status->is_string()) {
    return base::Fail(ErrorKind::kInvalid, "the answer is none of Prometheus's API");
  }
  if (status->as_string() != "success") {
    return base::Fail(ErrorOf(*answer));
  }
  try {
    return ReadData(answer->at("data").as_object());
  } catch (const std::exception& error) {
    return base::Fail(ErrorKind::kInvalid,
                      std::string("the answer is none of Prometheus's API: ") + error.what());
  }
}

std::string EncodeForm(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string out;
  for (const auto& [name, value] : pairs) {
    out += (out.empty() ? "" : "&") + base::UrlEncode(name) + "=" + base::UrlEncode(value);
  }
  return out;
}

Elsewhere::Elsewhere(loop::Loop& loop, loop::HttpClient& http, Endpoint endpoint)
    : loop_(loop),
      http_(http),
      endpoint_(std::move(endpoint)),
      shown_("store " + ShownUrl(endpoint_.url)) {}

loop::Task<base::Result<loop::HttpResponse>> Elsewhere::Ask(
    bool post, std::string path, std::vector<std::pair<std::string, std::string>> pairs) {
  auto form = EncodeForm(pairs);
  if (!post && !form.empty()) {
    path += "?" + std::exchange(form, {});
  }
  auto request = RequestTo(endpoint_, post ? "POST" : "GET", path);
  request.max_body = kMaxAnswer;
  if (post) {
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = std::move(form);
  }
  auto answer = co_await http_.Send(std::move(request));
  if (!answer) {
    co_return base::Fail(answer.error().In(shown_));
  }
  if (answer->truncated) {
    co_return base::Fail(ErrorKind::kRefused, shown_ + ": the answer is larger than 64 MiB");
  }
  co_return answer;
}

namespace {

/// What a thread waits for while the loop asks.
using Promise = std::promise<base::Result<loop::HttpResponse>>;

loop::Task<> AskFor(std::shared_ptr<Elsewhere> self, std::shared_ptr<Promise> promise,
                    std::vector<std::pair<std::string, std::string>> pairs) {
  auto answer = co_await self->Ask(true, "/api/v1/query", std::move(pairs));
  promise->set_value(std::move(answer));
}

}  // namespace

base::Result<promql::Value> Elsewhere::Instant(const promql::Expr& expr, model::Timestamp at) {
  {
    const std::lock_guard lock(mutex_);
    if (base::Clock::Steady() < retry_at_) {
      return base::Fail(error_);
    }
  }
  auto promise = std::make_shared<Promise>();
  auto future = promise->get_future();
  std::vector<std::pair<std::string, std::string>> pairs = {
      {"query", expr.ToString()},
      {"time", fmt::format("{}.{:03}", at / 1000, at % 1000)},
      {"timeout", fmt::format("{}ms", std::max<std::int64_t>(
                                          1, endpoint_.timeout / std::chrono::milliseconds(1)))}};
  loop_.Post([self = shared_from_this(), promise, pairs = std::move(pairs)]() mutable {
    self->loop_.Spawn("query elsewhere", AskFor(self, promise, std::move(pairs)));
  });
  while (future.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    if (closed_) {
      return base::Fail(ErrorKind::kCancelled, shown_ + ": raksa ends");
    }
  }
  base::Result<loop::HttpResponse> answer;
  try {
    answer = future.get();
  } catch (const std::future_error&) {  // the loop has ended meanwhile
    return base::Fail(ErrorKind::kCancelled, shown_ + ": raksa ends");
  }
  if (!answer) {
    const std::lock_guard lock(mutex_);
    retry_at_ = base::Clock::Steady() + std::chrono::seconds(1);
    error_ = answer.error();
    return base::Fail(answer.error());
  }
  auto value = ParseAnswer(answer->body);
  if (!value) {
    const bool said = answer->status / 100 == 2 || answer->body.starts_with("{\"status\"");
    return base::Fail(
        value.error().In(said ? shown_ : fmt::format("{}: HTTP {}", shown_, answer->status)));
  }
  return value;
}

}  // namespace remote
