// DrillRun: one drill from the daemon's yes to the end of its incident, and how it is told.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "drill/kind.h"
#include "model/incident.h"
#include "model/target.h"

namespace app {

/// What came of one drill.
struct DrillRun {
  std::string target;
  std::string scenario;
  base::Time began{};                          ///< the fault; zero = nothing was broken
  std::string refused;                         ///< why it did not begin
  bool impossible = false;                     ///< no daemon, no login: it could not be tried
  std::vector<model::CommandRecord> commands;  ///< what the drill itself ran
  boost::json::object incident;                ///< as the API tells it; empty = none came
  std::vector<std::pair<std::string, double>> seconds;  ///< "detected" … "in all"
  bool undone = false;                                  ///< the drill had to bring it back itself
  std::vector<std::string> problems;                    ///< "" = everything came out right
  [[nodiscard]] bool Good() const { return refused.empty() && problems.empty(); }
};

/// Says what happens while it happens; one line.
using Progress = std::function<void(const std::string&)>;

/// Runs one drill. Whatever happens, the fault is taken back in the end.
DrillRun RunOneDrill(const Common& common, const model::Target& target,
                     const drill::Scenario& scenario, const Progress& progress);

/// Waits until a target is well and has no open incident, at most `limit`.
bool WaitWell(const Common& common, const std::string& target, base::Duration limit);

boost::json::object DrillJson(const DrillRun& run);
/// For people; with a table over all of them when there are several.
std::string DrillMarkdown(const std::vector<DrillRun>& runs);
/// The same for a terminal, one run.
std::string DrillText(const DrillRun& run);

}  // namespace app
