// The step container-unpause.
#include "recovery/step/container_unpause/container_unpause.h"

#include "recovery/step/doing.h"

namespace recovery::step::container_unpause {
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
  if (before->running && !before->paused) {
    co_return doing.Done(doing.last_state());  // somebody was faster
  }
  const auto state = co_await doing.BringUpWithDependants("unpause", request.args[0]);
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
  return BringUpPrivileges(target, "unpause", component.name);
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "container-unpause", .title = "Let a paused container go on (docker unpause)"},
    .run = &Run,
    .as_root = &AsRoot,
};

}  // namespace recovery::step::container_unpause
