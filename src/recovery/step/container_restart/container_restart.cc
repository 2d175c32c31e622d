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
  const auto state = co_await doing.BringUp("restart", request.args[0]);
  if (!state) {
    co_return doing.Failed(state.error().message);
  }
  co_return doing.Done(*state);
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "container-restart", .title = "Restart a container (docker restart)"},
    .run = &Run,
};

}  // namespace recovery::step::container_restart
