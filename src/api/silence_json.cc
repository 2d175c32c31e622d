// JSON of silences: ours, and what Alertmanager's clients send.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "api/json.h"
#include "base/text.h"

namespace api {
namespace json = boost::json;
namespace {

using Op = alert::Matcher::Op;

std::string_view OpText(Op op) {
  switch (op) {
    case Op::kNotEqual:
      return "!=";
    case Op::kRegex:
      return "=~";
    case Op::kNotRegex:
      return "!~";
    case Op::kEqual:
      break;
  }
  return "=";
}

base::Result<std::string> ReadText(const json::object& object, std::string_view key,
                                   std::string fallback) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || value->is_null()) {
    return fallback;
  }
  if (!value->is_string()) {
    return base::Fail(base::ErrorKind::kInvalid, std::string(key) + " has to be a string");
  }
  return std::string(value->get_string());
}

/// A time under its own name or Alertmanager's; `fallback` when neither is there.
base::Result<base::Time> ReadTime(const json::object& object, std::string_view key,
                                  std::string_view other, base::Time fallback) {
  const auto name = object.contains(key) ? key : other;
  const auto text = ReadText(object, name, "");
  if (!text) {
    return base::Fail(text.error());
  }
  if (text->empty()) {
    return fallback;
  }
  auto time = base::ParseRfc3339(*text);
  if (!time) {
    return base::Fail(time.error().In(name));
  }
  return *time;
}

bool ReadBool(const json::object& object, std::string_view key, bool fallback) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_bool() ? value->get_bool() : fallback;
}

base::Result<alert::Matcher> ReadMatcher(const json::value& value) {
  if (!value.is_object()) {
    return base::Fail(base::ErrorKind::kInvalid, "matchers: each has to be an object");
  }
  const auto& object = value.get_object();
  const auto name = ReadText(object, "name", "");
  const auto text = ReadText(object, "value", "");
  const bool regex = ReadBool(object, "isRegex", false);
  const bool equal = ReadBool(object, "isEqual", true);
  const auto fallback = regex ? (equal ? "=~" : "!~") : (equal ? "=" : "!=");
  const auto op = ReadText(object, "op", fallback);
  if (!name || !text || !op) {
    return base::Fail(base::ErrorKind::kInvalid, "matchers: name, op and value have to be strings");
  }
  for (const Op known : {Op::kEqual, Op::kNotEqual, Op::kRegex, Op::kNotRegex}) {
    if (*op == OpText(known)) {
      return alert::Matcher::Make(*name, known, *text);
    }
  }
  return base::Fail(base::ErrorKind::kInvalid, "matchers: op has to be =, !=, =~ or !~");
}

base::Result<base::Time> ReadEnd(const json::object& object, base::Time starts) {
  const auto span = ReadText(object, "duration", "");
  if (!span) {
    return base::Fail(span.error());
  }
  if (span->empty()) {
    auto ends = ReadTime(object, "ends_at", "endsAt", base::Time{});
    if (ends && *ends == base::Time{}) {
      return base::Fail(base::ErrorKind::kInvalid, "ends_at or duration is missing");
    }
    return ends;
  }
  const auto duration = base::ParseDuration(*span);
  if (!duration) {
    return base::Fail(duration.error().In("duration"));
  }
  if (*duration > std::chrono::hours(24 * 366)) {
    return base::Fail(base::ErrorKind::kInvalid, "duration: at most a year");
  }
  return starts + *duration;
}

}  // namespace

json::object ToJson(const alert::Silence& silence, base::Time now) {
  json::array matchers;
  for (const auto& matcher : silence.matchers) {
    matchers.push_back(json::object{
        {"name", matcher.name()}, {"op", OpText(matcher.op())}, {"value", matcher.value()}});
  }
  const auto state = silence.ActiveAt(now)  ? "active"
                     : now < silence.starts ? "pending"
                                            : "expired";
  return {{"id", silence.id},
          {"kind", silence.kind == alert::SilenceKind::kMaintenance ? "maintenance" : "silence"},
          {"state", state},
          {"matchers", std::move(matchers)},
          {"starts_at", TimeJson(silence.starts)},
          {"ends_at", TimeJson(silence.ends)},
          {"created_at", TimeJson(silence.created)},
          {"created_by", silence.created_by},
          {"comment", silence.comment}};
}

base::Result<alert::Silence> ReadSilence(const json::value& value, base::Time now,
                                         const std::string& by) {
  auto bad = [](std::string message) {
    return base::Fail(base::ErrorKind::kInvalid, std::move(message));
  };
  if (!value.is_object()) {
    return bad("a silence has to be a JSON object");
  }
  const auto& object = value.get_object();
  alert::Silence out;
  const auto id = ReadText(object, "id", "");
  const auto kind = ReadText(object, "kind", "silence");
  const auto comment = ReadText(object, "comment", "");
  const auto creator =
      ReadText(object, object.contains("created_by") ? "created_by" : "createdBy", by);
  if (!id || !kind || !comment || !creator) {
    return bad("id, kind, comment and created_by have to be strings");
  }
  if (*kind != "silence" && *kind != "maintenance") {
    return bad("kind has to be silence or maintenance");
  }
  out.id = *id;
  out.kind = *kind == "silence" ? alert::SilenceKind::kSilence : alert::SilenceKind::kMaintenance;
  out.comment = *comment;
  out.created_by = creator->empty() ? by : *creator;
  out.created = now;
  const auto* matchers = object.if_contains("matchers");
  if (matchers == nullptr || !matchers->is_array() || matchers->get_array().size() > 64) {
    return bad("matchers has to be a list of 1 to 64");
  }
  for (const auto& item : matchers->get_array()) {
    auto matcher = ReadMatcher(item);
    if (!matcher) {
      return base::Fail(matcher.error());
    }
    out.matchers.push_back(std::move(*matcher));
  }
  const auto starts = ReadTime(object, "starts_at", "startsAt", now);
  if (!starts) {
    return base::Fail(starts.error());
  }
  const auto ends = ReadEnd(object, *starts);
  if (!ends) {
    return base::Fail(ends.error());
  }
  out.starts = *starts;
  out.ends = *ends;
  if (auto checked = alert::Check(out, now); !checked) {
    return base::Fail(checked.error());
  }
  return out;
}

}  // namespace api
