// The kind "service": causes why a systemd unit does not run.
#include "diagnosis/service/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/docker/docker.h"
#include "diagnosis/holder.h"
#include "diagnosis/nginx/nginx.h"
#include "diagnosis/parse/listeners.h"
#include "diagnosis/service/unit.h"

namespace diagnosis::service {
namespace {

/// Whether a TCP port has a listener; true also when that cannot be told.
loop::Task<bool> AnybodyListens(Look* look, std::uint16_t port) {
  std::vector<std::string> list = {"ss", "-ltnpH"};
  const auto answer = co_await look->Ask(std::move(list), true);
  if (!answer || answer->exit_status != 0) {
    co_return true;
  }
  const auto listeners = parse::ReadListeners(answer->output);
  co_return !listeners || listeners->empty() ||
      std::any_of(listeners->begin(), listeners->end(),
                  [port](const parse::Listener& each) { return each.port == port; });
}

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  const auto unit = parse::UnitName(request.component.name);
  // Two services are known better than by systemd alone.
  if (unit == "nginx.service" || unit == "docker.service") {
    const Kind& known = unit == "nginx.service" ? nginx::kKind : docker::kKind;
    auto findings = co_await known.examine(std::move(request));
    co_return findings;
  }
  Look look(request);
  UnitRequest asked;
  asked.unit = unit;
  for (const auto port : request.component.options.Get<std::vector<std::int64_t>>("ports")) {
    asked.ports.push_back(static_cast<std::uint16_t>(port));
  }
  const auto ports = asked.ports;
  auto finding = co_await ExamineUnit(&look, std::move(asked));
  if (finding) {
    co_return Only(std::move(*finding));
  }
  for (const auto port : ports) {
    const bool open = co_await AnybodyListens(&look, port);
    if (!open) {
      co_return Only(
          look.Found("service-not-listening", "State active",
                     fmt::format("ss: {} runs, and nobody listens on port {}", unit, port)));
    }
  }
  co_return Only(look.Well("State active", fmt::format("systemd: {} runs", unit)));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& target,
                                   const model::ComponentSpec& component) {
  const auto unit = parse::UnitName(component.name);
  if (unit == "nginx.service") {
    return nginx::kKind.as_root(target, component);
  }
  auto out = unit == "docker.service" ? std::vector<ssh::Privilege>() : HolderPrivileges();
  out.push_back(LastWordsPrivilege(unit));
  return out;
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "service",
             .title = "A systemd unit, by its name",
             .options = {{.name = "ports",
                          .type = model::OptionType::kIntegers,
                          .help = "TCP ports that it listens on; when it does not run, another "
                                  "process that holds one of them is looked for",
                          .min = 1,
                          .max = 65535}}},
    .causes =
        {
            {.id = "service-stopped",
             .title = "The service was stopped",
             .title_th = "เซอร์วิสถูกหยุด",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "systemd: the unit is inactive, its result is success",
             .remedy = "service-start"},
            {.id = "service-killed",
             .title = "The service's process was killed",
             .title_th = "โพรเซสของเซอร์วิสถูกฆ่า",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "systemd: the unit failed, its result is signal, core-dump or watchdog",
             .remedy = "service-start"},
            {.id = "service-failed",
             .title = "The service failed",
             .title_th = "เซอร์วิสล้มเหลว",
             .cause_class = model::CauseClass::kRepair,
             .detected_by =
                 "systemd: the unit failed by an exit status, a time-out or another result",
             .remedy = "service-start"},
            {.id = "service-address-in-use",
             .title = "Another process holds the service's port",
             .title_th = "พอร์ตของเซอร์วิสถูกโพรเซสอื่นใช้อยู่",
             .cause_class = model::CauseClass::kRepair,
             .detected_by =
                 "the unit does not run, and ss shows another process on one of its ports",
             .remedy = "free-port"},
            {.id = "service-start-limit",
             .title = "The service failed too often and systemd gave up",
             .title_th = "เซอร์วิสล้มเหลวบ่อยเกินไป systemd จึงหยุดพยายาม",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "systemd: the unit's result is start-limit-hit",
             .remedy = "service-start"},
            {.id = "service-out-of-memory",
             .title = "The service was ended because memory ran out",
             .title_th = "เซอร์วิสถูกหยุดเพราะหน่วยความจำไม่พอ",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "systemd: the unit's result is oom-kill",
             .remedy = "service-start"},
            {.id = "service-exec-failed",
             .title = "The service's program cannot be started",
             .title_th = "เริ่มโปรแกรมของเซอร์วิสไม่ได้",
             .detected_by = "systemd: the main process ended with 200 to 238: its program, user, "
                            "group or directory is missing"},
            {.id = "service-dependency-failed",
             .title = "A unit that the service cannot do without is missing or has failed",
             .title_th = "ยูนิตที่เซอร์วิสต้องใช้ไม่มีอยู่หรือล้มเหลว",
             .detected_by = "systemd: a unit of Requires, Requisite or BindsTo is failed, masked, "
                            "invalid or not found"},
            {.id = "service-condition-unmet",
             .title = "A condition in the service's unit file does not hold",
             .title_th = "เงื่อนไขในไฟล์ยูนิตของเซอร์วิสไม่เป็นจริง",
             .detected_by = "systemd: ConditionResult is no, and the unit was not started"},
            {.id = "service-not-listening",
             .title = "The service runs and does not listen on its port",
             .title_th = "เซอร์วิสทำงานแต่ไม่ได้เปิดพอร์ต",
             .detected_by = "systemd: active; ss shows nobody on a port of its option ports"},
            {.id = "service-masked",
             .title = "The service's unit is masked",
             .title_th = "ยูนิตของเซอร์วิสถูก mask",
             .detected_by = "systemd: the unit's load state is masked; an administrator did that"},
            {.id = "service-absent",
             .title = "There is no such service",
             .title_th = "ไม่มีเซอร์วิสนี้ในเครื่อง",
             .detected_by = "systemd: the unit's load state is not-found"},
            {.id = "service-unit-invalid",
             .title = "The service's unit file is invalid",
             .title_th = "ไฟล์ยูนิตของเซอร์วิสไม่ถูกต้อง",
             .detected_by = "systemd: the unit's load state is bad-setting or error"},
            {.id = "service-restart-loop",
             .title = "The service ends again and again",
             .title_th = "เซอร์วิสเริ่มแล้วหยุดซ้ำไปมา",
             .detected_by = "systemd: the unit is in auto-restart, which systemd does by itself"},
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::service
