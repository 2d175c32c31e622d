// Advice: what a message says besides causes: how it stands, who holds a port, what to do next.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/incident.h"

namespace incident {

/// The error of a step that was under way when the daemon was stopped or killed.
inline constexpr std::string_view kResultLost = "the daemon stopped while it ran: result not known";

/// Every cause found in the incident's life, the incident's own first, then the deepest; of several
/// looks at the same the first counts. Bounded.
std::vector<model::Finding> FindingsOf(const model::Incident& incident);

/// The finding that explains the incident: the deepest with its cause that follows from no other,
/// or nullptr.
const model::Finding* MainOf(const std::vector<model::Finding>& findings, std::string_view cause);

/// How it stands, in one sentence, for `event` ("opened", "approval", "ended").
std::string Standing(const model::Incident& incident, std::string_view event, bool thai);

/// What a person does next about `finding`; of a holder that was left alone its name and number.
/// `recurred`: it was repaired before and came back.
std::string NextStep(const model::Finding& finding, bool recurred, bool thai);

}  // namespace incident
