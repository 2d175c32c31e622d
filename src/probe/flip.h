// Flip: which values of a run say in which state a target is, and whether two runs disagree.
#pragma once

#include <map>
#include <string>

#include "probe/kind.h"

namespace probe {

/// The values of a run's state metrics, by name and labels.
using StateValues = std::map<std::string, double>;

/// The state values of one outcome.
StateValues StateOf(const Kind& kind, const Outcome& outcome);
/// Whether a value that both have is not the same.
bool Differs(const StateValues& a, const StateValues& b);
/// Whether an earlier probe of the target gives series of the same names and labels, so that this
/// one's need the label `probe`.
bool NeedsOwnLabel(const model::Target& target, std::size_t index);

}  // namespace probe
