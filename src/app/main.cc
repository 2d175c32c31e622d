// The program: reads the command line and calls the command.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "app/check_command.h"
#include "app/commands.h"
#include "app/store_commands.h"
#include "app/test_command.h"
#include "app/version.h"

namespace {

constexpr const char* kAbout =
    "Raksa watches servers from outside (ICMP, TCP, HTTP, SNMP), and when a web application breaks "
    "it logs in, finds the\n"
    "cause, repairs it, proves from outside that it works again, and tells people.";

std::string DefaultConfig() {
  const char* from_env = std::getenv("RAKSA_CONFIG");
  return from_env != nullptr ? from_env : "/etc/raksa/raksa.yaml";
}

/// What the commands share; lives in main.
struct Line {
  app::Common common;
  app::RunOptions run;
  app::QueryOptions query;
  app::DrillOptions drill;
  app::StoreOptions store;
  std::string target;
  std::vector<std::string> metrics;
  std::string id;
  app::IncidentsOptions incidents;
  std::string name;
  std::string role;
  std::string comment;
  std::string file;
  std::vector<std::string> files;
  bool as_prometheus = false;
  bool yes = false;
  int status = 0;
};

void AddConfig(CLI::App* command, Line& line) {
  command->add_option("-c,--config", line.common.config, "configuration file (also $RAKSA_CONFIG)")
      ->capture_default_str();
}

void AddDaemon(CLI::App* command, Line& line) {
  AddConfig(command, line);
  command->add_option("--url", line.common.url,
                      "the daemon's address, http://HOST:PORT or unix:/PATH (default: as the "
                      "configuration listens)");
  command->add_option("--token-file", line.common.token_file,
                      "file with a bearer token for the daemon");
}

void AddJson(CLI::App* command, Line& line) {
  command->add_flag("--json", line.common.json, "answer as JSON");
}

void AddLocalCommands(CLI::App& cli, Line& line) {
  auto* run = cli.add_subcommand("run", "run the daemon");
  run->add_option("FILE", line.run.config, "configuration file")->required();
  run->add_option("--web-dir", line.run.web_dir,
                  "serve the page from this folder (for work on the page)");
  run->callback([&line] { line.status = app::RunDaemon(line.run); });

  auto* check = cli.add_subcommand("check", "read a configuration and report every mistake in it");
  check->add_option("FILE", line.file, "configuration file")->required();
  AddJson(check, line);
  check->callback([&line] { line.status = app::RunCheck(line.file, line.common.json, std::cout); });

  auto* test_rules = cli.add_subcommand("test", "run unit tests of rules, in promtool's format");
  test_rules->add_option("FILE", line.files, "test files")->required();
  test_rules->add_flag("--as-prometheus", line.as_prometheus,
                       "a series without data ends its alerts, whatever raksa_no_data says");
  AddJson(test_rules, line);
  test_rules->callback([&line] {
    line.status = app::RunTest(line.files, line.as_prometheus, line.common.json, std::cout);
  });

  auto* probe =
      cli.add_subcommand("probe", "run every probe of a target once and tell what they saw");
  probe->add_option("TARGET", line.target, "a target's name, or an address or URL")->required();
  AddConfig(probe, line);
  AddJson(probe, line);
  probe->callback([&line] { line.status = app::RunProbe(line.common, line.target); });

  auto* diagnose =
      cli.add_subcommand("diagnose", "examine a target's application over SSH, changing nothing");
  diagnose->add_option("TARGET", line.target, "a target's name")->required();
  AddConfig(diagnose, line);
  AddJson(diagnose, line);
  diagnose->add_option("--metric", line.metrics,
                       "as if an alert on this metric fired: cpu_percent, http_code=502, …");
  diagnose->callback(
      [&line] { line.status = app::RunDiagnose(line.common, line.target, line.metrics); });

  auto* enroll =
      cli.add_subcommand("enroll", "show a target's SSH host keys and keep them in known_hosts");
  enroll->add_option("TARGET", line.target, "a target's name")->required();
  enroll->add_flag("-y,--yes", line.yes,
                   "keep them without asking (compare the fingerprint first)");
  AddConfig(enroll, line);
  AddJson(enroll, line);
  enroll->callback([&line] { line.status = app::RunEnroll(line.common, line.target, line.yes); });

  auto* token = cli.add_subcommand("token", "make a token for the page and the API");
  token->add_option("NAME", line.name, "whose it is: a person or a program")->required();
  token->add_option("ROLE", line.role, "what it may do")
      ->required()
      ->check(CLI::IsMember({"read", "alert", "push", "operate"}));
  token->add_option("--append", line.file, "add its line to this token file (auth: token_file)");
  AddJson(token, line);
  token->callback(
      [&line] { line.status = app::RunToken(line.name, line.role, line.file, line.common.json); });

  auto* sudoers =
      cli.add_subcommand("sudoers", "print the least-privilege sudoers file of a target's account");
  sudoers->add_option("TARGET", line.target, "a target's name")->required();
  AddConfig(sudoers, line);
  AddJson(sudoers, line);
  sudoers->callback([&line] { line.status = app::RunSudoers(line.common, line.target); });

  auto* notify = cli.add_subcommand("notify", "messages");
  notify->require_subcommand(1);
  auto* test =
      notify->add_subcommand("test", "send one test message over every configured channel");
  AddConfig(test, line);
  AddJson(test, line);
  test->callback([&line] { line.status = app::RunNotifyTest(line.common); });
}

void AddDaemonCommands(CLI::App& cli, Line& line) {
  auto* query = cli.add_subcommand("query", "ask the running daemon a PromQL question");
  query->add_option("EXPR", line.query.expr, "PromQL expression")->required();
  query->add_option("--time", line.query.time,
                    "moment: RFC 3339 or seconds since 1970 (default: now)");
  query->add_option("--start", line.query.start, "start of a range");
  query->add_option("--end", line.query.end, "end of a range (default: now)");
  query->add_option("--step", line.query.step, "step of a range, such as 15s");
  AddDaemon(query, line);
  AddJson(query, line);
  query->callback([&line] { line.status = app::RunQuery(line.common, line.query); });

  auto* incidents =
      cli.add_subcommand("incidents", "list incidents, or show one with its timeline");
  incidents->add_option("ID", line.incidents.id,
                        "an incident's id (its first characters are enough)");
  incidents->add_option("--state", line.incidents.state,
                        "only these: active, closed, or a state such as verifying");
  incidents->add_option("--limit", line.incidents.limit, "at most so many")->capture_default_str();
  incidents
      ->add_option("--report", line.incidents.report,
                   "print the incident's report as Markdown, HTML or JSON")
      ->check(CLI::IsMember({"md", "html", "json"}));
  AddDaemon(incidents, line);
  AddJson(incidents, line);
  incidents->callback([&line] { line.status = app::RunIncidents(line.common, line.incidents); });

  auto* drill = cli.add_subcommand(
      "drill", "break a target on purpose, and watch how it is found, repaired and told");
  drill->add_option("TARGET", line.drill.target, "a target that says `drill: allowed`")->required();
  drill->add_option("SCENARIO", line.drill.scenario, "what to break; --list says what there is");
  drill->add_flag("--all", line.drill.all, "every scenario of the target, one after the other");
  drill->add_flag("--list", line.drill.list, "the target's scenarios; nothing is broken");
  drill->add_option("--report", line.drill.report,
                    "write a report here in Markdown, and beside it in JSON");
  AddDaemon(drill, line);
  AddJson(drill, line);
  drill->callback([&line] { line.status = app::RunDrill(line.common, line.drill); });

  for (const auto& [verb, help] :
       {std::pair<const char*, const char*>{"approve", "let a planned repair go on"},
        {"reject", "forbid a planned repair"},
        {"acknowledge", "say that you look after an incident; repairs go on"},
        {"stop", "take an incident over: nothing more is changed by Raksa"},
        {"again", "examine and plan anew an incident that waits for a person"},
        {"close", "say that an incident is over"}}) {
    auto* action = cli.add_subcommand(verb, help);
    action->add_option("ID", line.id, "an incident's id")->required();
    AddDaemon(action, line);
    AddJson(action, line);
    action->add_option("--comment", line.comment, "why");
    action->callback([&line, which = std::string(verb)] {
      line.status = app::RunIncidentAction(line.common, line.id, which, line.comment);
    });
  }
}

void AddStoreCommands(CLI::App& cli, Line& line) {
  auto* store =
      cli.add_subcommand("store", "look into the store of samples, move samples, copy it");
  store->require_subcommand(1);
  store->footer("docs/store.md tells more.");
  const auto add = [&](const char* name, const char* help,
                       int (*run)(const app::Common&, const app::StoreOptions&)) {
    auto* command = store->add_subcommand(name, help);
    AddConfig(command, line);
    command->add_option("--dir", line.store.dir,
                        "the data directory (default: data_dir of the configuration)");
    command->callback([&line, run] { line.status = run(line.common, line.store); });
    return command;
  };
  auto* check = add("check",
                    "read every chunk and record and say what does not hold together; changes "
                    "nothing, a daemon may run (exit status 1: a problem was found)",
                    app::RunStoreCheck);
  AddJson(check, line);
  auto* stats = add("stats", "say how much is stored and where the bytes are", app::RunStoreStats);
  AddJson(stats, line);
  stats->add_option("--largest", line.store.largest, "lines of each list")->capture_default_str();
  auto* out = add("export",
                  "write samples as text, as `promtool tsdb create-blocks-from openmetrics` and "
                  "VictoriaMetrics read it; a daemon may run",
                  app::RunStoreExport);
  out->add_option("--match", line.store.match,
                  "only series that meet this selector, such as 'ping{target=\"web1\"}'; may be "
                  "given again for more");
  out->add_option("--start", line.store.start, "from here on: RFC 3339 or seconds since 1970");
  out->add_option("--end", line.store.end, "up to here");
  out->add_option("-o,--output", line.store.output,
                  "write to this new file (default: standard output)");
  out->add_option("--format", line.store.format,
                  "openmetrics, or prometheus: its text format with times in milliseconds, for "
                  "VictoriaMetrics' /api/v1/import/prometheus")
      ->check(CLI::IsMember({"openmetrics", "prometheus"}))
      ->default_str("openmetrics");
  out->add_flag("--no-stale", line.store.no_stale,
                "leave out the marks that a series ended, which other programs read as NaN");
  auto* in = add("import",
                 "take samples from OpenMetrics or Prometheus text; every sample must have a time. "
                 "No daemon may run. A text with a mistake changes nothing (exit status 1)",
                 app::RunStoreImport);
  in->add_option("FILE", line.store.input, "the text, - for standard input")->required();
  in->add_option("--format", line.store.format,
                 "openmetrics (times in seconds) or prometheus (in milliseconds); auto: "
                 "openmetrics when the text ends in # EOF")
      ->check(CLI::IsMember({"auto", "openmetrics", "prometheus"}))
      ->default_str("auto");
  auto* snapshot = add("snapshot",
                       "copy samples and incidents as they are at this moment to "
                       "DATA_DIR/snapshots/NAME; the daemon makes it when one runs",
                       app::RunStoreSnapshot);
  AddJson(snapshot, line);
  snapshot->add_option("--url", line.common.url, "the daemon's address");
  snapshot->add_option("--token-file", line.common.token_file,
                       "file with a bearer token for the daemon (role operate)");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{kAbout, "raksa"};
  cli.set_version_flag("--version", std::string("raksa ") + app::kVersion);
  cli.require_subcommand(1);
  cli.footer(
      "Exit status: 0 good, 1 the answer is no (a probe failed, a mistake was found), 2 it could "
      "not be done.\n"
      "`raksa COMMAND --help` tells more.");
  Line line;
  line.common.config = DefaultConfig();
  AddLocalCommands(cli, line);
  AddDaemonCommands(cli, line);
  AddStoreCommands(cli, line);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = cli.exit(error);
    return status == 0 ? 0 : 2;
  }
  return line.status;
}
