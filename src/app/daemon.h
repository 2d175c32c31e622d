// Daemon: joins the rooms: probes to store, store to rules, rules to alerts, alerts to incidents,
// incidents to hands and messages, and everything to the page. The order of its members is the
// order of the start.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "alert/inbound/target_index.h"
#include "alert/manager.h"
#include "api/api.h"
#include "api/events.h"
#include "api/server.h"
#include "app/board.h"
#include "app/commands.h"
#include "app/decider.h"
#include "app/discoverer.h"
#include "app/drills.h"
#include "app/ingest.h"
#include "app/settings.h"
#include "app/status_page.h"
#include "incident/journal.h"
#include "incident/manager.h"
#include "loop/http_client.h"
#include "loop/resolver.h"
#include "notify/outbox.h"
#include "probe/scheduler.h"
#include "promql/engine.h"
#include "recovery/hands.h"
#include "remote/elsewhere.h"
#include "remote/outbound.h"
#include "remote/push.h"
#include "ssh/pool.h"
#include "store/store.h"

namespace app {

class Daemon {
 public:
  Daemon(Settings settings, RunOptions options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// Starts everything, runs until SIGTERM or SIGINT, ends everything. Errors: what kept it from
  /// starting.
  base::Result<> Run();

 private:
  // The start, in this order; each says what it could not do.
  base::Result<> TakeDirectory();
  base::Result<> OpenStore();
  base::Result<> OpenJournal();
  void MakeRooms();
  base::Result<> Listen();
  base::Result<> ListenPublic(const std::shared_ptr<api::Sources>& sources);
  loop::Task<> Begin();
  loop::Task<> RestoreState();

  // What runs all the time (daemon_run.cc).
  loop::Task<> Maintain();
  loop::Task<> WatchAlerts();
  loop::Task<> KeepState();
  loop::Task<> PublishFleet();
  loop::Task<> Signals();
  loop::Task<> Stop();

  // The arrows (daemon_run.cc).
  void OnRun(probe::Run& run);
  void OnAlerts(std::vector<model::Alert> alerts, bool first);
  void OnChange(const alert::Change& change);
  loop::Task<> PingNow(std::string target);
  void OnDoubt(const std::string& name);
  loop::Task<> WarmUp(std::string name);

  // Reload.
  loop::Task<base::Result<>> Reload();
  void Apply(Settings settings);
  void WatchTargets();
  void RunStatusPage();
  void OnDiscovered();

  // What the API asks (daemon_sources.cc, daemon_settings.cc, daemon_store.cc).
  std::shared_ptr<api::Sources> MakeSources();
  void CompleteViews(std::vector<api::TargetView>& views) const;
  [[nodiscard]] std::optional<api::TargetView> OneView(const std::string& name) const;
  [[nodiscard]] std::vector<api::TargetView> Fleet() const;
  [[nodiscard]] api::StatusView Status() const;
  void AddMetrics(api::Exposition& exposition) const;
  void AddChannelMetrics(api::Exposition& exposition) const;
  void AddStoreMetrics(api::Exposition& exposition) const;
  [[nodiscard]] api::SettingsView ShowConfiguration() const;
  loop::Task<base::Result<std::vector<api::MessageView>>> Messages(std::string incident);
  loop::Task<base::Result<api::IncidentPage>> Incidents(api::IncidentQuery query);
  loop::Task<base::Result<model::Incident>> Act(api::IncidentAction action);
  loop::Task<base::Result<std::string>> Snapshot();
  loop::Task<base::Result<api::Exposition>> ProbeOnce(std::string target, std::string module);
  loop::Task<base::Result<std::string>> Webhook(api::Request request);
  loop::Task<base::Result<>> Push(std::vector<model::Batch> batches,
                                  std::vector<remote::Metadata> metadata);
  // What concerns other stores (daemon_remote.cc).
  void AddRemoteSources(api::Sources& sources);
  void AddRemoteMetrics(api::Exposition& exposition) const;
  void ApplyRemote();
  rule::QueryFunc RuleQuery();
  /// How rules of a group see what those before them recorded.
  std::function<void(model::Batch)> RuleRecord();
  [[nodiscard]] base::Result<> MayDrill(const model::Target& target, bool repaired) const;
  loop::Task<base::Result<api::DrillView>> BeginDrill(api::DrillView asked);
  [[nodiscard]] std::shared_ptr<const model::Target> Target(const std::string& name) const;
  [[nodiscard]] recovery::Surroundings Around(const std::string& target) const;
  void AddGroup(const std::string& target, const std::set<std::string>& failing,
                recovery::Surroundings& world) const;
  [[nodiscard]] bool CutOff() const;
  loop::Task<incident::VerifyResult> Verify(std::string target, std::vector<model::Alert> alerts);

  Settings settings_;                       ///< its targets are those of the file and those found
  std::vector<model::Target> own_targets_;  ///< of the file
  RunOptions options_;
  base::Time started_ = base::Clock::Now();
  base::Time loaded_ = started_;
  std::string config_error_;
  bool ready_ = false;
  bool status_page_runs_ = false;
  int lock_ = -1;
  bool copying_ = false;  ///< a snapshot is being made

  loop::Loop loop_;
  loop::Resolver resolver_;
  loop::HttpClient http_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<promql::Engine> engine_;
  loop::Worker store_worker_;
  loop::Worker remote_worker_;
  loop::Worker rules_worker_;
  loop::Worker query_worker_;
  loop::Worker snmp_worker_;
  std::unique_ptr<incident::Journal> journal_;
  std::map<std::string, std::shared_ptr<const model::Target>> targets_;
  alert::inbound::TargetIndex index_;  ///< for alerts from outside
  Drills drills_;
  Board board_;
  remote::MetadataBook pushed_;  ///< what pushers say of their metrics
  std::uint64_t pushed_samples_ = 0;
  std::shared_ptr<remote::Outbound> outbound_ =
      std::make_shared<remote::Outbound>(loop_, remote_worker_, http_);
  std::shared_ptr<remote::Elsewhere> elsewhere_;  ///< nullptr: queries are answered here
  std::unique_ptr<Ingest> ingest_;
  std::unique_ptr<Decider> decider_;
  std::unique_ptr<Discoverer> discoverer_;
  std::unique_ptr<probe::Scheduler> scheduler_;
  std::unique_ptr<alert::Manager> alerts_;
  std::unique_ptr<ssh::Pool> pool_;
  std::unique_ptr<recovery::LocalHands> hands_;
  std::unique_ptr<incident::Manager> incidents_;
  std::unique_ptr<notify::Outbox> outbox_;
  std::unique_ptr<api::EventHub> events_;
  std::unique_ptr<api::Server> server_;
  std::unique_ptr<StatusPage> status_page_;
  std::unique_ptr<api::Server> public_server_;  ///< of the status page alone; may be nullptr
  std::set<std::string>
      changed_;  ///< targets whose view may have changed since the last fleet event
  std::set<std::string> pinging_;                 ///< targets for which PingNow runs
  std::map<std::string, std::string> seen_;       ///< what its probes last made of each target
  std::set<std::string> warming_;                 ///< targets for which WarmUp runs
  std::map<std::string, std::string> published_;  ///< what of each target went out last
  loop::Event fleet_event_;
  loop::Event alert_event_;
  loop::Event state_event_;
  loop::Event store_event_;  ///< the store has something to put in order
  loop::Scope scope_;
};

}  // namespace app
