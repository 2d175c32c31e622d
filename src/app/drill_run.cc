// One drill: ask the daemon, arm the undo, break, watch, judge, take back.
#include "app/drill_run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <thread>

#include "app/client.h"
#include "base/text.h"
#include "base/url.h"
#include "drill/causing.h"
#include "ssh/pool.h"

namespace app {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// How long detection, diagnosis, repair and proof may take together; then the drill undoes. The
/// undo that is armed on the host comes later.
constexpr base::Duration kPatience = 90s;
static_assert(kPatience < drill::kUndoAfter);
/// How long the incident may stay open after that: it is watched for `hold`.
constexpr base::Duration kCloses = 5min;
constexpr base::Duration kPause = 200ms;

volatile std::sig_atomic_t interrupted = 0;
void OnInterrupt(int) { interrupted = 1; }

/// Ctrl-C ends the watching, not the undo.
class Interrupts {
 public:
  Interrupts() : before_(std::signal(SIGINT, &OnInterrupt)) {}
  ~Interrupts() { std::signal(SIGINT, before_); }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

 private:
  void (*before_)(int);
};

std::optional<base::Time> TimeAt(const json::object& object, std::string_view name) {
  const auto time = base::ParseRfc3339(TextAt(object, name));
  return time ? std::optional(*time) : std::nullopt;
}

/// Whether an incident is about what the scenario breaks.
bool About(const json::object& incident, const drill::Kind& kind) {
  return std::ranges::any_of(ListAt(incident, "alerts"), [&](const json::value& alert) {
    const auto* labels = alert.is_object() ? alert.get_object().if_contains("labels") : nullptr;
    const auto metric =
        labels != nullptr && labels->is_object() ? TextAt(labels->get_object(), "metric") : "";
    return kind.subject.empty() ? metric == "ping" || metric == "port" || metric == "http_code"
                                : metric == kind.subject;
  });
}

/// The incident of the fault; empty while there is none.
json::object FindIncident(const Common& common, const std::string& target, base::Time since,
                          const drill::Kind& kind) {
  const auto list = Call(common, "/api/v1/incidents?limit=10&target=" + base::UrlEncode(target));
  if (!list || !list->is_object()) {
    return {};
  }
  for (const auto& item : ListAt(list->get_object(), "incidents")) {
    const auto opened = item.is_object() ? TimeAt(item.get_object(), "opened") : std::nullopt;
    if (!opened || *opened < since - 1s) {
      continue;
    }
    const auto id = TextAt(item.get_object(), "id");
    const auto whole = Call(common, "/api/v1/incidents/" + base::UrlEncode(id));
    if (whole && whole->is_object() && About(whole->get_object(), kind)) {
      return whole->get_object();
    }
  }
  return {};
}

/// The session, and everything else that one drill needs while it runs.
struct Bench {
  // Warm until the last undo: the watching in between can be long.
  Bench() : pool(loop, {.keep_warm = kPatience + kCloses}) {}
  ~Bench() { loop.RunTask(pool.Close()); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  loop::Loop loop;
  ssh::Pool pool;
};

/// Follows the incident until `enough` says so; tells each state as it comes.
template <class Enough>
bool Follow(const Common& common, DrillRun& run, const drill::Kind& kind, base::Duration limit,
            const Progress& progress, Enough enough) {
  const auto end = base::Clock::Steady() + limit;
  std::string state = TextAt(run.incident, "state");
  while (base::Clock::Steady() < end && interrupted == 0) {
    auto now = FindIncident(common, run.target, run.began, kind);
    if (!now.empty()) {
      run.incident = std::move(now);
      if (TextAt(run.incident, "state") != state) {
        state = TextAt(run.incident, "state");
        progress(
            fmt::format("{:6.1f} s  {}", base::ToSeconds(base::Clock::Now() - run.began), state));
      }
      if (enough(run.incident)) {
        return true;
      }
    }
    std::this_thread::sleep_for(kPause);
  }
  return false;
}

void Keep(DrillRun& run, drill::Done done, std::string_view what) {
  for (auto& record : done.commands) {
    run.commands.push_back(std::move(record));
  }
  if (!done.error.empty()) {
    run.problems.push_back(fmt::format("{}: {}", what, done.error));
  }
}

void Measure(DrillRun& run) {
  const auto opened = TimeAt(run.incident, "opened");
  const auto acted = TimeAt(run.incident, "acted");
  const auto verified = TimeAt(run.incident, "verified");
  const auto add = [&](const char* name, base::Duration span) {
    run.seconds.emplace_back(name, base::ToSeconds(span));
  };
  if (!opened) {
    return;
  }
  add("detected", *opened - run.began);
  if (acted && verified) {
    auto repaired = *acted;
    for (const auto& step : ListAt(run.incident, "steps")) {
      if (const auto at = step.is_object() ? TimeAt(step.get_object(), "finished") : std::nullopt) {
        repaired = std::max(repaired, *at);
      }
    }
    add("diagnosed", *acted - *opened);
    add("repaired", repaired - *acted);
    add("verified", *verified - repaired);
    add("in all", *verified - run.began);
    return;
  }
  auto looked = *opened;
  for (const auto& entry : ListAt(run.incident, "timeline")) {
    if (entry.is_object() && TextAt(entry.get_object(), "kind") == "finding") {
      looked = std::max(looked, TimeAt(entry.get_object(), "at").value_or(looked));
    }
  }
  add("diagnosed", looked - *opened);
  add("in all", looked - run.began);
}

void Judge(DrillRun& run, const drill::Scenario& scenario) {
  const auto expect = [&](std::string_view what, const std::string& got, std::string_view want) {
    if (got != want) {
      run.problems.push_back(fmt::format("the {} is \"{}\", not \"{}\"", what, got, want));
    }
  };
  expect("cause", TextAt(run.incident, "cause"), scenario.kind->cause);
  expect("component", TextAt(run.incident, "component"), scenario.Component());
  expect("outcome", TextAt(run.incident, "outcome"),
         scenario.kind->repaired ? "fixed" : "reported");
  if (!scenario.kind->repaired && !ListAt(run.incident, "steps").empty()) {
    run.problems.emplace_back("something was changed, and it was only to be told");
  }
  const auto& timeline = ListAt(run.incident, "timeline");
  const bool told = std::ranges::any_of(timeline, [](const json::value& entry) {
    return entry.is_object() && TextAt(entry.get_object(), "kind") == "message" &&
           TextAt(entry.get_object(), "text").starts_with("message: ");
  });
  if (!told) {
    run.problems.emplace_back("no message was written");
  }
}

/// Asks the daemon whether it may begin. False: the run says why not.
bool Permitted(const Common& common, DrillRun& run) {
  const char* user = std::getenv("USER");
  const auto body = json::serialize(json::object{
      {"target", run.target}, {"scenario", run.scenario}, {"by", user != nullptr ? user : "cli"}});
  const auto begun = Call(common, "/api/v1/drills", true, body);
  if (!begun) {
    run.refused = begun.error().message;
    run.impossible = begun.error().kind == base::ErrorKind::kUnavailable;
    return false;
  }
  return true;
}

/// Watches the incident from its begin to its close; takes the fault back when nobody else does.
void Watch(const Common& common, DrillRun& run, const drill::Scenario& scenario, Bench& bench,
           ssh::Shell* shell, const drill::Plan& plan, const Progress& progress) {
  const bool repaired = scenario.kind->repaired;
  const auto enough = [&](const json::object& incident) {
    const bool over = !TextAt(incident, "closed").empty();
    return over || (repaired ? !TextAt(incident, "verified").empty()
                             : TextAt(incident, "state") == "needs human");
  };
  const bool came = Follow(common, run, *scenario.kind, kPatience, progress, enough);
  if (!came) {
    run.problems.push_back(interrupted != 0 ? "interrupted"
                           : run.incident.empty()
                               ? "nobody noticed"
                               : fmt::format("still {} after {}", TextAt(run.incident, "state"),
                                             base::HumanDuration(kPatience)));
  }
  run.undone = !came && repaired;
  if (came && repaired) {
    Keep(run, bench.loop.RunTask(drill::Disarm(shell, plan)), "the armed undo");
  } else {
    progress("        the fault is taken back");
    Keep(run, bench.loop.RunTask(drill::Undo(shell, plan)), "taking the fault back");
  }
  const auto closed = [](const json::object& incident) {
    return !TextAt(incident, "closed").empty();
  };
  if (!run.incident.empty() && !Follow(common, run, *scenario.kind, kCloses, progress, closed)) {
    run.problems.emplace_back("the incident did not close");
  }
}

/// Makes the plan, breaks, watches. The daemon has said yes.
void Carry(const Common& common, DrillRun& run, const model::Target& target,
           const drill::Scenario& scenario, const Progress& progress) {
  Bench bench;
  const auto session = bench.pool.Get(target);
  if (!session) {
    run.refused = session.error().message;
    run.impossible = true;
    return;
  }
  ssh::Shell* shell = session->get();
  drill::Place place{.target = target, .component = scenario.component, .port = ""};
  if (scenario.kind->needs_port) {
    const auto port = bench.loop.RunTask(drill::PortOf(shell, target, scenario));
    if (!port) {
      run.refused = port.error().message;
      return;
    }
    place.port = *port;
  }
  const auto plan = scenario.kind->plan(place);
  auto done = bench.loop.RunTask(drill::Cause(shell, plan));
  const bool caused = done.commands.size() >= plan.undo.size() + plan.cause.size();
  const bool armed = done.commands.size() > plan.undo.size();
  run.began = done.commands.empty() ? base::Clock::Now() : done.commands.back().started;
  Keep(run, std::move(done), "causing the fault");
  if (!run.problems.empty() || !caused) {
    if (armed) {
      Keep(run, bench.loop.RunTask(drill::Undo(shell, plan)), "taking the fault back");
    }
    return;
  }
  progress(fmt::format("   0.0 s  broken: {}", scenario.kind->spec.title));
  Watch(common, run, scenario, bench, shell, plan, progress);
  Measure(run);
  Judge(run, scenario);
}

}  // namespace

DrillRun RunOneDrill(const Common& common, const model::Target& target,
                     const drill::Scenario& scenario, const Progress& progress) {
  const Interrupts interrupts;
  DrillRun run;
  run.target = target.name;
  run.scenario = scenario.Name();
  if (!Permitted(common, run)) {
    return run;
  }
  Carry(common, run, target, scenario, progress);
  const auto ended =
      Call(common, "/api/v1/drills/" + base::UrlEncode(target.name) + "/end", true, "{}");
  if (!ended) {
    run.problems.push_back("the daemon did not take the drill's end: " + ended.error().message);
  }
  return run;
}

bool WaitWell(const Common& common, const std::string& target, base::Duration limit) {
  const auto end = base::Clock::Steady() + limit;
  while (base::Clock::Steady() < end && interrupted == 0) {
    const auto answer = Call(common, "/api/v1/targets/" + base::UrlEncode(target));
    if (answer && answer->is_object()) {
      const auto& view = answer->get_object();
      const auto* incident = view.if_contains("incident");
      if (TextAt(view, "status") == "up" && ListAt(view, "alerts").empty() &&
          (incident == nullptr || incident->is_null())) {
        return true;
      }
    }
    std::this_thread::sleep_for(kPause);
  }
  return false;
}

}  // namespace app
