// The kind "command": a check by argv, with an optional fix and verification.
#include "diagnosis/command/command.h"

#include <fmt/format.h>

#include "diagnosis/look.h"

namespace diagnosis::command {
namespace {

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  Look look(request);
  const auto& options = request.component.options;
  auto check = options.Get<std::vector<std::string>>("check");
  if (check.empty()) {
    co_return Only(look.Blind("it has no check"));
  }
  const auto answer = co_await look.Ask(std::move(check), options.Get<bool>("sudo"));
  if (!answer) {
    co_return Only(look.Blind(answer.error().message));
  }
  const auto state = fmt::format("Exit {}", answer->exit_status);
  if (answer->exit_status == 0) {
    co_return Only(look.Well(state, "its check passes"));
  }
  const bool can_fix = !options.Get<std::vector<std::string>>("fix").empty();
  auto finding = look.Found(
      can_fix ? "command-check-failed" : "command-check-failed-no-fix", state,
      fmt::format("its check ended with {}: {}", answer->exit_status, LastLine(answer->output)));
  if (can_fix) {
    finding.remedy_args = {request.component.name};
  }
  co_return Only(std::move(finding));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& component) {
  const auto check = component.options.Get<std::vector<std::string>>("check");
  if (check.empty() || !component.options.Get<bool>("sudo")) {
    return {};
  }
  return {ssh::Fixed(check, "command " + component.name + ": its check")};
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "command",
             .title = "A check of your own",
             .options =
                 {
                     {.name = "check",
                      .type = model::OptionType::kStrings,
                      .help = "the command and its arguments; exit status 0 means well; it must "
                              "change nothing",
                      .required = true},
                     {.name = "fix",
                      .type = model::OptionType::kStrings,
                      .help = "the command that repairs; without it a failed check is only "
                              "reported"},
                     {.name = "verify",
                      .type = model::OptionType::kStrings,
                      .help = "the command that tells whether the fix took; without it the check "
                              "is run again"},
                     {.name = "sudo",
                      .type = model::OptionType::kBool,
                      .help = "run all of them as root",
                      .fallback = "false"},
                 }},
    .causes =
        {
            {.id = "command-check-failed",
             .title = "The administrator's own check fails",
             .title_th = "การตรวจสอบที่กำหนดเองไม่ผ่าน",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "the check's exit status is not 0, and a fix is configured",
             .remedy = "command-fix"},
            {.id = "command-check-failed-no-fix",
             .title = "The administrator's own check fails, and there is no fix for it",
             .title_th = "การตรวจสอบที่กำหนดเองไม่ผ่าน และไม่มีวิธีแก้ที่กำหนดไว้",
             .detected_by = "the check's exit status is not 0"},
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::command
