// The step container-restart.
#include "recovery/step/container_restart/container_restart.h"

#include "recovery/step/doing.h"

namespace recovery::step::container_restart {
namespace {

loop::Task<model::StepOutcome> Run(Request request) {
  Doing doing(request);
  if (request.args.empty()) {
    co_return doing.Failed("no container is named");
  }
  const auto before = co_await doing.Container(request.args[0]);
  if (!before) {
    co_return doing.Failed(before.error().message);
  }
  const auto state = co_await doing.BringUpWithDependants("restart", request.args[0]);
  if (!state) {
    co_return doing.Failed(state.error().message);
  }
  co_return doing.Done(*state);
}

std::vector<ssh::Privilege> AsRoot(const model::Target& target,
                                   const model::ComponentSpec& component,
                                   const Policy& /*policy*/) {
  if (component.kind != "container") {
    return {};
  }
  return BringUpPrivileges(target, "restart", component.name);
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "container-restart", .title = "Restart a container (docker restart)"},
    .disruptive = true,
    .run = &Run,
    .as_root = &AsRoot,
};

}  // namespace recovery::step::container_restart
