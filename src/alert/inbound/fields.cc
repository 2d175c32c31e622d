// Values out of JSON, cleaned and bounded.
#include "alert/inbound/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <limits>

#include "alert/inbound/inbound.h"
#include "base/text.h"

namespace alert::inbound {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxName = 128;
/// Places among kMaxLabels for the labels that decide and for those that we add.
constexpr std::size_t kReserve = 20;

constexpr std::array<std::string_view, 12> kDeciding = {
    "alertname", "target", "ip",   "instance", "url",       "host",
    "hostname",  "metric", "port", "severity", "host_host", "host_ip"};

std::string_view View(const json::string& text) { return {text.data(), text.size()}; }

bool IsUnresolvedMacro(std::string_view text) {
  if (text == "*UNKNOWN*") {
    return true;
  }
  if (text.size() < 3 || !text.starts_with('{') || !text.ends_with('}')) {
    return false;
  }
  return std::ranges::all_of(text.substr(1, text.size() - 2), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '$' ||
           c == '#';
  });
}

/// `text` cut to `limit` bytes, not within a character.
std::string_view Cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return text;
  }
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80) {
    --limit;
  }
  return text.substr(0, limit);
}

bool MayName(std::string_view name) {
  return name.size() <= kMaxName && !name.starts_with("__") && model::IsLabelName(name);
}

/// A label's value; the texts of a list joined by commas.
std::string ValueText(const json::value& value) {
  const auto* list = value.if_array();
  if (list == nullptr) {
    return TextOf(value);
  }
  std::string out;
  for (const auto& item : *list) {
    if (out.size() > kMaxValue) {
      break;
    }
    const auto text = TextOf(item);
    out += (out.empty() || text.empty() ? "" : ",") + text;
  }
  return out;
}

}  // namespace

const json::value* Member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const json::object* ObjectAt(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

const json::array* ArrayAt(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_array();
}

std::string TextOf(const json::value& value) {
  if (const auto* text = value.if_string()) {
    return IsUnresolvedMacro(View(*text)) ? "" : std::string(View(*text));
  }
  if (const auto* number = value.if_int64()) {
    return std::to_string(*number);
  }
  if (const auto* number = value.if_uint64()) {
    return std::to_string(*number);
  }
  if (const auto* number = value.if_double()) {
    return fmt::format("{}", *number);
  }
  if (const auto* truth = value.if_bool()) {
    return *truth ? "true" : "false";
  }
  return "";
}

std::string TextAt(const json::object& object, std::initializer_list<std::string_view> names) {
  for (const auto name : names) {
    if (const auto* value = Member(object, name)) {
      if (auto text = TextOf(*value); !text.empty()) {
        return text;
      }
    }
  }
  return "";
}

std::optional<double> NumberOf(const json::value& value) {
  if (const auto* number = value.if_double()) {
    return *number;
  }
  if (const auto* number = value.if_int64()) {
    return static_cast<double>(*number);
  }
  if (const auto* number = value.if_uint64()) {
    return static_cast<double>(*number);
  }
  const auto* text = value.if_string();
  if (text == nullptr) {
    return std::nullopt;
  }
  std::string_view digits = base::Trim(View(*text));
  if (digits.starts_with('+') && !digits.starts_with("+-")) {
    digits.remove_prefix(1);
  }
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<double> NumberAt(const json::object& object, std::string_view name) {
  const auto* value = Member(object, name);
  return value == nullptr ? std::nullopt : NumberOf(*value);
}

std::optional<base::Time> TimeAt(const json::object& object, std::string_view name) {
  const auto* value = Member(object, name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  if (text == nullptr || text->size() > 64) {
    return std::nullopt;
  }
  const auto time = base::ParseRfc3339(View(*text));
  if (!time || *time <= base::Time{} || *time == base::Time::max()) {
    return std::nullopt;
  }
  return *time;
}

std::string Clean(std::string_view text, std::size_t limit) {
  // A character of four bytes gives at least one of three: twice the limit is enough to fill it.
  std::string lines(Cut(text, 2 * limit));
  std::ranges::replace_if(lines, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return std::string(Cut(base::Printable(lines), limit));
}

std::string Quoted(std::string_view text) {
  const auto clean = Clean(text, 120);
  return "\"" + clean + (text.size() > 120 ? "…\"" : "\"");
}

std::string CleanUrl(std::string_view text) {
  text = base::Trim(text);
  const bool web = text.starts_with("http://") || text.starts_with("https://");
  return web && base::IsPrintable(text) && text.size() <= kMaxValue &&
                 text.find_first_of(" \"'<>`") == std::string_view::npos
             ? WithoutUser(text)
             : "";
}

void AddLabel(model::Labels& labels, std::string_view name, std::string_view value) {
  if (value.empty() || !MayName(name)) {
    return;
  }
  const bool deciding = std::ranges::find(kDeciding, name) != kDeciding.end();
  if (labels.size() >= kMaxLabels - kReserve && !deciding && !labels.Has(name)) {
    return;
  }
  labels.Set(name, Clean(value, kMaxValue));
}

void AddLabels(model::Labels& labels, const json::object* object) {
  if (object == nullptr) {
    return;
  }
  for (const auto& member : *object) {
    const std::string_view name(member.key().data(), member.key().size());
    AddLabel(labels, name, ValueText(member.value()));
  }
}

model::Labels Annotations(const json::object* object) {
  model::Labels out;
  AddLabels(out, object);
  return out;
}

}  // namespace alert::inbound
