// Policy: what the administrator allows recovery to do, from the key `recovery:`.
#pragma once

#include <string>

#include "base/clock.h"
#include "config/node.h"

namespace recovery {

/// The step that switches a host off and on from outside.
inline constexpr std::string_view kPowerCycle = "power-cycle";

/// What happens to a repair that nothing forbids.
enum class Mode {
  kObserve,  ///< only written down: "would have done"
  kApprove,  ///< done when a person says yes
  kAuto      ///< done
};
std::string_view ToString(Mode mode);
/// "observe", "approve", "auto"; anything else gives `otherwise`.
Mode ParseMode(std::string_view text, Mode otherwise);

/// How often a step may be made; a day has `daily`.
struct Limits {
  base::Duration cooldown{};
  int budget = 0;
  base::Duration window{};
  int daily = 0;
  bool operator==(const Limits&) const = default;
};

/// The limits of repair. Every one holds whatever a rule says.
struct Policy {
  Mode mode = Mode::kObserve;
  /// The same step on the same component is not tried again sooner; after each failure the wait is
  /// multiplied by `backoff`, up to `max_cooldown`.
  base::Duration cooldown = std::chrono::seconds(5);
  double backoff = 2;
  base::Duration max_cooldown = std::chrono::minutes(15);
  /// The same step on the same host: at most `budget` times in `budget_window` and `daily` a day.
  int budget = 3;
  base::Duration budget_window = std::chrono::minutes(10);
  int daily = 10;
  /// The fleet brake: nothing is repaired while at least `brake_hosts` hosts and more than
  /// `brake_percent` of all fail at once: it is then our own network, or something no restart
  /// mends.
  int brake_hosts = 3;
  double brake_percent = 50;
  /// Minimum healthy: a step that may take away what still works is not made on a host while fewer
  /// than so many others of its group serve. The group is the value of the target's label
  /// `group_label`; a target without it has none. 0 and 0 = no such rule.
  std::string group_label = "group";
  int minimum_hosts = 0;
  double minimum_percent = 0;  ///< of all hosts of the group, rounded up
  /// Power-cycling has limits of its own.
  Limits power = {.cooldown = std::chrono::minutes(15),
                  .budget = 1,
                  .window = std::chrono::hours(1),
                  .daily = 3};
  /// A step that worked on the same component this often in this time treats a symptom: a person
  /// must look.
  int recurrence = 3;
  base::Duration recurrence_window = std::chrono::hours(1);
  bool login_hold = true;    ///< hold while somebody works at a terminal of the host
  bool package_hold = true;  ///< hold while a package manager runs
  bool drop_caches = false;  ///< clear the page cache before a container that was killed is started
  base::Duration lease = std::chrono::minutes(3);  ///< how long the host's own lock is ours
  /// For the state machine of incidents.
  int max_rounds = 5;  ///< changes in one incident
  /// After a change, before verification; twice as long after the second, and so on. A step has
  /// asked the host itself whether it took, so that none is needed as a rule.
  base::Duration settle{};
  int verify_passes = 3;
  base::Duration verify_spacing = std::chrono::milliseconds(200);
  base::Duration hold = std::chrono::seconds(30);  ///< watched after verification
  bool operator==(const Policy&) const = default;
};

/// The limits of a step by its name.
Limits LimitsOf(const Policy& policy, std::string_view step);

/// Reads the map `recovery:`. A false node gives the defaults; mistakes are reported at their
/// place.
Policy ReadPolicy(config::Node node);

}  // namespace recovery
