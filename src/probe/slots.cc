// When a target's probes run: slots on the wall clock, shifted by a hash of its name.
#include <algorithm>

#include "probe/scheduler.h"

namespace probe {
namespace {

/// FNV-1a: the same on every machine and in every version.
std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

}  // namespace

base::Duration Scheduler::Offset(const std::string& target, base::Duration interval) {
  const auto ms = std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::milliseconds>(interval).count());
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(Hash(target) % static_cast<std::uint64_t>(ms)));
}

base::Time Scheduler::NextSlot(base::Time now, base::Duration interval, base::Duration offset) {
  const auto step = std::max<std::int64_t>(1'000'000, interval.count());
  const auto since = now.time_since_epoch().count() - offset.count();
  auto slots = since / step;
  if (since % step < 0) {
    --slots;
  }
  return base::Time(base::Duration((slots + 1) * step + offset.count()));
}

}  // namespace probe
