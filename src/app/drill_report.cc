// Drills told: JSON, Markdown, and text for a terminal.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "app/client.h"
#include "app/drill_run.h"
#include "base/text.h"

namespace app {
namespace {

namespace json = boost::json;

/// What proved the cause.
std::string Evidence(const json::object& incident) {
  for (const auto& finding : ListAt(incident, "findings")) {
    if (finding.is_object() && TextAt(finding.get_object(), "cause") == TextAt(incident, "cause")) {
      return TextAt(finding.get_object(), "evidence");
    }
  }
  return "";
}

std::vector<std::string> Messages(const json::object& incident) {
  std::vector<std::string> out;
  for (const auto& entry : ListAt(incident, "timeline")) {
    if (entry.is_object() && TextAt(entry.get_object(), "kind") == "message") {
      out.push_back(TextAt(entry.get_object(), "at") + " " + TextAt(entry.get_object(), "text"));
    }
  }
  return out;
}

std::string Line(const model::CommandRecord& command) {
  std::string out;
  for (const auto& word : command.argv) {
    const bool plain = word.find_first_of(" \"'\\$;|<>(){}") == std::string::npos;
    out += (out.empty() ? "" : " ") + (plain ? word : base::JsonQuote(word));
  }
  return base::Printable(out);
}

std::string Verdict(const DrillRun& run) {
  return !run.refused.empty() ? "not begun" : run.Good() ? "right" : "wrong";
}

std::string Seconds(const DrillRun& run, std::string_view name) {
  for (const auto& [part, value] : run.seconds) {
    if (part == name) {
      return fmt::format("{:.1f}", value);
    }
  }
  return "–";
}

/// Text in a table's cell or a code span of Markdown.
std::string Cell(std::string_view text) {
  auto out = base::Printable(text);
  std::ranges::replace(out, '|', '/');
  std::ranges::replace(out, '`', '\'');
  std::ranges::replace(out, '<', '(');
  return out;
}

std::string OneMarkdown(const DrillRun& run) {
  std::string out = fmt::format("## {} on {}: {}\n\n", run.scenario, run.target, Verdict(run));
  if (!run.refused.empty()) {
    return out + Cell(run.refused) + "\n";
  }
  out += fmt::format("- Broken at {}\n- Cause found: `{}` in `{}`\n- Evidence: {}\n",
                     base::FormatRfc3339(run.began), Cell(TextAt(run.incident, "cause")),
                     Cell(TextAt(run.incident, "component")), Cell(Evidence(run.incident)));
  out += fmt::format("- Outcome: {}{}\n- Incident: {}\n", TextAt(run.incident, "outcome"),
                     run.undone ? "; the drill took the fault back itself" : "",
                     TextAt(run.incident, "id"));
  for (const auto& message : Messages(run.incident)) {
    out += "- " + Cell(message) + "\n";
  }
  for (const auto& problem : run.problems) {
    out += "- **Wrong**: " + Cell(problem) + "\n";
  }
  out += "\nWhat the drill ran:\n\n";
  for (const auto& command : run.commands) {
    out += fmt::format("- `{}` → {}\n", Cell(Line(command)), command.exit_status);
  }
  return out;
}

}  // namespace

json::object DrillJson(const DrillRun& run) {
  json::object seconds;
  for (const auto& [part, value] : run.seconds) {
    seconds[part] = value;
  }
  json::array problems;
  for (const auto& problem : run.problems) {
    problems.emplace_back(base::Printable(problem));
  }
  json::array commands;
  for (const auto& command : run.commands) {
    commands.push_back(json::object{{"command", Line(command)},
                                    {"exit_status", command.exit_status},
                                    {"at", base::FormatRfc3339(command.started)}});
  }
  json::array messages;
  for (const auto& message : Messages(run.incident)) {
    messages.emplace_back(message);
  }
  return {{"target", run.target},
          {"scenario", run.scenario},
          {"good", run.Good()},
          {"refused", base::Printable(run.refused)},
          {"began",
           run.began == base::Time{} ? json::value() : json::value(base::FormatRfc3339(run.began))},
          {"incident", TextAt(run.incident, "id")},
          {"cause", TextAt(run.incident, "cause")},
          {"component", TextAt(run.incident, "component")},
          {"evidence", Evidence(run.incident)},
          {"outcome", TextAt(run.incident, "outcome")},
          {"seconds", std::move(seconds)},
          {"messages", std::move(messages)},
          {"undone", run.undone},
          {"problems", std::move(problems)},
          {"commands", std::move(commands)}};
}

std::string DrillMarkdown(const std::vector<DrillRun>& runs) {
  const auto good = std::ranges::count_if(runs, &DrillRun::Good);
  std::string out = fmt::format("# Drill: {} of {} came out right\n\n", good, runs.size());
  out +=
      "Seconds from the begin of the fault; *in all* is until the repair was proved from outside, "
      "or until it was told.\n\n"
      "| scenario | | cause found | detected | diagnosed | repaired | verified | in all |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const auto& run : runs) {
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} |\n", run.scenario, Verdict(run),
                       Cell(TextAt(run.incident, "cause")), Seconds(run, "detected"),
                       Seconds(run, "diagnosed"), Seconds(run, "repaired"),
                       Seconds(run, "verified"), Seconds(run, "in all"));
  }
  for (const auto& run : runs) {
    out += "\n" + OneMarkdown(run);
  }
  return out;
}

std::string DrillText(const DrillRun& run) {
  std::string out = fmt::format("{} on {}: {}\n", run.scenario, run.target, Verdict(run));
  if (!run.refused.empty()) {
    return out + "  " + base::Printable(run.refused) + "\n";
  }
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) {
      out += fmt::format("  {:<10} {}\n", name, value);
    }
  };
  add("cause", TextAt(run.incident, "cause") + " in " + TextAt(run.incident, "component"));
  add("evidence", Evidence(run.incident));
  std::string times;
  for (const auto& [part, value] : run.seconds) {
    times += fmt::format("{}{} {:.1f} s", times.empty() ? "" : ", ", part, value);
  }
  add("times", times);
  add("outcome", TextAt(run.incident, "outcome") +
                     (run.undone ? "; the drill took the fault back itself" : ""));
  add("incident", TextAt(run.incident, "id"));
  for (const auto& message : Messages(run.incident)) {
    add("told", message);
  }
  for (const auto& problem : run.problems) {
    add("WRONG", base::Printable(problem));
  }
  return out;
}

}  // namespace app
