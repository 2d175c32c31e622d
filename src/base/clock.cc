// The real clocks, the frozen ones, and how durations and times are read and written.
#include "base/clock.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <cmath>
#include <ctime>

namespace base {
namespace {

std::atomic<bool> frozen{false};
std::atomic<std::int64_t> frozen_wall{0};
std::atomic<std::int64_t> frozen_steady{0};

struct Unit {
  std::string_view name;
  std::int64_t ms;
};
constexpr std::array<Unit, 7> kUnits = {{{"y", 365LL * 86'400'000},
                                         {"w", 7LL * 86'400'000},
                                         {"d", 86'400'000},
                                         {"h", 3'600'000},
                                         {"m", 60'000},
                                         {"s", 1'000},
                                         {"ms", 1}}};

bool ReadDigits(std::string_view& text, std::size_t count, int& out) {
  if (text.size() < count) {
    return false;
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) == 0) {
      return false;
    }
  }
  std::from_chars(text.data(), text.data() + count, out);
  text.remove_prefix(count);
  return true;
}

bool ReadChar(std::string_view& text, std::string_view any) {
  if (text.empty() || any.find(text.front()) == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

}  // namespace

SteadyClock::time_point SteadyClock::now() noexcept {
  if (frozen.load(std::memory_order_relaxed)) {
    return time_point(Duration(frozen_steady.load(std::memory_order_relaxed)));
  }
  return time_point(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

Time Clock::Now() noexcept {
  if (frozen.load(std::memory_order_relaxed)) {
    return Time(Duration(frozen_wall.load(std::memory_order_relaxed)));
  }
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Instant Clock::Steady() noexcept { return SteadyClock::now(); }
std::int64_t Clock::NowMs() noexcept { return ToMs(Now()); }
bool Clock::Frozen() noexcept { return frozen.load(std::memory_order_relaxed); }

FrozenClock::FrozenClock(Time start) {
  frozen_wall = start.time_since_epoch().count();
  frozen_steady = start.time_since_epoch().count();
  frozen = true;
}
FrozenClock::~FrozenClock() { frozen = false; }
void FrozenClock::Advance(Duration by) {
  frozen_wall += by.count();
  frozen_steady += by.count();
}
void FrozenClock::SetWall(Time now) { frozen_wall = now.time_since_epoch().count(); }

Result<Duration> ParseDuration(std::string_view text) {
  const std::string whole(text);
  auto bad = [&] {
    return Fail(ErrorKind::kInvalid,
                fmt::format("\"{}\" is not a duration (write it as 5s, 250ms, 1h30m, 7d)", whole));
  };
  if (text == "0") {
    return Duration(0);
  }
  if (text.empty()) {
    return bad();
  }
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (ec != std::errc() || count < 0 || text.front() == '-') {
      return bad();
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    std::size_t unit = next_unit;
    const std::string_view name = text.substr(
        0, std::min(text.size(), text.find_first_of("0123456789") == std::string_view::npos
                                     ? text.size()
                                     : text.find_first_of("0123456789")));
    while (unit < kUnits.size() && kUnits[unit].name != name) {
      ++unit;
    }
    std::int64_t part = 0;
    if (unit == kUnits.size() || __builtin_mul_overflow(count, kUnits[unit].ms, &part) ||
        __builtin_add_overflow(total, part, &total) || total > 290LL * 365 * 86'400'000) {
      return bad();
    }
    next_unit = unit + 1;
    text.remove_prefix(name.size());
  }
  return Duration(std::chrono::milliseconds(total));
}

std::string FormatDuration(Duration d) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
  if (ms == 0) {
    return "0s";
  }
  std::string out;
  if (ms < 0) {
    out = "-";
    ms = -ms;
  }
  for (const auto& unit : kUnits) {
    // Years and weeks only when they come out even, as Prometheus writes them.
    if ((unit.name == "y" || unit.name == "w") && ms % unit.ms != 0) {
      continue;
    }
    if (ms / unit.ms > 0) {
      out += fmt::format("{}{}", ms / unit.ms, unit.name);
      ms %= unit.ms;
    }
  }
  return out;
}

std::string HumanDuration(Duration d) {
  const double s = ToSeconds(d);
  const auto whole = std::llround(s);
  if (s < 10) {
    return fmt::format("{:.{}f} s", s, s < 1 ? 2 : 1);
  }
  if (whole < 60) {
    return fmt::format("{} s", whole);
  }
  if (whole < 3600) {
    return fmt::format("{} min {} s", whole / 60, whole % 60);
  }
  if (whole < 86'400) {
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  }
  return fmt::format("{} d {} h", whole / 86'400, whole % 86'400 / 3600);
}

std::string FormatRfc3339(Time t) {
  const auto ms = ToMs(t);
  const auto seconds = static_cast<std::time_t>(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", tm.tm_year + 1900, tm.tm_mon + 1,
                     tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                     ms - static_cast<std::int64_t>(seconds) * 1000);
}

Result<Time> ParseRfc3339(std::string_view text) {
  const std::string whole(text);
  auto bad = [&] {
    return Fail(ErrorKind::kInvalid, fmt::format("\"{}\" is not an RFC 3339 time", whole));
  };
  int y = 0;
  int mo = 0;
  int d = 0;
  int h = 0;
  int mi = 0;
  int s = 0;
  if (!(ReadDigits(text, 4, y) && ReadChar(text, "-") && ReadDigits(text, 2, mo) &&
        ReadChar(text, "-") && ReadDigits(text, 2, d) && ReadChar(text, "Tt ") &&
        ReadDigits(text, 2, h) && ReadChar(text, ":") && ReadDigits(text, 2, mi) &&
        ReadChar(text, ":") && ReadDigits(text, 2, s))) {
    return bad();
  }
  std::int64_t ns = 0;
  if (ReadChar(text, ".")) {
    std::int64_t scale = 100'000'000;
    int digit = 0;
    bool any = false;
    while (ReadDigits(text, 1, digit)) {
      ns += scale * digit;
      scale /= 10;
      any = true;
    }
    if (!any) {
      return bad();
    }
  }
  std::int64_t offset = 0;
  if (!ReadChar(text, "Zz")) {
    const bool minus = !text.empty() && text.front() == '-';
    int oh = 0;
    int om = 0;
    if (!(ReadChar(text, "+-") && ReadDigits(text, 2, oh) && ReadChar(text, ":") &&
          ReadDigits(text, 2, om)) ||
        oh > 23 || om > 59) {
      return bad();
    }
    offset = (oh * 3600 + om * 60) * (minus ? -1 : 1);
  }
  const std::chrono::year_month_day ymd{std::chrono::year(y),
                                        std::chrono::month(static_cast<unsigned>(mo)),
                                        std::chrono::day(static_cast<unsigned>(d))};
  if (!text.empty() || !ymd.ok() || h > 23 || mi > 59 || s > 60) {
    return bad();
  }
  // Years outside what nanoseconds in 64 bits can hold (Alertmanager sends year 1 for "none") are
  // cut.
  if (y < 1678) {
    return Time::min();
  }
  if (y > 2261) {
    return Time::max();
  }
  const auto day = std::chrono::sys_days(ymd).time_since_epoch();
  return Time(std::chrono::duration_cast<Duration>(day) +
              std::chrono::seconds(h * 3600 + mi * 60 + s - offset) + Duration(ns));
}

std::string FormatLocal(Time t) {
  const auto seconds = static_cast<std::time_t>(
      std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count());
  std::tm tm{};
  localtime_r(&seconds, &tm);
  return fmt::format("{:02}-{:02}-{:04} {:02}:{:02}:{:02}", tm.tm_mday, tm.tm_mon + 1,
                     tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

}  // namespace base
