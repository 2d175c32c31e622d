// The guard's rules.
#include "recovery/guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace recovery {
namespace {

using incident::GuardVerdict;
using namespace std::chrono_literals;

constexpr base::Duration kDay = 24h;
constexpr std::size_t kMaxDeeds = 20'000;

GuardVerdict Refuse(std::string reason, base::Time not_before = {}) {
  return {
      .kind = GuardVerdict::Kind::kRefused, .reason = std::move(reason), .not_before = not_before};
}

std::string Join(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) {
    out += (out.empty() ? "" : ", ") + item;
  }
  return out;
}

GuardVerdict Holds(const Policy& policy, const Action& action,
                   const diagnosis::parse::HostFacts* facts) {
  const auto now = base::Clock::Now();
  if (facts == nullptr) {
    return {.kind = GuardVerdict::Kind::kAllowed};
  }
  if (!facts->holds.empty()) {
    return Refuse("held on the host by " + Join(facts->holds), now + 1min);
  }
  if (policy.package_hold && !facts->packagers.empty()) {
    return Refuse("a package manager runs on the host: " + Join(facts->packagers), now + 30s);
  }
  if (policy.login_hold && !facts->logins.empty() && !action.approved) {
    return Refuse("somebody works on the host: " + Join(facts->logins), now + 1min);
  }
  return {.kind = GuardVerdict::Kind::kAllowed};
}

/// The wait after a step, longer after each failure in a row.
base::Duration Cooldown(const Policy& policy, const recovery::Limits& limits, int failures) {
  const double wait =
      std::min(base::ToSeconds(limits.cooldown) * std::pow(policy.backoff, std::min(failures, 60)),
               base::ToSeconds(std::max(policy.max_cooldown, limits.cooldown)));
  return base::Duration(static_cast<std::int64_t>(wait * 1e9));
}

GuardVerdict Minimum(const Policy& policy, const Action& action, const Surroundings& world) {
  const int needed = std::max(
      policy.minimum_hosts,
      static_cast<int>(std::ceil(policy.minimum_percent * world.group_hosts / 100 - 1e-9)));
  if (!action.disruptive || world.group.empty() || world.group_healthy >= needed) {
    return {.kind = GuardVerdict::Kind::kAllowed};
  }
  return Refuse(
      fmt::format("minimum healthy: {} of the {} hosts of group {} would be left serving, "
                  "{} must",
                  world.group_healthy, world.group_hosts, world.group, needed),
      base::Clock::Now() + 1min);
}

}  // namespace

GuardVerdict Guard::MayAct(const Action& action, const Surroundings& world) const {
  if (action.target.empty() || action.component.empty() || action.step.empty()) {
    return Refuse("nothing is named to be repaired");
  }
  const auto mode = ParseMode(action.mode, policy_.mode);
  if (mode == Mode::kObserve) {
    return {.kind = GuardVerdict::Kind::kObserve, .reason = "mode observe"};
  }
  const auto now = base::Clock::Now();
  if (world.cut_off) {
    return Refuse("the monitor itself is cut off from the network", now + 1min);
  }
  if (world.failing_hosts >= policy_.brake_hosts && world.all_hosts > 0 &&
      world.failing_hosts * 100.0 / world.all_hosts > policy_.brake_percent) {
    return Refuse(fmt::format("fleet brake: {} of {} hosts fail at once", world.failing_hosts,
                              world.all_hosts),
                  now + 1min);
  }
  if (auto minimum = Minimum(policy_, action, world);
      minimum.kind == GuardVerdict::Kind::kRefused) {
    return minimum;
  }
  if (!world.maintenance.empty()) {
    return Refuse("maintenance: " + world.maintenance, now + 1min);
  }
  if (auto held = Holds(policy_, action, world.facts); held.kind == GuardVerdict::Kind::kRefused) {
    return held;
  }
  if (auto limits = Limits(action); limits.kind == GuardVerdict::Kind::kRefused) {
    return limits;
  }
  if (mode == Mode::kApprove && !action.approved) {
    return {.kind = GuardVerdict::Kind::kNeedsApproval, .reason = "mode approve"};
  }
  return {.kind = GuardVerdict::Kind::kAllowed};
}

GuardVerdict Guard::Limits(const Action& action) const {
  const auto now = base::Clock::Now();
  const auto steady = base::Clock::Steady();
  if (locked_.contains(action.target)) {
    return Refuse("another repair is under way on this host", now + 2s);
  }
  const auto limits = LimitsOf(policy_, action.step);
  int on_host = 0;
  int today = 0;
  int worked = 0;
  int failures_in_a_row = 0;
  std::optional<base::Duration> last;  // how long ago
  base::Duration oldest_in_window{};
  base::Duration oldest_today{};
  for (const auto& deed : deeds_) {
    const base::Duration age = steady - deed.at;
    if (deed.target != action.target || deed.step != action.step || age >= kDay) {
      continue;
    }
    ++today;
    oldest_today = std::max(oldest_today, age);
    if (age < limits.window) {
      ++on_host;
      oldest_in_window = std::max(oldest_in_window, age);
    }
    if (deed.component == action.component) {
      last = std::min(age, last.value_or(age));
      failures_in_a_row = deed.outcome > 0 ? 0 : failures_in_a_row + 1;
      worked += deed.outcome > 0 && age < policy_.recurrence_window ? 1 : 0;
    }
  }
  if (worked >= policy_.recurrence && !action.approved) {
    return Refuse(
        fmt::format("{} helped {} times within {} and the trouble came back: it treats a "
                    "symptom",
                    action.step, worked, base::FormatDuration(policy_.recurrence_window)));
  }
  if (last) {
    const auto left = Cooldown(policy_, limits, failures_in_a_row) - *last;
    if (left > base::Duration::zero()) {
      return Refuse(fmt::format("cooldown: {} for {} again in {}", action.step, action.component,
                                base::HumanDuration(left)),
                    now + left);
    }
  }
  if (on_host >= limits.budget) {
    return Refuse(fmt::format("budget: {} was done {} times on this host within {}", action.step,
                              on_host, base::FormatDuration(limits.window)),
                  now + (limits.window - oldest_in_window));
  }
  if (today >= limits.daily) {
    return Refuse(
        fmt::format("budget: {} was done {} times on this host within a day", action.step, today),
        now + (kDay - oldest_today));
  }
  return {.kind = GuardVerdict::Kind::kAllowed};
}

GuardVerdict Guard::Take(const Action& action, const Surroundings& world) {
  Prune();
  auto verdict = MayAct(action, world);
  if (verdict.kind == GuardVerdict::Kind::kAllowed) {
    locked_.insert(action.target);
    deeds_.push_back({action.target, action.component, action.step, base::Clock::Steady(), 0});
  }
  return verdict;
}

void Guard::Finish(const Action& action, bool good) {
  locked_.erase(action.target);
  for (auto at = deeds_.rbegin(); at != deeds_.rend(); ++at) {
    if (at->target == action.target && at->component == action.component &&
        at->step == action.step) {
      at->outcome = good ? 1 : -1;
      return;
    }
  }
}

void Guard::Undo(const Action& action) {
  locked_.erase(action.target);
  for (auto at = deeds_.rbegin(); at != deeds_.rend(); ++at) {
    if (at->target == action.target && at->component == action.component &&
        at->step == action.step) {
      deeds_.erase(std::next(at).base());
      return;
    }
  }
}

int Guard::Tried(std::string_view target, std::string_view component, std::string_view step,
                 base::Duration window) const {
  const auto now = base::Clock::Steady();
  return static_cast<int>(std::count_if(deeds_.begin(), deeds_.end(), [&](const Deed& deed) {
    return deed.target == target && deed.component == component && deed.step == step &&
           now - deed.at < window;
  }));
}

void Guard::Prune() {
  const auto now = base::Clock::Steady();
  std::erase_if(deeds_, [now](const Deed& deed) { return now - deed.at >= kDay; });
  while (deeds_.size() > kMaxDeeds) {
    deeds_.pop_front();
  }
}

std::string Guard::Machine(std::string_view target, std::string_view keys) const {
  const auto at = machines_.find(target);
  return at != machines_.end() && at->second.keys == keys ? at->second.machine : "";
}

void Guard::KnowMachine(const std::string& target, const std::string& keys,
                        const std::string& machine) {
  machines_[target] = {keys, machine};
}

}  // namespace recovery
