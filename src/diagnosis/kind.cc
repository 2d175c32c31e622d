// Look-up in the catalogue of components and causes.
#include "diagnosis/kind.h"

#include <algorithm>
#include <iterator>

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

bool BeyondSudoers(const std::vector<std::string>& argv) {
  static const std::vector<std::vector<std::string>> kBegins = {
      {"openssl", "x509", "-noout", "-enddate", "-in"},
      {"tail", "-n", "50", "--"},
      {"stat", "-L", "-c"}};
  return std::ranges::any_of(kBegins, [&](const std::vector<std::string>& begin) {
    return argv.size() > begin.size() && std::equal(begin.begin(), begin.end(), argv.begin());
  });
}

std::vector<ssh::Privilege> Privileges(const model::Target& target) {
  auto components = target.application;
  components.push_back({.kind = "host"});
  std::vector<ssh::Privilege> out;
  for (const auto& component : components) {
    const Kind* kind = Find(component.kind);
    if (kind != nullptr && kind->as_root != nullptr) {
      auto more = kind->as_root(target, component);
      std::move(more.begin(), more.end(), std::back_inserter(out));
    }
  }
  return out;
}

}  // namespace diagnosis
