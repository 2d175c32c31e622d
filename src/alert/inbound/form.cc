// The parts of a form, one after another.
#include "alert/inbound/form.h"

#include <string>

#include "base/text.h"

namespace alert::inbound {
namespace {

constexpr std::size_t kMaxParts = 32;
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, 5.1.1
constexpr std::size_t kMaxHeaders = 4096;

/// The boundary that the content type names, or with which the body begins; "" when neither has it.
std::string_view Boundary(std::string_view content_type, std::string_view body) {
  constexpr std::string_view kName = "boundary=";
  std::string_view out;
  if (const auto at = base::LowerCase(content_type).find(kName); at != std::string::npos) {
    out = content_type.substr(at + kName.size());
    out = out.starts_with('"') ? out.substr(1, out.find('"', 1) - 1)
                               : base::Trim(out.substr(0, out.find(';')));
  } else if (body.starts_with("--")) {
    out = body.substr(2, body.find("\r\n") - 2);
  }
  return out.size() <= kMaxBoundary ? out : std::string_view();
}

/// Whether a part's headers give it this name.
bool IsNamed(std::string_view headers, std::string_view name) {
  for (const auto line : base::Split(headers, '\n')) {
    const auto lower = base::LowerCase(line);
    if (!lower.starts_with("content-disposition:")) {
      continue;
    }
    for (const auto piece : base::Split(lower, ';')) {
      const auto trimmed = base::Trim(piece);
      if (trimmed == "name=" + std::string(name) ||
          trimmed == "name=\"" + std::string(name) + "\"") {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

bool IsForm(std::string_view content_type, std::string_view body) {
  return base::LowerCase(base::Trim(content_type)).starts_with("multipart/form-data") ||
         body.starts_with("--");
}

std::optional<std::string_view> FormField(std::string_view content_type, std::string_view body,
                                          std::string_view name) {
  const auto boundary = Boundary(content_type, body);
  if (boundary.empty()) {
    return std::nullopt;
  }
  const std::string first = "--" + std::string(boundary);
  const std::string next = "\r\n" + first;
  auto at = body.starts_with(first) ? 0 : body.find(next);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view rest = body.substr(at + (at == 0 ? first.size() : next.size()));
  for (std::size_t part = 0; part < kMaxParts && rest.starts_with("\r\n"); ++part) {
    const auto end = rest.find(next);
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    const auto whole = rest.substr(0, end);
    const auto blank = whole.substr(0, kMaxHeaders).find("\r\n\r\n");
    if (blank == std::string_view::npos) {
      return std::nullopt;
    }
    if (IsNamed(whole.substr(0, blank), name)) {
      return whole.substr(blank + 4);
    }
    rest.remove_prefix(end + next.size());
  }
  return std::nullopt;
}

}  // namespace alert::inbound
