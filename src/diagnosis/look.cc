// Asking a host and writing findings.
#include "diagnosis/look.h"

#include "base/text.h"

namespace diagnosis {
namespace {

// What of an output is kept with a finding; incidents are written to disk at every step.
constexpr std::size_t kKeptOutput = 4096;

}  // namespace

loop::Task<base::Result<model::CommandRecord>> Look::Ask(std::vector<std::string> argv, bool sudo,
                                                         std::size_t max_output,
                                                         base::Duration limit) {
  ssh::Command command;
  command.argv = std::move(argv);
  command.sudo = sudo;
  command.max_output = max_output;
  command.limit = limit;
  auto result = co_await request_.shell->Run(command);
  model::CommandRecord kept;
  if (result) {
    kept = *result;
    if (kept.output.size() > kKeptOutput) {
      kept.output = base::Printable(kept.output.substr(0, kKeptOutput), true);
      kept.truncated = true;
    }
  } else {
    kept.argv = std::move(command.argv);
    kept.started = base::Clock::Now();
    kept.error = result.error().message;
  }
  records_.push_back(std::move(kept));
  co_return result;
}

loop::Task<base::Result<model::CommandRecord>> Look::AskPlainly(std::vector<std::string> argv) {
  auto answer = co_await Ask(argv, false);
  if (answer && answer->exit_status != 0 &&
      answer->output.find("ermission denied") != std::string::npos) {
    answer = co_await Ask(std::move(argv), true);
  }
  co_return answer;
}

void Look::HideOutput() {
  if (!records_.empty()) {
    auto& output = records_.back().output;
    output = output.empty() ? "" : "(not kept)";
  }
}

model::Finding Look::Plain() {
  model::Finding finding;
  finding.component = request_.component.Id();
  finding.depth = request_.depth;
  finding.commands = records_;
  return finding;
}

model::Finding Look::Well(std::string state, std::string evidence) {
  auto finding = Plain();
  finding.state = std::move(state);
  finding.evidence = std::move(evidence);
  return finding;
}

model::Finding Look::Found(std::string_view id, std::string state, std::string evidence) {
  auto finding = Plain();
  finding.cause = std::string(id);
  finding.state = std::move(state);
  finding.evidence = std::move(evidence);
  if (const Cause* cause = FindCause(id)) {
    finding.title = std::string(cause->title);
    finding.title_th = std::string(cause->title_th);
    finding.cause_class = cause->cause_class;
    finding.remedy = std::string(cause->remedy);
  }
  return finding;
}

model::Finding Look::Blind(std::string reason) {
  auto finding = Plain();
  finding.cause = std::string(kNotExamined);
  finding.title = "could not be examined";
  finding.title_th = "ตรวจสอบไม่ได้";
  finding.evidence = base::Printable(reason.substr(0, 500));
  return finding;
}

std::vector<model::Finding> Only(model::Finding finding) {
  std::vector<model::Finding> out;
  out.push_back(std::move(finding));
  return out;
}

std::string LastLine(std::string_view text) {
  std::string last;
  for (const auto line : base::Lines(text)) {
    if (!base::Trim(line).empty()) {
      last = base::Printable(base::Trim(line).substr(0, 300));
    }
  }
  return last;
}

}  // namespace diagnosis
