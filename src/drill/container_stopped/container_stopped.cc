// The drill container-stopped.
#include "drill/container_stopped/container_stopped.h"

namespace drill::container_stopped {
namespace {

bool Fits(const model::ComponentSpec& component) { return component.kind == "container"; }

Plan MakePlan(const Place& place) {
  const auto& name = place.component.name;
  return {.cause = {{"docker", "stop", "--time", "5", name}}, .undo = {{"docker", "start", name}}};
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "container-stopped", .title = "A container is stopped"},
    .repaired = true,
    .needs_port = false,
    .cause = "container-stopped",
    .remedy = "container-start",
    .subject = "",
    .fits = &Fits,
    .plan = &MakePlan,
};

}  // namespace drill::container_stopped
