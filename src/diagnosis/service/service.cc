// The kind "service": causes why a systemd unit does not run.
#include "diagnosis/service/service.h"

#include <fmt/format.h>

#include "diagnosis/docker/docker.h"
#include "diagnosis/holder.h"
#include "diagnosis/nginx/nginx.h"
#include "diagnosis/service/unit.h"

namespace diagnosis::service {
namespace {

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
  auto finding = co_await ExamineUnit(&look, std::move(asked));
  if (finding) {
    co_return Only(std::move(*finding));
  }
  co_return Only(look.Well("State active", fmt::format("systemd: {} runs", unit)));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& target,
                                   const model::ComponentSpec& component) {
  const auto unit = parse::UnitName(component.name);
  if (unit == "nginx.service") {
    return nginx::kKind.as_root(target, component);
  }
  return unit == "docker.service" ? std::vector<ssh::Privilege>() : HolderPrivileges();
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
