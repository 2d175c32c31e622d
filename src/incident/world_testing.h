// A made-up world for the incident tests: a host whose components break and are mended, scripted
// hands, outside probes, and the daemon's part of the wiring, on a frozen clock.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "incident/manager.h"

namespace incident::testing {

/// One broken component.
struct Broken {
  std::string component = "nginx";
  int depth = 1;
  bool repairable = true;
  bool works = true;  ///< whether the repair mends it
  std::string consequence_of = "";
};

/// Everything outside the manager. `log` holds what was asked of it: "diagnose", "act nginx",
/// "verify ok", "verify fails".
class World : public Hands {
 public:
  World();
  ~World() override;
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  loop::Task<DiagnoseAnswer> Diagnose(DiagnoseRequest request) override;
  GuardVerdict MayAct(const ActRequest& request) override;
  loop::Task<model::StepOutcome> Act(ActRequest request) override;
  loop::Task<> GiveBack(std::string target) override;
  [[nodiscard]] bool MendsDownHost(const std::string& /*target*/) const override { return power; }
  static loop::Task<VerifyResult> Look(World* world, std::string target,
                                       std::vector<model::Alert> alerts);

  /// Begins (again, after Kill) a manager on the same journal.
  void Start();
  /// Ends manager and journal as a crash would: nothing more is written.
  void Kill();
  void Fire(const model::Alert& alert, const std::string& silenced_by = "");
  void End(const model::Alert& alert);
  void Send(alert::Change::Kind kind, const model::Alert& alert, const std::string& reason,
            const std::string& silenced_by = "");
  /// Lets time pass in steps of `step` until `done`, at most `limit`. False: time was over.
  bool Until(const std::function<bool()>& done, base::Duration limit);
  void Pass(base::Duration d);
  /// The newest incident, open or closed, from the journal.
  model::Incident Newest();
  [[nodiscard]] model::IncidentState State() const;
  /// The newest incident is closed.
  bool UntilClosed(base::Duration limit);
  /// "opened", "ended", … of all messages, oldest first.
  std::vector<std::string> Messages();
  [[nodiscard]] int Count(const std::string& what) const;
  /// The alerts that rules would raise now: `Http()` while something is broken.
  static model::Alert Http(double code = 500);
  static model::Alert Metric(const std::string& metric, const std::string& source = "rule");

  base::FrozenClock clock;
  base::Duration step = std::chrono::milliseconds(50);
  loop::Loop loop;
  std::vector<Broken> broken;
  std::vector<model::Alert> active;  ///< for AlertsOf
  std::vector<std::string> log;
  GuardVerdict guard{.kind = GuardVerdict::Kind::kAllowed};
  std::string examine_error;
  bool refuse_act = false;
  base::Duration refuse_for{};  ///< a refusal is for now: the guard says so for so long
  bool power = false;           ///< a host that is down can be switched off and on
  bool step_fails = false;      ///< Act says that it did not take
  bool probe_stuck = false;     ///< the outside probe fails whatever is mended
  bool possible = true;
  base::Duration examine_time = std::chrono::milliseconds(200);
  base::Duration act_time = std::chrono::milliseconds(500);
  Options options;
  std::string folder;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Manager> manager;
  std::string last_id;
  std::vector<std::string> states;  ///< every state entered, of all incidents

 private:
  model::Finding FindingOf(const Broken& b) const;
};

}  // namespace incident::testing
