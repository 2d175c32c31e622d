// Matchers and silences: matching, checking, JSON.
#include "alert/silence.h"

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <fmt/format.h>
#include <re2/re2.h>

#include "base/text.h"

namespace alert {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxValue = 1024;
constexpr std::size_t kMaxMatchers = 32;
constexpr std::size_t kMaxComment = 2048;
constexpr auto kMaxSpan = std::chrono::hours(24 * 366);

std::string_view OpText(Matcher::Op op) {
  switch (op) {
    case Matcher::Op::kEqual:
      return "=";
    case Matcher::Op::kNotEqual:
      return "!=";
    case Matcher::Op::kRegex:
      return "=~";
    case Matcher::Op::kNotRegex:
      return "!~";
  }
  return "=";
}

/// The string at `key`; "" when it is missing. Errors: kInvalid when it is no string.
base::Result<std::string> Text(const json::object& object, std::string_view key) {
  const auto* at = object.if_contains(key);
  if (at == nullptr || at->is_null()) {
    return std::string();
  }
  if (!at->is_string()) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("{} must be a string", key));
  }
  return std::string(at->get_string());
}

base::Result<bool> Flag(const json::object& object, std::string_view key, bool otherwise) {
  const auto* at = object.if_contains(key);
  if (at == nullptr || at->is_null()) {
    return otherwise;
  }
  if (!at->is_bool()) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("{} must be true or false", key));
  }
  return at->get_bool();
}

base::Result<base::Time> When(const json::object& object, std::string_view key,
                              base::Time otherwise) {
  const auto text = Text(object, key);
  if (!text) {
    return base::Fail(text.error());
  }
  if (text->empty()) {
    return otherwise;
  }
  const auto time = base::ParseRfc3339(*text);
  if (!time) {
    return base::Fail(time.error().In(key));
  }
  return *time;
}

base::Result<Matcher> MatcherFromJson(const json::value& value) {
  if (!value.is_object()) {
    return base::Fail(base::ErrorKind::kInvalid, "a matcher must be an object");
  }
  const auto& object = value.get_object();
  const auto name = Text(object, "name");
  const auto text = Text(object, "value");
  const auto regex = Flag(object, "isRegex", false);
  const auto equal = Flag(object, "isEqual", true);
  if (!name || !text || !regex || !equal) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "a matcher has name and value (strings), isRegex and isEqual (true/false)");
  }
  auto op = *equal ? Matcher::Op::kEqual : Matcher::Op::kNotEqual;
  if (*regex) {
    op = *equal ? Matcher::Op::kRegex : Matcher::Op::kNotRegex;
  }
  return Matcher::Make(*name, op, *text);
}

base::Result<std::vector<Matcher>> MatchersFromJson(const json::object& object) {
  const auto* list = object.if_contains("matchers");
  if (list == nullptr || !list->is_array()) {
    return base::Fail(base::ErrorKind::kInvalid, "matchers must be a list");
  }
  if (list->get_array().size() > kMaxMatchers) {
    return base::Fail(base::ErrorKind::kInvalid, "more than 32 matchers");
  }
  std::vector<Matcher> out;
  for (const auto& item : list->get_array()) {
    auto matcher = MatcherFromJson(item);
    if (!matcher) {
      return base::Fail(matcher.error());
    }
    out.push_back(std::move(*matcher));
  }
  return out;
}

}  // namespace

base::Result<Matcher> Matcher::Make(std::string name, Op op, std::string value) {
  if (!model::IsLabelName(name) || name.size() > kMaxValue) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("{} is no label name", base::JsonQuote(name.substr(0, 64))));
  }
  if (value.size() > kMaxValue) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("the value of {} is longer than {} bytes", name, kMaxValue));
  }
  Matcher out;
  if (op == Op::kRegex || op == Op::kNotRegex) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(1 << 20);
    auto pattern = std::make_shared<re2::RE2>("(?s:^(?:" + value + ")$)", options);
    if (!pattern->ok()) {
      return base::Fail(base::ErrorKind::kInvalid,
                        fmt::format("the pattern of {} is not valid: {}", name, pattern->error()));
    }
    out.pattern_ = std::move(pattern);
  }
  out.name_ = std::move(name);
  out.value_ = std::move(value);
  out.op_ = op;
  return out;
}

base::Result<Matcher> Matcher::Parse(std::string_view text) {
  const auto at = text.find_first_of("=!");
  if (at == std::string_view::npos) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "a matcher reads name=value, name!=value, name=~pattern or name!~pattern");
  }
  const auto name = base::Trim(text.substr(0, at));
  auto rest = text.substr(at);
  Op op = Op::kEqual;
  for (const auto candidate : {Op::kRegex, Op::kNotRegex, Op::kNotEqual, Op::kEqual}) {
    if (rest.starts_with(OpText(candidate))) {
      op = candidate;
      rest.remove_prefix(OpText(candidate).size());
      break;
    }
    if (candidate == Op::kEqual) {
      return base::Fail(base::ErrorKind::kInvalid, "after ! comes = or ~");
    }
  }
  rest = base::Trim(rest);
  if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') {
    rest = rest.substr(1, rest.size() - 2);
  }
  return Make(std::string(name), op, std::string(rest));
}

bool Matcher::MatchesValue(std::string_view value) const {
  switch (op_) {
    case Op::kEqual:
      return value == value_;
    case Op::kNotEqual:
      return value != value_;
    case Op::kRegex:
      return re2::RE2::PartialMatch({value.data(), value.size()}, *pattern_);
    case Op::kNotRegex:
      return !re2::RE2::PartialMatch({value.data(), value.size()}, *pattern_);
  }
  return false;
}

bool Matcher::Matches(const model::Labels& labels) const { return MatchesValue(labels.Get(name_)); }
bool Matcher::MatchesEmpty() const { return MatchesValue(""); }

std::string Matcher::ToString() const {
  return fmt::format("{}{}{}", name_, OpText(op_), model::QuoteValue(value_));
}

bool Silence::Matches(const model::Labels& labels) const {
  return !matchers.empty() && std::all_of(matchers.begin(), matchers.end(),
                                          [&](const Matcher& m) { return m.Matches(labels); });
}

base::Result<> Check(const Silence& silence, base::Time now) {
  const auto bad = [](std::string why) { return base::Fail(base::ErrorKind::kInvalid, why); };
  if (silence.matchers.empty()) {
    return bad("a silence needs at least one matcher");
  }
  if (silence.matchers.size() > kMaxMatchers) {
    return bad("more than 32 matchers");
  }
  if (std::all_of(silence.matchers.begin(), silence.matchers.end(),
                  [](const Matcher& m) { return m.MatchesEmpty(); })) {
    return bad("the matchers would match every alert: name at least one label and its value");
  }
  if (silence.ends <= silence.starts) {
    return bad("a silence must end after it starts");
  }
  if (silence.ends <= now) {
    return bad("the silence has already ended");
  }
  if (silence.ends - silence.starts > kMaxSpan) {
    return bad("a silence lasts a year at most");
  }
  if (silence.created_by.empty() || silence.created_by.size() > 256 ||
      !base::IsPrintable(silence.created_by)) {
    return bad("createdBy must say who asks, printable, at most 256 bytes");
  }
  if (silence.comment.size() > kMaxComment ||
      base::Printable(silence.comment, true) != silence.comment) {
    return bad("the comment must be printable, at most 2048 bytes");
  }
  return {};
}

json::object ToJson(const Silence& silence) {
  json::array matchers;
  for (const auto& m : silence.matchers) {
    matchers.push_back(
        json::object{{"name", m.name()},
                     {"value", m.value()},
                     {"isRegex", m.op() == Matcher::Op::kRegex || m.op() == Matcher::Op::kNotRegex},
                     {"isEqual", m.op() == Matcher::Op::kEqual || m.op() == Matcher::Op::kRegex}});
  }
  return json::object{
      {"id", silence.id},
      {"kind", silence.kind == SilenceKind::kMaintenance ? "maintenance" : "silence"},
      {"matchers", std::move(matchers)},
      {"createdBy", silence.created_by},
      {"comment", silence.comment},
      {"createdAt", base::FormatRfc3339(silence.created)},
      {"startsAt", base::FormatRfc3339(silence.starts)},
      {"endsAt", base::FormatRfc3339(silence.ends)}};
}

base::Result<Silence> SilenceFromJson(const json::object& object, base::Time now) {
  Silence out;
  const auto id = Text(object, "id");
  const auto kind = Text(object, "kind");
  const auto by = Text(object, "createdBy");
  const auto comment = Text(object, "comment");
  for (const auto* text : {&id, &kind, &by, &comment}) {
    if (!*text) {
      return base::Fail(text->error());
    }
  }
  if (!kind->empty() && *kind != "silence" && *kind != "maintenance") {
    return base::Fail(base::ErrorKind::kInvalid, "kind is \"silence\" or \"maintenance\"");
  }
  auto matchers = MatchersFromJson(object);
  if (!matchers) {
    return base::Fail(matchers.error());
  }
  const auto created = When(object, "createdAt", now);
  const auto starts = When(object, "startsAt", now);
  const auto ends = When(object, "endsAt", base::Time{});
  for (const auto* time : {&created, &starts, &ends}) {
    if (!*time) {
      return base::Fail(time->error());
    }
  }
  if (id->size() > 64 || !base::IsPrintable(*id)) {
    return base::Fail(base::ErrorKind::kInvalid, "id must be printable, at most 64 bytes");
  }
  out.id = *id;
  out.kind = *kind == "maintenance" ? SilenceKind::kMaintenance : SilenceKind::kSilence;
  out.matchers = std::move(*matchers);
  out.created_by = *by;
  out.comment = *comment;
  out.created = *created;
  out.starts = *starts;
  out.ends = *ends;
  return out;
}

}  // namespace alert
