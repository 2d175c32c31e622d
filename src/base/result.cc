// The names of error kinds.
#include "base/result.h"

namespace base {

std::string_view ToString(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kDeadline:
      return "deadline";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kRefused:
      return "refused";
    case ErrorKind::kCancelled:
      return "cancelled";
    case ErrorKind::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace base
