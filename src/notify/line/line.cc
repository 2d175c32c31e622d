// The LINE Messaging API: push with a retry key, quota.
#include "notify/line/line.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "incident/json.h"
#include "incident/text.h"
#include "notify/http.h"

namespace notify::line {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxText = 5000;      // UTF-16 units
constexpr std::size_t kMaxAlt = 400;        // UTF-16 units
constexpr std::size_t kMaxValue = 300;      // UTF-16 units of one line of a card
constexpr std::size_t kMaxBubble = 30'000;  // bytes of JSON
constexpr std::array<std::string_view, 3> kStyles = {"card", "text", "both"};

json::object Piece(std::string_view text, std::string_view color, std::string_view weight) {
  return {{"type", "text"}, {"text", TruncateUtf16(text.empty() ? "-" : text, kMaxValue)},
          {"wrap", true},   {"size", "sm"},
          {"color", color}, {"weight", weight}};
}

json::object Row(const incident::TextLine& line) {
  if (line.name.empty()) {
    return Piece(line.value, "#333333", "bold");
  }
  auto name = Piece(line.name, "#777777", "regular");
  name["flex"] = 2;
  auto value = Piece(line.value, "#111111", "regular");
  value["flex"] = 4;
  return {{"type", "box"},
          {"layout", "baseline"},
          {"contents", json::array{std::move(name), std::move(value)}}};
}

/// The card; the lines that would make it too large are left out.
json::object Bubble(const incident::Words& words) {
  auto title = Piece(words.subject, "#FFFFFF", "bold");
  title["size"] = "md";
  json::array rows;
  std::size_t size = json::serialize(title).size() + 600;  // 600: the frame around the rows
  for (const auto& line : words.lines) {
    auto row = Row(line);
    size += json::serialize(row).size() + 1;
    if (size > kMaxBubble) {
      break;
    }
    rows.push_back(std::move(row));
  }
  return {{"type", "bubble"},
          {"header", json::object{{"type", "box"},
                                  {"layout", "vertical"},
                                  {"backgroundColor", words.good ? "#1B8A4B" : "#C0392B"},
                                  {"contents", json::array{std::move(title)}}}},
          {"body", json::object{{"type", "box"},
                                {"layout", "vertical"},
                                {"spacing", "sm"},
                                {"contents", std::move(rows)}}}};
}

loop::HttpRequest Make(const model::Options& options, std::string method, std::string_view path) {
  loop::HttpRequest out;
  out.method = std::move(method);
  auto base = options.Get<std::string>("base_url", "https://api.line.me");
  while (base.ends_with('/')) {
    base.pop_back();
  }
  out.url = base + std::string(path);
  out.timeout = options.Get<base::Duration>("timeout", std::chrono::seconds(10));
  out.max_body = 16 * 1024;
  out.headers.emplace_back("Authorization",
                           "Bearer " + options.Get<base::Secret>("token_file").Reveal());
  return out;
}

/// LINE's own words for "the month's messages are used up" (429).
bool MonthlyLimit(const loop::HttpResponse& response) {
  return response.status == 429 && response.body.find("monthly limit") != std::string::npos;
}

Delivery JudgeLine(const base::Result<loop::HttpResponse>& response) {
  auto out = Judge(response);
  if (!response) {
    return out;
  }
  const auto id = base::Printable(response->Header("x-line-request-id")).substr(0, 100);
  if (response->status == 409) {
    // The retry key was seen before: an earlier try arrived.
    const auto accepted = response->Header("x-line-accepted-request-id");
    out = {Delivery::Kind::kDelivered,
           fmt::format("accepted before as {}", base::Printable(accepted).substr(0, 100)),
           {}};
  } else if (MonthlyLimit(*response)) {
    out.kind = Delivery::Kind::kExhausted;
    out.retry_after = {};
  }
  if (!id.empty()) {
    out.detail += ", request " + id;
  }
  return out;
}

loop::Task<Delivery> Push(Request request, std::string style) {
  auto http = Make(request.options, "POST", "/v2/bot/message/push");
  http.headers.emplace_back("Content-Type", "application/json");
  http.headers.emplace_back("X-Line-Retry-Key", request.retry_key);
  http.body =
      json::serialize(PushBody(request.options.Get<std::string>("to"), request.message, style));
  const auto response = co_await request.http->Send(std::move(http));
  auto delivery = JudgeLine(response);
  const bool bad_body = response && response->status == 400;
  if (bad_body) {
    delivery.kind = Delivery::Kind::kRejected;
  }
  co_return delivery;
}

loop::Task<Delivery> Send(Request request) {
  const auto style = request.options.Get<std::string>("style", "card");
  auto delivery = co_await Push(request, style);
  // A card that LINE does not like must not cost the message: once more in plain words. The refused
  // request was not accepted, so the key is still free.
  const bool refused = delivery.kind == Delivery::Kind::kRejected &&
                       delivery.detail.starts_with("status 400") && style != "text";
  if (refused) {
    const auto first = delivery.detail;
    delivery = co_await Push(std::move(request), "text");
    delivery.detail += fmt::format(" (as text; the card was refused: {})", first);
  }
  co_return delivery;
}

base::Result<std::int64_t> Number(const base::Result<loop::HttpResponse>& response,
                                  std::string_view key, std::int64_t otherwise) {
  if (!response) {
    return base::Fail(response.error());
  }
  if (response->status != 200) {
    return base::Fail(base::ErrorKind::kUnavailable, Judge(response).detail);
  }
  const auto value = incident::ParseJson(response->body);
  if (!value || !value->is_object()) {
    return base::Fail(base::ErrorKind::kInvalid, "the quota's answer is no JSON object");
  }
  const auto* at = value->get_object().if_contains(key);
  if (at == nullptr) {
    return otherwise;
  }
  boost::system::error_code ec;
  const auto number = at->to_number<std::int64_t>(ec);
  if (ec || number < 0) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("{} is no number", key));
  }
  return number;
}

loop::Task<base::Result<Quota>> ReadQuota(model::Options options, loop::HttpClient* http) {
  const auto limit = co_await http->Send(Make(options, "GET", "/v2/bot/message/quota"));
  const auto value = Number(limit, "value", -1);  // absent with "type":"none"
  if (!value) {
    co_return base::Fail(value.error().In("quota"));
  }
  const auto used = co_await http->Send(Make(options, "GET", "/v2/bot/message/quota/consumption"));
  const auto total = Number(used, "totalUsage", 0);
  if (!total) {
    co_return base::Fail(total.error().In("quota"));
  }
  co_return Quota{*value, *total};
}

}  // namespace

json::object PushBody(const std::string& to, const Message& message, const std::string& style) {
  json::array messages;
  if (style != "text") {
    const auto words = incident::Write(message.incident, message.event, message.language);
    messages.push_back(json::object{{"type", "flex"},
                                    {"altText", TruncateUtf16(message.subject, kMaxAlt)},
                                    {"contents", Bubble(words)}});
  }
  if (style != "card") {
    messages.push_back(
        json::object{{"type", "text"}, {"text", TruncateUtf16(message.text, kMaxText)}});
  }
  return {{"to", to}, {"messages", std::move(messages)}};
}

const Kind kKind = {
    .spec = {.name = "line",
             .title = "LINE Messaging API: a push to a user, a group or a room",
             .options = {{.name = "token_file",
                          .type = model::OptionType::kSecretFile,
                          .help = "file with the channel access token",
                          .required = true},
                         {.name = "to",
                          .type = model::OptionType::kString,
                          .help = "id of a user (U…), a group (C…) or a room (R…)",
                          .required = true},
                         {.name = "base_url",
                          .type = model::OptionType::kUrl,
                          .help = "where the API is; another for tests and gateways",
                          .fallback = "https://api.line.me"},
                         {.name = "style",
                          .type = model::OptionType::kString,
                          .help = "a Flex card, plain text, or both in one push (same cost)",
                          .fallback = "card",
                          .choices = kStyles},
                         {.name = "timeout",
                          .type = model::OptionType::kDuration,
                          .help = "for one try",
                          .fallback = "10s",
                          .min = 1,
                          .max = 60}}},
    .send = Send,
    .quota = ReadQuota};

}  // namespace notify::line
