// Incident: one trouble of one application from its first alert to its end, with everything that
// was seen and done.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"

namespace model {

/// Where an incident stands (DESIGN: the state machine).
enum class IncidentState {
  kOpen,
  kConfirming,
  kDiagnosing,
  kPlanned,
  kAwaitingApproval,
  kActing,
  kSettling,
  kVerifying,
  kHolding,
  kResolved,
  kNeedsHuman
};

/// How it ended.
enum class Outcome {
  kNone,               ///< not ended
  kFixed,              ///< repaired and verified from outside
  kNotFixed,           ///< repaired, but the outside probe still fails
  kHealedItself,       ///< the alert ended before anything was done
  kFixedThenRecurred,  ///< came back while holding
  kMadeWorse,          ///< more is broken than before
  kReported            ///< nothing that may be repaired: told to people
};

std::string_view ToString(IncidentState state);
std::string_view ToString(Outcome outcome);
std::optional<IncidentState> ParseIncidentState(std::string_view text);
std::optional<Outcome> ParseOutcome(std::string_view text);

/// One command that was run on a host: argv as run, and what came of it. Output is bounded and
/// printable.
struct CommandRecord {
  std::vector<std::string> argv;
  int exit_status = -1;  ///< -1: did not end by itself (time-out, connection lost)
  std::string output;    ///< standard output, then standard error; at most 64 KiB
  bool truncated = false;
  bool changes = false;  ///< true for a repair's command, false for a read-only one
  base::Time started{};
  base::Duration took{};
  std::string error;  ///< ssh's own failure, "" when the command itself ran
};

enum class CauseClass { kRepair, kReport };

/// A verdict on one component: what is wrong, how we know, what would mend it.
struct Finding {
  std::string component;  ///< "container:web-application"
  std::string cause;      ///< id in the catalogue: "container-killed"; "" = the component is well
  std::string title;      ///< English
  std::string title_th;   ///< Thai
  CauseClass cause_class = CauseClass::kReport;
  std::string
      state;  ///< state found, in the source's words: "Running false, Error 137", "State failed"
  std::string evidence;                  ///< the sentence that proves it
  std::string remedy;                    ///< id of a step kind: "service-restart"; "" = none
  std::vector<std::string> remedy_args;  ///< parameters of that step, e.g. the unit's name
  int depth = 0;                         ///< place in the chain; the deepest cause wins
  std::string consequence_of;  ///< component whose cause explains this one; "" = a cause of its own
  std::vector<std::pair<std::string, std::string>> details;  ///< "Using Command" → "python3", …
  std::vector<CommandRecord> commands;
};

/// One step of a repair and what came of it.
struct StepOutcome {
  std::string step;  ///< step kind
  std::string component;
  bool done = false;        ///< the change was made and the host says that the component runs
  bool refused = false;     ///< the guard forbade it
  std::string state_after;  ///< "Running true", "State active"
  std::string error;        ///< why not done, or why refused
  base::Time started{};
  base::Time finished{};
  std::vector<CommandRecord> commands;
};

/// One line of an incident's history. Never changed once written.
struct TimelineEntry {
  std::int64_t seq = 0;  ///< 1, 2, 3 … within the incident
  base::Time at{};
  std::string kind;  ///< "alert", "state", "finding", "step", "guard", "verify", "message", "note",
                     ///< "command"
  std::string text;  ///< one sentence, printable
  std::string data;  ///< JSON object with the particulars, "{}" when none
};

/// A trouble of one application on one host.
struct Incident {
  std::string id;  ///< base::NewId
  std::string target;
  std::string title;  ///< "web1: http_code 500"
  IncidentState state = IncidentState::kOpen;
  Outcome outcome = Outcome::kNone;
  std::string severity;
  base::Time opened{};
  base::Time acted{};     ///< first change on the host; zero = none
  base::Time verified{};  ///< first time that the outside probe passed again; zero = never
  base::Time closed{};    ///< zero while it is open
  std::vector<Alert> alerts;
  std::vector<Finding> findings;  ///< of the newest diagnosis
  std::string cause;              ///< id of the deepest cause; "" = not known
  std::vector<StepOutcome> steps;
  std::vector<TimelineEntry> timeline;
  std::string acknowledged_by;

  [[nodiscard]] bool Open() const { return closed == base::Time{}; }
};

}  // namespace model
