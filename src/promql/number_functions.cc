// Functions of one number (abs, ln, sin, …) and of one moment (hour, year, …).
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <numbers>

#include "promql/evaluator.h"

namespace promql {
namespace {

using std::numbers::pi;

double Sgn(double v) { return v < 0 ? -1 : v > 0 ? 1 : v; }

struct NumberEntry {
  std::string_view name;
  NumberFunction function;
};
constexpr std::array kNumbers = {
    NumberEntry{"abs", [](double v) { return std::fabs(v); }},
    NumberEntry{"acos", [](double v) { return std::acos(v); }},
    NumberEntry{"acosh", [](double v) { return std::acosh(v); }},
    NumberEntry{"asin", [](double v) { return std::asin(v); }},
    NumberEntry{"asinh", [](double v) { return std::asinh(v); }},
    NumberEntry{"atan", [](double v) { return std::atan(v); }},
    NumberEntry{"atanh", [](double v) { return std::atanh(v); }},
    NumberEntry{"ceil", [](double v) { return std::ceil(v); }},
    NumberEntry{"cos", [](double v) { return std::cos(v); }},
    NumberEntry{"cosh", [](double v) { return std::cosh(v); }},
    NumberEntry{"deg", [](double v) { return v * 180 / pi; }},
    NumberEntry{"exp", [](double v) { return std::exp(v); }},
    NumberEntry{"floor", [](double v) { return std::floor(v); }},
    NumberEntry{"ln", [](double v) { return std::log(v); }},
    NumberEntry{"log10", [](double v) { return std::log10(v); }},
    NumberEntry{"log2", [](double v) { return std::log2(v); }},
    NumberEntry{"rad", [](double v) { return v * pi / 180; }},
    NumberEntry{"sgn", Sgn},
    NumberEntry{"sin", [](double v) { return std::sin(v); }},
    NumberEntry{"sinh", [](double v) { return std::sinh(v); }},
    NumberEntry{"sqrt", [](double v) { return std::sqrt(v); }},
    NumberEntry{"tan", [](double v) { return std::tan(v); }},
    NumberEntry{"tanh", [](double v) { return std::tanh(v); }},
};

constexpr std::int64_t kDay = 86'400;

/// A moment's calendar date; moments that the calendar does not reach are moved to its ends.
struct Civil {
  std::int64_t days;  ///< since 1970-01-01
  std::int64_t second_of_day;
  std::chrono::year_month_day date;

  explicit Civil(std::int64_t seconds) {
    constexpr std::int64_t kReach = std::int64_t{32'000} * 366 * kDay;
    seconds = std::clamp(seconds, -kReach, kReach);
    days = seconds / kDay;
    second_of_day = seconds % kDay;
    if (second_of_day < 0) {
      second_of_day += kDay;
      --days;
    }
    date = std::chrono::year_month_day(std::chrono::sys_days(std::chrono::days(days)));
  }
};

double DayOfYear(std::int64_t s) {
  const Civil civil(s);
  const std::chrono::sys_days first = civil.date.year() / std::chrono::January / 1;
  return static_cast<double>(civil.days - first.time_since_epoch().count() + 1);
}

double DaysInMonth(std::int64_t s) {
  const Civil civil(s);
  const std::chrono::year_month_day_last last(civil.date.year(),
                                              civil.date.month() / std::chrono::last);
  return static_cast<double>(static_cast<unsigned>(last.day()));
}

double DayOfWeek(std::int64_t s) {
  return std::chrono::weekday(std::chrono::sys_days(std::chrono::days(Civil(s).days))).c_encoding();
}

struct DateEntry {
  std::string_view name;
  DateFunction function;
};
constexpr std::array kDates = {
    DateEntry{"day_of_month",
              [](std::int64_t s) {
                return static_cast<double>(static_cast<unsigned>(Civil(s).date.day()));
              }},
    DateEntry{"day_of_week", DayOfWeek},
    DateEntry{"day_of_year", DayOfYear},
    DateEntry{"days_in_month", DaysInMonth},
    DateEntry{"hour",
              [](std::int64_t s) {
                const auto hour = Civil(s).second_of_day / 3600;
                return static_cast<double>(hour);
              }},
    DateEntry{"minute",
              [](std::int64_t s) {
                const auto minute = Civil(s).second_of_day / 60 % 60;
                return static_cast<double>(minute);
              }},
    DateEntry{"month",
              [](std::int64_t s) {
                return static_cast<double>(static_cast<unsigned>(Civil(s).date.month()));
              }},
    DateEntry{
        "year",
        [](std::int64_t s) { return static_cast<double>(static_cast<int>(Civil(s).date.year())); }},
};

}  // namespace

NumberFunction FindNumberFunction(std::string_view name) {
  const auto at = std::ranges::find(kNumbers, name, &NumberEntry::name);
  return at == kNumbers.end() ? nullptr : at->function;
}

DateFunction FindDateFunction(std::string_view name) {
  const auto at = std::ranges::find(kDates, name, &DateEntry::name);
  return at == kDates.end() ? nullptr : at->function;
}

double GoMax(double a, double b) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (a == kInf || b == kInf) {
    return kInf;
  }
  if (std::isnan(a) || std::isnan(b)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (a == 0 && b == 0) {
    return std::signbit(a) ? b : a;
  }
  return a > b ? a : b;
}

double GoMin(double a, double b) { return -GoMax(-a, -b); }

}  // namespace promql
