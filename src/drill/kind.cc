// What a target offers for drills.
#include "drill/kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "drill/causing.h"

namespace drill {

const Kind* Find(std::string_view name) {
  for (const Kind* kind : Catalogue()) {
    if (kind->spec.name == name) {
      return kind;
    }
  }
  return nullptr;
}

std::string Scenario::Name() const {
  std::string name(kind->spec.name);
  if (component.kind == "host" || component.kind == "docker") {
    return name;
  }
  return name + ":" + (component.name.empty() ? component.kind : component.name);
}

std::string Scenario::Component() const { return component.Id(); }

std::vector<Scenario> Offers(const model::Target& target) {
  std::vector<Scenario> out;
  if (!target.ssh) {
    return out;
  }
  auto places = target.application;
  places.push_back({.kind = "host", .name = "", .options = {}});
  for (const auto& component : places) {
    for (const Kind* kind : Catalogue()) {
      if (kind->fits(component)) {
        out.push_back({kind, component});
      }
    }
  }
  return out;
}

base::Result<Scenario> FindScenario(const model::Target& target, std::string_view name) {
  std::vector<std::string> names;
  for (auto& scenario : Offers(target)) {
    if (scenario.Name() == name) {
      return std::move(scenario);
    }
    names.push_back(scenario.Name());
  }
  const auto nearest = base::Nearest(name, names);
  return base::Fail(base::ErrorKind::kNotFound,
                    fmt::format("{} has no scenario \"{}\"{}", target.name, base::Printable(name),
                                nearest.empty() ? " (raksa drill " + target.name + " --list)"
                                                : fmt::format("; did you mean \"{}\"?", nearest)));
}

std::string UnitOf(const model::ComponentSpec& component) {
  if (component.kind == "nginx") {
    return component.name.empty() ? "nginx.service" : component.name + ".service";
  }
  if (component.kind != "service") {
    return "";
  }
  return component.name.find('.') == std::string::npos ? component.name + ".service"
                                                       : component.name;
}

std::vector<Argv> Commands(const model::Target& target) {
  std::set<Argv> seen;
  std::vector<Argv> out;
  const auto add = [&](Argv argv) {
    if (seen.insert(argv).second) {
      out.push_back(std::move(argv));
    }
  };
  for (const auto& scenario : Offers(target)) {
    const Place place{
        .target = target, .component = scenario.component, .port = std::string(kAnyPort)};
    auto plan = scenario.kind->plan(place);
    for (auto& argv : plan.cause) {
      add(std::move(argv));
    }
    for (std::size_t i = 0; i < plan.undo.size(); ++i) {
      add(plan.undo[i]);
      add(ArmArgv(i, plan.undo[i]));
      add(DisarmArgv(i));
    }
  }
  return out;
}

}  // namespace drill
