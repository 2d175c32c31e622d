// The guard's state as JSON: what must outlive the daemon.
#include <boost/json.hpp>

#include "base/text.h"
#include "recovery/guard.h"

namespace recovery {
namespace {

namespace json = boost::json;

constexpr int kVersion = 1;
constexpr std::size_t kMaxText = 16 << 20;

base::Result<std::string> Text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_string() || value->get_string().size() > 1024) {
    return base::Fail(base::ErrorKind::kCorrupt, "guard state: no text " + std::string(name));
  }
  return std::string(value->get_string());
}

base::Result<std::int64_t> Integer(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) {
    return base::Fail(base::ErrorKind::kCorrupt, "guard state: no number " + std::string(name));
  }
  return value->get_int64();
}

const json::array* List(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr ? value->if_array() : nullptr;
}

}  // namespace

std::string Guard::Snapshot() const {
  json::array deeds;
  const auto now = base::Clock::Now();
  const auto steady = base::Clock::Steady();
  for (const auto& deed : deeds_) {
    deeds.push_back(json::object{{"target", deed.target},
                                 {"component", deed.component},
                                 {"step", deed.step},
                                 {"at_ms", base::ToMs(now - (steady - deed.at))},
                                 {"outcome", deed.outcome}});
  }
  json::array machines;
  for (const auto& [target, known] : machines_) {
    machines.push_back(
        json::object{{"target", target}, {"keys", known.keys}, {"machine", known.machine}});
  }
  return json::serialize(
      json::object{{"version", kVersion}, {"deeds", deeds}, {"machines", machines}});
}

base::Result<> Guard::Restore(std::string_view text) {
  const auto corrupt = [](std::string_view what) {
    return base::Fail(base::ErrorKind::kCorrupt, "guard state: " + std::string(what));
  };
  if (text.size() > kMaxText) {
    return corrupt("too large");
  }
  boost::system::error_code ec;
  const auto value = json::parse(json::string_view(text.data(), text.size()), ec);
  const auto* root = ec ? nullptr : value.if_object();
  if (root == nullptr) {
    return corrupt("no JSON object");
  }
  const auto version = Integer(*root, "version");
  const auto* list = List(*root, "deeds");
  const auto* known = List(*root, "machines");
  if (!version || *version != kVersion || list == nullptr || known == nullptr) {
    return corrupt("not of this version");
  }
  std::deque<Deed> deeds;
  for (const auto& item : *list) {
    if (!item.is_object()) {
      return corrupt("a deed is no object");
    }
    const auto& object = item.get_object();
    const auto target = Text(object, "target");
    const auto component = Text(object, "component");
    const auto step = Text(object, "step");
    const auto at = Integer(object, "at_ms");
    const auto outcome = Integer(object, "outcome");
    if (!target || !component || !step || !at || !outcome || *at < 0 || *at > 4'102'444'800'000) {
      return corrupt("a deed is not whole");
    }
    const base::Duration age = base::Clock::Now() - base::FromMs(*at);
    deeds.push_back({*target, *component, *step,
                     base::Clock::Steady() - std::max(age, base::Duration::zero()),
                     *outcome > 0 ? 1 : (*outcome < 0 ? -1 : 0)});
  }
  std::map<std::string, Known, std::less<>> machines;
  for (const auto& item : *known) {
    if (!item.is_object()) {
      return corrupt("a machine is no object");
    }
    const auto target = Text(item.get_object(), "target");
    const auto keys = Text(item.get_object(), "keys");
    const auto machine = Text(item.get_object(), "machine");
    if (!target || !keys || !machine) {
      return corrupt("a machine is not whole");
    }
    machines[*target] = {*keys, *machine};
  }
  deeds_ = std::move(deeds);
  machines_ = std::move(machines);
  return {};
}

}  // namespace recovery
