// The step command-fix.
#include "recovery/step/command_fix/command_fix.h"

#include <fmt/format.h>

#include "diagnosis/look.h"
#include "recovery/step/doing.h"

namespace recovery::step::command_fix {
namespace {

using Words = std::vector<std::string>;
using namespace std::chrono_literals;

/// Runs one of the component's own commands.
loop::Task<base::Result<model::CommandRecord>> RunOwn(Doing* doing, Words argv, bool sudo,
                                                      bool changes) {
  auto result = co_await doing->Run(std::move(argv), changes, 120s, sudo);
  co_return result;
}

loop::Task<model::StepOutcome> Run(Request request) {
  Doing doing(request);
  const model::ComponentSpec* component = nullptr;
  for (const auto& each : request.target.application) {
    if (each.kind == "command" && !request.args.empty() && each.name == request.args[0]) {
      component = &each;
    }
  }
  if (component == nullptr) {
    co_return doing.Failed("no command component of this name");
  }
  const auto& options = component->options;
  const bool sudo = options.Get<bool>("sudo");
  auto fix = options.Get<Words>("fix");
  if (fix.empty()) {
    co_return doing.Failed("it has no fix");
  }
  auto verify = options.Get<Words>("verify");
  if (verify.empty()) {
    verify = options.Get<Words>("check");
  }
  const auto fixed = co_await RunOwn(&doing, std::move(fix), sudo, true);
  if (!fixed) {
    co_return doing.Failed(fixed.error().message);
  }
  if (fixed->exit_status != 0) {
    co_return doing.Failed(fmt::format("its fix ended with {}: {}", fixed->exit_status,
                                       diagnosis::LastLine(fixed->output)));
  }
  const auto verified = co_await RunOwn(&doing, std::move(verify), sudo, false);
  if (!verified) {
    co_return doing.Failed(verified.error().message);
  }
  if (verified->exit_status != 0) {
    co_return doing.Failed(fmt::format("its fix ran, but its verification ended with {}: {}",
                                       verified->exit_status,
                                       diagnosis::LastLine(verified->output)));
  }
  co_return doing.Done("Exit 0");
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& component,
                                   const Policy& /*policy*/) {
  std::vector<ssh::Privilege> out;
  if (component.kind == "command" && component.options.Get<bool>("sudo")) {
    for (const auto* which : {"fix", "verify", "check"}) {
      const auto argv = component.options.Get<Words>(which);
      if (!argv.empty()) {
        out.push_back(ssh::Fixed(argv, "command " + component.name + ": its " + which));
      }
    }
  }
  return out;
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "command-fix", .title = "Run the administrator's own fix"},
    .disruptive = true,
    .run = &Run,
    .as_root = &AsRoot,
};

}  // namespace recovery::step::command_fix
