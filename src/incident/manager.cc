// The incident manager: which alert goes to which incident, and what people ask.
#include "incident/manager.h"

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "incident/json.h"
#include "incident/machine.h"

namespace incident {

Manager::Manager(Needs needs) : needs_(std::move(needs)), scope_(*needs_.loop) {}
Manager::~Manager() = default;

void Manager::SetOptions(const Options& options) {
  needs_.options = options;
  for (const auto& [id, machine] : open_) {
    machine->OptionsChanged();
  }
}

loop::Task<> Manager::Stop() {
  scope_.Cancel();
  co_await scope_.Join();
}

loop::Task<base::Result<>> Manager::Resume() {
  auto found = co_await needs_.journal->OpenIncidents();
  if (!found) {
    co_return base::Fail(found.error());
  }
  for (auto& incident : *found) {
    const auto text = co_await needs_.journal->GetState("incident/" + incident.id);
    boost::json::object memory;
    if (text && !text->empty()) {
      if (const auto value = ParseJson(*text); value && value->is_object()) {
        memory = value->get_object();
      }
    }
    auto machine = std::make_shared<Machine>(&needs_, std::move(incident), memory,
                                             [this](const model::Incident& i) { Publish(i); });
    co_await machine->Resume();
    Start(std::move(machine));
  }
  co_return base::Result<>();
}

void Manager::Start(std::shared_ptr<Machine> machine) {
  const auto id = machine->incident().id;
  open_[id] = machine;
  scope_.Spawn("incident " + id, Drive(this, std::move(machine)));
}

loop::Task<> Manager::Drive(Manager* self, std::shared_ptr<Machine> machine) {
  co_await Machine::Run(machine);
  ++self->stats_.ended[std::string(model::ToString(machine->incident().outcome))];
  self->open_.erase(machine->incident().id);
}

std::shared_ptr<Machine> Manager::Of(const model::Alert& alert) const {
  const auto subject = SubjectOf(alert);
  for (const auto& [id, machine] : open_) {
    if (machine->incident().Open() && machine->incident().target == alert.Target() &&
        machine->subject() == subject) {
      return machine;
    }
  }
  return nullptr;
}

void Manager::OnChange(const alert::Change& change) {
  using Kind = alert::Change::Kind;
  const auto machine = Of(change.alert);
  if (change.kind == Kind::kFiring || change.kind == Kind::kUnsuppressed) {
    if (machine) {
      machine->Firing(change.alert, change.silenced_by, change.flapping);
    } else {
      Begin(change);
    }
    return;
  }
  if (!machine) {
    return;
  }
  switch (change.kind) {
    case Kind::kResolved:
      machine->Ended(change.alert, change.reason);
      break;
    case Kind::kSuppressed:
      machine->Suppressed(change.alert, change.reason);
      break;
    case Kind::kSilenced:
    case Kind::kUnsilenced:
      machine->Silenced(change.alert, change.silenced_by, change.reason);
      break;
    case Kind::kUpdated:
      machine->Updated(change.alert);
      break;
    case Kind::kFlapping:
      machine->Flapping(change.alert, change.reason);
      break;
    case Kind::kFiring:
    case Kind::kUnsuppressed:
      break;
  }
}

void Manager::Begin(const alert::Change& change) {
  if (open_.size() >= needs_.options.max_open) {
    if (stats_.refused++ % 100 == 0) {
      base::Log(base::Level::kError, "too many open incidents: no new one is opened",
                {{"limit", needs_.options.max_open}, {"target", change.alert.Target()}});
    }
    return;
  }
  model::Incident incident;
  incident.id = base::NewId();
  incident.target = std::string(change.alert.Target());
  incident.title = TitleOf(change.alert);
  incident.severity = base::Printable(change.alert.labels.Get("severity")).substr(0, 64);
  incident.opened = base::Clock::Now();
  incident.alerts.push_back(change.alert);
  ++stats_.opened;
  auto machine = std::make_shared<Machine>(&needs_, std::move(incident), boost::json::object{},
                                           [this](const model::Incident& i) { Publish(i); });
  machine->Begun(change.silenced_by, change.flapping);
  Start(std::move(machine));
}

void Manager::Reconcile(const std::vector<alert::View>& views) {
  std::set<model::Labels> known;
  for (const auto& view : views) {
    known.insert(view.alert.labels);
  }
  const auto machines = open_;  // Ended may close one
  for (const auto& [id, machine] : machines) {
    const auto alerts = machine->incident().alerts;
    for (const auto& item : alerts) {
      if (item.Firing() && !known.contains(item.labels)) {
        machine->Ended(item, "it no longer fires after the restart");
      }
    }
  }
}

base::Result<std::shared_ptr<Machine>> Manager::Named(const std::string& id,
                                                      const std::string& by) const {
  if (by.empty() || by.size() > 256 || !base::IsPrintable(by)) {
    return base::Fail(base::ErrorKind::kInvalid, "say who: a printable name of 1 to 256 bytes");
  }
  const auto at = open_.find(id);
  if (at == open_.end() || !at->second->incident().Open()) {
    return base::Fail(base::ErrorKind::kNotFound, "no open incident has that id");
  }
  return at->second;
}

base::Result<> Manager::Approve(const std::string& id, const std::string& by) {
  const auto machine = Named(id, by);
  return machine ? (*machine)->Approve(by) : base::Result<>(base::Fail(machine.error()));
}

base::Result<> Manager::Reject(const std::string& id, const std::string& by,
                               const std::string& why) {
  const auto machine = Named(id, by);
  if (!machine) {
    return base::Fail(machine.error());
  }
  return (*machine)->Reject(by, base::Printable(why).substr(0, 2048));
}

base::Result<> Manager::Acknowledge(const std::string& id, const std::string& by) {
  const auto machine = Named(id, by);
  if (!machine) {
    return base::Fail(machine.error());
  }
  (*machine)->Acknowledge(by);
  return {};
}

base::Result<> Manager::CloseByHand(const std::string& id, const std::string& by,
                                    const std::string& why) {
  const auto machine = Named(id, by);
  if (!machine) {
    return base::Fail(machine.error());
  }
  if ((*machine)->incident().state == model::IncidentState::kActing) {
    return base::Fail(base::ErrorKind::kRefused, "a change is being made right now: wait for it");
  }
  (*machine)->CloseByHand(by, base::Printable(why).substr(0, 2048));
  return {};
}

base::Result<> Manager::TakeOver(const std::string& id, const std::string& by,
                                 const std::string& why) {
  const auto machine = Named(id, by);
  if (!machine) {
    return base::Fail(machine.error());
  }
  (*machine)->TakeOver(by, base::Printable(why).substr(0, 2048));
  return {};
}

base::Result<> Manager::Again(const std::string& id, const std::string& by) {
  const auto machine = Named(id, by);
  return machine ? (*machine)->Again(by) : base::Result<>(base::Fail(machine.error()));
}

std::vector<model::Incident> Manager::Open() const {
  std::vector<model::Incident> out;
  for (const auto& [id, machine] : open_) {
    if (machine->incident().Open()) {
      out.push_back(machine->incident());
    }
  }
  return out;
}

const model::Incident* Manager::Find(const std::string& id) const {
  const auto at = open_.find(id);
  return at == open_.end() ? nullptr : &at->second->incident();
}

loop::Task<base::Result<std::vector<model::Incident>>> Manager::List(Filter filter) {
  auto result = co_await needs_.journal->List(std::move(filter));
  co_return result;
}

loop::Task<base::Result<std::size_t>> Manager::Count(Filter filter) {
  auto result = co_await needs_.journal->Count(std::move(filter));
  co_return result;
}

loop::Task<base::Result<model::Incident>> Manager::Get(std::string id) {
  if (const auto* live = Find(id); live != nullptr) {
    co_return *live;
  }
  auto result = co_await needs_.journal->Get(std::move(id));
  co_return result;
}

int Manager::Subscribe(Listener listener) {
  const int id = next_listener_++;
  listeners_[id] = std::move(listener);
  return id;
}

void Manager::Unsubscribe(int id) { listeners_.erase(id); }

void Manager::Publish(const model::Incident& incident) {
  const auto listeners = listeners_;  // one may unsubscribe meanwhile
  for (const auto& [id, listener] : listeners) {
    listener(incident);
  }
}

Stats Manager::stats() const {
  auto out = stats_;
  out.open = open_.size();
  return out;
}

}  // namespace incident
