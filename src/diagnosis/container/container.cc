// The kind "container": causes why a docker container does not serve.
#include "diagnosis/container/container.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/docker/docker.h"
#include "diagnosis/facts.h"
#include "diagnosis/holder.h"
#include "diagnosis/service/unit.h"

namespace diagnosis::container {
namespace {

// A container that ended without error sooner than this after its start had nothing to do: its
// first process went into the background.
constexpr auto kShortLife = std::chrono::seconds(3);

std::string Evidence(const parse::Container& container) {
  auto text = fmt::format("docker: {} is {}, exit code {}", container.name, container.status,
                          container.exit_code);
  if (container.oom_killed) {
    text += ", out of memory";
    if (container.memory > 0) {
      text += fmt::format(" (limit {} MiB)", container.memory / (1024 * 1024));
    }
  }
  if (container.finished != base::Time{}) {
    text += ", ended " + base::FormatLocal(container.finished);
  }
  if (!container.error.empty()) {
    text += "; " + container.error.substr(0, 300);
  }
  if (container.health == "unhealthy" && !container.health_log.empty()) {
    text += "; health check: " + LastLine(container.health_log);
  }
  return base::Printable(text);
}

bool Says(std::string_view text, std::initializer_list<std::string_view> signs) {
  return std::any_of(signs.begin(), signs.end(), [text](std::string_view sign) {
    return text.find(sign) != std::string_view::npos;
  });
}

/// Causes that are told apart better with the container's last words.
bool WantsLogs(std::string_view cause) {
  return cause == "container-application-error" || cause == "container-no-foreground" ||
         cause == "container-restart-loop" || cause == "container-unhealthy" ||
         cause == "container-wrong-configuration";
}

/// Whom it needs, and who needs it by compose's word, among all containers of the host: entries
/// "needs" and "dependant" of the details, one a container.
loop::Task<void> AddFamily(Look* look, parse::Container container, model::Finding* finding) {
  const auto answer = co_await look->Ask(parse::ListArgv(), true, 1 << 20);
  if (!answer || answer->exit_status != 0) {
    co_return;
  }
  const auto all = parse::ReadContainers(answer->output);
  for (auto& name : parse::DependsOn(container, all)) {
    finding->details.emplace_back("needs", std::move(name));
  }
  for (auto& name : parse::DependantsOf(container, all)) {
    finding->details.emplace_back("dependant", std::move(name));
  }
}

/// Of the folders that a container mounts, one that the host does not have; "" = none.
loop::Task<std::string> MissingFolder(Look* look, std::vector<std::string> folders) {
  if (folders.empty()) {
    co_return "";
  }
  std::vector<std::string> argv = {"stat", "-L", "-c", "%n", "--"};
  argv.insert(argv.end(), folders.begin(), folders.end());
  const auto answer = co_await look->AskPlainly(std::move(argv));
  if (answer && answer->exit_status == 1) {
    for (const auto& folder : folders) {
      if (answer->output.find("'" + folder + "': No such file") != std::string::npos) {
        co_return folder;
      }
    }
  }
  co_return "";
}

loop::Task<void> AddLogs(Look* look, std::string name, model::Finding* finding) {
  std::vector<std::string> argv = {"docker", "logs", "--tail", "3", "--", std::move(name)};
  const auto logs = co_await look->Ask(std::move(argv), true, 4096);
  if (logs && logs->exit_status == 0 && !base::Trim(logs->output).empty()) {
    finding->details.emplace_back("Last words", LastLine(logs->output));
    finding->evidence += "; it said: " + LastLine(logs->output);
    finding->commands.push_back(*logs);
  }
}

/// The engine's state, without waking it: nullopt when it runs.
loop::Task<std::optional<model::Finding>> ExamineEngine(Look* look) {
  std::vector<std::string> names = {"docker.service", "docker.socket"};
  const auto units = co_await service::ShowUnits(look, std::move(names));
  if (!units) {
    co_return look->Blind(units.error().message);
  }
  const auto& engine = units->front();
  if (engine.active_state == "active" || engine.active_state == "reloading" ||
      engine.load_state == "not-found") {
    co_return std::nullopt;  // an engine that systemd does not know answers for itself
  }
  if (engine.active_state == "activating" || engine.active_state == "deactivating") {
    co_return look->Blind("docker.service is " + engine.active_state);
  }
  auto finding = look->Found("container-engine-not-running", "Running false",
                             "systemd: docker.service is " + engine.active_state);
  finding.details.emplace_back("Container Name", look->request().component.name);
  finding.remedy_args = docker::EngineStartArgs(look->request().target);
  co_return finding;
}

model::Finding NotInspected(Look* look, const model::CommandRecord& record) {
  const auto& name = look->request().component.name;
  const auto& said = record.output;
  if (said.find("No such container") != std::string::npos ||
      said.find("No such object") != std::string::npos) {
    auto finding =
        look->Found("container-absent", "No such container", "docker: " + LastLine(said));
    finding.details.emplace_back("Container Name", name);
    return finding;
  }
  if (said.find("Cannot connect to the Docker daemon") != std::string::npos) {
    auto finding =
        look->Found("container-engine-not-running", "Running false", "docker: " + LastLine(said));
    finding.details.emplace_back("Container Name", name);
    finding.remedy_args = docker::EngineStartArgs(look->request().target);
    return finding;
  }
  return look->Blind(fmt::format("docker ended with {}: {}", record.exit_status, LastLine(said)));
}

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  Look look(request);
  const auto& name = request.component.name;
  if (!parse::IsContainerName(name)) {
    co_return Only(look.Blind("no name of a container: " + base::Printable(name)));
  }
  auto engine = co_await ExamineEngine(&look);
  if (engine) {
    co_return Only(std::move(*engine));
  }
  const auto answer = co_await look.Ask(parse::InspectArgv(name), true);
  if (!answer) {
    co_return Only(look.Blind(answer.error().message));
  }
  if (answer->exit_status != 0) {
    co_return Only(NotInspected(&look, *answer));
  }
  const auto container = parse::ReadContainer(answer->output);
  if (!container) {
    co_return Only(look.Blind(container.error().message));
  }
  auto cause = CauseOf(*container);
  if (cause.empty() && container->restarts >= 3) {
    const auto facts = co_await GatherFacts(request.shell);
    if (facts && Loops(*container, facts->now)) {
      cause = "container-restart-loop";
    }
  }
  if (cause.empty()) {
    co_return Only(look.Well(StateOf(*container), Evidence(*container)));
  }
  if (!container->running && !container->restarting) {
    const auto missing = co_await MissingFolder(&look, container->folders);
    if (!missing.empty()) {
      auto gone = look.Found(
          "container-mount-missing", StateOf(*container),
          fmt::format("{}; it mounts {}, which is not there", Evidence(*container), missing));
      gone.details.emplace_back("Container Name", name);
      gone.details.emplace_back("Path", missing);
      co_return Only(std::move(gone));
    }
    std::vector<std::uint16_t> ports;
    for (const auto& binding : container->ports) {
      if (binding.protocol == "tcp") {
        ports.push_back(binding.host_port);
      }
    }
    const auto holder = co_await FindHolder(&look, std::move(ports), "");
    if (holder) {
      auto taken =
          look.Found("container-address-in-use", StateOf(*container),
                     fmt::format("port {} is held by {}", holder->port, holder->ToString()));
      taken.details.emplace_back("Container Name", name);
      NameHolder(taken, *holder, "container", name);
      co_await AddFamily(&look, *container, &taken);
      co_return Only(std::move(taken));
    }
  }
  auto finding = look.Found(cause, StateOf(*container), Evidence(*container));
  finding.details.emplace_back("Container Name", name);
  if (cause == "container-address-in-use") {
    finding.remedy = "container-start";  // whoever held the port has gone
  }
  if (!finding.remedy.empty()) {
    finding.remedy_args = {name};
  }
  if (WantsLogs(cause)) {
    co_await AddLogs(&look, name, &finding);
  }
  co_await AddFamily(&look, *container, &finding);
  co_return Only(std::move(finding));
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& component) {
  const auto& name = component.name;
  if (!parse::IsContainerName(name)) {
    return {};
  }
  auto out = HolderPrivileges();
  out.push_back(ssh::Fixed(parse::InspectArgv(name), "container " + name + ": its state"));
  out.push_back(ssh::Fixed({"docker", "logs", "--tail", "3", "--", name},
                           "container " + name + ": its last words"));
  out.push_back(ssh::Fixed(parse::ListArgv(), "container: all there are"));
  return out;
}

}  // namespace

std::string StateOf(const parse::Container& container) {
  if (container.paused) {
    return "Running true, Paused";
  }
  if (container.restarting) {
    return fmt::format("Restarting, Error {}", container.exit_code);
  }
  if (container.running) {
    return container.health.empty() ? "Running true" : "Running true, Health " + container.health;
  }
  return fmt::format("Running false, Error {}", container.exit_code);
}

std::string_view StartFault(std::string_view error) {
  if (Says(error, {"address already in use", "port is already allocated"})) {
    return "container-address-in-use";
  }
  if (Says(error, {"no space left on device"})) {
    return "container-no-space";
  }
  if (Says(error, {"cannot join network of a non running container",
                   "cannot join network namespace of a non running container",
                   "cannot join network namespace of container"}) ||
      (Says(error, {"No such container"}) && Says(error, {"network", "join"}))) {
    return "container-network-owner-down";
  }
  if (Says(error, {"network"}) && Says(error, {"not found"})) {
    return "container-network-missing";
  }
  if (Says(error, {"bind source path does not exist", "error while creating mount source path",
                   "failed to mount local volume", "error mounting", "get volume",
                   "error evaluating symlinks from mount source"})) {
    return "container-mount-missing";
  }
  return "";
}

bool Loops(const parse::Container& container, base::Time now) {
  const auto since = now - container.started;
  return container.running && container.restarts >= 3 && now != base::Time{} &&
         container.started != base::Time{} && since < std::chrono::seconds(20) &&
         since > -std::chrono::seconds(20);
}

std::string_view CauseOf(const parse::Container& c) {
  if (c.paused) {
    return "container-paused";
  }
  if (c.restarting) {
    return "container-restart-loop";
  }
  if (c.running) {
    return c.health == "unhealthy" ? "container-unhealthy" : "";
  }
  if (c.dead || c.status == "dead" || c.status == "removing") {
    return "container-dead";
  }
  if (c.oom_killed) {
    return "container-out-of-memory";
  }
  if (const auto fault = StartFault(c.error); !fault.empty()) {
    return fault;
  }
  if (c.exit_code == 128) {
    return c.error.empty() ? "container-address-in-use" : "container-start-failed";
  }
  if (c.exit_code == 137) {
    return "container-killed";
  }
  if (c.exit_code >= 125 && c.exit_code <= 127) {
    return "container-wrong-configuration";
  }
  // Docker notes the start of a very short life after its end.
  if (c.exit_code == 0 && c.started != base::Time{} && c.finished != base::Time{} &&
      std::chrono::abs(c.finished - c.started) < kShortLife) {
    return "container-no-foreground";
  }
  // 143: SIGTERM, 130: SIGINT: asked to end.
  if (c.exit_code == 0 || c.exit_code == 143 || c.exit_code == 130) {
    return "container-stopped";
  }
  return "container-application-error";
}

const Kind kKind = {
    .spec = {.name = "container", .title = "A docker container, by its name"},
    .causes =
        {
            {.id = "container-stopped",
             .title = "The container was stopped",
             .title_th = "คอนเทนเนอร์ถูกหยุด",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "docker: not running, exit code 0, 130 or 143",
             .remedy = "container-start"},
            {.id = "container-killed",
             .title = "The container was killed",
             .title_th = "คอนเทนเนอร์ถูกฆ่าด้วย SIGKILL",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "docker: not running, exit code 137, not out of memory",
             .remedy = "container-start"},
            {.id = "container-out-of-memory",
             .title = "The container was ended because memory ran out",
             .title_th = "คอนเทนเนอร์ถูกหยุดเพราะหน่วยความจำไม่พอ",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "docker: State.OOMKilled",
             .remedy = "container-start"},
            {.id = "container-address-in-use",
             .title = "Another process holds the container's port",
             .title_th = "พอร์ตของคอนเทนเนอร์ถูกโพรเซสอื่นใช้อยู่",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "not running, and ss shows another process on a published port, or "
                            "docker says so (\"address already in use\")",
             .remedy = "free-port"},
            {.id = "container-engine-not-running",
             .title = "The container's engine does not run",
             .title_th = "docker engine ของคอนเทนเนอร์ไม่ทำงาน",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "systemd: docker.service is not active",
             .remedy = "engine-start"},
            {.id = "container-paused",
             .title = "The container is paused",
             .title_th = "คอนเทนเนอร์ถูกพักไว้ (pause)",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "docker: State.Paused",
             .remedy = "container-unpause"},
            {.id = "container-unhealthy",
             .title = "The container's own health check fails",
             .title_th = "การตรวจสุขภาพของคอนเทนเนอร์ไม่ผ่าน",
             .cause_class = model::CauseClass::kRepair,
             .detected_by = "docker: State.Health.Status is unhealthy",
             .remedy = "container-restart"},
            {.id = "container-no-foreground",
             .title = "The container has no process in the foreground",
             .title_th = "คอนเทนเนอร์ไม่มีโพรเซสทำงานอยู่เบื้องหน้า",
             .detected_by = "docker: exit code 0 within three seconds after its start"},
            {.id = "container-application-error",
             .title = "The application in the container ended with an error",
             .title_th = "แอปพลิเคชันในคอนเทนเนอร์จบด้วยข้อผิดพลาด",
             .detected_by = "docker: another exit code than 0, 125 to 128, 130, 137, 143"},
            {.id = "container-wrong-configuration",
             .title = "The container's configuration is wrong",
             .title_th = "การตั้งค่าคอนเทนเนอร์ไม่ถูกต้อง",
             .detected_by = "docker: exit code 125, 126 or 127"},
            {.id = "container-start-failed",
             .title = "docker could not start the container",
             .title_th = "docker เริ่มคอนเทนเนอร์ไม่สำเร็จ",
             .detected_by = "docker: exit code 128 and a message about the start"},
            {.id = "container-no-space",
             .title = "docker could not start the container: no space is left",
             .title_th = "docker เริ่มคอนเทนเนอร์ไม่ได้เพราะดิสก์เต็ม",
             .detected_by = "docker: State.Error says \"no space left on device\""},
            {.id = "container-network-owner-down",
             .title = "The container whose network it shares does not run",
             .title_th = "คอนเทนเนอร์ที่ใช้เครือข่ายร่วมกันไม่ได้ทำงาน",
             .detected_by = "docker: State.Error says that it cannot join the network of another"},
            {.id = "container-network-missing",
             .title = "The container's network is missing",
             .title_th = "ไม่มีเครือข่ายของคอนเทนเนอร์",
             .detected_by = "docker: State.Error says \"network … not found\""},
            {.id = "container-mount-missing",
             .title = "A volume or folder of the container is missing",
             .title_th = "ไม่มีโฟลเดอร์หรือ volume ที่คอนเทนเนอร์ต้องใช้",
             .detected_by =
                 "docker: State.Error names a mount that cannot be made, or the container "
                 "does not run and a folder of its bind mounts is not there"},
            {.id = "container-restart-loop",
             .title = "The container ends again and again",
             .title_th = "คอนเทนเนอร์เริ่มแล้วหยุดซ้ำไปมา",
             .detected_by = "docker: State.Restarting, or three restarts and more, the last within "
                            "20 seconds"},
            {.id = "container-dead",
             .title = "The container could not be removed and is dead",
             .title_th = "คอนเทนเนอร์อยู่ในสถานะ dead",
             .detected_by = "docker: State.Dead"},
            {.id = "container-absent",
             .title = "There is no such container",
             .title_th = "ไม่มีคอนเทนเนอร์ชื่อนี้",
             .detected_by = "docker: No such container"},
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::container
