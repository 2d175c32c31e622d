// Incident reports in Markdown.
#include "app/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace app {
namespace {

/// Text inside a code span: backticks would end it.
std::string Code(std::string_view text) {
  auto out = base::Printable(text);
  std::ranges::replace(out, '`', '\'');
  return "`" + out + "`";
}

/// A fenced block, with a fence longer than any run of backticks inside.
std::string Fence(std::string_view text) {
  std::size_t longest = 2;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}text\n{}\n{}\n", fence, base::Printable(text, true), fence);
}

std::string Commands(const std::vector<model::CommandRecord>& commands) {
  std::string out;
  for (const auto& command : commands) {
    std::string line;
    for (const auto& arg : command.argv) {
      line += (line.empty() ? "" : " ") + arg;
    }
    out += fmt::format("\n{} → {} after {}\n\n", Code(line),
                       command.error.empty() ? fmt::format("exit status {}", command.exit_status)
                                             : Code(command.error),
                       base::HumanDuration(command.took));
    if (!command.output.empty()) {
      out += Fence(command.output);
    }
  }
  return out;
}

}  // namespace

std::string MarkdownReport(const model::Incident& incident) {
  std::string out = fmt::format("# {}\n\n", Code(incident.title));
  out += fmt::format("- Incident: {}\n- Outcome: {}\n- Opened: {}\n", incident.id,
                     incident.Open() ? fmt::format("open ({})", model::ToString(incident.state))
                                     : std::string(model::ToString(incident.outcome)),
                     base::FormatRfc3339(incident.opened));
  const auto since = [&](std::string_view what, base::Time at) {
    if (at != base::Time{}) {
      out += fmt::format("- {}: {} (after {})\n", what, base::FormatRfc3339(at),
                         base::HumanDuration(at - incident.opened));
    }
  };
  since("First change", incident.acted);
  since("Verified from outside", incident.verified);
  since("Closed", incident.closed);
  out += "\n## Findings\n";
  for (const auto& finding : incident.findings) {
    out += fmt::format(
        "\n### {}: {}\n\n", Code(finding.component),
        finding.cause.empty() ? "well" : fmt::format("{} ({})", finding.title, finding.cause));
    if (!finding.evidence.empty()) {
      out += Code(finding.evidence) + "\n";
    }
    if (!finding.consequence_of.empty()) {
      out += fmt::format("\nA consequence of {}.\n", Code(finding.consequence_of));
    }
    out += Commands(finding.commands);
  }
  if (!incident.steps.empty()) {
    out += "\n## Repair\n";
  }
  for (const auto& step : incident.steps) {
    out += fmt::format("\n### {} on {}\n\n{}\n", step.step, Code(step.component),
                       Code(step.done ? step.state_after : step.error));
    out += Commands(step.commands);
  }
  out += "\n## Timeline\n\n";
  for (const auto& entry : incident.timeline) {
    out +=
        fmt::format("- {} {}: {}\n", base::FormatRfc3339(entry.at), entry.kind, Code(entry.text));
  }
  return out;
}

}  // namespace app
