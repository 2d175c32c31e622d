// The drill service-stopped.
#include "drill/service_stopped/service_stopped.h"

namespace drill::service_stopped {
namespace {

bool Fits(const model::ComponentSpec& component) { return !UnitOf(component).empty(); }

Plan MakePlan(const Place& place) {
  const auto unit = UnitOf(place.component);
  return {.cause = {{"systemctl", "stop", unit}}, .undo = {{"systemctl", "start", unit}}};
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "service-stopped", .title = "An administrator stops a service"},
    .repaired = true,
    .needs_port = false,
    .cause = "service-stopped",
    .remedy = "service-start",
    .subject = "",
    .fits = &Fits,
    .plan = &MakePlan,
};

}  // namespace drill::service_stopped
