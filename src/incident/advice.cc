// Sentences for people about how an incident stands and what to do next.
#include "incident/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "incident/json.h"

namespace incident {
namespace {

using model::Outcome;

constexpr std::size_t kMaxComponents = 8;

struct Advice {
  std::string_view cause, english, thai;
};

constexpr std::array<Advice, 15> kAdvice = {{
    {"nginx-config-invalid", "correct the configuration, try it with nginx -t, then start nginx",
     "แก้ไฟล์ตั้งค่า ตรวจด้วย nginx -t แล้วเริ่ม nginx"},
    {"nginx-root-wrong", "put the root directory of the site right, then reload nginx",
     "แก้ไดเรกทอรี root ของเว็บ แล้ว reload nginx"},
    {"nginx-index-missing", "put the index file back", "นำไฟล์ index กลับมา"},
    {"nginx-no-read-permission", "let nginx's user read the file", "ให้ผู้ใช้ของ nginx อ่านไฟล์ได้"},
    {"nginx-directory-denied", "let nginx's user enter the directory",
     "ให้ผู้ใช้ของ nginx เข้าไดเรกทอรีได้"},
    {"firewall-port-blocked", "remove the rule or allow the port (ufw allow)",
     "ลบกฎที่ปิดกั้น หรืออนุญาตพอร์ต (ufw allow)"},
    {"firewall-address-blocked", "remove the rule that denies the monitor's address",
     "ลบกฎที่ปิดกั้นไอพีของเครื่องเฝ้าระวัง"},
    {"firewall-nft-drops",
     "delete the rule (nft delete rule TABLE CHAIN handle N) or accept the port before it, also in "
     "/etc/nftables.conf",
     "ลบกฎ (nft delete rule TABLE CHAIN handle N) หรืออนุญาตพอร์ตก่อนกฎนั้น รวมทั้งใน "
     "/etc/nftables.conf"},
    {"host-disk-full", "make room on the disk, then start what failed",
     "เพิ่มที่ว่างในดิสก์ แล้วเริ่มส่วนที่ล้มเหลว"},
    {"host-inodes-full", "remove files that nobody needs, then start what failed",
     "ลบไฟล์ที่ไม่ใช้ แล้วเริ่มส่วนที่ล้มเหลว"},
    {"host-read-only", "look at the disk (dmesg), then mount it writable",
     "ตรวจดิสก์ (dmesg) แล้วเมานต์ให้เขียนได้"},
    {"container-application-error", "read its last words (docker logs), mend it, then start it",
     "อ่าน docker logs แก้ไข แล้วเริ่มใหม่"},
    {"container-wrong-configuration", "correct the container's command, then make it anew",
     "แก้คำสั่งของคอนเทนเนอร์ แล้วสร้างใหม่"},
    {"container-absent", "make the container anew", "สร้างคอนเทนเนอร์ใหม่"},
    {"service-masked", "unmask the unit if it shall run, then start it",
     "ยกเลิก mask ถ้าต้องการใช้ แล้วเริ่มใหม่"},
}};

bool AnyDone(const model::Incident& incident) {
  return std::any_of(incident.steps.begin(), incident.steps.end(),
                     [](const model::StepOutcome& step) { return step.done; });
}

/// A repair was under way when the daemon was stopped.
bool AnyLost(const model::Incident& incident) {
  return std::any_of(incident.steps.begin(), incident.steps.end(),
                     [](const model::StepOutcome& step) { return step.error == kResultLost; });
}

std::string_view Detail(const model::Finding& finding, std::string_view name) {
  for (const auto& [key, value] : finding.details) {
    if (key == name) {
      return value;
    }
  }
  return "";
}

/// "docker-proxy (pid 2911) of container squatter".
std::string HolderOf(const model::Finding& finding) {
  auto text = fmt::format("{} (pid {})", Detail(finding, "Using Command"), Detail(finding, "PID"));
  if (const auto container = Detail(finding, "Container"); !container.empty()) {
    text += fmt::format(" of container {}", container.substr(0, 64));
  } else if (const auto unit = Detail(finding, "Unit"); !unit.empty()) {
    text += fmt::format(" of {}", unit);
  }
  return base::Printable(text);
}

/// The newest state's sentence, without the state.
std::string Reason(const model::Incident& incident) {
  for (auto at = incident.timeline.rbegin(); at != incident.timeline.rend(); ++at) {
    if (at->kind == "state") {
      const auto colon = at->text.find(": ");
      return base::Printable(colon == std::string::npos ? at->text : at->text.substr(colon + 2));
    }
  }
  return "";
}

/// Why the guard holds the repair back for now; "" = it does not.
std::string HeldBack(const model::Incident& incident) {
  constexpr std::string_view kRefused = "refused: ";
  for (auto at = incident.timeline.rbegin(); at != incident.timeline.rend(); ++at) {
    if (at->kind == "guard" && at->text.starts_with(kRefused)) {
      return base::Printable(at->text.substr(kRefused.size()));
    }
    if (at->kind == "state") {
      break;
    }
  }
  return "";
}

std::string EndedStanding(const model::Incident& incident, bool thai) {
  const bool holds = incident.state == model::IncidentState::kHolding;
  switch (incident.outcome) {
    case Outcome::kFixed:
      if (!AnyDone(incident) && AnyLost(incident)) {
        return thai
                   ? "ยืนยันจากภายนอกว่าใช้งานได้แล้ว แต่ Raksa หยุดทำงานระหว่างการซ่อม จึงไม่ทราบผลของการซ่อมนั้น"
                   : "works again, proved from outside; Raksa was stopped in the middle of the "
                     "repair, whose own result is not known";
      }
      return thai ? "แก้ไขแล้ว และยืนยันจากภายนอกว่าใช้งานได้" : "repaired, and proved from outside";
    case Outcome::kFixedThenRecurred:
      if (holds) {
        return thai ? "แก้ไขอีกครั้งแล้ว แต่เคยกลับมาเสีย ควรหาสาเหตุ"
                    : "repaired again after it came back: look for what breaks it";
      }
      break;
    case Outcome::kHealedItself:
      return thai ? "กลับมาใช้งานได้เอง Raksa ไม่ได้เปลี่ยนแปลงอะไร"
                  : "works again by itself; Raksa changed nothing";
    default:
      break;
  }
  const auto end = incident.closed == base::Time{} ? base::Clock::Now() : incident.closed;
  const auto took = base::HumanDuration(std::max(end - incident.opened, base::Duration::zero()));
  return thai ? fmt::format("การแจ้งเตือนทั้งหมดสิ้นสุดแล้ว หลังจาก {}", took)
              : fmt::format("every alert has ended, after {}", took);
}

}  // namespace

std::vector<model::Finding> FindingsOf(const model::Incident& incident) {
  std::vector<model::Finding> out;
  const auto add = [&](model::Finding finding) {
    const bool known = std::any_of(out.begin(), out.end(), [&](const model::Finding& f) {
      return f.component == finding.component && f.cause == finding.cause;
    });
    if (!known && !finding.cause.empty() && out.size() < kMaxComponents) {
      out.push_back(std::move(finding));
    }
  };
  for (const auto& entry : incident.timeline) {
    if (entry.kind == "finding") {
      if (const auto data = ParseJson(entry.data)) {
        if (auto finding = FindingFromJson(*data)) {
          add(std::move(*finding));
        }
      }
    }
  }
  for (const auto& finding : incident.findings) {
    add(finding);
  }
  std::stable_sort(out.begin(), out.end(), [&](const auto& a, const auto& b) {
    const auto rank = [&](const model::Finding& f) {
      return std::pair(f.cause == incident.cause && f.consequence_of.empty(), f.depth);
    };
    return rank(a) > rank(b);
  });
  return out;
}

const model::Finding* MainOf(const std::vector<model::Finding>& findings, std::string_view cause) {
  const model::Finding* main = nullptr;
  for (const auto& finding : findings) {
    if (finding.cause != cause || cause.empty()) {
      continue;
    }
    const auto rank = [](const model::Finding& f) {
      return std::pair(f.consequence_of.empty(), f.depth);
    };
    if (main == nullptr || rank(finding) > rank(*main)) {
      main = &finding;
    }
  }
  return main;
}

std::string Standing(const model::Incident& incident, std::string_view event, bool thai) {
  if (event == "ended") {
    return EndedStanding(incident, thai);
  }
  if (const auto held = HeldBack(incident); event == "opened" && !held.empty()) {
    return (thai ? "พักการซ่อมไว้ก่อน: " : "the repair is held back for now: ") + held;
  }
  auto reason = Reason(incident);
  if (event == "approval" || incident.state != model::IncidentState::kNeedsHuman) {
    return reason;
  }
  const bool done = AnyDone(incident);
  std::string_view words = done ? "repaired in part, a person is needed" : "a person is needed";
  if (thai) {
    words = done ? "แก้ไขได้บางส่วน ต้องให้คนดูแลต่อ" : "ต้องให้คนดูแล";
  }
  return reason.empty() ? std::string(words) : fmt::format("{}: {}", words, reason);
}

std::string NextStep(const model::Finding& finding, bool recurred, bool thai) {
  if (finding.cause.ends_with("-address-in-use") && finding.remedy.empty()) {
    const auto holder = HolderOf(finding);
    const auto port = base::Printable(Detail(finding, "Using Port"));
    return thai ? fmt::format("{} ใช้พอร์ต {} อยู่ และ Raksa ไม่ได้หยุดมัน: หยุดหรือย้ายพอร์ต แล้วเริ่ม {}",
                              holder, port, finding.component)
                : fmt::format(
                      "{} holds port {} and was left alone: stop it or give it another "
                      "port, then start {}",
                      holder, port, finding.component);
  }
  for (const auto& advice : kAdvice) {
    if (advice.cause == finding.cause) {
      return std::string(thai ? advice.thai : advice.english);
    }
  }
  if (recurred) {
    return thai ? "หาว่าอะไรทำให้เสียซ้ำ: ดู log ของส่วนนี้"
                : "look for what breaks it again and again: its log says more";
  }
  return thai ? "เข้าไปดูที่เครื่อง คำสั่งและผลทั้งหมดอยู่ในเหตุการณ์"
              : "log in and look; every command and its output is in the incident";
}

}  // namespace incident
