// The step service-start.
#include "recovery/step/service_start/service_start.h"

#include "recovery/step/doing.h"

namespace recovery::step::service_start {
namespace {

loop::Task<model::StepOutcome> Run(Request request) {
  Doing doing(request);
  if (request.args.empty()) {
    co_return doing.Failed("no unit is named");
  }
  const auto state = co_await doing.StartUnit(request.args[0]);
  if (!state) {
    co_return doing.Failed(state.error().message);
  }
  co_return doing.Done(*state);
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& component,
                                   const Policy& /*policy*/) {
  const auto unit = UnitOf(component);
  return unit.empty() ? std::vector<ssh::Privilege>() : StartUnitPrivileges(unit);
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "service-start", .title = "Start a service (systemctl restart)"},
    .run = &Run,
    .as_root = &AsRoot,
};

}  // namespace recovery::step::service_start
