// The words of messages.
#include "incident/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "incident/advice.h"
#include "incident/policy.h"

namespace incident {
namespace {

using model::Outcome;

constexpr std::size_t kMaxValue = 400;
constexpr std::size_t kMaxDetails = 24;

/// The fixed words, in the two languages.
struct Language {
  std::string_view host, container, service, component, state, result, solved, error, evidence,
      action, trouble, cause, no_cause, now, next, follows, firewall, usage, times, incident,
      approve, test, drill;
};

constexpr Language kEnglish = {.host = "Host IP",
                               .container = "Container Name",
                               .service = "Service Name",
                               .component = "Component",
                               .state = "State",
                               .result = "---Recovery Result---",
                               .solved = "Solve Time",
                               .error = "Error",
                               .evidence = "Evidence",
                               .action = "Action",
                               .trouble = "Trouble",
                               .cause = "Cause",
                               .no_cause = "no cause was found",
                               .now = "Now",
                               .next = "Next",
                               .follows = "Follows from it",
                               .firewall = "---Firewall---",
                               .usage = "---Usage---",
                               .times = "Times",
                               .incident = "Incident",
                               .approve = "To approve: raksa approve",
                               .test = "This is a test message: the channel works.",
                               .drill = "Drill"};

constexpr Language kThai = {.host = "ไอพีเครื่อง",
                            .container = "ชื่อคอนเทนเนอร์",
                            .service = "ชื่อเซอร์วิส",
                            .component = "ส่วนประกอบ",
                            .state = "สถานะ",
                            .result = "---ผลการกู้คืน---",
                            .solved = "เวลาที่แก้ไขสำเร็จ",
                            .error = "ข้อผิดพลาด",
                            .evidence = "หลักฐาน",
                            .action = "การดำเนินการ",
                            .trouble = "ปัญหา",
                            .cause = "สาเหตุ",
                            .no_cause = "ไม่พบสาเหตุ",
                            .now = "ขณะนี้",
                            .next = "ขั้นต่อไป",
                            .follows = "สิ่งที่เป็นผลตามมา",
                            .firewall = "---ไฟร์วอลล์---",
                            .usage = "---การใช้งาน---",
                            .times = "ระยะเวลา",
                            .incident = "เหตุการณ์",
                            .approve = "อนุมัติด้วยคำสั่ง: raksa approve",
                            .test = "นี่คือข้อความทดสอบ: ช่องทางนี้ใช้งานได้",
                            .drill = "การซ้อม"};

/// Cut at a character, not within one.
std::string Bound(std::string_view text) {
  auto out = base::Printable(text.substr(0, 2 * kMaxValue));
  if (out.size() <= kMaxValue) {
    return out;
  }
  std::size_t end = kMaxValue;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0U) == 0x80U) {
    --end;
  }
  return out.substr(0, end) + "…";
}

bool HostDown(const model::Incident& incident) {
  return std::any_of(incident.alerts.begin(), incident.alerts.end(),
                     [](const auto& a) { return a.Metric() == "ping"; });
}

std::string_view EndedTag(const model::Incident& incident) {
  switch (incident.outcome) {
    case Outcome::kFixed:
      return "FIXED";
    case Outcome::kFixedThenRecurred:
      return incident.state == model::IncidentState::kHolding ? "FIXED AGAIN" : "ENDED";
    case Outcome::kHealedItself:
      return "HEALED";
    default:
      return HostDown(incident) ? "UP" : "ENDED";
  }
}

std::string_view Tag(const model::Incident& incident, std::string_view event) {
  if (event == "test") {
    return "TEST";
  }
  if (event == "approval") {
    return "APPROVE?";
  }
  if (event == "ended") {
    return EndedTag(incident);
  }
  switch (incident.outcome) {
    case Outcome::kNotFixed:
      return "NOT FIXED";
    case Outcome::kMadeWorse:
      return "MADE WORSE";
    case Outcome::kFixedThenRecurred:
      return "CAME BACK";
    default:
      return HostDown(incident) ? "DOWN" : "ALERT";
  }
}

std::string_view TitleIn(const model::Finding& finding, bool thai) {
  return thai && !finding.title_th.empty() ? finding.title_th : finding.title;
}

/// "container:web-application" → the name of the kind in words, and the name.
TextLine ComponentLine(const model::Finding& finding, const Language& words) {
  const auto colon = finding.component.find(':');
  const auto kind = finding.component.substr(0, colon);
  const auto name = colon == std::string::npos ? kind : finding.component.substr(colon + 1);
  auto label = words.component;
  if (kind == "container") {
    label = words.container;
  } else if (kind == "service" || kind == "nginx" || kind == "docker") {
    label = words.service;
  }
  return {std::string(label), Bound(name)};
}

void AddFinding(Words& out, const model::Incident& incident, const model::Finding& finding,
                const Language& words, bool thai) {
  const auto add = [&](std::string_view name, std::string_view value) {
    out.lines.push_back({std::string(name), Bound(value)});
  };
  const bool firewall = finding.component.starts_with("firewall");
  const bool host = finding.component.starts_with("host");
  if (firewall || host) {
    out.lines.push_back({"", std::string(firewall ? words.firewall : words.usage)});
  } else {
    out.lines.push_back(ComponentLine(finding, words));
  }
  add(words.cause, fmt::format("{} ({})", TitleIn(finding, thai), finding.cause));
  if (!finding.state.empty()) {
    add(words.state, finding.state);
  }
  for (std::size_t i = 0; i < std::min(finding.details.size(), kMaxDetails); ++i) {
    const auto& [name, value] = finding.details[i];
    // The component's own line has said these.
    if (name != "Service Name" && name != "Container Name") {
      add(Bound(name), value);
    }
  }
  // A holder is named by the details; else what a person must mend is proved in one line.
  const bool named = finding.cause.ends_with("-address-in-use") && !finding.details.empty();
  const bool report = finding.cause_class == model::CauseClass::kReport && !named;
  if ((finding.details.empty() || report) && !finding.evidence.empty()) {
    add(words.evidence, finding.evidence);
  }
  const model::StepOutcome* last = nullptr;
  for (const auto& step : incident.steps) {
    last = step.component == finding.component ? &step : last;
  }
  if (last == nullptr) {
    return;
  }
  out.lines.push_back({"", std::string(words.result)});
  add(words.action, last->step);
  if (!last->state_after.empty()) {
    add(words.state, last->state_after);
  }
  if (last->done) {
    add(words.solved, base::FormatLocal(last->finished));
  } else {
    add(words.error, last->error);
  }
}

/// The causes of their own with what was done; what follows from them in one line. The end of what
/// Raksa did not mend needs none of this once more.
void AddCauses(Words& out, const model::Incident& incident, std::string_view event,
               const std::vector<model::Finding>& findings, const Language& words, bool thai) {
  const bool known = event == "ended" && EndedTag(incident) == "ENDED";
  std::string follows;
  for (const auto& finding : findings) {
    if (!finding.consequence_of.empty()) {
      follows += (follows.empty() ? "" : ", ") + finding.component;
    } else if (!known) {
      AddFinding(out, incident, finding, words, thai);
    }
  }
  if (!known && !follows.empty()) {
    out.lines.push_back({std::string(words.follows), Bound(follows)});
  }
  if (findings.empty() && !incident.findings.empty()) {
    out.lines.push_back({std::string(words.cause), std::string(words.no_cause)});
  }
}

void AddTimes(Words& out, const model::Incident& incident, const Language& words, bool thai) {
  if (incident.verified == base::Time{} || incident.acted == base::Time{} ||
      incident.outcome != Outcome::kFixed) {  // of a relapse they would tell of the first repair
    return;
  }
  auto first = incident.opened;
  for (const auto& item : incident.alerts) {
    first = std::min(first, item.starts_at);
  }
  auto repaired = incident.acted;
  for (const auto& step : incident.steps) {
    repaired = std::max(repaired, step.finished);
  }
  const auto human = [](base::Duration d) {
    return base::HumanDuration(std::max(d, base::Duration::zero()));
  };
  out.lines.push_back(
      {std::string(words.times),
       fmt::format(fmt::runtime(thai ? "ตรวจพบ {} วินิจฉัย {} กู้คืน {} ยืนยันจากภายนอก {} (รวม {})"
                                     : "detected {}, diagnosed {}, repaired {}, verified from "
                                       "outside {} (in all {})"),
                   human(incident.opened - first), human(incident.acted - incident.opened),
                   human(repaired - incident.acted), human(incident.verified - repaired),
                   human(incident.verified - first))});
}

/// Which drill it is, "" when it is none.
std::string Drill(const model::Incident& incident) {
  for (const auto& item : incident.alerts) {
    if (item.annotations.Has("raksa_drill")) {
      return Bound(item.annotations.Get("raksa_drill"));
    }
  }
  return "";
}

std::string Address(const model::Incident& incident) {
  for (const auto& item : incident.alerts) {
    if (item.labels.Has("ip")) {
      return Bound(item.labels.Get("ip"));
    }
  }
  return Bound(incident.target);
}

}  // namespace

std::string Words::Text() const {
  std::string out = subject;
  for (const auto& line : lines) {
    out += "\n";
    out += line.name.empty() ? line.value : line.name + ": " + line.value;
  }
  return out;
}

Words Write(const model::Incident& incident, std::string_view event, std::string_view language) {
  const bool thai = language == "th";
  const auto& words = thai ? kThai : kEnglish;
  Words out;
  out.tag = Tag(incident, event);
  out.good = out.tag.starts_with("FIXED") || out.tag == "HEALED" || out.tag == "UP" ||
             out.tag == "TEST" || (event == "ended");
  const auto findings = FindingsOf(incident);
  const auto* main = MainOf(findings, incident.cause);
  std::string headline = Bound(incident.title);
  if (main != nullptr) {
    headline =
        Bound(fmt::format("{}: {} ({})", incident.target, TitleIn(*main, thai), main->component));
  }
  const auto drill = Drill(incident);
  out.subject = fmt::format("{}[{}] {}", drill.empty() ? "" : "[DRILL] ", out.tag, headline);
  out.lines.push_back({std::string(words.host), Address(incident)});
  out.lines.push_back({std::string(words.trouble), Bound(incident.title)});
  if (!drill.empty()) {
    out.lines.push_back({std::string(words.drill), drill});
  }
  if (event == "test") {
    out.lines.push_back({"", std::string(words.test)});
    return out;
  }
  AddCauses(out, incident, event, findings, words, thai);
  if (const auto standing = Standing(incident, event, thai); !standing.empty()) {
    out.lines.push_back({std::string(words.now), Bound(standing)});
  }
  if (event == "opened" && main != nullptr) {
    const bool recurred = incident.outcome == Outcome::kFixedThenRecurred;
    out.lines.push_back({std::string(words.next), Bound(NextStep(*main, recurred, thai))});
  }
  if (event == "approval") {
    out.lines.push_back({"", fmt::format("{} {}", words.approve, incident.id)});
  }
  AddTimes(out, incident, words, thai);
  out.lines.push_back({std::string(words.incident), incident.id});
  return out;
}

model::Incident TestIncident() {
  model::Incident out;
  out.id = "00000000000000000000000000";
  out.target = "test";
  out.title = "test: nothing is wrong";
  out.opened = base::Clock::Now();
  return out;
}

}  // namespace incident
