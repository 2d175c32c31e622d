// QuoteArgv: the one place where argv becomes text for a remote shell.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace ssh {

/// The command line that makes a POSIX shell (the login shell of the account: sh, dash, bash, zsh,
/// ksh, busybox) run exactly `argv`, whatever bytes the arguments hold: nothing in them is expanded
/// or interpreted (IEEE 1003.1-2017, XCU 2.2.2: single quotes). Errors: kInvalid for an empty argv,
/// an empty or option-like program name, a NUL byte, or more than 128 KiB (MAX_ARG_STRLEN).
base::Result<std::string> QuoteArgv(const std::vector<std::string>& argv);

/// The same for people to read and paste: as QuoteArgv, but never fails; what cannot be quoted is
/// shown as it is.
std::string ShowArgv(const std::vector<std::string>& argv);

}  // namespace ssh
