// The drill service-port-taken.
#include "drill/service_port_taken/service_port_taken.h"

#include "drill/hold.h"

namespace drill::service_port_taken {
namespace {

bool Fits(const model::ComponentSpec& component) {
  return component.kind == "nginx" ||
         (component.kind == "service" &&
          !component.options.Get<std::vector<std::int64_t>>("ports").empty());
}

Plan MakePlan(const Place& place) {
  const auto unit = UnitOf(place.component);
  auto cause = HoldPort(place);
  cause.push_back({"systemctl", "stop", unit});
  return {.cause = std::move(cause), .undo = {LetGo(), {"systemctl", "start", unit}}};
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "service-port-taken",
             .title = "A stray process takes the port of a service that is stopped"},
    .repaired = true,
    .needs_port = true,
    .cause = "service-address-in-use",
    .remedy = "free-port",
    .subject = "",
    .fits = &Fits,
    .plan = &MakePlan,
};

}  // namespace drill::service_port_taken
