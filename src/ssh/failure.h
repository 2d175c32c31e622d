// What ssh's own failure means: its sentences turned into an Error.
#pragma once

#include <string_view>

#include "base/result.h"

namespace ssh {

/// The Error behind what `ssh`, `ssh-keyscan` or a master connection wrote to standard error before
/// it ended with 255. kDenied: host key unknown or changed, login refused, unusable key file.
/// kDeadline: no answer in time. kUnavailable: refused, unreachable, name not found, closed,
/// anything else (with ssh's own last line).
base::Error ClassifyFailure(std::string_view standard_error);

}  // namespace ssh
