// Verify: has what raised an alarm gone, by a fresh look from outside?
#pragma once

#include <string>
#include <vector>

#include "api/sources.h"
#include "incident/manager.h"
#include "probe/scheduler.h"

namespace app {

/// Runs, newly, the probes that measure the alerts' metrics and holds what they see against the
/// rules' own comparisons
/// (`thresholds`). An alert whose metric no probe of the target measures makes the result not
/// possible.
loop::Task<incident::VerifyResult> VerifyFromOutside(probe::Scheduler* scheduler,
                                                     std::shared_ptr<const model::Target> target,
                                                     std::vector<api::ThresholdView> thresholds,
                                                     std::vector<model::Alert> alerts);

/// The probe of a target that measures what an alert is about: its name, "" when there is none.
std::string ProbeFor(const model::Target& target, const model::Alert& alert);

/// Whether `value` meets a comparison.
bool Meets(const api::ThresholdView& threshold, double value);

}  // namespace app
