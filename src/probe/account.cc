// The readable account of one run, for `raksa probe`.
#include <fmt/format.h>

#include <cmath>

#include "base/text.h"
#include "probe/common.h"
#include "probe/scheduler.h"

namespace probe {
namespace {

constexpr std::size_t kMaxValues = 60;

std::string Number(double value, std::string_view unit) {
  if (unit == "bytes" && value >= 1024) {
    static constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    std::size_t i = 0;
    double scaled = value;
    while (scaled >= 1024 && i + 1 < kUnits.size()) {
      scaled /= 1024;
      ++i;
    }
    return fmt::format("{:.0f} ({:.1f} {})", value, scaled, kUnits[i]);
  }
  if (unit == "percent") {
    return fmt::format("{:.1f} %", value);
  }
  if (unit == "seconds") {
    return value < 1e6 ? fmt::format("{} s", value)
                       : fmt::format("{:.0f} ({})", value,
                                     base::FormatRfc3339(base::Time(
                                         std::chrono::seconds(static_cast<std::int64_t>(value)))));
  }
  return value == std::floor(value) && std::abs(value) < 1e15 ? fmt::format("{:.0f}", value)
                                                              : fmt::format("{}", value);
}

std::string_view UnitOf(const Kind* kind, const std::string& name) {
  for (const auto& metric :
       kind != nullptr ? kind->spec.metrics : std::vector<model::MetricSpec>()) {
    if (metric.name == name) {
      return metric.unit;
    }
  }
  return "";
}

}  // namespace

std::string Account(const model::Target& target, const model::ProbeSpec& spec,
                    const Outcome& outcome) {
  const Kind* kind = Find(spec.kind);
  std::string out =
      fmt::format("{} {} ({}): {} in {:.1f} ms\n", outcome.success ? "ok  " : "FAIL", target.name,
                  spec.name, outcome.success ? "success" : outcome.reason,
                  std::chrono::duration<double, std::milli>(outcome.took).count());
  for (const auto& line : outcome.log) {
    out += fmt::format("     {}\n", line);
  }
  std::size_t width = 0;
  std::vector<std::string> names;
  for (const auto& reading : outcome.readings) {
    names.push_back(reading.name + (reading.labels.empty() ? "" : reading.labels.ToString()));
    width = std::max(width, std::min<std::size_t>(names.back().size(), 60));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == kMaxValues) {
      out += fmt::format("     … and {} more values\n", names.size() - i);
      break;
    }
    const auto& reading = outcome.readings[i];
    out += fmt::format("     {:<{}}  {}\n", base::Printable(names[i]), width,
                       Number(reading.value, UnitOf(kind, reading.name)));
  }
  return out;
}

}  // namespace probe
