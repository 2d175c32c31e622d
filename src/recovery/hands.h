// LocalHands: the hands of this very process: SSH sessions, examination, guard and steps together.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "diagnosis/examine.h"
#include "incident/hands.h"
#include "loop/loop.h"
#include "recovery/guard.h"
#include "recovery/local_shell.h"
#include "recovery/step/kind.h"
#include "ssh/pool.h"

namespace recovery {

/// What the hands are given; everything that a function touches outlives them.
struct HandsNeeds {
  loop::Loop* loop = nullptr;
  ssh::Pool* pool = nullptr;
  Policy policy;
  /// A name for this Raksa in the lock on hosts: stays the same over restarts, differs between
  /// Raksas ("monitor1-8f3a").
  std::string owner;
  /// The target of that name as configured now.
  std::function<std::optional<model::Target>(const std::string& name)> find_target;
  /// How the fleet is; may be empty (then there is no fleet brake). `facts` is left alone.
  std::function<Surroundings(const std::string& target)> surroundings;
  /// Keeps Guard::Snapshot; called before a change is made and after it. May be empty.
  std::function<void(std::string snapshot)> save;
  /// Tests: another way to reach a target than by the pool.
  std::function<std::shared_ptr<ssh::Shell>(const model::Target& target)> shell_for;
  /// Tests: another place for steps that run here; null = this machine.
  ssh::Shell* local = nullptr;
};

class LocalHands : public incident::Hands {
 public:
  explicit LocalHands(HandsNeeds needs);

  loop::Task<incident::DiagnoseAnswer> Diagnose(incident::DiagnoseRequest request) override;
  incident::GuardVerdict MayAct(const incident::ActRequest& request) override;
  loop::Task<model::StepOutcome> Act(incident::ActRequest request) override;
  loop::Task<> GiveBack(std::string target) override;
  /// Logs in to a target that is likely to be examined in a moment, unless that is done. What goes
  /// wrong is no trouble: the examination will say it.
  loop::Task<> Warm(std::string target);
  [[nodiscard]] bool MendsDownHost(const std::string& target) const override;

  /// Takes up what was saved. Errors: kCorrupt.
  base::Result<> Restore(std::string_view snapshot) { return guard_.Restore(snapshot); }
  /// After a reload.
  void SetPolicy(Policy policy) { guard_.SetPolicy(policy); }
  [[nodiscard]] const Guard& guard() const { return guard_; }

 private:
  struct Facts {
    diagnosis::parse::HostFacts facts;
    base::Instant at{};
  };
  base::Result<std::shared_ptr<ssh::Shell>> ShellFor(const model::Target& target);
  [[nodiscard]] Action ActionFor(const incident::ActRequest& request,
                                 const model::Target& target) const;
  [[nodiscard]] Surroundings Around(const std::string& target) const;
  void Meet(const model::Target& target, diagnosis::Examination& examination);
  void AllowOneStart(const std::string& target, std::vector<model::Finding>& findings) const;
  loop::Task<model::StepOutcome> ActLocked(const step::Kind* kind, incident::ActRequest request,
                                           model::Target target, Action action);
  loop::Task<model::StepOutcome> ActHere(const step::Kind* kind, incident::ActRequest request,
                                         model::Target target);
  void Save() const;
  /// Another Raksa holds the host for `left`: when to try again.
  void Wait(const std::string& target, std::string why, base::Duration left);

  /// A host whose lock another Raksa holds.
  struct Held {
    std::string why;
    base::Instant until{};
    int times = 0;  ///< in a row
  };
  HandsNeeds needs_;
  LocalShell local_;
  Guard guard_;
  std::map<std::string, Facts> facts_;
  std::map<std::string, Held> held_;  ///< by target
};

/// A digest of the host keys that are enrolled for a target: what its machine-id belongs to.
std::string EnrolledKeys(const model::Target& target);

}  // namespace recovery
