// The public status page's figures: PromQL over our own samples, a day at a time.
#include "app/status_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>

#include "api/json.h"
#include "base/log.h"

namespace app {
namespace {

namespace json = boost::json;
using std::chrono::days;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::size_t kMaxTroubles = 50;
constexpr auto kTodayEvery = minutes(5);
constexpr auto kFillFor = std::chrono::milliseconds(300);  // of one turn

std::string DayName(base::Time day) { return base::FormatRfc3339(day).substr(0, 10); }

base::Time Midnight(base::Time t) { return base::Time(std::chrono::floor<days>(t)); }

/// Whether an alert says that people could not use the application.
bool Outage(const model::Alert& alert) {
  const auto metric = alert.Metric();
  return metric == "ping" || metric == "port" || metric == "http_code";
}

/// `name=~"a|b"` for exactly these names. Names of targets hold letters, digits, "_", "-", ".".
std::string OneOf(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) {
    out += out.empty() ? "" : "|";
    for (const char c : name) {
      out += c == '.' ? std::string("[.]") : std::string(1, c);
    }
  }
  return "{target=~\"" + out + "\"}";
}

std::string Sentence(const std::string& application, bool reachable, bool over, bool repaired) {
  auto out = application + (reachable ? " answered with errors" : " could not be reached");
  if (!over) {
    return out + "; it is being worked on.";
  }
  return out + (repaired ? "; it was repaired automatically." : "; it works again.");
}

}  // namespace

std::string AvailabilityExpr(const std::vector<std::string>& names,
                             const std::vector<model::Target>& targets) {
  std::vector<std::string> web;
  std::vector<std::string> ports;
  std::vector<std::string> rest;
  for (const auto& name : names) {
    const auto at = std::ranges::find(targets, name, &model::Target::name);
    if (at != targets.end()) {
      (!at->url.empty() ? web : !at->ports.empty() ? ports : rest).push_back(name);
    }
  }
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : " or ") + part; };
  if (!web.empty()) {
    const auto code = "http_code" + OneOf(web);
    add(fmt::format("min by (target) (({0} >= bool 200) * ({0} < bool 400))", code));
  }
  if (!ports.empty()) {
    add("min by (target) (port" + OneOf(ports) + ")");
  }
  if (!rest.empty()) {
    add("min by (target) (ping" + OneOf(rest) + ")");
  }
  return out.empty() ? "" : "avg(" + out + ")";
}

void StatusPage::Configure(StatusPageSettings settings, const std::vector<model::Target>& targets) {
  settings_ = std::move(settings);
  ++generation_;
  shown_.clear();
  lookback_ = minutes(1);
  for (const auto& target : targets) {
    for (const auto& probe : target.probes) {
      lookback_ = std::max(lookback_, 3 * probe.interval);
    }
  }
  std::map<std::string, Days> kept;
  for (const auto& application : settings_.applications) {
    Shown shown;
    shown.expr = AvailabilityExpr(application.targets, targets);
    kept[shown.expr] = std::move(days_[shown.expr]);
    shown_.push_back(std::move(shown));
  }
  days_ = std::move(kept);
  incidents_due_ = true;
  incidents_at_ = {};
  today_at_ = {};
  json_.clear();
  if (settings_.on()) {
    Write(base::Clock::Now());
  }
}

loop::Task<std::optional<double>> StatusPage::Evaluate(std::string expr, base::Time at) {
  promql::Limits limits;
  limits.lookback = lookback_;
  limits.timeout = seconds(30);
  auto work = [expr = std::move(expr), at, limits,
               querier = needs_.querier]() -> base::Result<double> {
    const auto parsed = promql::ParseExpr(expr);
    if (!parsed) {
      return base::Fail(base::ErrorKind::kInternal, expr + ": " + parsed.error().message);
    }
    const auto answer = promql::Engine(querier, limits).Instant(**parsed, base::ToMs(at));
    if (!answer) {
      return base::Fail(answer.error());
    }
    const auto* vector = std::get_if<promql::Vector>(&answer->value);
    if (vector == nullptr || vector->empty()) {
      return base::Fail(base::ErrorKind::kNotFound, "no samples");
    }
    return vector->front().v;
  };
  const auto value = co_await needs_.worker->Run(std::move(work));
  if (!value && value.error().kind != base::ErrorKind::kNotFound) {
    base::Log(base::Level::kWarn, "a figure of the status page cannot be computed",
              {{"err", value.error().message}});
  }
  co_return value ? std::optional(*value) : std::nullopt;
}

loop::Task<> StatusPage::FillDays(base::Time now) {
  const auto generation = generation_;
  const auto until = base::Clock::Steady() + kFillFor;
  const auto today = Midnight(now);
  const bool again = now - today_at_ >= kTodayEvery || Midnight(today_at_) != today;
  const auto shown = shown_;
  for (int back = 0; back < kDays; ++back) {
    for (const auto& one : shown) {
      const auto day = today - days(back);
      const bool known = days_[one.expr].contains(DayName(day));
      if (one.expr.empty() || (back == 0 ? !again : known)) {
        continue;
      }
      if (back > 0 && base::Clock::Steady() > until) {
        co_return;
      }
      const auto end = back == 0 ? now : day + days(1);
      // What the day before still reaches into this one is left out.
      const auto begin = day + std::min<base::Duration>(lookback_, minutes(30));
      const auto span = std::chrono::duration_cast<seconds>(end - begin).count();
      if (span < 60) {
        continue;
      }
      const auto value = co_await Evaluate(fmt::format("avg_over_time({}[{}s:1m])", one.expr, span),
                                           end - std::chrono::milliseconds(1));
      if (generation != generation_) {
        co_return;
      }
      days_[one.expr][DayName(day)] = value;
    }
    if (back == 0 && again) {
      today_at_ = now;
    }
  }
  for (auto& [expr, of_expr] : days_) {
    of_expr.erase(of_expr.begin(), of_expr.lower_bound(DayName(today - days(kDays - 1))));
  }
}

loop::Task<> StatusPage::ReadIncidents(base::Time now) {
  const bool due = incidents_due_ || now - incidents_at_ > minutes(5);
  if (!due || !needs_.incidents) {
    co_return;
  }
  incidents_due_ = false;
  incidents_at_ = now;
  incident::Filter filter;
  filter.limit = 500;
  const auto generation = generation_;
  const auto listed = co_await needs_.incidents(filter);
  if (!listed || generation != generation_) {
    co_return;
  }
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    auto& troubles = shown_[i].troubles;
    troubles.clear();
    const auto& names = settings_.applications[i].targets;
    for (const auto& incident : *listed) {
      const bool ours = std::ranges::find(names, incident.target) != names.end() &&
                        std::ranges::any_of(incident.alerts, Outage) &&
                        incident.opened > now - days(kDays);
      if (!ours || troubles.size() >= kMaxTroubles) {
        continue;
      }
      // People could use it again as soon as the probes saw it, not when the incident was closed.
      const auto until = incident.verified != base::Time{} ? incident.verified : incident.closed;
      const bool reachable = std::ranges::all_of(incident.alerts, [](const model::Alert& alert) {
        return !Outage(alert) || (alert.Metric() == "http_code" && alert.value >= 400);
      });
      troubles.push_back({incident.opened, until, reachable,
                          incident.outcome == model::Outcome::kFixed ||
                              incident.outcome == model::Outcome::kFixedThenRecurred});
    }
  }
}

void StatusPage::Write(base::Time now) {
  json::array applications;
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    const auto& shown = shown_[i];
    const auto& application = settings_.applications[i];
    json::array of_days;
    for (int back = kDays - 1; back >= 0; --back) {
      const auto name = DayName(Midnight(now) - days(back));
      const auto& known = days_[shown.expr];
      const auto at = known.find(name);
      const bool has = at != known.end() && at->second;
      of_days.push_back(json::object{
          {"day", name}, {"availability", has ? api::NumberJson(*at->second) : json::value()}});
    }
    json::array incidents;
    for (const auto& trouble : shown.troubles) {
      const bool over = trouble.until != base::Time{};
      incidents.push_back(json::object{
          {"from", api::TimeJson(trouble.from)},
          {"until", api::TimeJson(trouble.until)},
          {"kind", trouble.reachable ? "errors" : "unreachable"},
          {"repaired", trouble.repaired},
          {"sentence", Sentence(application.name, trouble.reachable, over, trouble.repaired)}});
    }
    const auto* state = !shown.now        ? "unknown"
                        : *shown.now >= 1 ? "up"
                        : *shown.now <= 0 ? "down"
                                          : "degraded";
    applications.push_back(json::object{{"name", application.name},
                                        {"description", application.description},
                                        {"state", state},
                                        {"days", std::move(of_days)},
                                        {"incidents", std::move(incidents)}});
  }
  json_ = api::ToText(json::object{{"title", settings_.title},
                                   {"updated", api::TimeJson(now)},
                                   {"applications", std::move(applications)}}) +
          "\n";
}

loop::Task<> StatusPage::Turn(base::Time now) {
  if (!settings_.on()) {
    co_return;
  }
  const auto generation = generation_;
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    const auto expr = shown_[i].expr;
    if (expr.empty()) {
      continue;
    }
    const auto value = co_await Evaluate(expr, now);
    if (generation != generation_) {
      co_return;
    }
    shown_[i].now = value;
  }
  co_await ReadIncidents(now);
  co_await FillDays(now);
  if (generation == generation_ && settings_.on()) {
    Write(now);
  }
}

loop::Task<> StatusPage::Run(base::Duration every) {
  for (;;) {
    co_await Turn(base::Clock::Now());
    co_await loop::Sleep(every);
  }
}

}  // namespace app
