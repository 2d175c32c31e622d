// The http probe: one request on a connection of its own, judged by status and body.
#include "probe/http/http.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <charconv>

#include "probe/common.h"
#include "probe/web.h"

namespace probe::http {
namespace {

using model::OptionType;

/// Bytes of a body that the regular expressions see.
constexpr std::size_t kMaxBody = 1U << 20;

loop::HttpRequest RequestOf(const Request& request, const std::string& url) {
  const auto& options = request.spec->options;
  loop::HttpRequest out;
  out.url = url;
  out.fresh = true;
  out.method = options.Get<std::string>("method", "GET");
  SetWebOptions(options, &out);
  out.body = options.Get<std::string>("body");
  const bool wants_body = !options.Get<std::string>("body_regex").empty() ||
                          !options.Get<std::string>("body_not_regex").empty();
  out.max_body = wants_body ? kMaxBody : 0;
  out.max_redirects = options.Get<bool>("follow_redirects", true)
                          ? static_cast<int>(options.Get<std::int64_t>("max_redirects", 10))
                          : 0;
  return out;
}

bool Expected(int status, const std::vector<std::int64_t>& wanted) {
  if (wanted.empty()) {
    return status >= 200 && status <= 399;
  }
  return std::find(wanted.begin(), wanted.end(), status) != wanted.end();
}

/// Why the body is not as it must be; "" = it is.
std::string BodyFault(const model::Options& options, const std::string& body) {
  const auto must = options.Get<std::string>("body_regex");
  const auto must_not = options.Get<std::string>("body_not_regex");
  if (!must.empty()) {
    const re2::RE2 pattern(must, re2::RE2::Quiet);
    if (!pattern.ok() || !re2::RE2::PartialMatch(body, pattern)) {
      return fmt::format("the body does not hold /{}/", must);
    }
  }
  if (!must_not.empty()) {
    const re2::RE2 pattern(must_not, re2::RE2::Quiet);
    if (!pattern.ok() || re2::RE2::PartialMatch(body, pattern)) {
      return fmt::format("the body holds /{}/", must_not);
    }
  }
  return "";
}

std::string Judge(const Request& request, const loop::HttpRequest& asked,
                  const loop::HttpResponse& got, Outcome& out) {
  const auto& options = request.spec->options;
  const bool has_regex = asked.max_body > 0;
  std::string body = has_regex ? BodyFault(options, got.body) : "";
  if (has_regex) {
    out.readings.push_back({"probe_failed_due_to_regex", {}, body.empty() ? 0.0 : 1.0});
  }
  const auto wanted = options.Get<std::vector<std::int64_t>>("status");
  if (asked.max_redirects > 0 && got.status >= 300 && got.status <= 399 &&
      got.redirects >= asked.max_redirects && !got.Header("location").empty()) {
    return fmt::format("more than {} redirects", asked.max_redirects);
  }
  if (!Expected(got.status, wanted)) {
    return wanted.empty()
               ? fmt::format("HTTP status {} (expected 200 to 399)", got.status)
               : fmt::format("HTTP status {} (expected {})", got.status, fmt::join(wanted, ", "));
  }
  return body;
}

void AddReadings(const loop::HttpResponse& got, base::Duration resolve, Outcome& out) {
  const auto phase = [&](const char* name, double seconds) {
    out.readings.push_back(
        {"probe_http_duration_seconds", {{"phase", name}}, RoundSeconds(seconds)});
  };
  phase("resolve", std::chrono::duration<double>(resolve).count() + got.phases.resolve);
  phase("connect", got.phases.connect);
  phase("tls", got.phases.tls);
  phase("processing", got.phases.processing);
  phase("transfer", got.phases.transfer);
  out.readings.push_back({"probe_http_redirects", {}, static_cast<double>(got.redirects)});
  out.readings.push_back({"probe_http_ssl", {}, got.tls ? 1.0 : 0.0});
  double number = 0;
  if (std::from_chars(got.http_version.data(), got.http_version.data() + got.http_version.size(),
                      number)
          .ec == std::errc()) {
    out.readings.push_back({"probe_http_version", {}, number});
  }
  const auto length = got.Header("content-length");
  std::uint64_t bytes = 0;
  const auto [end, ec] = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (!length.empty() && ec == std::errc() && end == length.data() + length.size()) {
    out.readings.push_back({"probe_http_content_length", {}, static_cast<double>(bytes)});
  }
  out.readings.push_back(
      {"probe_http_uncompressed_body_length", {}, static_cast<double>(got.body_bytes)});
  if (got.cert_not_after > 0) {
    out.readings.push_back(
        {"probe_ssl_earliest_cert_expiry", {}, static_cast<double>(got.cert_not_after)});
  }
}

/// A certificate that is not trusted: asks once more without looking at it, to tell when it ends
/// and what would have been answered. http_code stays 0: a visitor gets no answer either.
loop::Task<> ExplainDenied(World world, loop::HttpRequest asked, base::Instant deadline,
                           Outcome* out) {
  asked.verify_tls = false;
  asked.max_redirects = 0;
  asked.max_body = 0;
  asked.user.clear();
  asked.password.clear();
  asked.headers.clear();
  asked.body.clear();
  asked.method = "GET";
  asked.timeout = deadline - base::Clock::Steady();
  const auto got = co_await world.http->Send(std::move(asked));
  if (got && got->cert_not_after > 0) {
    out->readings.push_back(
        {"probe_ssl_earliest_cert_expiry", {}, static_cast<double>(got->cert_not_after)});
    out->log.push_back(fmt::format(
        "without looking at the certificate: status {}; the certificate ends {}", got->status,
        base::FormatRfc3339(base::Time(std::chrono::seconds(got->cert_not_after)))));
  }
}

/// Readings of a URL that is not the target's own say so.
Outcome Finish(Outcome outcome, base::Instant begin, const std::string& own_url) {
  if (!own_url.empty()) {
    for (auto& reading : outcome.readings) {
      reading.labels.Set("url", own_url);
    }
  }
  return probe::Finish(std::move(outcome), begin);
}

loop::Task<Outcome> Run(World world, Request request, std::shared_ptr<Memory> /*memory*/) {
  const auto begin = base::Clock::Steady();
  const auto deadline = begin + request.spec->timeout;
  const auto own = request.spec->options.Get<std::string>("url");
  const std::string url = own.empty() ? request.target->url : own;
  Outcome out;
  const auto site = base::SiteOf(url);
  if (!site) {
    out.reason = fmt::format("\"{}\" is no http or https URL", url);
    co_return Finish(std::move(out), begin, own);
  }
  auto asked = RequestOf(request, url);
  base::Duration resolve{};
  if (!site->literal) {
    const auto found = co_await LookUp(world, site->host, asked.ip_version, request.spec->timeout);
    resolve = base::Clock::Steady() - begin;
    if (!found) {
      out.reason = found.error().message;
      out.readings.push_back({"http_code", {}, 0.0});
      co_return Finish(std::move(out), begin, own);
    }
    asked.resolve.push_back(Pin(*site, *found));
  }
  asked.timeout = deadline - base::Clock::Steady();
  const auto got = co_await world.http->Send(asked);
  if (!got) {
    out.reason = got.error().kind == base::ErrorKind::kDeadline ? Within(request.spec->timeout)
                                                                : got.error().message;
    out.log.push_back(fmt::format("{} {}: {}", asked.method, url, got.error().message));
    out.readings.push_back({"http_code", {}, 0.0});
    if (got.error().kind == base::ErrorKind::kDenied) {
      co_await ExplainDenied(world, asked, deadline, &out);
    }
    co_return Finish(std::move(out), begin, own);
  }
  out.log.push_back(fmt::format("{} {}: status {} from {}, {} bytes, {:.1f} ms", asked.method, url,
                                got->status, got->remote_address, got->body_bytes,
                                got->total_seconds * 1e3));
  out.readings.push_back({"http_code", {}, static_cast<double>(got->status)});
  AddReadings(*got, resolve, out);
  out.reason = Judge(request, asked, *got, out);
  out.success = out.reason.empty();
  co_return Finish(std::move(out), begin, own);
}

std::vector<model::OptionSpec> OptionList() {
  std::vector<model::OptionSpec> out = {
      {.name = "url", .type = OptionType::kUrl, .help = "instead of the target's own url"},
      {.name = "method", .type = OptionType::kString, .help = "request method", .fallback = "GET"},
      {.name = "body", .type = OptionType::kString, .help = "request body"},
      {.name = "follow_redirects",
       .type = OptionType::kBool,
       .help = "http_code is then the last answer's status",
       .fallback = "true"},
      {.name = "max_redirects",
       .type = OptionType::kInteger,
       .help = "redirects followed before the probe fails",
       .fallback = "10",
       .min = 1,
       .max = 50},
      {.name = "status",
       .type = OptionType::kIntegers,
       .help = "statuses that are a success; 200 to 399 when not given",
       .min = 100,
       .max = 599},
      {.name = "body_regex",
       .type = OptionType::kRegex,
       .help = "what the body must hold, within its first MiB"},
      {.name = "body_not_regex",
       .type = OptionType::kRegex,
       .help = "what the body must not hold, within its first MiB"},
  };
  const auto shared = WebOptions(
      "whether the TLS certificate must be trusted; if so, an untrusted one is no answer "
      "(http_code 0)");
  out.insert(out.end(), shared.begin(), shared.end());
  return out;
}

std::vector<model::MetricSpec> MetricList() {
  return {{"http_code", "gauge", "", "status of the answer, 100 to 599; 0: no answer came"},
          {"probe_http_duration_seconds",
           "gauge",
           "seconds",
           "time of each phase, summed over redirects: resolve, connect, tls, processing, transfer",
           {"phase"}},
          {"probe_http_redirects", "gauge", "", "redirects followed"},
          {"probe_http_ssl", "gauge", "", "1: the last answer came over TLS, 0: not"},
          {"probe_http_version", "gauge", "", "HTTP version of the last answer: 1, 1.1 or 2"},
          {"probe_http_content_length", "gauge", "bytes", "the answer's Content-Length"},
          {"probe_http_uncompressed_body_length", "gauge", "bytes",
           "length of the body after decompression"},
          {"probe_ssl_earliest_cert_expiry", "gauge", "seconds",
           "when the first certificate of the chain ends, seconds since 1970"},
          {"probe_failed_due_to_regex", "gauge", "",
           "1: the body is not as body_regex and body_not_regex say, 0: it is"}};
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "http",
             .title = "HTTP request: status, timings, redirects, body and certificate",
             .options = OptionList(),
             .metrics = MetricList()},
    .run = &Run,
    .state_metrics = {"http_code"}};

}  // namespace probe::http
