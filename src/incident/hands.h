// Hands: the narrow interface to the part that holds SSH keys, applies the guard and runs steps.
// Typed questions, typed answers, no shared state, no command text; what stands behind it can
// become a process of its own.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "loop/loop.h"
#include "model/incident.h"

namespace incident {

/// "Examine this target's application."
struct DiagnoseRequest {
  std::string incident;
  std::string target;
  std::vector<model::Alert> alerts;
};
struct DiagnoseAnswer {
  std::vector<model::Finding>
      findings;           ///< chain order; what could not be examined is a finding too
  std::string cause;      ///< component-spanning verdict: the deepest cause's id, "" = none found
  std::string component;  ///< where
  std::string error;      ///< the host could not be examined at all: why; "" = it was
};

/// "Carry out this finding's remedy."
struct ActRequest {
  std::string incident;
  std::string target;
  model::Finding finding;
  bool approved = false;  ///< a person said yes (mode approve)
  std::string approved_by;
};

/// What the guard says before a step.
struct GuardVerdict {
  enum class Kind { kAllowed, kNeedsApproval, kObserve, kRefused };
  Kind kind = Kind::kRefused;
  std::string reason;       ///< which rule and why; "" when allowed
  base::Time not_before{};  ///< when a refusal is only for now (cooldown): when to ask again; zero
                            ///< = not again
};

class Hands {
 public:
  virtual ~Hands() = default;
  /// Looks, changes nothing. Never fails: what went wrong is in the answer.
  virtual loop::Task<DiagnoseAnswer> Diagnose(DiagnoseRequest request) = 0;
  /// What the guard would say now, without taking anything from a budget.
  virtual GuardVerdict MayAct(const ActRequest& request) = 0;
  /// Whether there is a way to mend this target although it does not answer ping (from outside, by
  /// switching it off and on). Without one nobody tries to log in to it.
  [[nodiscard]] virtual bool MendsDownHost(const std::string& /*target*/) const { return false; }
  /// Asks the guard, takes the host's lock, checks identity, runs the step, journals before and
  /// after. A refusal is an outcome with `refused` and the guard's reason.
  virtual loop::Task<model::StepOutcome> Act(ActRequest request) = 0;
  /// A former run of ours ended in the middle of a change: gives back what it held on the host (the
  /// host's lock). What goes wrong is no trouble: a lock expires.
  virtual loop::Task<> GiveBack(std::string target) = 0;
};

}  // namespace incident
