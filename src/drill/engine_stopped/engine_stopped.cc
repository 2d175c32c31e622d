// The drill engine-stopped.
#include "drill/engine_stopped/engine_stopped.h"

namespace drill::engine_stopped {
namespace {

bool Fits(const model::ComponentSpec& component) { return component.kind == "docker"; }

Plan MakePlan(const Place& place) {
  Plan out{.cause = {{"systemctl", "stop", "docker.service"}},
           .undo = {{"systemctl", "start", "docker.service"}}};
  // The deepest first, as a request needs them.
  for (auto at = place.target.application.rbegin(); at != place.target.application.rend(); ++at) {
    if (at->kind == "container") {
      out.undo.push_back({"docker", "start", at->name});
    }
  }
  return out;
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "engine-stopped",
             .title = "The docker engine is stopped, and its containers with it"},
    .repaired = true,
    .needs_port = false,
    .cause = "engine-not-running",
    .remedy = "engine-start",
    .subject = "",
    .fits = &Fits,
    .plan = &MakePlan,
};

}  // namespace drill::engine_stopped
