// Drills: which targets are broken on purpose just now, so that their alerts say so.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/sources.h"
#include "base/clock.h"
#include "model/alert.h"

namespace app {

/// The drills that go on. One at a time: while one target is broken on purpose, another outage
/// would meet a fleet that is already weakened.
class Drills {
 public:
  /// Notes one. Errors: kRefused while another goes on.
  base::Result<> Begin(api::DrillView drill, base::Time now);
  /// Errors: kNotFound.
  base::Result<> End(const std::string& target);
  /// What goes on.
  [[nodiscard]] std::vector<api::DrillView> List(base::Time now) const;
  /// Gives alerts of targets under drill the annotation `raksa_drill`, from which timeline and
  /// message know it.
  void Mark(std::vector<model::Alert>& alerts, base::Time now) const;

 private:
  std::map<std::string, api::DrillView> drills_;  ///< by target
};

}  // namespace app
