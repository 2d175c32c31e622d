// Matchers on labels.
#include <re2/re2.h>

#include "store/querier.h"

namespace store {
namespace {

constexpr std::size_t kMaxPattern = 64 * 1024;

}  // namespace

bool Matcher::Matches(std::string_view label_value) const {
  switch (op) {
    case Op::kEqual:
      return label_value == value;
    case Op::kNotEqual:
      return label_value != value;
    case Op::kRegex:
      return regex != nullptr && re2::RE2::FullMatch(label_value, *regex);
    case Op::kNotRegex:
      return regex != nullptr && !re2::RE2::FullMatch(label_value, *regex);
  }
  return false;
}

base::Result<Matcher> MakeMatcher(Matcher::Op op, std::string name, std::string value) {
  Matcher out{.op = op, .name = std::move(name), .value = std::move(value), .regex = nullptr};
  if (op != Matcher::Op::kRegex && op != Matcher::Op::kNotRegex) {
    return out;
  }
  if (out.value.size() > kMaxPattern) {
    return base::Fail(base::ErrorKind::kInvalid, "regular expression longer than 64 KiB");
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);  // Prometheus 2.42 puts (?s: around it
  out.regex = std::make_shared<const re2::RE2>(out.value, options);
  if (!out.regex->ok()) {
    return base::Fail(base::ErrorKind::kInvalid, out.regex->error());
  }
  return out;
}

}  // namespace store
