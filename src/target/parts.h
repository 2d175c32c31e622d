// The parts of reading a target that have a file each. Private to this room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "target/target.h"

namespace target {

/// Interval and time-out, and where they were said, for the message when they do not fit.
struct Timing {
  base::Duration interval{};
  base::Duration timeout{};
};

/// Reads `interval` and `timeout` of a map over what holds around it; a time-out longer than its
/// interval is a mistake at whichever of the two is said here.
Timing ReadTiming(config::MapReader& map, Timing around);

/// Reads `labels:` over those given. Reserved are the labels of our own metrics.
model::Labels ReadLabels(config::Node node, model::Labels over, const Kinds& kinds);

/// Reads the explicit `probes:` and adds those that address, ports, url and snmp stand for.
std::vector<model::ProbeSpec> ReadProbes(config::Node node, const model::Target& target, bool ping,
                                         Timing timing, const Kinds& kinds);

/// Reads `application:`.
std::vector<model::ComponentSpec> ReadApplication(config::Node node, const Kinds& kinds);

/// The items of a list, or the value itself when it is none.
std::vector<config::Node> OneOrMore(config::Node node, std::string_view what);

/// The kind of that name, or nullptr.
const model::KindSpec* FindKind(const std::vector<const model::KindSpec*>& kinds,
                                std::string_view name);
/// The names of the kinds, sorted.
std::vector<std::string> Names(const std::vector<const model::KindSpec*>& kinds);
/// "did you mean …?", or the list of what is known.
std::string Proposal(std::string_view word, const std::vector<std::string>& known);

}  // namespace target
