// What the API asks of the daemon: views of targets, incidents, rules, status, and the few things
// that it may do.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "alert/inbound/authentic.h"
#include "alert/inbound/inbound.h"
#include "api/json.h"
#include "api/session.h"
#include "app/daemon.h"
#include "app/readmes.h"
#include "app/report.h"
#include "app/verify.h"
#include "app/version.h"
#include "base/log.h"
#include "diagnosis/kind.h"
#include "recovery/step/kind.h"

namespace app {
namespace {

api::KindsView Kinds() {
  api::KindsView view;
  for (const auto* kind : probe::Catalogue()) {
    view.probes.push_back(kind->spec);
  }
  for (const auto* kind : diagnosis::Catalogue()) {
    api::ComponentKindView component{kind->spec, {}};
    for (const auto& cause : kind->causes) {
      component.causes.push_back({cause.id, cause.title, cause.title_th, cause.cause_class,
                                  cause.detected_by, cause.remedy});
    }
    view.components.push_back(std::move(component));
  }
  for (const auto* kind : recovery::step::Catalogue()) {
    view.steps.push_back(kind->spec);
  }
  for (const auto* kind : notify::Catalogue()) {
    view.channels.push_back(kind->spec);
  }
  return view;
}

std::vector<std::pair<std::string, double>> SelfFigures() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  long pages = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  std::error_code ec;
  const auto fds = std::distance(std::filesystem::directory_iterator("/proc/self/fd", ec),
                                 std::filesystem::directory_iterator());
  return {{"resident_bytes",
           static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE))},
          {"cpu_seconds", seconds(usage.ru_utime) + seconds(usage.ru_stime)},
          {"open_fds", static_cast<double>(fds)}};
}

/// The incident as lists show it: without what only its own page needs.
loop::Task<base::Result<model::Incident>> GetIncident(incident::Manager* incidents,
                                                      std::string id) {
  auto found = co_await incidents->Get(std::move(id));
  co_return found;
}

}  // namespace

std::shared_ptr<const model::Target> Daemon::Target(const std::string& name) const {
  const auto found = targets_.find(name);
  return found == targets_.end() ? nullptr : found->second;
}

void Daemon::CompleteViews(std::vector<api::TargetView>& views) const {
  std::map<std::string, std::vector<alert::View>, std::less<>> alerts;
  for (auto& one : alerts_->Views()) {
    alerts[std::string(one.alert.Target())].push_back(std::move(one));
  }
  std::map<std::string, model::Incident, std::less<>> open;
  for (auto& one : incidents_->Open()) {
    open.insert_or_assign(one.target, std::move(one));
  }
  for (auto& view : views) {
    const auto& name = view.target->name;
    const auto& own = view.target->recovery_mode;
    view.recovery_mode =
        own.empty() ? std::string(recovery::ToString(settings_.recovery.mode)) : own;
    auto raised = alerts.find(name);
    auto incident = open.find(name);
    Complete(view, raised == alerts.end() ? std::vector<alert::View>() : std::move(raised->second),
             incident == open.end() ? std::nullopt : std::optional(std::move(incident->second)));
  }
}

std::optional<api::TargetView> Daemon::OneView(const std::string& name) const {
  std::vector<api::TargetView> views;
  if (auto view = board_.View(name, base::Clock::Now())) {
    views.push_back(std::move(*view));
    CompleteViews(views);
    return std::move(views.front());
  }
  return std::nullopt;
}

std::vector<api::TargetView> Daemon::Fleet() const {
  auto views = board_.Views(base::Clock::Now());
  CompleteViews(views);
  return views;
}

api::StatusView Daemon::Status() const {
  api::StatusView view;
  view.version = kVersion;
  view.started = started_;
  view.config_file = settings_.file;
  view.config_loaded = loaded_;
  view.config_error = config_error_;
  view.recovery_mode = std::string(recovery::ToString(settings_.recovery.mode));
  view.retention = base::FormatDuration(settings_.retention.age);
  const auto stats = store_->stats();
  view.store = {
      {"series", static_cast<double>(stats.series)},
      {"samples_appended", static_cast<double>(stats.samples_appended)},
      {"head_samples", static_cast<double>(stats.head_samples)},
      {"bytes", static_cast<double>(stats.database_bytes + stats.wal_bytes + stats.log_bytes)}};
  view.store_error = stats.error;
  view.oldest = base::FromMs(stats.oldest);
  view.self = SelfFigures();
  const auto server = server_->stats();
  view.self.emplace_back("connections", static_cast<double>(server.connections));
  view.self.emplace_back("event_clients", static_cast<double>(events_->clients()));
  return view;
}

void Daemon::AddMetrics(api::Exposition& out) const {
  board_.AddMetrics(out);
  const auto gauge = [&](const char* name, const char* help, double value,
                         model::Labels labels = {}) {
    out.Add(name, "gauge", help, value, std::move(labels));
  };
  const auto counter = [&](const char* name, const char* help, auto value,
                           model::Labels labels = {}) {
    out.Add(name, "counter", help, static_cast<double>(value), std::move(labels));
  };
  gauge("raksa_build_info", "Constant 1, with the version as a label.", 1, {{"version", kVersion}});
  for (const auto& [name, value] : SelfFigures()) {
    if (name == "resident_bytes") {
      gauge("process_resident_memory_bytes", "Resident memory size in bytes.", value);
    } else if (name == "cpu_seconds") {
      counter("process_cpu_seconds_total", "User and system CPU time in seconds.", value);
    } else {
      gauge("process_open_fds", "Open file descriptors.", value);
    }
  }
  gauge("process_start_time_seconds", "Start time of the process since 1970 in seconds.",
        static_cast<double>(base::ToMs(started_)) / 1000);
  gauge("raksa_config_last_reload_successful",
        "1 when the newest reading of the configuration went well.", config_error_.empty() ? 1 : 0);
  const auto probes = scheduler_->stats();
  counter("raksa_probe_runs_total", "Scheduled probe runs.", probes.runs);
  counter("raksa_probe_failures_total", "Scheduled probe runs without success.", probes.failures);
  counter("raksa_probe_skipped_slots_total", "Slots missed because the run before was not over.",
          probes.skipped_slots);
  counter("raksa_probe_looks_total", "Runs between the slots (confirm.watch).", probes.looks);
  counter("raksa_probe_reprobes_total", "Runs made to confirm a change of state.", probes.reprobes);
  counter("raksa_probe_flips_total", "Changes of state, by whether the re-probes agreed.",
          probes.confirmed_flips, {{"confirmed", "true"}});
  counter("raksa_probe_flips_total", "Changes of state, by whether the re-probes agreed.",
          probes.unconfirmed_flips, {{"confirmed", "false"}});
  gauge("raksa_probes", "Configured probes.", static_cast<double>(probes.probes));
  gauge("raksa_targets", "Configured targets.", static_cast<double>(targets_.size()));
  const auto ingest = ingest_->stats();
  counter("raksa_ingest_batches_total", "Batches taken to the store.", ingest.batches);
  counter("raksa_ingest_errors_total", "Writes that the store did not take whole.", ingest.errors);
  counter("raksa_ingest_dropped_total", "Batches given up because too many waited.",
          ingest.dropped);
  AddStoreMetrics(out);
  const auto alerts = alerts_->stats();
  gauge("raksa_alerts", "Active alerts by state.", static_cast<double>(alerts.firing),
        {{"state", "firing"}});
  gauge("raksa_alerts", "Active alerts by state.", static_cast<double>(alerts.suppressed),
        {{"state", "suppressed"}});
  gauge("raksa_alerts", "Active alerts by state.", static_cast<double>(alerts.pending),
        {{"state", "pending"}});
  const auto incidents = incidents_->stats();
  gauge("raksa_incidents_open", "Open incidents.", static_cast<double>(incidents.open));
  counter("raksa_incidents_opened_total", "Incidents opened.", incidents.opened);
  for (const auto& [outcome, count] : incidents.ended) {
    counter("raksa_incidents_ended_total", "Incidents ended, by outcome.", count,
            {{"outcome", outcome}});
  }
  AddChannelMetrics(out);
  AddRemoteMetrics(out);
  api::AddServerMetrics(out, *server_, *events_);
}

loop::Task<base::Result<api::IncidentPage>> Daemon::Incidents(api::IncidentQuery query) {
  incident::Filter filter;
  filter.states = query.states;
  filter.open = query.open;
  filter.target = query.target;
  filter.outcome = query.outcome ? model::ToString(*query.outcome) : "";
  filter.since = query.since;
  filter.until = query.until;
  filter.before = query.before;
  filter.limit = query.limit + 1;  // one more tells whether there is another page
  auto listed = co_await incidents_->List(filter);
  if (!listed) {
    co_return base::Fail(listed.error());
  }
  const auto total = co_await incidents_->Count(filter);
  if (!total) {
    co_return base::Fail(total.error());
  }
  const bool more = listed->size() > query.limit;
  listed->resize(std::min(listed->size(), query.limit));
  co_return api::IncidentPage{.incidents = std::move(*listed), .total = *total, .more = more};
}

loop::Task<base::Result<model::Incident>> Daemon::Act(api::IncidentAction action) {
  base::Result<> done;
  switch (action.kind) {
    case api::IncidentAction::Kind::kApprove:
      done = incidents_->Approve(action.id, action.by);
      break;
    case api::IncidentAction::Kind::kReject:
      done = incidents_->Reject(action.id, action.by, action.comment);
      break;
    case api::IncidentAction::Kind::kAcknowledge:
      done = incidents_->Acknowledge(action.id, action.by);
      break;
    case api::IncidentAction::Kind::kStop:
      done = incidents_->TakeOver(action.id, action.by, action.comment);
      break;
    case api::IncidentAction::Kind::kAgain:
      done = incidents_->Again(action.id, action.by);
      break;
    case api::IncidentAction::Kind::kClose:
      done = incidents_->CloseByHand(action.id, action.by, action.comment);
      break;
  }
  if (!done) {
    co_return base::Fail(done.error());
  }
  auto now = co_await incidents_->Get(action.id);
  co_return now;
}

loop::Task<base::Result<api::Exposition>> Daemon::ProbeOnce(std::string name, std::string module) {
  const auto target = Target(name);
  if (target == nullptr) {
    co_return base::Fail(base::ErrorKind::kNotFound,
                         fmt::format("there is no target \"{}\"", name));
  }
  api::Exposition out;
  bool any = false;
  bool good = true;
  double seconds = 0;
  for (const auto& spec : target->probes) {
    if (!module.empty() && module != spec.kind && module != spec.name) {
      continue;
    }
    const auto outcome = co_await scheduler_->ProbeNow(name, spec.name);
    any = true;
    good = good && outcome.success;
    seconds += base::ToSeconds(outcome.took);
    for (const auto& reading : outcome.readings) {
      api::MetricFamily family{reading.name, "gauge", "", {}};
      family.samples.push_back(
          {std::make_shared<const model::Labels>(reading.labels), reading.value});
      out.Add(std::move(family));
    }
  }
  if (!any) {
    co_return base::Fail(base::ErrorKind::kInvalid,
                         fmt::format("\"{}\" has no probe \"{}\"", name, module));
  }
  out.Add("probe_success", "gauge", "1 when every probe succeeded.", good ? 1 : 0);
  out.Add("probe_duration_seconds", "gauge", "How long the probes took.", seconds);
  co_return out;
}

loop::Task<base::Result<std::string>> Daemon::Webhook(api::Request request) {
  const auto now = base::Clock::Now();
  const auto& own = settings_.webhooks;
  if (own.signing && std::ranges::find(kSignedPaths, request.path) != kSignedPaths.end()) {
    const auto header = [&](std::string_view name) { return request.Header(name); };
    if (const auto good = alert::inbound::Authentic(*own.signing, header, request.body, now);
        !good) {
      base::Log(base::Level::kWarn, "a webhook was refused",
                {{"peer", request.peer}, {"err", good.error().message}});
      co_return base::Fail(good.error());
    }
  }
  alert::inbound::Context context;
  context.targets = &index_;
  context.now = now;
  context.target_labels = own.target_labels;
  context.metrics = own.metrics;
  auto read =
      alert::inbound::Read(request.path, request.Header("content-type"), request.body, context);
  if (!read) {
    co_return base::Fail(read.error());
  }
  for (const auto& sentence : read->ignored) {
    base::Log(base::Level::kInfo, "from outside, not taken",
              {{"sender", read->sender}, {"why", sentence}});
  }
  std::string reply = alert::inbound::Reply(*read);
  for (auto& alert : read->alerts) {
    alert.annotations.Remove("raksa_drill");  // nobody outside says what is a drill
  }
  drills_.Mark(read->alerts, now);
  alerts_->Receive(std::move(read->alerts), now);
  alerts_->Receive(alert::inbound::EndedBy(read->ends, alerts_->Views(), now), now);
  alert_event_.Notify();
  state_event_.Notify();
  co_return reply;
}

void Daemon::AddGroup(const std::string& target, const std::set<std::string>& failing,
                      recovery::Surroundings& world) const {
  const auto& label = settings_.recovery.group_label;
  const auto self = Target(target);
  world.group = self ? std::string(self->labels.Get(label)) : "";
  if (world.group.empty()) {
    return;
  }
  for (const auto& [name, other] : targets_) {
    if (other->labels.Get(label) == world.group) {
      ++world.group_hosts;
      world.group_healthy += failing.contains(name) ? 0 : 1;
    }
  }
}

bool Daemon::CutOff() const {
  // One silent host may be dead; when none of several answers, it is more likely us.
  int silent = 0;
  for (const auto& [name, target] : targets_) {
    const auto ping = board_.Ping(name).kind;
    if (ping == alert::PingState::Kind::kUp) {
      return false;
    }
    silent += ping == alert::PingState::Kind::kDown ? 1 : 0;
  }
  return silent >= 2;
}

recovery::Surroundings Daemon::Around(const std::string& target) const {
  recovery::Surroundings world;
  // A busy processor or a full disk is no outage: only hosts that do not serve count for the fleet
  // brake.
  const auto outage = [](const model::Alert& alert) {
    const auto metric = alert.Metric();
    return metric == "ping" || metric == "port" || metric == "http_code";
  };
  std::set<std::string> failing;
  for (const auto& one : incidents_->Open()) {
    if (std::ranges::any_of(one.alerts, outage)) {
      failing.insert(one.target);
    }
  }
  failing.insert(target);
  world.failing_hosts = static_cast<int>(failing.size());
  world.all_hosts = static_cast<int>(targets_.size());
  AddGroup(target, failing, world);
  world.cut_off = CutOff();
  world.ping_down = board_.Ping(target).kind == alert::PingState::Kind::kDown;
  if (const auto* silence = alerts_->MaintenanceOf(target, base::Clock::Now())) {
    world.maintenance = "maintenance: " + silence->comment;
  }
  return world;
}

loop::Task<incident::VerifyResult> Daemon::Verify(std::string name,
                                                  std::vector<model::Alert> alerts) {
  const auto target = Target(name);
  if (target == nullptr) {
    incident::VerifyResult gone;
    gone.possible = false;
    gone.detail = "the target is no longer configured";
    co_return gone;
  }
  auto thresholds = decider_->Thresholds();
  auto result = co_await VerifyFromOutside(scheduler_.get(), target, std::move(thresholds),
                                           std::move(alerts));
  co_return result;
}

std::shared_ptr<api::Sources> Daemon::MakeSources() {
  auto sources = std::make_shared<api::Sources>();
  sources->worker = &query_worker_;
  sources->events = events_.get();
  sources->sessions = std::make_shared<api::Sessions>();
  sources->querier = store_.get();
  sources->ready = [this] { return ready_; };
  sources->status = [this] { return Status(); };
  sources->fleet = [this] { return Fleet(); };
  sources->target = [this](const std::string& name) { return OneView(name); };
  sources->thresholds = [this](const std::string&) { return decider_->Thresholds(); };
  sources->incidents = [this](api::IncidentQuery query) { return Incidents(std::move(query)); };
  sources->incident = [this](std::string id) {
    return GetIncident(incidents_.get(), std::move(id));
  };
  sources->act = [this](api::IncidentAction action) { return Act(std::move(action)); };
  sources->messages = [this](std::string id) { return Messages(std::move(id)); };
  sources->report = WriteReport;
  sources->alerts = [this] { return alerts_->Views(); };
  sources->silences = [this] { return alerts_->Silences(); };
  sources->add_silence = [this](alert::Silence silence) {
    auto id = alerts_->AddSilence(std::move(silence), base::Clock::Now());
    state_event_.Notify();
    alert_event_.Notify();
    return id;
  };
  sources->end_silence = [this](const std::string& id) {
    auto done = alerts_->ExpireSilence(id, base::Clock::Now());
    state_event_.Notify();
    alert_event_.Notify();
    return done;
  };
  sources->rules = [this] { return decider_->Views(); };
  sources->kinds = [] { return Kinds(); };
  sources->readmes = Readmes;
  sources->settings = [this] { return ShowConfiguration(); };
  sources->config_text = [this] { return settings_.shown.yaml; };
  sources->metrics = [this](api::Exposition& out) { AddMetrics(out); };
  sources->probe = [this](std::string target, std::string module) {
    return ProbeOnce(std::move(target), std::move(module));
  };
  sources->reload = [this] { return Reload(); };
  sources->snapshot = [this] { return Snapshot(); };
  sources->drills = [this] { return drills_.List(base::Clock::Now()); };
  sources->begin_drill = [this](api::DrillView drill) { return BeginDrill(std::move(drill)); };
  sources->end_drill = [this](const std::string& target) { return drills_.End(target); };
  sources->webhook = [this](api::Request request) { return Webhook(std::move(request)); };
  sources->families = [this](std::string_view metric) {
    std::vector<api::FamilyView> out;
    for (const auto& latest : scheduler_->GetLatest()) {
      if (latest.families == nullptr) {
        continue;
      }
      for (const auto& [name, one] : *latest.families) {
        if (metric.empty() || name == metric) {
          out.push_back({name, one.type, one.help, one.unit});
        }
      }
    }
    return out;
  };
  AddRemoteSources(*sources);
  sources->public_status = [this] { return status_page_->json(); };
  sources->web_dir = options_.web_dir.empty() ? settings_.web_dir : options_.web_dir;
  sources->flags = {{"config.file", settings_.file}, {"storage.path", settings_.data_dir}};
  return sources;
}

}  // namespace app
