// The command drill.
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "api/json.h"
#include "app/client.h"
#include "app/commands.h"
#include "app/drill_run.h"
#include "app/lookup.h"
#include "base/text.h"

namespace app {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// Between two drills: the incident before has to be closed and everything well again.
constexpr base::Duration kBetween = 3min;

int Fault(const base::Error& error) {
  std::cerr << "raksa: " << base::Printable(error.message, true) << "\n";
  return error.kind == base::ErrorKind::kNotFound ? 1 : 2;
}

int PrintList(const Common& common, const model::Target& target) {
  json::array list;
  for (const auto& scenario : drill::Offers(target)) {
    list.push_back(json::object{{"scenario", scenario.Name()},
                                {"component", scenario.Component()},
                                {"title", scenario.kind->spec.title},
                                {"cause", scenario.kind->cause},
                                {"remedy", scenario.kind->remedy}});
    if (!common.json) {
      std::cout << fmt::format("{:<40} {} ({})\n", scenario.Name(), scenario.kind->spec.title,
                               scenario.kind->cause);
    }
  }
  if (common.json) {
    std::cout << api::ToText(json::object{{"target", target.name},
                                          {"allowed", target.drill},
                                          {"scenarios", std::move(list)}})
              << "\n";
  } else if (!target.drill) {
    std::cout << target.name << " does not say `drill: allowed`: none of these would begin\n";
  }
  return 0;
}

json::object RunsJson(const std::vector<DrillRun>& runs) {
  json::array list;
  for (const auto& run : runs) {
    list.push_back(DrillJson(run));
  }
  const auto good = std::ranges::count_if(runs, &DrillRun::Good);
  return {{"good", good}, {"of", runs.size()}, {"drills", std::move(list)}};
}

/// Writes FILE in Markdown and its neighbour .json. Errors: kUnavailable.
base::Result<> WriteReport(const std::string& file, const std::vector<DrillRun>& runs) {
  std::filesystem::path markdown(file);
  if (markdown.extension() != ".md") {
    markdown += ".md";
  }
  auto data = markdown;
  data.replace_extension(".json");
  std::ofstream(markdown) << DrillMarkdown(runs);
  std::ofstream(data) << api::ToText(RunsJson(runs)) << "\n";
  if (!std::filesystem::exists(markdown) || !std::filesystem::exists(data)) {
    return base::Fail(base::ErrorKind::kUnavailable, "cannot write " + markdown.string());
  }
  return {};
}

std::vector<DrillRun> RunAll(const Common& common, const model::Target& target,
                             const std::vector<drill::Scenario>& scenarios) {
  std::vector<DrillRun> runs;
  const Progress progress = [&common](const std::string& line) {
    if (!common.json) {
      std::cout << "  " << line << std::endl;  // seen at once, also through a pipe
    }
  };
  for (const auto& scenario : scenarios) {
    if (scenarios.size() > 1 && !WaitWell(common, target.name, kBetween)) {
      DrillRun run;
      run.target = target.name;
      run.scenario = scenario.Name();
      run.refused = "the target is not well: this and what comes after it were left out";
      runs.push_back(std::move(run));
      break;
    }
    if (!common.json) {
      std::cout << scenario.Name() << " on " << target.name << std::endl;
    }
    runs.push_back(RunOneDrill(common, target, scenario, progress));
    if (!common.json) {
      std::cout << DrillText(runs.back()) << std::endl;
    }
    if (runs.back().impossible) {
      break;
    }
  }
  return runs;
}

}  // namespace

int RunDrill(const Common& given, const DrillOptions& options) {
  const auto target = FindTarget(given, options.target);
  if (!target) {
    return Fault(target.error());
  }
  if (options.list) {
    return PrintList(given, *target);
  }
  std::vector<drill::Scenario> scenarios;
  if (options.all) {
    scenarios = drill::Offers(*target);
  } else if (options.scenario.empty()) {
    std::cerr << "raksa: which scenario? (raksa drill " << target->name << " --list, or --all)\n";
    return 2;
  } else {
    auto one = drill::FindScenario(*target, options.scenario);
    if (!one) {
      return Fault(one.error());
    }
    scenarios.push_back(std::move(*one));
  }
  Common common = given;
  common.url = Endpoint(given);
  const auto runs = RunAll(common, *target, scenarios);
  if (common.json) {
    std::cout << api::ToText(RunsJson(runs)) << "\n";
  }
  if (!options.report.empty()) {
    if (const auto written = WriteReport(options.report, runs); !written) {
      return Fault(written.error());
    }
  }
  if (std::ranges::any_of(runs, &DrillRun::impossible)) {
    return 2;
  }
  return runs.size() == scenarios.size() && std::ranges::all_of(runs, &DrillRun::Good) ? 0 : 1;
}

}  // namespace app
