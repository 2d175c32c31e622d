// The kind "host": what uses processor, memory and disk, and what keeps us from logging in.
#include "diagnosis/host/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "diagnosis/facts.h"
#include "diagnosis/look.h"
#include "diagnosis/parse/host.h"
#include "diagnosis/service/unit.h"

namespace diagnosis::host {
namespace {

constexpr std::size_t kLargest = 5;
constexpr double kFull = 98;  // percent; ext4 keeps 5 % for root, so that writes fail about here
constexpr auto kClockTolerance = std::chrono::seconds(60);

bool Concerns(const Request& request, std::string_view metric) {
  return std::any_of(request.alerts.begin(), request.alerts.end(), [metric](const model::Alert& a) {
    return a.Firing() && a.Metric() == metric;
  });
}

/// A load is no cause of a component's failure: it never wins over one.
model::Finding AsLoad(model::Finding finding) {
  finding.depth = -1;
  return finding;
}

loop::Task<std::vector<model::Finding>> ExamineProcesses(Look* look, bool memory) {
  std::vector<std::string> argv = {
      "top", "-b", "-n2", "-d0.5", "-w512", "-o", memory ? "%MEM" : "%CPU"};
  const auto answer = co_await look->Ask(std::move(argv), false, 1 << 20);
  if (!answer) {
    co_return Only(look->Blind(answer.error().message));
  }
  const auto processes = parse::ReadTop(answer->output, kLargest);
  if (!processes) {
    co_return Only(look->Blind(processes.error().message));
  }
  std::string list;
  std::vector<std::pair<std::string, std::string>> details;
  for (const auto& process : *processes) {
    const auto percent = fmt::format("{:.1f} %", memory ? process.memory : process.cpu);
    list += fmt::format("{}{} {} ({})", list.empty() ? "" : ", ", process.command, percent,
                        process.user);
    details.emplace_back("Command", process.command);
    details.emplace_back(memory ? "-Memory" : "-CPU", percent);
    details.emplace_back("-User", process.user);
  }
  auto finding =
      AsLoad(look->Found(memory ? "host-memory-high" : "host-cpu-high", "", "top: " + list));
  finding.details = std::move(details);
  co_return Only(std::move(finding));
}

struct Folder {
  std::uint64_t kib = 0;
  std::string path;
};

/// `du -xk`: SIZE TAB PATH.
std::vector<Folder> ReadDu(std::string_view text) {
  std::vector<Folder> out;
  for (const auto line : base::Lines(text)) {
    const auto tab = line.find('\t');
    Folder folder;
    if (tab == std::string_view::npos) {
      continue;
    }
    const auto [end, ec] = std::from_chars(line.data(), line.data() + tab, folder.kib);
    if (ec == std::errc() && end == line.data() + tab && line.size() > tab + 2) {
      folder.path = base::Printable(line.substr(tab + 1, 200));
      out.push_back(std::move(folder));
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Folder& a, const Folder& b) { return a.kib > b.kib; });
  return out;
}

std::string Size(std::uint64_t kib) {
  return kib >= 1024 * 1024 ? fmt::format("{:.1f} GiB", static_cast<double>(kib) / 1024 / 1024)
                            : fmt::format("{:.1f} MiB", static_cast<double>(kib) / 1024);
}

/// What is measured as root; other file systems as far as our account may read them.
constexpr std::array<std::string_view, 8> kMeasured = {
    "/", "/var", "/home", "/srv", "/data", "/var/lib", "/var/log", "/var/lib/docker"};

std::vector<std::string> DuArgv(std::string mount) {
  return {"timeout", "5", "du", "-xk", "--max-depth=3", "--", std::move(mount)};
}

loop::Task<model::Finding> ExamineDiskUse(Look* look, std::string mount, double percent) {
  const bool as_root = std::find(kMeasured.begin(), kMeasured.end(), mount) != kMeasured.end();
  const auto answer = co_await look->Ask(DuArgv(mount), as_root, 1 << 20);
  std::string list;
  std::vector<std::pair<std::string, std::string>> details;
  if (answer) {
    for (const auto& folder : ReadDu(answer->output)) {
      if (folder.path != mount && details.size() < kLargest) {
        list += fmt::format("{}{} {}", list.empty() ? "" : ", ", folder.path, Size(folder.kib));
        details.emplace_back(folder.path, Size(folder.kib));
      }
    }
  }
  auto finding = AsLoad(look->Found("host-disk-high", fmt::format("{} {:.1f} %", mount, percent),
                                    list.empty() ? "df: " + mount : "du: " + list));
  finding.details = std::move(details);
  co_return finding;
}

/// File systems that hold what services write: on a device of their own, not an image that is full
/// by nature.
bool Matters(const parse::FileSystem& fs) {
  return fs.device.starts_with("/dev/") && !fs.mount.starts_with("/snap/") &&
         !fs.mount.starts_with("/run/") && !fs.mount.starts_with("/boot") &&
         !fs.mount.starts_with("/media/") && !fs.mount.starts_with("/mnt/");
}

loop::Task<std::vector<parse::FileSystem>> AskDf(Look* look, const char* unit) {
  std::vector<std::string> argv = {"df", "-P", unit};
  std::vector<parse::FileSystem> out;
  const auto answer = co_await look->Ask(std::move(argv), false);
  if (answer) {
    if (const auto read = parse::ReadDf(answer->output)) {
      std::copy_if(read->begin(), read->end(), std::back_inserter(out), Matters);
    }
  }
  co_return out;
}

loop::Task<std::vector<model::Finding>> ExamineDisks(Look* look, bool asked) {
  std::vector<model::Finding> out;
  const auto blocks = co_await AskDf(look, "-k");
  const auto inodes = co_await AskDf(look, "-i");
  const parse::FileSystem* fullest = nullptr;
  for (const auto& fs : blocks) {
    if (fullest == nullptr || fs.Percent() > fullest->Percent()) {
      fullest = &fs;
    }
    if (fs.Percent() >= kFull) {
      out.push_back(look->Found("host-disk-full",
                                fmt::format("{} {:.1f} %", fs.mount, fs.Percent()),
                                fmt::format("df: {} has {} left", fs.mount, Size(fs.available))));
    }
  }
  for (const auto& fs : inodes) {
    if (fs.size > 0 && fs.Percent() >= kFull) {
      out.push_back(
          look->Found("host-inodes-full", fmt::format("{} {:.1f} %", fs.mount, fs.Percent()),
                      fmt::format("df -i: {} has {} inodes left", fs.mount, fs.available)));
    }
  }
  if (asked && fullest != nullptr) {
    auto use = co_await ExamineDiskUse(look, fullest->mount, fullest->Percent());
    out.push_back(std::move(use));
  }
  co_return out;
}

/// /proc/mounts: a root, /var or /home of a device that is mounted read-only.
std::string ReadOnlyMount(std::string_view mounts) {
  for (const auto line : base::Lines(mounts)) {
    const auto words = base::Split(line, ' ');
    if (words.size() >= 4 && words[0].starts_with("/dev/") &&
        (words[1] == "/" || words[1] == "/var" || words[1] == "/home") &&
        (words[3] == "ro" || words[3].starts_with("ro,"))) {
      return base::Printable(words[1]);
    }
  }
  return "";
}

loop::Task<std::vector<model::Finding>> ExamineState(Look* look) {
  std::vector<model::Finding> out;
  std::vector<std::string> argv = {"cat", "/proc/mounts"};
  const auto mounts = co_await look->Ask(std::move(argv), false);
  if (mounts) {
    const auto mount = ReadOnlyMount(mounts->output);
    if (!mount.empty()) {
      out.push_back(look->Found("host-read-only", mount + " ro",
                                "/proc/mounts: " + mount + " is mounted read-only"));
    }
  }
  const auto facts = co_await GatherFacts(look->request().shell);
  if (facts && facts->now != base::Time{}) {
    const auto off = facts->now - base::Clock::Now();
    if (off > kClockTolerance || off < -kClockTolerance) {
      out.push_back(
          AsLoad(look->Found("host-clock-wrong", "",
                             fmt::format("the host's clock is {} {} ours",
                                         base::HumanDuration(off < off.zero() ? -off : off),
                                         off < off.zero() ? "behind" : "before"))));
    }
  }
  co_return out;
}

/// The agent that gives us figures, when we ask one here: that it does not run, never a cause of
/// anything else.
loop::Task<std::vector<model::Finding>> ExamineAgent(Look* look) {
  std::vector<model::Finding> out;
  std::vector<std::string> names = {"snmpd.service"};
  const auto units = co_await service::ShowUnits(look, std::move(names));
  if (units && units->front().load_state == "loaded") {
    const auto& unit = units->front();
    if (unit.active_state == "inactive" || unit.active_state == "failed") {
      out.push_back(AsLoad(
          look->Found("host-snmpd-down", service::StateOf(unit),
                      fmt::format("systemd: snmpd.service is {}; the host's figures are missing",
                                  base::Printable(unit.active_state)))));
    }
  }
  co_return out;
}

void Append(std::vector<model::Finding>& to, std::vector<model::Finding> from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

loop::Task<std::vector<model::Finding>> Examine(Request request) {
  Look look(request);
  std::vector<model::Finding> out;
  if (Concerns(request, "cpu_percent")) {
    auto found = co_await ExamineProcesses(&look, false);
    Append(out, std::move(found));
  }
  if (Concerns(request, "mem_percent")) {
    auto found = co_await ExamineProcesses(&look, true);
    Append(out, std::move(found));
  }
  auto disks = co_await ExamineDisks(&look, Concerns(request, "disk_percent"));
  Append(out, std::move(disks));
  auto state = co_await ExamineState(&look);
  Append(out, std::move(state));
  if (request.target.snmp) {
    auto agent = co_await ExamineAgent(&look);
    Append(out, std::move(agent));
  }
  if (out.empty()) {
    out.push_back(look.Well("", "no disk is full, none is read-only, the clock is right"));
  }
  co_return out;
}

std::vector<ssh::Privilege> AsRoot(const model::Target& /*target*/,
                                   const model::ComponentSpec& /*component*/) {
  std::vector<ssh::Privilege> out;
  out.reserve(kMeasured.size());
  for (const auto mount : kMeasured) {
    out.push_back(
        ssh::Fixed(DuArgv(std::string(mount)), "host: the largest folders of a disk that is full"));
  }
  return out;
}

}  // namespace

std::vector<std::string> PowerCycle(const model::Target& target) {
  for (const auto& component : target.application) {
    if (component.kind == "host") {
      return component.options.Get<std::vector<std::string>>("power_cycle");
    }
  }
  return {};
}

model::Finding NotReached(const model::Target& target, const std::vector<model::Alert>& alerts,
                          const base::Error& error) {
  Request request;
  request.target = target;
  request.alerts = alerts;
  request.component.kind = "host";
  request.depth = static_cast<int>(target.application.size());
  Look look(request);
  const auto& said = error.message;
  if (error.kind == base::ErrorKind::kDenied) {
    return look.Found(
        said.find("host key") != std::string::npos ? "host-key-not-trusted" : "host-login-denied",
        "", said);
  }
  if (said.find("connection refused") != std::string::npos) {
    return look.Found("host-sshd-down", "", said);
  }
  if (error.kind == base::ErrorKind::kInvalid) {
    return look.Blind(said);
  }
  if (!Concerns(request, "ping")) {
    return look.Found("host-unreachable", "", said);
  }
  auto down = look.Found("host-down", "", said);
  if (!PowerCycle(target).empty()) {  // only when somebody said how
    down.cause_class = model::CauseClass::kRepair;
    down.remedy = "power-cycle";
    down.remedy_args = {target.name};
  }
  return down;
}

const Kind kKind = {
    .spec = {.name = "host",
             .title = "The server itself",
             .options = {{.name = "power_cycle",
                          .type = model::OptionType::kStrings,
                          .help =
                              "a command and its arguments, run where Raksa runs, that switches "
                              "this server off and on when neither ping nor SSH answers, such "
                              "as [virsh, reset, web1]; without it nobody does"}}},
    .causes =
        {
            {.id = "host-cpu-high",
             .title = "The processors are busy",
             .title_th = "ซีพียูทำงานหนัก",
             .detected_by = "the alert on cpu_percent; top names the five largest"},
            {.id = "host-memory-high",
             .title = "Memory is nearly used up",
             .title_th = "หน่วยความจำใกล้เต็ม",
             .detected_by = "the alert on mem_percent; top names the five largest"},
            {.id = "host-disk-high",
             .title = "A disk is nearly full",
             .title_th = "ดิสก์ใกล้เต็ม",
             .detected_by = "the alert on disk_percent; du names the largest folders"},
            {.id = "host-disk-full",
             .title = "A disk is full",
             .title_th = "ดิสก์เต็ม",
             .detected_by = "df: 98 % or more"},
            {.id = "host-inodes-full",
             .title = "A disk has no room for more files",
             .title_th = "ดิสก์ไม่เหลือ inode",
             .detected_by = "df -i: 98 % or more"},
            {.id = "host-read-only",
             .title = "A file system is read-only",
             .title_th = "ระบบไฟล์ถูกเมานต์แบบอ่านอย่างเดียว",
             .detected_by = "/proc/mounts: /, /var or /home is ro"},
            {.id = "host-clock-wrong",
             .title = "The host's clock is wrong",
             .title_th = "นาฬิกาของเครื่องไม่ตรง",
             .detected_by = "date on the host differs from ours by more than a minute"},
            {.id = "host-down",
             .title = "The host is down or cut off from the network",
             .title_th = "เครื่องไม่ทำงานหรือถูกตัดจากเครือข่าย",
             .detected_by = "no answer to ping, none to SSH"},
            {.id = "host-unreachable",
             .title = "The host cannot be reached by SSH",
             .title_th = "เข้าถึงเครื่องผ่าน SSH ไม่ได้",
             .detected_by = "SSH: no answer in time, no route, or the connection is closed"},
            {.id = "host-sshd-down",
             .title = "The SSH server does not run",
             .title_th = "SSH server ไม่ทำงาน",
             .detected_by = "SSH: connection refused"},
            {.id = "host-login-denied",
             .title = "The host does not let us log in",
             .title_th = "เครื่องไม่อนุญาตให้เข้าสู่ระบบ",
             .detected_by = "SSH: permission denied"},
            {.id = "host-key-not-trusted",
             .title = "The host shows a key that is not enrolled",
             .title_th = "กุญแจของเครื่องไม่ตรงกับที่ลงทะเบียนไว้",
             .detected_by = "SSH: the host key is unknown or has changed"},
            {.id = "host-snmpd-down",
             .title = "The SNMP agent does not run",
             .title_th = "SNMP agent (snmpd) ไม่ทำงาน",
             .detected_by = "systemd: snmpd.service is inactive or failed"},
            {.id = "host-identity-changed",
             .title = "This is another machine than before",
             .title_th = "เครื่องนี้ไม่ใช่เครื่องเดิม",
             .detected_by = "its machine-id is not the one of the first contact"},
        },
    .examine = &Examine,
    .as_root = &AsRoot,
};

}  // namespace diagnosis::host
