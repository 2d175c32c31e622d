// docker: the container engine, as systemd runs it.
#pragma once

#include <string>
#include <vector>

#include "diagnosis/kind.h"

namespace diagnosis::docker {
extern const Kind kKind;

/// The parameters of the step `engine-start` for a target: the engine's unit, then the containers
/// of its application, the deepest first.
std::vector<std::string> EngineStartArgs(const model::Target& target);
}  // namespace diagnosis::docker
