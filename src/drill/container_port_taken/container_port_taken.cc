// The drill container-port-taken.
#include "drill/container_port_taken/container_port_taken.h"

#include "drill/hold.h"

namespace drill::container_port_taken {
namespace {

bool Fits(const model::ComponentSpec& component) { return component.kind == "container"; }

Plan MakePlan(const Place& place) {
  const auto& name = place.component.name;
  auto cause = HoldPort(place);
  cause.push_back({"docker", "kill", name});
  return {.cause = std::move(cause), .undo = {LetGo(), {"docker", "start", name}}};
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "container-port-taken",
             .title = "A stray process takes the published port of a container that is stopped"},
    .repaired = true,
    .needs_port = true,
    .cause = "container-address-in-use",
    .remedy = "free-port",
    .subject = "",
    .fits = &Fits,
    .plan = &MakePlan,
};

}  // namespace drill::container_port_taken
