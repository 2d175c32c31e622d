// Examine: the whole chain of an application over one session, and the verdict over it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "diagnosis/kind.h"
#include "diagnosis/parse/host.h"

namespace diagnosis {

/// What an examination of a host gave.
struct Examination {
  std::vector<model::Finding> findings;  ///< in the order of the chain, the host last
  std::string cause;                     ///< id of the deepest cause of its own; "" = none
  std::string component;                 ///< where
  std::string error;                     ///< the host could not be logged in to: why; "" = it was
  std::optional<parse::HostFacts> facts;
};

/// A component that is to be examined, and its place.
struct Place {
  model::ComponentSpec component;
  int depth = 0;
};

/// Which components an examination looks at, by the metrics of the alerts that fire (the source's
/// table, generalised): load and disks → the host only; ping alone → the host only; anything else,
/// or no alert → every component of the application and the host.
std::vector<Place> ComponentsFor(const model::Target& target,
                                 const std::vector<model::Alert>& alerts);

/// Examines with read-only commands, all components at once; equal commands are run once. Never
/// fails. `shell` and `loop` outlive the task.
loop::Task<Examination> Examine(loop::Loop* loop, model::Target target,
                                std::vector<model::Alert> alerts, ssh::Shell* shell);

/// The verdict: marks what follows from a deeper cause (`consequence_of`) and names the deepest
/// cause that follows from none. Pure.
void Judge(Examination& examination);

}  // namespace diagnosis
