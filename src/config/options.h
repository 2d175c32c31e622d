// Options in their short form: `kind: VALUE`.
#pragma once

#include <span>

#include "config/node.h"

namespace config {

/// The options of a kind that is given one bare value, which is that of its first required option
/// (`tcp: 22`, `prometheus: URL`); all others have their fallback. A kind that requires none is a
/// problem.
model::Options ReadBare(const Node& node, std::span<const model::OptionSpec> specs);

}  // namespace config
