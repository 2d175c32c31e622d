// container: a docker container, by its name.
#pragma once

#include <optional>
#include <string>

#include "diagnosis/kind.h"
#include "diagnosis/parse/docker.h"

namespace diagnosis::container {
extern const Kind kKind;

/// The cause that docker's message about a start that failed proves (moby's daemon/start.go,
/// volume/mounts, libnetwork); "" = it names none that we know. Pure.
std::string_view StartFault(std::string_view error);
/// The cause that docker's own words prove; pure. "" when the container runs and is well. A taken
/// port is only seen here when docker said so.
std::string_view CauseOf(const parse::Container& container);
/// Whether it ended and was started again by its policy a moment ago: at least three times, the
/// last less than 20 seconds before `now`.
bool Loops(const parse::Container& container, base::Time now);
/// "Running false, Error 137".
std::string StateOf(const parse::Container& container);
}  // namespace diagnosis::container
