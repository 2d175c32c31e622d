// Doing: one step being carried out: runs commands, keeps the records, writes the outcome; with the
// moves that several steps share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "diagnosis/parse/docker.h"
#include "diagnosis/parse/listeners.h"
#include "diagnosis/parse/systemd.h"
#include "recovery/step/kind.h"

namespace recovery::step {

class Doing {
 public:
  explicit Doing(const Request& request);

  /// Runs a command as root (or not); `changes` as it alters the host. Errors as Shell::Run's.
  loop::Task<base::Result<model::CommandRecord>> Run(std::vector<std::string> argv, bool changes,
                                                     base::Duration limit, bool sudo = true);
  /// The unit as systemd has it now. Errors: as Run's; kInvalid.
  loop::Task<base::Result<diagnosis::parse::Unit>> Unit(std::string unit);
  /// The container as docker has it now. Errors: as Run's; kInvalid; kNotFound when there is none.
  loop::Task<base::Result<diagnosis::parse::Container>> Container(std::string name);

  /// Makes a unit run: reset-failed when systemd gave up, `nginx -t` before nginx, restart, then
  /// asks up to a second until it is active; of nginx also that its ports are held by this very
  /// master and that its workers are younger than the restart. Gives the state after. Errors: the
  /// step's error text.
  loop::Task<base::Result<std::string>> StartUnit(std::string unit);
  /// `docker VERB NAME`, then asks up to a second until the container runs, and once more. Gives
  /// the state after ("Running true").
  loop::Task<base::Result<std::string>> BringUp(std::string verb, std::string name);
  /// The same, and then what needs the container: the application's containers that share its
  /// network are restarted when they ran before it (theirs is gone), those that docker compose
  /// says depend on it are looked at. The state after names them.
  loop::Task<base::Result<std::string>> BringUpWithDependants(std::string verb, std::string name);

  /// The processes that listen on TCP ports. Errors: as Run's; kInvalid.
  loop::Task<base::Result<std::vector<diagnosis::parse::Listener>>> Listeners();

  /// It runs. When no command has changed anything (somebody was faster), the step is `refused`:
  /// nobody may claim that it was repaired.
  model::StepOutcome Done(std::string state_after);
  /// `state_after`: what is known; "" = the last state seen.
  model::StepOutcome Failed(std::string error);
  [[nodiscard]] const std::string& last_state() const { return last_state_; }
  std::vector<model::CommandRecord>& records() { return outcome_.commands; }

 private:
  loop::Task<base::Result<>> RestartUnit(std::string unit);
  /// `docker VERB NAME` and the first look at it.
  loop::Task<base::Result<>> Begin(std::string verb, std::string name);
  /// Looks again until it was seen running twice, about a second at most.
  loop::Task<base::Result<std::string>> StaysUp(std::string name);
  loop::Task<base::Result<>> ProveNginx(int master, base::Instant restarted);
  const Request& request_;
  model::StepOutcome outcome_;
  std::string last_state_;
  std::optional<diagnosis::parse::Container> last_container_;
  base::Instant looked_{};  ///< when that was
};

/// The unit behind a component that systemd runs (service, nginx, docker); "" = none.
std::string UnitOf(const model::ComponentSpec& component);
/// What StartUnit runs as root.
std::vector<ssh::Privilege> StartUnitPrivileges(const std::string& unit);
/// What BringUpWithDependants runs as root for a target's container.
std::vector<ssh::Privilege> BringUpPrivileges(const model::Target& target, const std::string& verb,
                                              const std::string& name);

}  // namespace recovery::step
