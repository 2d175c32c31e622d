// The daemon: start, reload, end.
#include "app/daemon.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "api/json.h"
#include "app/verify.h"
#include "app/version.h"
#include "app/wiring.h"
#include "base/log.h"
#include "loop/curl.h"

namespace app {

using std::chrono::seconds;

namespace {

/// Samples kept in memory before some are written early: some ten rounds of each target's
/// values, so that a daemon of a hundred targets stays small. More series mean shorter pieces on
/// disk until their window closes.
std::size_t HeadSamples(std::size_t targets) {
  return std::clamp<std::size_t>(targets * 600, 60'000, 4'000'000);
}

/// Statistics are for the time after the samples are gone.
base::Duration TierAge(const Retention& retention) {
  return retention.tiers > retention.age ? retention.tiers : base::Duration{};
}

/// Whether libcurl will be needed for what people rely on: pages that are watched, messages.
bool AsksHttp(const Settings& settings) {
  return !settings.notify.empty() ||
         std::ranges::any_of(settings.targets, [](const model::Target& target) {
           return std::ranges::find(target.probes, "http", &model::ProbeSpec::kind) !=
                  target.probes.end();
         });
}

/// Who may ask, with the webhooks whose senders sign instead.
api::Auth AuthOf(const Settings& settings) {
  auto auth = settings.auth.auth;
  if (settings.webhooks.signing) {
    auth.signed_paths.assign(kSignedPaths.begin(), kSignedPaths.end());
  }
  return auth;
}

}  // namespace

Daemon::Daemon(Settings settings, RunOptions options)
    : settings_(std::move(settings)),
      options_(std::move(options)),
      resolver_(loop_),
      http_(loop_),
      store_worker_(loop_, "store"),
      remote_worker_(loop_, "remote"),
      rules_worker_(loop_, "rules"),
      query_worker_(loop_, "query", 2),
      snmp_worker_(loop_, "snmp"),
      fleet_event_(loop_),
      alert_event_(loop_),
      state_event_(loop_),
      store_event_(loop_),
      scope_(loop_) {}

Daemon::~Daemon() {
  if (lock_ >= 0) {
    close(lock_);
  }
}

base::Result<> Daemon::TakeDirectory() {
  std::error_code ec;
  std::filesystem::create_directories(settings_.data_dir, ec);
  if (ec) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("cannot make data_dir {}: {}", settings_.data_dir, ec.message()));
  }
  const std::string path = settings_.data_dir + "/lock";
  lock_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("{}: {}", path, std::strerror(errno)));
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return base::Fail(base::ErrorKind::kRefused,
                      fmt::format("another raksa runs on data_dir {}", settings_.data_dir));
  }
  return {};
}

base::Result<> Daemon::OpenStore() {
  store::StoreOptions options;
  options.dir = settings_.data_dir;
  options.retention_age = settings_.retention.age;
  options.retention_bytes = settings_.retention.size;
  options.tier_age = TierAge(settings_.retention);
  options.head_samples = HeadSamples(settings_.targets.size());
  auto opened = store::Store::Open(options);
  if (!opened) {
    return base::Fail(opened.error());
  }
  store_ = std::move(*opened);
  engine_ = std::make_unique<promql::Engine>(store_.get());
  return {};
}

base::Result<> Daemon::OpenJournal() {
  auto opened = incident::Journal::Open(loop_, settings_.data_dir + "/journal.db");
  if (!opened) {
    return base::Fail(opened.error());
  }
  journal_ = std::move(*opened);
  return {};
}

void Daemon::MakeRooms() {
  ingest_ = std::make_unique<Ingest>(
      loop_, store_worker_, *store_,
      [outbound = outbound_](std::span<const model::Batch> batches,
                             std::span<const model::TableBatch> tables) {
        outbound->Put(batches, tables);
      },
      [this](std::vector<std::string> flipped) {
        decider_->OnReadable(std::move(flipped));
        if (store_->unsettled()) {
          store_event_.Notify();
        }
      });
  decider_ = std::make_unique<Decider>(
      loop_, rules_worker_, RuleQuery(), RuleRecord(),
      [this](std::vector<model::Alert> alerts, bool first) { OnAlerts(std::move(alerts), first); },
      [this](model::Batch batch) { ingest_->Put(std::move(batch), {}); });
  auto confirm = settings_.confirm;
  confirm.doubt = [this](const std::string& target) { OnDoubt(target); };
  discoverer_ =
      std::make_unique<Discoverer>(loop_, query_worker_, http_, [this] { OnDiscovered(); });
  scheduler_ = std::make_unique<probe::Scheduler>(
      probe::World{&loop_, &resolver_, &http_, &snmp_worker_},
      [this](probe::Run&& run) { OnRun(run); }, std::move(confirm));
  alert::Options alert_options;
  alert_options.grace = seconds(2);
  alerts_ = std::make_unique<alert::Manager>(
      alert_options, [this](const std::string& target) { return board_.Ping(target); });
  alerts_->SetSink([this](const alert::Change& change) { OnChange(change); });
  pool_ = std::make_unique<ssh::Pool>(loop_, ssh::PoolOptions{});
  recovery::HandsNeeds hands;
  hands.loop = &loop_;
  hands.pool = pool_.get();
  hands.policy = settings_.recovery;
  hands.owner = OwnerName(settings_.data_dir);
  hands.find_target = [this](const std::string& name) -> std::optional<model::Target> {
    const auto found = Target(name);
    return found == nullptr ? std::nullopt : std::optional(*found);
  };
  hands.surroundings = [this](const std::string& target) { return Around(target); };
  hands.save = [this](std::string snapshot) {
    incident::Batch batch;
    batch.state.emplace_back("guard", std::move(snapshot));
    journal_->Post(std::move(batch));
  };
  hands_ = std::make_unique<recovery::LocalHands>(std::move(hands));
  incident::Needs needs;
  needs.loop = &loop_;
  needs.journal = journal_.get();
  needs.hands = hands_.get();
  needs.verify = [this](std::string target, std::vector<model::Alert> alerts) {
    return Verify(std::move(target), std::move(alerts));
  };
  needs.alerts_of = [this](const std::string& target) { return alerts_->AlertsOf(target); };
  needs.options = IncidentOptions(settings_.recovery);
  needs.on_saved = KillAtState();
  incidents_ = std::make_unique<incident::Manager>(std::move(needs));
  outbox_ = std::make_unique<notify::Outbox>(loop_, http_, *journal_, settings_.notify,
                                             settings_.language);
  journal_->SetOnMessage([this] { outbox_->Wake(); });
  events_ = std::make_unique<api::EventHub>(loop_, kVersion);
  incidents_->Subscribe([this](const model::Incident& incident) {
    const auto* entry = incident.timeline.empty() ? nullptr : &incident.timeline.back();
    events_->Publish("incident", api::IncidentEvent(incident, entry));
    changed_.insert(incident.target);
    fleet_event_.Notify();
    status_page_->OnIncident();
  });
  status_page_ = std::make_unique<StatusPage>(StatusPage::Needs{
      &query_worker_, store_.get(),
      [this](incident::Filter filter) { return incidents_->List(std::move(filter)); }});
}

base::Result<> Daemon::Listen() {
  api::ServerOptions options;
  options.listen = settings_.listen;
  if (!settings_.shs_listen.empty()) {
    options.listen.push_back(settings_.shs_listen);
  }
  options.auth = AuthOf(settings_);
  options.tls_cert_file = settings_.tls.cert_file;
  options.tls_key_file = settings_.tls.key_file;
  auto sources = MakeSources();
  options.auth.sessions = sources->sessions;
  server_ = std::make_unique<api::Server>(loop_, std::move(options), api::MakeRouter(sources));
  const auto started = server_->Start();
  return started ? ListenPublic(sources) : started;
}

base::Result<> Daemon::ListenPublic(const std::shared_ptr<api::Sources>& sources) {
  if (settings_.status_page.listen.empty()) {
    return {};
  }
  api::ServerOptions options;
  options.listen = {settings_.status_page.listen};
  options.auth.everybody = true;
  options.tls_cert_file = settings_.tls.cert_file;
  options.tls_key_file = settings_.tls.key_file;
  options.max_connections = 256;
  options.max_body = 1024;
  public_server_ =
      std::make_unique<api::Server>(loop_, std::move(options), api::MakePublicRouter(sources));
  return public_server_->Start();
}

loop::Task<> Daemon::RestoreState() {
  const auto now = base::Clock::Now();
  const auto restore = [](std::string_view what, const base::Result<>& done) {
    if (!done) {
      base::Log(base::Level::kError, "kept state cannot be read; it begins anew",
                {{"state", what}, {"err", done.error().message}});
    }
  };
  const auto alerts = co_await journal_->GetState("alerts");
  if (alerts && !alerts->empty()) {
    boost::system::error_code ec;
    const auto value = boost::json::parse(*alerts, ec);
    restore("alerts", !ec && value.is_object()
                          ? alerts_->Restore(value.as_object(), now)
                          : base::Fail(base::ErrorKind::kCorrupt, "no JSON object"));
  }
  const auto guard = co_await journal_->GetState("guard");
  if (guard && !guard->empty()) {
    restore("guard", hands_->Restore(*guard));
  }
  const auto rules = co_await journal_->GetState("rules");
  if (rules && !rules->empty()) {
    auto* decider = decider_.get();
    auto work = [decider, text = *rules] { return decider->Restore(text); };
    const auto done = co_await rules_worker_.Run(std::move(work));
    restore("rules", done);
  }
}

loop::Task<> Daemon::Begin() {
  Apply(std::move(settings_));
  co_await RestoreState();
  const auto resumed = co_await incidents_->Resume();
  if (!resumed) {
    base::Log(base::Level::kError, "open incidents cannot be read",
              {{"err", resumed.error().message}});
  }
  scope_.Spawn("rules", decider_->Run());
  scope_.Spawn("maintain", Maintain());
  scope_.Spawn("alerts", WatchAlerts());
  scope_.Spawn("state", KeepState());
  scope_.Spawn("fleet", PublishFleet());
  RunStatusPage();
  outbox_->Start();
  ready_ = true;
  sd_notify(0, "READY=1");
  std::string places;
  for (const auto& address : server_->addresses()) {
    places += (places.empty() ? "" : " ") +
              (address.starts_with("unix:")
                   ? address
                   : (settings_.tls.on() ? "https://" : "http://") + address + "/");
  }
  base::Log(
      base::Level::kInfo, "raksa runs",
      {{"version", kVersion}, {"targets", targets_.size()}, {"page", places}, {"pid", getpid()}});
}

void Daemon::Apply(Settings settings) {
  settings_ = std::move(settings);
  own_targets_ = settings_.targets;
  base::SetLog(settings_.log_format, settings_.log_level);
  discoverer_->Configure(settings_.discovery);
  server_->SetAuth(AuthOf(settings_));
  hands_->SetPolicy(settings_.recovery);
  incidents_->SetOptions(IncidentOptions(settings_.recovery));
  scheduler_->SetConfirmation(settings_.confirm);
  store_->SetLimits({settings_.retention.age, settings_.retention.size,
                     TierAge(settings_.retention), HeadSamples(settings_.targets.size())});
  outbox_->Configure(settings_.notify, settings_.language);
  WatchTargets();
  loaded_ = base::Clock::Now();
  config_error_.clear();
}

/// Watches the targets of the configuration and those found.
void Daemon::WatchTargets() {
  settings_.targets = target::Joined(own_targets_, discoverer_->found());
  std::map<std::string, std::vector<std::string>> depends_on;
  std::vector<std::string> gone;
  auto before = std::exchange(targets_, {});
  for (const auto& target : settings_.targets) {
    before.erase(target.name);
    targets_[target.name] = std::make_shared<const model::Target>(target);
    depends_on[target.name] = target.depends_on;
  }
  gone.reserve(before.size());
  for (const auto& [name, target] : before) {
    gone.push_back(name);
    seen_.erase(name);
    published_.erase(name);
  }
  index_ = alert::inbound::TargetIndex(settings_.targets);
  board_.Apply(settings_.targets);
  alerts_->SetDependencies(std::move(depends_on));
  decider_->Replace(settings_.rules, std::move(gone),
                    {settings_.external_labels, settings_.external_url});
  scheduler_->Apply(settings_.targets);
  ApplyRemote();
  status_page_->Configure(settings_.status_page, settings_.targets);
  if (ready_) {
    RunStatusPage();
  }
}

/// Computes the status page's figures from now on, if there is one.
void Daemon::RunStatusPage() {
  if (settings_.status_page.on() && !std::exchange(status_page_runs_, true)) {
    scope_.Spawn("status page", status_page_->Run(seconds(10)));
  }
}

void Daemon::OnDiscovered() {
  WatchTargets();
  base::Log(base::Level::kInfo, "the targets found have changed", {{"targets", targets_.size()}});
  if (ready_) {
    events_->Publish("fleet", api::FleetEvent(Fleet(), {}, true));
  }
}

loop::Task<base::Result<>> Daemon::Reload() {
  sd_notify(0, "RELOADING=1");
  const std::string file = settings_.file;
  const auto loaded = std::make_shared<Loaded>();
  auto work = [loaded, file] { *loaded = LoadSettings(file); };
  co_await query_worker_.Run(std::move(work));
  sd_notify(0, "READY=1");
  if (!loaded->settings) {
    std::string text = loaded->unreadable ? loaded->unreadable->message : "";
    for (const auto& problem : loaded->problems) {
      text += (text.empty() ? "" : "\n") + problem.ToString();
    }
    config_error_ = text;
    base::Log(base::Level::kError, "the changed configuration is bad; the old one stays",
              {{"err", text}});
    co_return base::Fail(base::ErrorKind::kInvalid, text);
  }
  if (loaded->settings->listen != settings_.listen ||
      loaded->settings->data_dir != settings_.data_dir ||
      loaded->settings->status_page.listen != settings_.status_page.listen ||
      loaded->settings->store != settings_.store) {
    base::Log(base::Level::kWarn, "listen, data_dir and store change only when raksa starts anew");
    loaded->settings->store = settings_.store;
    loaded->settings->status_page.listen = settings_.status_page.listen;
    loaded->settings->listen = settings_.listen;
    loaded->settings->data_dir = settings_.data_dir;
  }
  Apply(std::move(*loaded->settings));
  server_->SetAuth(AuthOf(settings_));
  events_->Publish("fleet", api::FleetEvent(Fleet(), {}, true));
  base::Log(base::Level::kInfo, "configuration read again",
            {{"file", file}, {"targets", targets_.size()}});
  co_return base::Result<>();
}

loop::Task<> Daemon::Signals() {
  namespace asio = boost::asio;
  asio::signal_set signals(loop_.io(), SIGTERM, SIGINT, SIGHUP);
  for (;;) {
    const int signal = co_await signals.async_wait(asio::use_awaitable);
    if (signal != SIGHUP) {
      break;
    }
    const auto done = co_await Reload();
    (void)done;  // Reload has said why
  }
  base::Log(base::Level::kInfo, "raksa ends");
  co_await Stop();
  loop_.Stop();
}

loop::Task<> Daemon::Stop() {
  ready_ = false;
  sd_notify(0, "STOPPING=1");
  events_->Close();
  if (public_server_) {
    co_await public_server_->Stop(seconds(1));
  }
  co_await server_->Stop(seconds(2));
  co_await discoverer_->Stop();
  co_await scheduler_->Stop();
  co_await incidents_->Stop();
  co_await outbox_->Stop();
  co_await pool_->Close();
  if (elsewhere_) {
    elsewhere_->Close();
  }
  scope_.Cancel();
  co_await scope_.Join();
  co_await outbound_->Stop();
  const auto alerts = boost::json::serialize(alerts_->Snapshot());
  const auto kept = co_await journal_->PutState("alerts", alerts);
  if (!kept) {
    base::Log(base::Level::kError, "state cannot be kept",
              {{"state", "alerts"}, {"err", kept.error().message}});
  }
}

base::Result<> Daemon::Run() {
  base::SetLog(settings_.log_format, settings_.log_level);
  for (const auto step : {&Daemon::TakeDirectory, &Daemon::OpenStore, &Daemon::OpenJournal}) {
    if (auto done = (this->*step)(); !done) {
      return done;
    }
  }
  if (settings_.store) {
    elsewhere_ = std::make_shared<remote::Elsewhere>(loop_, http_, *settings_.store);
  }
  MakeRooms();
  if (auto done = Listen(); !done) {
    return done;
  }
  if (AsksHttp(settings_)) {  // a host must not look broken because a library is missing here
    if (const auto& loaded = loop::LoadCurl(); !loaded) {
      return base::Fail(loaded.error());
    }
  }
  loop_.Spawn("signals", Signals());
  loop_.Spawn("begin", Begin());
  loop_.Run();
  return {};
}

int RunDaemon(const RunOptions& options) {
  auto loaded = LoadSettings(options.config);
  if (!loaded.settings) {
    if (loaded.unreadable) {
      std::cerr << "raksa: " << loaded.unreadable->message << "\n";
    }
    for (const auto& problem : loaded.problems) {
      std::cerr << problem.ToString() << "\n";
    }
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  mallopt(M_ARENA_MAX, 1);  // heaps for ten threads that mostly wait would only be space
  umask(077);
  Daemon daemon(std::move(*loaded.settings), options);
  if (const auto done = daemon.Run(); !done) {
    std::cerr << "raksa: " << done.error().message << "\n";
    return 2;
  }
  return 0;
}

}  // namespace app
