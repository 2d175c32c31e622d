// The step engine-start.
#include "recovery/step/engine_start/engine_start.h"

#include <algorithm>
#include <iterator>

#include "recovery/step/doing.h"

namespace recovery::step::engine_start {
namespace {

loop::Task<model::StepOutcome> Run(Request request) {
  Doing doing(request);
  if (request.args.empty()) {
    co_return doing.Failed("no unit is named");
  }
  const auto engine = co_await doing.StartUnit(request.args[0]);
  if (!engine) {
    co_return doing.Failed(engine.error().message);
  }
  std::string states = *engine;
  std::string errors;
  // The parameters are in the order in which they must run: what is asked last starts first.
  for (std::size_t i = 1; i < request.args.size(); ++i) {
    const auto& name = request.args[i];
    const auto before = co_await doing.Container(name);
    if (before && before->running) {
      states += "; " + name + " " + doing.last_state();
      continue;
    }
    if (!before) {
      errors += (errors.empty() ? "" : "; ") + name + ": " + before.error().message;
      continue;
    }
    const auto up = co_await doing.BringUp("start", name);
    if (up) {
      states += "; " + name + " " + *up;
    } else {
      errors += (errors.empty() ? "" : "; ") + name + ": " + up.error().message;
    }
  }
  if (!errors.empty()) {
    auto outcome = doing.Failed("the engine runs, but " + errors);
    outcome.state_after = states;
    co_return outcome;
  }
  co_return doing.Done(states);
}

std::vector<ssh::Privilege> AsRoot(const model::Target& target,
                                   const model::ComponentSpec& component,
                                   const Policy& /*policy*/) {
  if (component.kind != "container" && UnitOf(component) != "docker.service") {
    return {};
  }
  auto out = StartUnitPrivileges("docker.service");
  for (const auto& each : target.application) {
    if (each.kind == "container") {
      auto more = BringUpPrivileges(target, "start", each.name);
      std::move(more.begin(), more.end(), std::back_inserter(out));
    }
  }
  return out;
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "engine-start",
             .title = "Start the container engine and the application's containers"},
    .run = &Run,
    .as_root = &AsRoot,
};

}  // namespace recovery::step::engine_start
