// The commands of the program: one function each, giving the exit status (0 good, 1 the answer is
// no, 2 cannot be done).
#pragma once

#include <string>
#include <vector>

namespace app {

/// What most commands need to find their way.
struct Common {
  std::string config;  ///< configuration file
  std::string url;     ///< the running daemon's address ("http://…" or "unix:/path"); "" = as the
                       ///< configuration listens
  std::string token_file;  ///< bearer token for it, "" = none
  bool json = false;       ///< answer for programs
};

struct RunOptions {
  std::string config;
  std::string web_dir;  ///< serve the page from this folder instead of the built-in one
};

/// Runs the daemon until SIGTERM or SIGINT. 2: the configuration is bad or an address is taken.
int RunDaemon(const RunOptions& options);

/// Runs every probe of a target once. `target`: a name in the configuration, or an address or URL.
/// 1: a probe failed.
int RunProbe(const Common& common, const std::string& target);

struct QueryOptions {
  std::string expr;
  std::string time;  ///< RFC 3339 or seconds since 1970; "" = now
  std::string start;
  std::string end;
  std::string step;
};
/// Asks the running daemon a PromQL question. 1: the daemon says that the query is wrong.
int RunQuery(const Common& common, const QueryOptions& options);

/// Shows a target's host keys and, when told yes, keeps them in known_hosts. 1: refused, or a kept
/// key differs.
int RunEnroll(const Common& common, const std::string& target, bool yes);

/// Which incidents are asked for, or which one.
struct IncidentsOptions {
  std::string id;      ///< one incident's; "" = list
  std::string state;   ///< "active", "closed", a state; "" = any
  std::string report;  ///< the one's report in this format ("md", "html", "json"); "" = none
  int limit = 20;
};
/// Lists incidents, or shows one with its timeline, or prints its report. 1: no such incident.
int RunIncidents(const Common& common, const IncidentsOptions& options);

/// Makes a token and prints it with its line for the token file, or appends that line to
/// `token_file` (made with mode 600). 1: the name or the role is no good, or the name is there.
int RunToken(const std::string& name, const std::string& role, const std::string& token_file,
             bool as_json);

/// What a person says to an incident: verb "approve", "reject" (a planned repair), "acknowledge",
/// "stop", "again", "close". 1: the incident is not there or not in such a state.
int RunIncidentAction(const Common& common, const std::string& id, const std::string& verb,
                      const std::string& comment);

/// Sends one test message over every configured channel. 1: a channel did not take it.
int RunNotifyTest(const Common& common);

/// Examines a target's application without changing anything. `metrics`: as if alerts on these
/// fired, "cpu_percent", "http_code=502"; none: the whole chain. 1: something is wrong with it.
int RunDiagnose(const Common& common, const std::string& target,
                const std::vector<std::string>& metrics);

struct DrillOptions {
  std::string target;
  std::string scenario;
  bool all = false;    ///< every scenario that the target offers, one after the other
  bool list = false;   ///< only say which there are
  std::string report;  ///< also write Markdown here, and JSON beside it; "" = not
};
/// Breaks a target on purpose and watches how it is found, repaired and told. 1: refused, or
/// something did not come out right.
int RunDrill(const Common& common, const DrillOptions& options);

/// Prints the sudoers file that a target's account needs for exactly what diagnosis and repair of
/// its application run as root.
int RunSudoers(const Common& common, const std::string& target);

}  // namespace app
