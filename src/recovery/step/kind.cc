// Look-up in the catalogue of steps.
#include "recovery/step/kind.h"

#include <algorithm>
#include <iterator>

namespace recovery::step {

const Kind* Find(std::string_view name) {
  for (const Kind* kind : Catalogue()) {
    if (kind->spec.name == name) {
      return kind;
    }
  }
  return nullptr;
}

std::vector<ssh::Privilege> Privileges(const model::Target& target, const Policy& policy) {
  std::vector<ssh::Privilege> out;
  for (const auto& component : target.application) {
    for (const Kind* kind : Catalogue()) {
      if (kind->as_root != nullptr) {
        auto more = kind->as_root(target, component, policy);
        std::move(more.begin(), more.end(), std::back_inserter(out));
      }
    }
  }
  return out;
}

}  // namespace recovery::step
