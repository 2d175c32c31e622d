// Wiring: how the parts that several commands need are put together from the settings.
#pragma once

#include <functional>
#include <string>

#include "incident/hands.h"
#include "incident/manager.h"
#include "loop/loop.h"
#include "model/target.h"
#include "recovery/policy.h"

namespace app {

/// The times and bounds of the incidents' state machine, from the recovery policy.
incident::Options IncidentOptions(const recovery::Policy& policy);

/// A name for this Raksa in locks on hosts: made once and kept in data_dir/owner.
std::string OwnerName(const std::string& data_dir);

/// Examines a target once, without a daemon and without changing anything; as if `alerts` fired.
incident::DiagnoseAnswer DiagnoseOnce(loop::Loop& loop, const model::Target& target,
                                      const std::vector<model::Alert>& alerts);

/// For tests of what a crash leaves behind: RAKSA_TEST_KILL_AT=STATE ends this very process as
/// `kill -9` would as soon as an incident's state of that name is on disk; STATE+250 so many
/// milliseconds later. Empty without that variable.
std::function<void(const model::Incident&)> KillAtState();

}  // namespace app
