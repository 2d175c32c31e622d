// Result and Error: how one room tells another that something did not work.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace base {

/// What kind of failure an Error is; callers branch on this, people read the sentence.
enum class ErrorKind {
  kInvalid,      ///< input that can never work: bad syntax, a value out of range
  kNotFound,     ///< what was asked for is not there
  kUnavailable,  ///< a peer or a file does not answer now; a later try may work
  kDeadline,     ///< time was over
  kDenied,       ///< credentials, host keys, permissions
  kCorrupt,      ///< stored data does not hold together
  kRefused,      ///< our own rules forbid it (guard, limits)
  kCancelled,    ///< the caller went away
  kInternal      ///< a fault of ours
};

/// The name of a kind in lower case ("deadline"), for logs and JSON.
std::string_view ToString(ErrorKind kind);

/// A failure: its kind and a sentence for a person, from the general to the particular
/// ("ssh web1: connection refused").
struct Error {
  ErrorKind kind = ErrorKind::kInternal;
  std::string message;

  /// The same error with "context: " put before the sentence.
  [[nodiscard]] Error In(std::string_view context) const {
    return Error{kind, std::string(context) + ": " + message};
  }
  bool operator==(const Error&) const = default;
};

/// A value or an Error. Must be looked at; `*result` without a check is undefined.
template <class T = void>
struct [[nodiscard]] Result : std::expected<T, Error> {
  using std::expected<T, Error>::expected;
};

/// `return base::Fail(ErrorKind::kInvalid, "…")` from any function that returns a Result.
inline std::unexpected<Error> Fail(ErrorKind kind, std::string message) {
  return std::unexpected(Error{kind, std::move(message)});
}
inline std::unexpected<Error> Fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace base
