// The step power-cycle.
#include "recovery/step/power_cycle/power_cycle.h"

#include <fmt/format.h>

#include "diagnosis/host/host.h"
#include "diagnosis/look.h"
#include "recovery/step/doing.h"

namespace recovery::step::power_cycle {
namespace {

loop::Task<model::StepOutcome> Run(Request request) {
  Doing doing(request);
  auto argv = diagnosis::host::PowerCycle(request.target);
  if (argv.empty() || request.args != std::vector<std::string>{request.target.name}) {
    co_return doing.Failed("no power_cycle is configured for it");
  }
  const auto ran = co_await doing.Run(std::move(argv), true, std::chrono::minutes(1), false);
  if (!ran) {
    co_return doing.Failed(ran.error().message);
  }
  if (ran->exit_status != 0) {
    co_return doing.Failed(fmt::format("the power_cycle command ended with {}: {}",
                                       ran->exit_status, diagnosis::LastLine(ran->output)));
  }
  co_return doing.Done("switched off and on");
}

}  // namespace

const Kind kKind = {
    .spec = {.name = kPowerCycle,
             .title = "Switch the host off and on by the administrator's own command"},
    .disruptive = true,
    .here = true,
    .run = &Run,
};

}  // namespace recovery::step::power_cycle
