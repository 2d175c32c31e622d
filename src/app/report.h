// An incident as a report for people, in Markdown.
#pragma once

#include <string>

#include "model/incident.h"

namespace app {

/// What happened, the verdict with its evidence, what was done, every command, the timeline.
/// Everything from outside stands in code spans or fences that it cannot leave.
std::string MarkdownReport(const model::Incident& incident);

}  // namespace app
