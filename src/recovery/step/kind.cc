// Look-up in the catalogue of steps.
#include "recovery/step/kind.h"

namespace recovery::step {

const Kind* Find(std::string_view name) {
  for (const Kind* kind : Catalogue()) {
    if (kind->spec.name == name) {
      return kind;
    }
  }
  return nullptr;
}

}  // namespace recovery::step
