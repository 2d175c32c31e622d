// Kind: what a kind of repair step is. Steps are asked for by name with checked parameters; no
// command text comes from outside.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "model/incident.h"
#include "model/kind.h"
#include "model/target.h"
#include "recovery/policy.h"
#include "ssh/privilege.h"
#include "ssh/shell.h"

namespace recovery::step {

/// What a step is given. `shell` outlives the task.
struct Request {
  model::Target target;
  std::string component;
  std::vector<std::string> args;  ///< as Finding::remedy_args
  model::Finding finding;
  ssh::Shell* shell = nullptr;
};

/// A kind of step as data and one function.
struct Kind {
  model::KindSpec spec;
  /// Whether it may take away what still works; the guard then asks what is left of the group.
  bool disruptive = false;
  /// Runs where Raksa runs, when the host itself does not answer; `Request::shell` is then this
  /// machine's.
  bool here = false;
  /// Makes the change and asks the host whether it took. Every command is in the outcome. Evidence
  /// was collected before.
  loop::Task<model::StepOutcome> (*run)(Request request);
  /// Every command that `run` may run as root when it mends this component of the target; none
  /// when it is no step for such a component. A test holds steps to it, and `raksa sudoers` writes
  /// it down.
  std::vector<ssh::Privilege> (*as_root)(const model::Target& target,
                                         const model::ComponentSpec& component,
                                         const Policy& policy) = nullptr;
};

/// Every kind, from the folders of src/recovery/step.
std::span<const Kind* const> Catalogue();
const Kind* Find(std::string_view name);
/// Every command that steps may run as root to mend the target's application.
std::vector<ssh::Privilege> Privileges(const model::Target& target, const Policy& policy);

}  // namespace recovery::step
