// Clock: the only source of time, wall and steady, so that tests can freeze it and run a day in a
// moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

using Duration = std::chrono::nanoseconds;
/// Wall time, UTC, nanoseconds since 1970-01-01.
using Time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// A steady clock in the shape that the standard and Asio ask of one; freezable by FrozenClock.
struct SteadyClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<SteadyClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};
/// A moment on the steady clock: only differences mean anything; not kept across restarts.
using Instant = SteadyClock::time_point;

/// Where all code asks what time it is.
struct Clock {
  static Time Now() noexcept;
  static Instant Steady() noexcept;
  /// Now() in whole milliseconds since 1970, the unit of sample timestamps.
  static std::int64_t NowMs() noexcept;
  /// True while a FrozenClock lives.
  static bool Frozen() noexcept;
};

/// While it lives, both clocks stand still and move only by Advance (and the wall clock by SetWall,
/// as when an administrator sets it). One at a time, for tests.
class FrozenClock {
 public:
  explicit FrozenClock(Time start = Time(std::chrono::seconds(1'700'000'000)));
  ~FrozenClock();
  FrozenClock(const FrozenClock&) = delete;
  FrozenClock& operator=(const FrozenClock&) = delete;
  void Advance(Duration by);
  void SetWall(Time now);
};

/// Milliseconds since 1970 of a wall time, and back.
constexpr std::int64_t ToMs(Time t) {
  return std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count();
}
constexpr Time FromMs(std::int64_t ms) { return Time(std::chrono::milliseconds(ms)); }
constexpr double ToSeconds(Duration d) { return std::chrono::duration<double>(d).count(); }

/// Reads a duration as Prometheus writes it: "5s", "1h30m", "250ms", "2d", "1w", "1y"; units
/// descending, each once. Also "0". Source: prometheus/common model.ParseDuration. Errors:
/// kInvalid.
Result<Duration> ParseDuration(std::string_view text);
/// Writes a duration in that form, exactly to the millisecond: "1h30m", "250ms", "0s".
std::string FormatDuration(Duration d);
/// For people: "0.42 s", "3.1 s", "2 min 5 s", "3 h 2 min", "4 d 1 h".
std::string HumanDuration(Duration d);

/// RFC 3339 in UTC with milliseconds: "2026-09-01T09:51:03.157Z".
std::string FormatRfc3339(Time t);
/// Reads RFC 3339, any zone offset, with or without fraction. Errors: kInvalid.
Result<Time> ParseRfc3339(std::string_view text);
/// The form of the messages, local time of the machine: "01-09-2026 16:51:03" (dd-mm-YYYY
/// HH:MM:SS).
std::string FormatLocal(Time t);

}  // namespace base
