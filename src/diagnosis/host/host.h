// host: the server itself: reachable, processor, memory, disks, clock.
#pragma once

#include "base/result.h"
#include "diagnosis/kind.h"

namespace diagnosis::host {
extern const Kind kKind;

/// The finding for a host that could not be logged in to: its cause by the error (refused: sshd
/// down, denied: login or key, no answer: unreachable; with a ping alert: down).
model::Finding NotReached(const model::Target& target, const std::vector<model::Alert>& alerts,
                          const base::Error& error);

/// The administrator's own command that switches the target off and on; empty = none is configured.
std::vector<std::string> PowerCycle(const model::Target& target);
}  // namespace diagnosis::host
