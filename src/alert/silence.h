// Silence: alerts that people asked not to hear of for a while (silence), or not to touch either
// (maintenance).
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/labels.h"

namespace re2 {
class RE2;
}

namespace alert {

/// One condition on a label, as Alertmanager has it: `=`, `!=`, `=~`, `!~` (RE2, anchored at both
/// ends). A label that is not there counts as "".
class Matcher {
 public:
  enum class Op { kEqual, kNotEqual, kRegex, kNotRegex };
  /// Errors: kInvalid for a name that is no label name, a value over 1024 bytes, or a pattern that
  /// RE2 refuses.
  static base::Result<Matcher> Make(std::string name, Op op, std::string value);
  /// Reads `name="value"`, `name=~"pattern"`, with or without the quotes. Errors: kInvalid.
  static base::Result<Matcher> Parse(std::string_view text);

  [[nodiscard]] bool Matches(const model::Labels& labels) const;
  /// True when a label that is not there would match too.
  [[nodiscard]] bool MatchesEmpty() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& value() const { return value_; }
  [[nodiscard]] Op op() const { return op_; }
  /// `name=~"pattern"`.
  [[nodiscard]] std::string ToString() const;

 private:
  [[nodiscard]] bool MatchesValue(std::string_view value) const;
  std::string name_;
  std::string value_;
  Op op_ = Op::kEqual;
  std::shared_ptr<const re2::RE2> pattern_;
};

/// What a silence holds back.
enum class SilenceKind {
  kSilence,     ///< messages only: what can be repaired is repaired, quietly
  kMaintenance  ///< messages and repairs: people are at work there
};

/// A span of time in which alerts that all matchers match are held back. An empty list of matchers,
/// and one that would match every alert, is refused.
struct Silence {
  std::string id;  ///< base::NewId
  SilenceKind kind = SilenceKind::kSilence;
  std::vector<Matcher> matchers;
  std::string created_by;
  std::string comment;
  base::Time created{};
  base::Time starts{};
  base::Time ends{};  ///< the first moment at which it holds no more

  [[nodiscard]] bool ActiveAt(base::Time now) const { return starts <= now && now < ends; }
  [[nodiscard]] bool Matches(const model::Labels& labels) const;
};

/// Checks what came from outside: matchers there and selective, an end after the start and after
/// `now`, at most a year, names and comment printable and bounded. Errors: kInvalid.
base::Result<> Check(const Silence& silence, base::Time now);

/// The JSON form: Alertmanager's API v2 (`matchers[].name,value,isRegex,isEqual`, `startsAt`,
/// `endsAt`, `createdBy`, `comment`, `id`) and `kind`.
boost::json::object ToJson(const Silence& silence);
/// Reads that form; `startsAt` may be missing (then `now`), `kind` too. Errors: kInvalid with the
/// field's name.
base::Result<Silence> SilenceFromJson(const boost::json::object& object, base::Time now);

}  // namespace alert
