// Webhooks: one POST an event.
#include "notify/webhook/webhook.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "incident/json.h"
#include "notify/http.h"

namespace notify::webhook {
namespace {

namespace json = boost::json;

std::string Body(const Message& message) {
  json::object out{{"version", "1"},
                   {"id", message.id},
                   {"event", message.event},
                   {"subject", base::Printable(message.subject)},
                   {"text", base::Printable(message.text, true)},
                   {"language", message.language},
                   {"incident", incident::ToJson(message.incident, true)}};
  return json::serialize(out);
}

/// Whether a header of the configuration may be sent: a token as name (RFC 9110), a value without
/// line ends.
bool SafeHeader(const std::string& name, const std::string& value) {
  constexpr std::string_view kToken =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  return !name.empty() && name.find_first_not_of(kToken) == std::string::npos &&
         base::Printable(value) == value;
}

loop::Task<Delivery> Send(Request request) {
  const auto& options = request.options;
  loop::HttpRequest http;
  http.method = "POST";
  http.url = options.Get<std::string>("url");
  http.timeout = options.Get<base::Duration>("timeout", std::chrono::seconds(10));
  http.max_body = 16 * 1024;
  http.verify_tls = options.Get<bool>("verify_tls", true);
  http.body = Body(request.message);
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(base::Clock::Now().time_since_epoch());
  http.headers = {{"Content-Type", "application/json"},
                  {"X-Raksa-Event", request.message.event},
                  {"X-Raksa-Delivery", request.retry_key},
                  {"X-Raksa-Timestamp", fmt::format("{}", now.count())}};
  const auto secret = options.Get<base::Secret>("secret_file");
  if (!secret.empty()) {
    http.headers.emplace_back("X-Raksa-Signature", Sign(secret.Reveal(), now.count(), http.body));
  }
  for (const auto& [name, value] : options.Get<std::map<std::string, std::string>>("headers")) {
    if (SafeHeader(name, value)) {
      http.headers.emplace_back(name, value);
    }
  }
  const auto response = co_await request.http->Send(std::move(http));
  co_return Judge(response);
}

}  // namespace

std::string Sign(std::string_view secret, std::int64_t unix_seconds, std::string_view body) {
  return "sha256=" + base::HmacSha256Hex(secret, fmt::format("{}:{}", unix_seconds, body));
}

const Kind kKind = {
    .spec = {.name = "webhook",
             .title = "HTTP POST of the incident as JSON, signed with HMAC-SHA256",
             .options = {{.name = "url",
                          .type = model::OptionType::kUrl,
                          .help = "where to",
                          .required = true},
                         {.name = "secret_file",
                          .type = model::OptionType::kSecretFile,
                          .help =
                              "file with the key of the signature; without it nothing is signed"},
                         {.name = "headers",
                          .type = model::OptionType::kMap,
                          .help = "more headers, for example an Authorization"},
                         {.name = "verify_tls",
                          .type = model::OptionType::kBool,
                          .help = "false: any certificate is taken",
                          .fallback = "true"},
                         {.name = "timeout",
                          .type = model::OptionType::kDuration,
                          .help = "for one try",
                          .fallback = "10s",
                          .min = 1,
                          .max = 60}}},
    .send = Send};

}  // namespace notify::webhook
