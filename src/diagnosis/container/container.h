// container: a docker container, by its name.
#pragma once

#include <optional>
#include <string>

#include "diagnosis/kind.h"
#include "diagnosis/parse/docker.h"

namespace diagnosis::container {
extern const Kind kKind;

/// The cause that docker's own words prove; pure. "" when the container runs and is well. A taken
/// port is only seen here when docker said so.
std::string_view CauseOf(const parse::Container& container);
/// "Running false, Error 137".
std::string StateOf(const parse::Container& container);
}  // namespace diagnosis::container
