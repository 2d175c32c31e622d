// Guard: decides whether a repair may be made now. Pure: it knows the past and the clock, and
// touches nothing.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "diagnosis/parse/host.h"
#include "incident/hands.h"
#include "recovery/policy.h"

namespace recovery {

/// A repair that is asked for.
struct Action {
  std::string target;
  std::string component;
  std::string step;
  std::string mode;         ///< the target's own: "", "observe", "approve", "auto"
  bool approved = false;    ///< a person said yes to this one
  bool disruptive = false;  ///< the step may take away what still works
};

/// What the guard must know of the world when it decides.
struct Surroundings {
  int failing_hosts = 0;  ///< hosts with an open incident or that are down, this one included
  int all_hosts = 0;
  bool cut_off = false;     ///< the monitor itself has no network
  bool ping_down = false;   ///< this host's ping is confirmed unanswered
  std::string maintenance;  ///< why this host is left alone now; "" = it is not
  std::string group;        ///< of this host; "" = it has none
  int group_hosts = 0;      ///< in the group, this one included
  int group_healthy = 0;    ///< of the others, those that serve
  const diagnosis::parse::HostFacts* facts = nullptr;  ///< newest; may be null
};

/// The rules, in the order in which they are asked: known and named, mode, own network, fleet
/// brake, minimum healthy of the group, maintenance, hold on the host, lock, recurrence, cooldown,
/// budget. A person's yes lifts the mode `approve`, a login hold and the recurrence stop, nothing
/// else.
class Guard {
 public:
  explicit Guard(Policy policy) : policy_(policy) {}
  void SetPolicy(Policy policy) { policy_ = policy; }
  [[nodiscard]] const Policy& policy() const { return policy_; }

  /// What would be said now. Takes nothing.
  [[nodiscard]] incident::GuardVerdict MayAct(const Action& action,
                                              const Surroundings& world) const;
  /// The same; when it is allowed the host is locked and the budget charged. Pair with Finish.
  incident::GuardVerdict Take(const Action& action, const Surroundings& world);
  /// Gives the host back; `good`: the step was done.
  void Finish(const Action& action, bool good);
  /// Gives the host back and the budget too: nothing was changed after all.
  void Undo(const Action& action);

  /// How often a step was tried on a component within `window`.
  [[nodiscard]] int Tried(std::string_view target, std::string_view component,
                          std::string_view step, base::Duration window) const;

  /// The machine-id of a target that `keys` (a digest of its enrolled host keys) belongs to; "" =
  /// never met. A target that was enrolled anew is met anew.
  [[nodiscard]] std::string Machine(std::string_view target, std::string_view keys) const;
  void KnowMachine(const std::string& target, const std::string& keys, const std::string& machine);

  /// The state that must outlive the daemon, as JSON; locks are not in it: they end with us, and
  /// the host's own lock stays. Taken back, what was done in the future counts as done now.
  [[nodiscard]] std::string Snapshot() const;
  /// Takes a snapshot back. Errors: kCorrupt; the state is then as before.
  base::Result<> Restore(std::string_view json);

 private:
  struct Deed {
    std::string target;
    std::string component;
    std::string step;
    /// By the steady clock: a wall clock that is set gives no budget back and takes none.
    base::Instant at{};
    int outcome = 0;  ///< 0 not known (running, or we were killed), 1 good, -1 bad
  };
  struct Known {
    std::string keys;
    std::string machine;
  };
  [[nodiscard]] incident::GuardVerdict Limits(const Action& action) const;
  void Prune();

  Policy policy_;
  std::deque<Deed> deeds_;  ///< by time
  std::set<std::string> locked_;
  std::map<std::string, Known, std::less<>> machines_;
};

}  // namespace recovery
