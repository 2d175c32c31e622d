// Doing: one step being carried out: runs commands, keeps the records, writes the outcome; with the
// moves that several steps share.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "diagnosis/parse/docker.h"
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
  /// asks up to a second until it is active. Gives the state after. Errors: the step's error text.
  loop::Task<base::Result<std::string>> StartUnit(std::string unit);
  /// `docker VERB NAME`, then asks up to a second until the container runs, and once more. Gives
  /// the state after ("Running true").
  loop::Task<base::Result<std::string>> BringUp(std::string verb, std::string name);

  model::StepOutcome Done(std::string state_after);
  /// `state_after`: what is known; "" = the last state seen.
  model::StepOutcome Failed(std::string error);
  [[nodiscard]] const std::string& last_state() const { return last_state_; }
  std::vector<model::CommandRecord>& records() { return outcome_.commands; }

 private:
  const Request& request_;
  model::StepOutcome outcome_;
  std::string last_state_;
};

}  // namespace recovery::step
