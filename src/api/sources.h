// Sources: everything that the API asks of the rest of the program, as functions and plain views.
// The daemon fills it in; an empty function makes its endpoint answer 404.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alert/manager.h"
#include "api/exposition.h"
#include "api/http.h"
#include "base/clock.h"
#include "base/result.h"
#include "loop/worker.h"
#include "model/incident.h"
#include "model/kind.h"
#include "model/target.h"
#include "promql/engine.h"
#include "remote/wire.h"
#include "store/querier.h"

namespace api {

class EventHub;
class Sessions;

enum class TargetStatus { kUnknown, kUp, kDegraded, kDown };
std::string_view ToString(TargetStatus status);

/// The last run of one probe.
struct ProbeView {
  std::string name;  ///< "tcp:80"
  std::string kind;  ///< "tcp"
  bool success = false;
  std::string reason;  ///< why not; "" on success
  base::Time time{};   ///< the schedule's slot; zero = not run yet
  base::Duration took{};
};

/// The newest value of one series; `labels` are its own (not target, ip, url, the administrator's).
struct ValueView {
  std::string name;
  model::Labels labels;
  double value = 0;
  base::Time time{};
};

/// One target as the fleet shows it.
struct TargetView {
  std::shared_ptr<const model::Target> target;
  TargetStatus status = TargetStatus::kUnknown;
  std::string reason;  ///< one phrase; "" when up
  base::Time since{};  ///< when the status began; zero = not known
  base::Time last_probe{};
  base::Duration interval{};
  base::Duration timeout{};
  std::string recovery_mode;  ///< the one in force: "observe", "approve", "auto"
  std::vector<ProbeView> probes;
  std::vector<ValueView> values;
  std::vector<alert::View> alerts;
  std::optional<model::Incident> incident;  ///< the open one
};

/// A rule's own comparison with a number, for colours and lines.
struct ThresholdView {
  std::string metric;
  std::string op;  ///< "==", "!=", ">", "<", ">=", "<="
  double value = 0;
  std::string rule;  ///< the alert's name
};

/// Which incidents are asked for. Newest first.
struct IncidentQuery {
  std::vector<model::IncidentState> states;  ///< empty = any
  std::optional<bool> open;                  ///< only open, only closed
  std::string target;                        ///< "" = any
  std::optional<model::Outcome> outcome;     ///< how they ended
  base::Time since{};                        ///< opened then or later; zero = ever
  base::Time until{};                        ///< opened before; zero = ever
  std::string before;                        ///< ids smaller than this one; "" = from the newest
  std::size_t limit = 50;
};
struct IncidentPage {
  std::vector<model::Incident> incidents;  ///< timeline not needed
  std::size_t total = 0;                   ///< that meet the filters but `before` and `limit`
  bool more = false;
};

/// An alert of a rule, as Prometheus's rules page has it.
struct RuleAlertView {
  model::Labels labels;
  model::Labels annotations;
  std::string state;  ///< "pending", "firing"
  base::Time active_at{};
  double value = 0;
};
struct RuleView {
  bool recording = false;
  std::string name;
  std::string query;
  base::Duration hold{};  ///< `for`
  base::Duration keep_firing_for{};
  model::Labels labels;
  model::Labels annotations;
  std::string health = "unknown";  ///< "ok", "err", "unknown"
  std::string last_error;
  std::string state = "inactive";  ///< "inactive", "pending", "firing"
  base::Duration evaluation_time{};
  base::Time last_evaluation{};
  std::vector<RuleAlertView> alerts;
};
struct RuleGroupView {
  std::string name;
  std::string file;
  base::Duration interval{};
  int limit = 0;
  base::Duration evaluation_time{};
  base::Time last_evaluation{};
  std::vector<RuleView> rules;
};

/// A cause of the catalogue and its component, as /api/v1/kinds shows them.
struct CauseView {
  std::string_view id, title, title_th;
  model::CauseClass cause_class = model::CauseClass::kReport;
  std::string_view detected_by, remedy;
};
struct ComponentKindView {
  model::KindSpec spec;
  std::vector<CauseView> causes;
};
struct KindsView {
  std::vector<model::KindSpec> probes;
  std::vector<ComponentKindView> components;
  std::vector<model::KindSpec> steps;
  std::vector<model::KindSpec> channels;
};

/// The page (README.md) of one kind.
struct ReadmeView {
  std::string_view room;  ///< "probe", "component", "step", "channel"
  std::string_view kind;  ///< as the configuration names it
  std::string_view markdown;
};

/// A channel of messages and how it fares.
struct ChannelView {
  std::string name;
  std::string kind;
  std::optional<std::int64_t> quota_limit;  ///< nullopt = no limit
  std::optional<std::int64_t> quota_used;   ///< nullopt = has none, or not read yet
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;
  std::size_t waiting = 0;
  std::string last_error;
  base::Time last_delivered{};
};

/// The configuration as loaded.
struct SettingsView {
  /// Path ("targets[0].name") and value in the order of the file; secrets are "***".
  std::vector<std::pair<std::string, std::string>> config;
  std::string file;
  base::Time loaded{};
  std::string error;  ///< of the last reload; "" = it went well
  std::vector<ChannelView> channels;
};

/// One message about an incident on one channel.
struct MessageView {
  std::string id;
  std::string channel;
  std::string event;  ///< "opened", "ended", "approval"
  std::string state;  ///< "pending", "delivered", "failed over", "rejected", "gave up"
  base::Time at{};
  base::Time finished{};  ///< zero while it is pending
  std::int64_t attempts = 0;
  std::string error;  ///< what the last try met; "" when it arrived
  std::string text;   ///< the message's words in the channel's language
};

/// What /api/v1/status and Prometheus's status endpoints tell.
struct StatusView {
  std::string version;
  std::string revision;
  base::Time started{};
  std::string config_file;
  base::Time config_loaded{};
  std::string config_error;  ///< of the last reload; "" = it went well
  std::string recovery_mode;
  std::string retention;                              ///< "15d", "10GB"; "" = not limited
  std::vector<std::pair<std::string, double>> store;  ///< series, samples, bytes …
  std::string store_error;  ///< why the disk takes no samples now; "" = it does
  base::Time oldest{};      ///< first sample kept; zero = none
  std::vector<std::pair<std::string, double>> self;  ///< resident_bytes, cpu_seconds, open_fds …
};

/// What a person wants done with an incident.
struct IncidentAction {
  enum class Kind { kApprove, kReject, kAcknowledge, kStop, kAgain, kClose };
  Kind kind = Kind::kAcknowledge;
  std::string id;
  std::string by;
  std::string comment;
};

/// A ready Task for functions that have their answer at once.
template <class T>
loop::Task<T> Ready(T value) {
  co_return std::move(value);
}

/// A drill that goes on.
struct DrillView {
  std::string target;
  std::string scenario;  ///< "container-stopped:web-database"
  std::string by;        ///< who began it
  base::Time until{};    ///< when it is over although nobody ended it
};

/// What a scraped page says of a metric.
struct FamilyView {
  std::string name;
  std::string type;
  std::string help;
  std::string unit;
};

/// What the daemon gives. Functions run on the loop's thread; what they point to outlives the
/// server. `worker` runs queries and writes large answers.
struct Sources {
  loop::Worker* worker = nullptr;
  EventHub* events = nullptr;
  std::shared_ptr<Sessions> sessions;  ///< the same as the server's Auth has

  const store::Querier* querier = nullptr;  ///< read on `worker`
  promql::Limits query_limits;              ///< of each query; a request may only lower the timeout
  std::size_t max_queries = 20;             ///< at the same time; more get 503

  std::function<bool()> ready;
  std::function<StatusView()> status;
  std::function<std::vector<TargetView>()> fleet;
  std::function<std::optional<TargetView>(const std::string& name)> target;
  std::function<std::vector<ThresholdView>(const std::string& target)> thresholds;
  std::function<loop::Task<base::Result<IncidentPage>>(IncidentQuery)> incidents;
  /// One incident with its timeline. Errors: kNotFound.
  std::function<loop::Task<base::Result<model::Incident>>(std::string id)> incident;
  /// Does it and gives the incident as it is then. Errors: kNotFound, kRefused (not in such a
  /// state).
  std::function<loop::Task<base::Result<model::Incident>>(IncidentAction)> act;
  /// The messages about an incident, oldest first.
  std::function<loop::Task<base::Result<std::vector<MessageView>>>(std::string id)> messages;
  /// An incident's report; the format is "md", "html" or "json". Called on `worker`; optional.
  std::function<std::string(const model::Incident&, const std::vector<MessageView>&,
                            std::string_view format)>
      report;

  std::function<std::vector<alert::View>()> alerts;
  std::function<std::vector<alert::Silence>()> silences;
  /// Adds a silence or replaces the one of its id; gives the id. Errors: kInvalid.
  std::function<base::Result<std::string>(alert::Silence)> add_silence;
  /// Ends one. Errors: kNotFound.
  std::function<base::Result<>(const std::string& id)> end_silence;

  std::function<std::vector<RuleGroupView>()> rules;
  std::function<KindsView()> kinds;
  std::function<std::vector<ReadmeView>()> readmes;
  std::function<SettingsView()> settings;
  std::function<std::string()> config_text;  ///< YAML with secrets hidden
  std::map<std::string, std::string> flags;

  /// Fills in every metric that /metrics shows.
  std::function<void(Exposition&)> metrics;
  /// Runs a target's probes once (or those of a module) as blackbox_exporter does. Errors:
  /// kNotFound, kInvalid.
  std::function<loop::Task<base::Result<Exposition>>(std::string target, std::string module)> probe;
  /// Reads the configuration again. Errors: kInvalid with every problem, a line each.
  std::function<loop::Task<base::Result<>>()> reload;
  /// Copies samples and incidents as they are now and gives the copy's name. Errors: kRefused (one
  /// is being made, no room), kUnavailable.
  std::function<loop::Task<base::Result<std::string>>()> snapshot;
  /// The drills that go on.
  std::function<std::vector<DrillView>()> drills;
  /// Lets one begin when everything is well. Errors: kNotFound, kRefused with the reason.
  std::function<loop::Task<base::Result<DrillView>>(DrillView)> begin_drill;
  /// Errors: kNotFound.
  std::function<base::Result<>(const std::string& target)> end_drill;
  /// Takes alerts from a system outside; the path says which. Gives the answer for it, one JSON
  /// object. Errors: kInvalid; kDenied when its signature is asked for and is not good.
  std::function<loop::Task<base::Result<std::string>>(Request request)> webhook;

  /// What everybody may know, one JSON object; "" = there is no public status page.
  std::function<std::string()> public_status;

  /// What scraped pages say of a metric, "" = of all.
  std::function<std::vector<FamilyView>(std::string_view metric)> families;
  /// Stores samples that others push; returns when they are safe. Empty: pushing is off. Errors:
  /// kInvalid and kRefused (some were left out, the others are stored), kUnavailable (try again).
  std::function<loop::Task<base::Result<>>(std::vector<model::Batch>,
                                           std::vector<remote::Metadata>)>
      push;
  /// What pushers have said of their metrics, by name; nullptr = nothing.
  std::function<std::vector<remote::Metadata>(std::string_view metric)> metadata;

  /// Answers queries and questions about series in our stead (an engine elsewhere); empty: we do.
  std::function<loop::Task<Response>(Request)> elsewhere;

  std::string web_dir;  ///< the page from disk (development); "" = the embedded one
};

}  // namespace api
