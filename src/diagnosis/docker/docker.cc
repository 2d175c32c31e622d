// The kind "docker": whether the engine runs. No docker command is used: it would wake the engine
// by its socket.
#include "diagnosis/docker/docker.h"

#include "diagnosis/service/unit.h"

namespace diagnosis::docker {
namespace {

/// The engine's complaint about its own configuration; "" = it has none.
std::string ConfigFault(const std::string& words) {
  for (const auto sign : {"unable to configure the Docker daemon", "failed to load listeners",
                          "unknown flag", "the following directives are specified both"}) {
    if (const auto at = words.find(sign); at != std::string::npos) {
      return words.substr(at, 300);
    }
  }
  return "";
}

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  Look look(request);
  std::vector<std::string> names = {"docker.service", "docker.socket"};
  const auto units = co_await service::ShowUnits(&look, std::move(names));
  if (!units) {
    co_return Only(look.Blind(units.error().message));
  }
  const auto& unit = units->front();
  const auto why = service::CauseOf(unit);
  if (why.empty()) {
    co_return Only(look.Well(service::StateOf(unit), "systemd: docker.service runs"));
  }
  const bool repairable = why != "service-masked" && why != "service-absent" &&
                          why != "service-unit-invalid" && why != "service-restart-loop";
  std::string words;
  if ((repairable && unit.active_state != "inactive") || why == "service-restart-loop") {
    words = co_await service::LastWords(&look, "docker.service");
    if (const auto said = ConfigFault(words); !said.empty()) {
      auto invalid = look.Found("engine-config-invalid", service::StateOf(unit),
                                "docker's own words: " + said);
      invalid.details.emplace_back("Service Name", "docker");
      co_return Only(std::move(invalid));
    }
  }
  auto finding = look.Found(repairable ? "engine-not-running" : why, service::StateOf(unit),
                            "systemd: docker.service is " + unit.active_state + ", result " +
                                (unit.result.empty() ? "none" : unit.result));
  finding.details.emplace_back("Service Name", "docker");
  finding.details.emplace_back("Result", unit.result);
  if (!words.empty()) {
    finding.details.emplace_back("Last words", words);
  }
  if (!finding.remedy.empty()) {
    finding.remedy_args = EngineStartArgs(request.target);
  }
  co_return Only(std::move(finding));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& /*component*/) {
  return {service::LastWordsPrivilege("docker.service")};
}

}  // namespace

std::vector<std::string> EngineStartArgs(const model::Target& target) {
  std::vector<std::string> args = {"docker.service"};
  for (auto at = target.application.rbegin(); at != target.application.rend(); ++at) {
    if (at->kind == "container") {
      args.push_back(at->name);
    }
  }
  return args;
}

const Kind kKind = {
    .spec = {.name = "docker", .title = "The docker engine"},
    .causes =
        {
            {.id = "engine-not-running",
             .title = "The container engine does not run",
             .title_th = "docker engine ไม่ทำงาน",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "systemd: docker.service is inactive or failed",
             .remedy = "engine-start"},
            {.id = "engine-config-invalid",
             .title = "The container engine's configuration is invalid",
             .title_th = "ไฟล์ตั้งค่า docker engine ไม่ถูกต้อง",
             .detected_by = "systemd: docker.service failed, and the engine says in the journal "
                            "that it cannot use its configuration"},
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::docker
