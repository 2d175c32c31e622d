// A machine's events, records and messages; its states are in machine_states.cc and
// machine_repair.cc.
#include "incident/machine.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "alert/json.h"
#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "incident/json.h"

namespace incident {
namespace {

namespace json = boost::json;
using alert::GetBool;
using alert::GetInt;
using alert::GetText;

constexpr std::size_t kMaxAlerts = 200;
constexpr std::size_t kMaxTimeline = 1000;
constexpr std::size_t kMaxOutput = 2048;

/// A copy fit to travel with a message: what was found and done, without the commands.
model::Incident Light(model::Incident incident) {
  for (auto& finding : incident.findings) {
    finding.commands.clear();
  }
  for (auto& step : incident.steps) {
    step.commands.clear();
  }
  std::erase_if(incident.timeline, [](const auto& entry) { return entry.kind == "command"; });
  return incident;
}

}  // namespace

Machine::Machine(const Needs* needs, model::Incident incident, const json::object& memory,
                 std::function<void(const model::Incident&)> told)
    : needs_(needs),
      incident_(std::move(incident)),
      told_(std::move(told)),
      event_(*needs->loop),
      entered_(base::Clock::Now()) {
  subject_ = incident_.alerts.empty() ? "application" : SubjectOf(incident_.alerts.front());
  const auto labels = [&](std::string_view key, auto take) {
    const auto* list = memory.if_contains(key);
    if (list == nullptr || !list->is_array()) {
      return;
    }
    for (const auto& item : list->get_array()) {
      if (const auto* object = item.if_object(); object != nullptr && object->contains("labels")) {
        if (auto read = alert::LabelsFromJson(object->at("labels"))) {
          take(std::move(*read), GetText(*object, "by"));
        }
      }
    }
  };
  labels("suppressed", [&](model::Labels l, const std::string&) { suppressed_.insert(l); });
  labels("silenced", [&](model::Labels l, const std::string& by) { silenced_[l] = by; });
  flapping_ = GetBool(memory, "flapping");
  opened_told_ = GetBool(memory, "opened_told");
  ended_told_ = GetBool(memory, "ended_told");
  owed_ = GetText(memory, "owed");
  rounds_ = static_cast<int>(GetInt(memory, "rounds"));
  steps_ = static_cast<int>(GetInt(memory, "steps"));
  recurrences_ = static_cast<int>(GetInt(memory, "recurrences"));
  guard_waits_ = static_cast<int>(GetInt(memory, "guard_waits"));
  fresh_work_ = GetBool(memory, "fresh_work");
  recurred_ = GetBool(memory, "recurred");
  planned_key_ = GetText(memory, "planned");
  approved_key_ = GetText(memory, "approved");
  approved_by_ = GetText(memory, "approved_by");
  taken_by_ = GetText(memory, "taken_by");
  again_by_ = GetText(memory, "again_by");
  failure_ = GetText(memory, "failure");
  if (const auto* tried = memory.if_contains("tried"); tried != nullptr && tried->is_object()) {
    for (const auto& item : tried->get_object()) {
      tried_[std::string(item.key())] =
          static_cast<int>(GetInt(tried->get_object(), item.key(), 1));
    }
  }
}

json::object Machine::Memory() const {
  json::array suppressed;
  for (const auto& labels : suppressed_) {
    suppressed.push_back(json::object{{"labels", alert::ToJson(labels)}});
  }
  json::array silenced;
  for (const auto& [labels, by] : silenced_) {
    silenced.push_back(json::object{{"labels", alert::ToJson(labels)}, {"by", by}});
  }
  json::object tried;
  for (const auto& [key, times] : tried_) {
    tried[base::Printable(key)] = times;
  }
  return json::object{{"suppressed", std::move(suppressed)},
                      {"silenced", std::move(silenced)},
                      {"flapping", flapping_},
                      {"opened_told", opened_told_},
                      {"ended_told", ended_told_},
                      {"owed", owed_},
                      {"rounds", rounds_},
                      {"steps", steps_},
                      {"recurrences", recurrences_},
                      {"guard_waits", guard_waits_},
                      {"fresh_work", fresh_work_},
                      {"recurred", recurred_},
                      {"planned", base::Printable(planned_key_)},
                      {"approved", base::Printable(approved_key_)},
                      {"approved_by", approved_by_},
                      {"taken_by", taken_by_},
                      {"again_by", again_by_},
                      {"failure", base::Printable(failure_)},
                      {"tried", std::move(tried)}};
}

bool Machine::Has(const model::Labels& labels) const {
  return std::any_of(incident_.alerts.begin(), incident_.alerts.end(),
                     [&](const model::Alert& a) { return a.labels == labels; });
}

std::vector<model::Alert> Machine::Active() const {
  std::vector<model::Alert> out;
  for (const auto& item : incident_.alerts) {
    if (item.Firing() && !suppressed_.contains(item.labels)) {
      out.push_back(item);
    }
  }
  return out;
}

bool Machine::AllEnded() const {
  return std::none_of(incident_.alerts.begin(), incident_.alerts.end(),
                      [](const model::Alert& a) { return a.Firing(); });
}

bool Machine::HostDown() const {
  return std::any_of(incident_.alerts.begin(), incident_.alerts.end(), [&](const model::Alert& a) {
    return a.Firing() && a.Metric() == "ping" && !suppressed_.contains(a.labels);
  });
}

bool Machine::Powered() const {
  return HostDown() && needs_->hands->MendsDownHost(incident_.target);
}

Treatment Machine::Wanted() const { return Powered() ? Treatment::kRepair : TreatmentOf(Active()); }

bool Machine::Muted() const {
  const bool over = AllEnded();
  return !incident_.alerts.empty() &&
         std::all_of(incident_.alerts.begin(), incident_.alerts.end(), [&](const model::Alert& a) {
           return (!over && !a.Firing()) || silenced_.contains(a.labels);
         });
}

void Machine::Begun(const std::string& silenced_by, bool flapping) {
  const auto first = incident_.alerts.front();
  incident_.alerts.clear();
  Note("state", "open: " + incident_.title, {{"from", ""}, {"to", "open"}, {"seconds", 0}});
  if (const auto drill = first.annotations.Get("raksa_drill"); !drill.empty()) {
    Note("note", "this is a drill: " + base::Printable(drill), {{"drill", base::Printable(drill)}});
  }
  Firing(first, silenced_by, flapping);
}

void Machine::Firing(const model::Alert& fired, const std::string& silenced_by, bool flapping) {
  const auto at = std::find_if(incident_.alerts.begin(), incident_.alerts.end(),
                               [&](const auto& a) { return a.labels == fired.labels; });
  const auto summary = fired.annotations.Get("summary");
  const json::object data{{"fingerprint", fmt::format("{:016x}", fired.Fingerprint())},
                          {"source", fired.source},
                          {"starts_at", base::FormatRfc3339(fired.starts_at)}};
  if (at == incident_.alerts.end()) {
    if (incident_.alerts.size() >= kMaxAlerts) {
      return;
    }
    incident_.alerts.push_back(fired);
    Note("alert",
         fmt::format("{}{}{}", TitleOf(fired), summary.empty() ? "" : ": ",
                     std::string(summary.substr(0, 300))),
         data);
  } else {
    const bool again = !at->Firing() || suppressed_.contains(fired.labels);
    const auto first = at->Firing() ? std::min(at->starts_at, fired.starts_at) : fired.starts_at;
    *at = fired;
    at->starts_at = first;
    if (again) {
      Note("alert", TitleOf(fired) + ": fires again", data);
    }
  }
  suppressed_.erase(fired.labels);
  if (silenced_by.empty()) {
    silenced_.erase(fired.labels);
  } else {
    silenced_[fired.labels] = silenced_by;
  }
  flapping_ = flapping_ || flapping;
  if (fired.Metric() == "ping" && !Acted()) {
    incident_.title = TitleOf(fired);
  }
  fresh_work_ = fresh_work_ || TreatmentOf(fired) == Treatment::kRepair;
  if (incident_.state == model::IncidentState::kHolding && fired.starts_at > incident_.verified) {
    recurred_ = true;
  }
  Changed();
}

void Machine::Ended(const model::Alert& ended, const std::string& reason) {
  for (auto& item : incident_.alerts) {
    if (item.labels == ended.labels && item.Firing()) {
      item.ends_at = ended.ends_at == base::Time{} ? base::Clock::Now() : ended.ends_at;
      suppressed_.erase(ended.labels);
      Note("alert",
           fmt::format("{}: ended{}{}", TitleOf(item), reason.empty() ? "" : ": ", reason));
      Changed();
    }
  }
}

void Machine::Suppressed(const model::Alert& held, const std::string& reason) {
  if (Has(held.labels) && suppressed_.insert(held.labels).second) {
    Note("alert", fmt::format("{}: held back: {}", TitleOf(held), reason));
    Changed();
  }
}

void Machine::Silenced(const model::Alert& held, const std::string& silence,
                       const std::string& reason) {
  if (!Has(held.labels)) {
    return;
  }
  if (silence.empty()) {
    silenced_.erase(held.labels);
  } else {
    silenced_[held.labels] = silence;
  }
  Note("note",
       fmt::format("{}: {}", silence.empty() ? "messages again" : "without messages", reason));
  const bool waits = incident_.state == model::IncidentState::kNeedsHuman ||
                     incident_.state == model::IncidentState::kAwaitingApproval;
  if (!owed_.empty() && !Muted() && waits) {
    Tell(std::exchange(owed_, ""));
  }
  Changed();
}

void Machine::Flapping(const model::Alert& held, const std::string& reason) {
  if (Has(held.labels)) {
    flapping_ = true;
    Note("note", fmt::format("{}: flapping: {}", TitleOf(held), reason));
    Changed();
  }
}

void Machine::Updated(const model::Alert& updated) {
  for (auto& item : incident_.alerts) {
    if (item.labels == updated.labels && item.Firing()) {
      const auto before = TreatmentOf(item);
      item.value = updated.value;
      item.annotations = updated.annotations;
      fresh_work_ =
          fresh_work_ || (before != Treatment::kRepair && TreatmentOf(item) == Treatment::kRepair);
      Note("alert", TitleOf(item) + " now");
      Changed();
    }
  }
}

base::Result<> Machine::Approve(const std::string& by) {
  if (incident_.state != model::IncidentState::kAwaitingApproval) {
    return base::Fail(base::ErrorKind::kRefused, "the incident does not wait for approval");
  }
  approved_key_ = planned_key_;
  approved_by_ = by;
  Note("note", by + " approved the repair", {{"by", by}});
  batch_.audit.push_back({base::Clock::Now(), by, "approve", incident_.id, planned_key_});
  Changed();
  return {};
}

base::Result<> Machine::Reject(const std::string& by, const std::string& why) {
  if (incident_.state != model::IncidentState::kAwaitingApproval) {
    return base::Fail(base::ErrorKind::kRefused, "the incident does not wait for approval");
  }
  rejected_by_ = by;
  reject_why_ = why;
  batch_.audit.push_back({base::Clock::Now(), by, "reject", incident_.id, why});
  Changed();
  return {};
}

void Machine::Acknowledge(const std::string& by) {
  incident_.acknowledged_by = by;
  Note("note", by + " looks after it", {{"by", by}});
  batch_.audit.push_back({base::Clock::Now(), by, "acknowledge", incident_.id, ""});
  Changed();
}

void Machine::TakeOver(const std::string& by, const std::string& why) {
  taken_by_ = by;
  again_by_.clear();
  approved_key_.clear();
  incident_.acknowledged_by = by;
  Note("note",
       fmt::format("{} took it over: nothing more is changed by Raksa{}{}", by,
                   why.empty() ? "" : ": ", why),
       {{"by", by}});
  batch_.audit.push_back({base::Clock::Now(), by, "stop", incident_.id, why});
  Changed();
}

base::Result<> Machine::Again(const std::string& by) {
  if (incident_.state != model::IncidentState::kNeedsHuman) {
    return base::Fail(base::ErrorKind::kRefused, "the incident does not wait for a person");
  }
  taken_by_.clear();
  again_by_ = by;
  Note("note", by + " wants it examined anew", {{"by", by}});
  batch_.audit.push_back({base::Clock::Now(), by, "again", incident_.id, ""});
  Changed();
  return {};
}

void Machine::CloseByHand(const std::string& by, const std::string& why) {
  Note("note", fmt::format("{} says that it is over{}{}", by, why.empty() ? "" : ": ", why),
       {{"by", by}});
  batch_.audit.push_back({base::Clock::Now(), by, "close", incident_.id, why});
  for (auto& item : incident_.alerts) {
    if (item.Firing()) {
      item.ends_at = base::Clock::Now();
    }
  }
  suppressed_.clear();
  Changed();
}

void Machine::Changed() {
  SaveLater();
  ++events_;
  event_.Notify();
}

void Machine::OptionsChanged() {
  if (incident_.state == model::IncidentState::kHolding) {  // it waits by the old ones
    ++events_;
    event_.Notify();
  }
}

loop::Task<bool> Machine::WaitChange(std::optional<base::Duration> limit) {
  const auto began = base::Clock::Steady();
  while (events_ == seen_) {
    if (!limit) {
      co_await event_.Wait();
      continue;
    }
    const auto left = *limit - (base::Clock::Steady() - began);
    if (left <= base::Duration::zero()) {
      co_return false;
    }
    const bool woke = co_await event_.WaitFor(left);
    (void)woke;  // the counts tell
  }
  seen_ = events_;
  co_return true;
}

void Machine::Enter(model::IncidentState state, const std::string& why) {
  const auto now = base::Clock::Now();
  const auto from = incident_.state;
  incident_.state = state;
  Note("state", fmt::format("{}: {}", model::ToString(state), why),
       {{"from", model::ToString(from)},
        {"to", model::ToString(state)},
        {"seconds", base::ToSeconds(now - entered_)}});
  entered_ = now;
}

void Machine::Note(const std::string& kind, const std::string& text, json::object data) {
  const bool weighty = kind == "state" || kind == "step" || kind == "message";
  if (incident_.timeline.size() >= (weighty ? 2 * kMaxTimeline : kMaxTimeline)) {
    return;  // an incident that goes on for weeks must not fill the disk
  }
  const auto last = incident_.timeline.empty() ? 0 : incident_.timeline.back().seq;
  model::TimelineEntry entry{.seq = last + 1,
                             .at = base::Clock::Now(),
                             .kind = kind,
                             .text = base::Printable(text),
                             .data = json::serialize(data)};
  batch_.entries.push_back(entry);
  incident_.timeline.push_back(std::move(entry));
}

void Machine::NoteCommands(const std::vector<model::CommandRecord>& commands) {
  for (const auto& command : commands) {
    std::string words;
    for (const auto& arg : command.argv) {
      words += (words.empty() ? "" : " ") + base::Printable(arg);
    }
    auto data = ToJson(command);
    if (command.output.size() > kMaxOutput) {
      data["output"] =
          base::Printable(std::string_view(command.output).substr(0, kMaxOutput), true);
      data["truncated"] = true;
    }
    Note("command",
         fmt::format(
             "{} → {} ({})", words.substr(0, 500),
             command.error.empty() ? fmt::format("exit {}", command.exit_status) : command.error,
             base::HumanDuration(command.took)),
         std::move(data));
  }
}

void Machine::Tell(const std::string& event) {
  opened_told_ = opened_told_ || event != "ended";
  ended_told_ = event == "ended";
  if (Muted()) {
    owed_ = event;
    Note("message", "no message: silenced", {{"event", event}});
    return;
  }
  owed_.clear();
  OutboxRecord record{.id = base::NewId(), .event = event, .created = base::Clock::Now()};
  Note("message", fmt::format("message: {}", event), {{"event", event}, {"message", record.id}});
  record.incident = Light(incident_);
  batch_.messages.push_back(std::move(record));
}

Batch Machine::TakeBatch() {
  Batch out = std::exchange(batch_, Batch{});
  out.incident = incident_;
  out.incident->timeline.clear();
  out.state.emplace_back("incident/" + incident_.id,
                         incident_.Open() ? json::serialize(Memory()) : std::string());
  return out;
}

loop::Task<bool> Machine::Save() {
  auto batch = TakeBatch();
  auto again =
      Batch{.entries = batch.entries, .results = batch.results, .messages = batch.messages};
  told_(incident_);
  const auto written = co_await needs_->journal->Write(std::move(batch));
  if (!written) {  // with the next one, when the disk has room again
    const auto put_back = [](auto& to, auto& from) {
      to.insert(to.begin(), std::make_move_iterator(from.begin()),
                std::make_move_iterator(from.end()));
    };
    put_back(batch_.entries, again.entries);
    put_back(batch_.results, again.results);
    put_back(batch_.messages, again.messages);
  } else if (needs_->on_saved) {
    needs_->on_saved(incident_);
  }
  co_return written.has_value();
}

void Machine::SaveLater() {
  needs_->journal->Post(TakeBatch());
  told_(incident_);
}

}  // namespace incident
