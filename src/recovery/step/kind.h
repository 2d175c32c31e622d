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
  /// Makes the change and asks the host whether it took. Every command is in the outcome. Evidence
  /// was collected before.
  loop::Task<model::StepOutcome> (*run)(Request request);
};

/// Every kind, from the folders of src/recovery/step.
std::span<const Kind* const> Catalogue();
const Kind* Find(std::string_view name);

}  // namespace recovery::step
