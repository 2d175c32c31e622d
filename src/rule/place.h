// Place: where in a file a mistake inside one of its texts stands. Inside the room only.
#pragma once

#include <string>

#include "config/node.h"
#include "promql/expr.h"

namespace rule {

/// The place of a mistake in a scalar: exact where the scalar stands on one line of the file as it
/// is, otherwise by the lines of its block. `source`: the file's text.
config::Place PlaceIn(const config::Node& node, const promql::ParseError& error,
                      const std::string& source);

/// A file's text, at most 16 MiB; "" when it cannot be read.
std::string Slurp(const std::string& path);

}  // namespace rule
