// The small parts of HTTP that are ours: escapes, forms, targets, ready-made answers.
#include "api/http.h"

#include <algorithm>

#include "base/text.h"

namespace api {
namespace {

constexpr std::size_t kMaxPairs = 1000;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool HasControl(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// Valid UTF-8 that may hold line ends and tabs: what a query text may be.
bool IsText(std::string_view text) { return base::Printable(text, true) == text; }

bool Escapes(std::string_view path) {
  return std::ranges::any_of(base::Split(path, '/'), [](std::string_view part) {
    return part == ".." || part == "." || part.contains('\\');
  });
}

}  // namespace

std::string_view ToString(Role role) {
  switch (role) {
    case Role::kAlert:
      return "alert";
    case Role::kPush:
      return "push";
    case Role::kRead:
      return "read";
    case Role::kOperate:
      return "operate";
    case Role::kNone:
      break;
  }
  return "none";
}

std::string_view Params::Get(std::string_view name) const {
  const auto at = std::ranges::find(pairs_, name, &std::pair<std::string, std::string>::first);
  return at == pairs_.end() ? std::string_view() : std::string_view(at->second);
}

bool Params::Has(std::string_view name) const {
  return std::ranges::find(pairs_, name, &std::pair<std::string, std::string>::first) !=
         pairs_.end();
}

std::vector<std::string> Params::All(std::string_view name) const {
  std::vector<std::string> out;
  for (const auto& [key, value] : pairs_) {
    if (key == name) {
      out.push_back(value);
    }
  }
  return out;
}

std::string_view Request::Header(std::string_view lower_case_name) const {
  const auto at =
      std::ranges::find(headers, lower_case_name, &std::pair<std::string, std::string>::first);
  return at == headers.end() ? std::string_view() : std::string_view(at->second);
}

Response Text(int status, std::string text) {
  Response out;
  out.status = status;
  out.body = std::move(text);
  return out;
}

Response JsonText(int status, std::string json) {
  Response out;
  out.status = status;
  out.content_type = "application/json";
  out.body = std::move(json);
  return out;
}

Response JsonError(int status, std::string_view type, std::string_view message) {
  return JsonText(status, R"({"status":"error","errorType":)" + base::JsonQuote(type) +
                              R"(,"error":)" + base::JsonQuote(message) + "}");
}

Response JsonError(const base::Error& error) {
  using enum base::ErrorKind;
  switch (error.kind) {
    case kInvalid:
      return JsonError(400, "bad_data", error.message);
    case kNotFound:
      return JsonError(404, "not_found", error.message);
    case kUnavailable:
      return JsonError(503, "unavailable", error.message);
    case kDeadline:
      return JsonError(503, "timeout", error.message);
    case kDenied:
      return JsonError(403, "forbidden", error.message);
    case kRefused:
      return JsonError(409, "conflict", error.message);
    case kCancelled:
      return JsonError(503, "canceled", error.message);
    case kCorrupt:
    case kInternal:
      break;
  }
  return JsonError(500, "internal", error.message);
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return "Unknown";
  }
}

base::Result<std::string> PercentDecode(std::string_view text, bool form) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return base::Fail(base::ErrorKind::kInvalid, "broken % escape");
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && form) {
      c = ' ';
    }
    if (c == '\0') {
      return base::Fail(base::ErrorKind::kInvalid, "a NUL byte is not allowed");
    }
    out.push_back(c);
  }
  return out;
}

base::Result<Params> ParseForm(std::string_view text) {
  Params out;
  std::size_t count = 0;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) {
      continue;
    }
    if (++count > kMaxPairs) {
      return base::Fail(base::ErrorKind::kInvalid, "more than 1000 parameters");
    }
    const auto equals = pair.find('=');
    auto name = PercentDecode(pair.substr(0, equals), true);
    auto value = PercentDecode(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value) {
      return base::Fail(name ? value.error() : name.error());
    }
    if (!IsText(*name) || !IsText(*value)) {
      return base::Fail(base::ErrorKind::kInvalid,
                        "a parameter is not valid UTF-8 or holds control characters");
    }
    out.Add(std::move(*name), std::move(*value));
  }
  return out;
}

base::Result<ParsedTarget> ParseTarget(std::string_view target) {
  if (!target.starts_with('/')) {
    const auto scheme = target.find("://");
    const bool http = scheme != std::string_view::npos &&
                      (target.substr(0, scheme) == "http" || target.substr(0, scheme) == "https");
    const auto slash = http ? target.find_first_of("/?", scheme + 3) : std::string_view::npos;
    if (slash == std::string_view::npos || target[slash] != '/') {
      return base::Fail(base::ErrorKind::kInvalid, "the request target has to begin with /");
    }
    target = target.substr(slash);
  }
  target = target.substr(0, target.find('#'));
  const auto question = target.find('?');
  auto path = PercentDecode(target.substr(0, question), false);
  if (!path) {
    return base::Fail(path.error().In("path"));
  }
  if (HasControl(*path) || !base::IsPrintable(*path) || Escapes(*path)) {
    return base::Fail(base::ErrorKind::kInvalid, "path: not allowed");
  }
  ParsedTarget out{std::move(*path), {}};
  if (question != std::string_view::npos) {
    auto query = ParseForm(target.substr(question + 1));
    if (!query) {
      return base::Fail(query.error().In("query"));
    }
    out.query = std::move(*query);
  }
  return out;
}

}  // namespace api
