// Look-up in the catalogue of components and causes.
#include "diagnosis/kind.h"

namespace diagnosis {

const Kind* Find(std::string_view name) {
  for (const Kind* kind : Catalogue()) {
    if (kind->spec.name == name) {
      return kind;
    }
  }
  return nullptr;
}

const Cause* FindCause(std::string_view id) {
  for (const Kind* kind : Catalogue()) {
    for (const Cause& cause : kind->causes) {
      if (cause.id == id) {
        return &cause;
      }
    }
  }
  return nullptr;
}

}  // namespace diagnosis
