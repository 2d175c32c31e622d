// What a report says, piece by piece; how it is written stands in report_writers.cc.
#include "app/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/text.h"

namespace app {
namespace {

using Kind = ReportBlock::Kind;
using Blocks = std::vector<ReportBlock>;

constexpr int kDeepest = 6;

void Heading(Blocks& out, int level, std::string label, std::string text = "") {
  out.push_back({Kind::kHeading, level, std::move(label), std::move(text), ""});
}

void Item(Blocks& out, std::string label, std::string text = "", std::string note = "",
          int level = 0) {
  out.push_back({Kind::kItem, level, std::move(label), std::move(text), std::move(note)});
}

const model::Finding* CauseOf(const model::Incident& incident) {
  const auto at = std::ranges::find_if(incident.findings, [&](const model::Finding& finding) {
    return !incident.cause.empty() && finding.cause == incident.cause;
  });
  return at == incident.findings.end() ? nullptr : &*at;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) {
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

void Commands(Blocks& out, const std::vector<model::CommandRecord>& commands) {
  for (const auto& command : commands) {
    const auto end = command.error.empty() ? fmt::format("exit status {}", command.exit_status)
                                           : base::Printable(command.error);
    Item(out, command.changes ? "change" : "command", Joined(command.argv),
         fmt::format("{}, {}{}", end, base::HumanDuration(command.took),
                     command.truncated ? ", output cut" : ""));
    if (!command.output.empty()) {
      out.push_back({Kind::kCode, 0, "", command.output, ""});
    }
  }
}

std::string Verdict(const model::Incident& incident, const model::Finding& finding) {
  if (finding.cause.empty()) {
    return "well";
  }
  if (finding.cause == "not-examined") {
    return "not examined";
  }
  if (!finding.consequence_of.empty()) {
    return "consequence";
  }
  return &finding == CauseOf(incident) ? "cause" : "trouble";
}

/// One component and, below it, those whose trouble it explains.
void Branch(Blocks& out, const model::Incident& incident, const model::Finding& finding,
            int level) {
  Item(out, Verdict(incident, finding), finding.component,
       finding.cause.empty() ? "" : fmt::format("{} ({})", finding.title, finding.cause), level);
  if (!finding.evidence.empty()) {
    Item(out, "evidence", finding.evidence, "", level + 1);
  }
  if (!finding.state.empty()) {
    Item(out, "state found", finding.state, "", level + 1);
  }
  for (const auto& [name, value] : finding.details) {
    Item(out, "detail", name + ": " + value, "", level + 1);
  }
  for (const auto& other : incident.findings) {
    const bool below = other.consequence_of == finding.component && &other != &finding;
    if (below && level < kDeepest) {
      Branch(out, incident, other, level + 1);
    }
  }
}

/// The findings that no other explains, or whose explanation is not among them.
void Tree(Blocks& out, const model::Incident& incident) {
  Heading(out, 2, "Causes");
  if (incident.findings.empty()) {
    Item(out, "nothing was examined");
  }
  for (const auto& finding : incident.findings) {
    const bool root = std::ranges::none_of(incident.findings, [&](const model::Finding& other) {
      return other.component == finding.consequence_of && &other != &finding;
    });
    if (root) {
      Branch(out, incident, finding, 0);
    }
  }
}

void Steps(Blocks& out, const model::Incident& incident) {
  if (incident.steps.empty()) {
    return;
  }
  Heading(out, 2, "Repair");
  for (const auto& step : incident.steps) {
    Heading(out, 3, step.step, step.component);
    const auto took = step.finished > step.started
                          ? base::HumanDuration(step.finished - step.started)
                          : std::string();
    Item(out,
         step.refused ? "refused"
         : step.done  ? "done"
                      : "not done",
         step.done ? step.state_after : step.error, took);
    Commands(out, step.commands);
  }
}

void Messages(Blocks& out, const std::vector<api::MessageView>& messages) {
  if (messages.empty()) {
    return;
  }
  Heading(out, 2, "Messages");
  for (const auto& message : messages) {
    Item(out, fmt::format("{} ({})", message.event, message.state), message.channel,
         fmt::format("{}, {} {}", base::FormatRfc3339(message.at), message.attempts,
                     message.attempts == 1 ? "try" : "tries"));
    if (!message.error.empty()) {
      Item(out, "error", message.error, "", 1);
    }
    out.push_back({Kind::kCode, 0, "", message.text, ""});
  }
}

void Facts(Blocks& out, const model::Incident& incident) {
  Item(out, "incident", incident.id);
  Item(out, "target", incident.target);
  Item(out, "severity", incident.severity);
  Item(out, incident.Open() ? "state" : "outcome",
       std::string(incident.Open() ? model::ToString(incident.state)
                                   : model::ToString(incident.outcome)));
  Item(out, "opened", base::FormatRfc3339(incident.opened));
  const auto since = [&](std::string_view what, base::Time at) {
    if (at != base::Time{}) {
      Item(out, std::string(what), base::FormatRfc3339(at),
           "after " + base::HumanDuration(at - incident.opened));
    }
  };
  since("first change", incident.acted);
  since("verified from outside", incident.verified);
  since("closed", incident.closed);
  if (!incident.acknowledged_by.empty()) {
    Item(out, "acknowledged by", incident.acknowledged_by);
  }
}

}  // namespace

std::string ReportSentence(const model::Incident& incident) {
  std::string out = incident.title;
  if (const auto* cause = CauseOf(incident)) {
    out += fmt::format(": {} ({})", cause->title, cause->component);
  }
  const auto done = std::ranges::find_if(incident.steps.rbegin(), incident.steps.rend(),
                                         [](const auto& step) { return step.done; });
  if (done != incident.steps.rend()) {
    out += fmt::format("; {} was run on {}", done->step, done->component);
  }
  if (incident.verified != base::Time{}) {
    out += fmt::format("; verified from outside {} after the alarm",
                       base::HumanDuration(incident.verified - incident.opened));
  }
  out += incident.Open() ? fmt::format("; now {}", model::ToString(incident.state))
                         : fmt::format("; {}", model::ToString(incident.outcome));
  return base::Printable(out) + ".";
}

std::vector<ReportPhase> ReportPhases(const model::Incident& incident) {
  std::vector<ReportPhase> out;
  for (const auto& entry : incident.timeline) {
    if (entry.kind != "state") {
      continue;
    }
    boost::system::error_code ec;
    const auto data = boost::json::parse(entry.data, ec);
    const auto* to = !ec && data.is_object() ? data.get_object().if_contains("to") : nullptr;
    if (to == nullptr || !to->is_string()) {
      continue;
    }
    if (!out.empty()) {
      out.back().took = entry.at - out.back().from;
    }
    out.push_back({std::string(to->get_string()), entry.at, {}});
  }
  if (!out.empty()) {
    const auto end = incident.Open() ? base::Clock::Now() : incident.closed;
    out.back().took = std::max(base::Duration{}, end - out.back().from);
  }
  return out;
}

Blocks ReportBlocks(const model::Incident& incident,
                    const std::vector<api::MessageView>& messages) {
  Blocks out;
  Heading(out, 1, "", incident.title);
  Item(out, "in short", ReportSentence(incident));
  Facts(out, incident);
  if (const auto phases = ReportPhases(incident); !phases.empty()) {
    Heading(out, 2, "Durations");
    for (const auto& phase : phases) {
      Item(out, phase.state, base::HumanDuration(phase.took),
           "from " + base::FormatRfc3339(phase.from));
    }
  }
  Tree(out, incident);
  Steps(out, incident);
  Heading(out, 2, "Examined");
  for (const auto& finding : incident.findings) {
    Heading(out, 3, "", finding.component);
    Commands(out, finding.commands);
  }
  Messages(out, messages);
  Heading(out, 2, "Timeline");
  for (const auto& entry : incident.timeline) {
    Item(out, fmt::format("{} {}", base::FormatRfc3339(entry.at), entry.kind), entry.text);
  }
  return out;
}

}  // namespace app
