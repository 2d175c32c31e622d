// The step container-start.
#include "recovery/step/container_start/container_start.h"

#include "recovery/step/doing.h"

namespace recovery::step::container_start {
namespace {

// Second parameter: clear the page cache first, as the policy says for killed containers.
constexpr std::string_view kDropCaches = "drop-caches";

std::vector<std::string> DropCaches() { return {"sysctl", "-w", "vm.drop_caches=1"}; }

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
  if (request.args.size() > 1 && request.args[1] == kDropCaches) {
    const auto dropped = co_await doing.Run(DropCaches(), true, std::chrono::seconds(10));
    if (!dropped) {
      co_return doing.Failed(dropped.error().message);
    }
  }
  const auto state = co_await doing.BringUpWithDependants("start", request.args[0]);
  if (!state) {
    co_return doing.Failed(state.error().message);
  }
  co_return doing.Done(*state);
}

std::vector<ssh::Privilege> AsRoot(const model::Target& target,
                                   const model::ComponentSpec& component, const Policy& policy) {
  if (component.kind != "container") {
    return {};
  }
  auto out = BringUpPrivileges(target, "start", component.name);
  if (policy.drop_caches) {
    out.push_back(ssh::Fixed(DropCaches(), "clears the page cache (drop_caches)"));
  }
  return out;
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "container-start", .title = "Start a container (docker start)"},
    .run = &Run,
    .as_root = &AsRoot,
};

}  // namespace recovery::step::container_start
