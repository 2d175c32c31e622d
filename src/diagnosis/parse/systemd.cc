// Reader of `systemctl show`.
#include "diagnosis/parse/systemd.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/text.h"
#include "diagnosis/parse/words.h"

namespace diagnosis::parse {
namespace {

base::Result<int> Number(std::string_view name, std::string_view text) {
  int value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || end != text.data() + text.size()) {
    return base::Fail(base::ErrorKind::kInvalid, fmt::format("systemctl: {} is no number: {}", name,
                                                             base::Printable(text.substr(0, 40))));
  }
  return value;
}

base::Result<> Set(Unit& unit, std::string_view name, std::string_view value) {
  const std::pair<std::string_view, std::string*> texts[] = {
      {"Id", &unit.id},
      {"LoadState", &unit.load_state},
      {"ActiveState", &unit.active_state},
      {"SubState", &unit.sub_state},
      {"Result", &unit.result},
  };
  for (const auto& [known, to] : texts) {
    if (name == known) {
      *to = std::string(value.substr(0, 256));
      return {};
    }
  }
  if (name == "Requires" || name == "Requisite" || name == "BindsTo") {
    for (const auto each : Words(value)) {
      if (unit.requires_units.size() < 32 && IsUnitName(each)) {
        unit.requires_units.emplace_back(each);
      }
    }
    return {};
  }
  if (name == "ConditionResult") {
    unit.condition_failed = value == "no";
    return {};
  }
  if (name == "ConditionTimestampMonotonic" && value == "0") {
    unit.condition_failed = false;  // never tried; systemd prints it after the result
    return {};
  }
  const std::pair<std::string_view, int*> numbers[] = {
      {"ExecMainCode", &unit.exit_code},
      {"ExecMainStatus", &unit.exit_status},
      {"NRestarts", &unit.restarts},
      {"MainPID", &unit.main_pid},
  };
  for (const auto& [known, to] : numbers) {
    if (name == known) {
      const auto number = Number(name, value);
      if (!number) {
        return base::Fail(number.error());
      }
      *to = *number;
    }
  }
  return {};
}

}  // namespace

base::Result<std::vector<Unit>> ReadUnits(std::string_view text) {
  std::vector<Unit> units;
  Unit unit;
  bool any = false;
  const auto finish = [&]() -> base::Result<> {
    if (any) {
      if (unit.id.empty() || unit.load_state.empty() || unit.active_state.empty()) {
        return base::Fail(base::ErrorKind::kInvalid, "systemctl: a unit without its state");
      }
      units.push_back(std::move(unit));
    }
    unit = Unit{};
    any = false;
    return {};
  };
  for (const auto line : base::Lines(text)) {
    if (line.empty()) {
      if (auto done = finish(); !done) {
        return base::Fail(done.error());
      }
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || units.size() > 100) {
      continue;
    }
    any = true;
    if (auto set = Set(unit, line.substr(0, equals), line.substr(equals + 1)); !set) {
      return base::Fail(set.error());
    }
  }
  if (auto done = finish(); !done) {
    return base::Fail(done.error());
  }
  if (units.empty()) {
    return base::Fail(base::ErrorKind::kInvalid, "systemctl: no unit in its answer");
  }
  return units;
}

std::string UnitName(std::string_view name) {
  constexpr std::array<std::string_view, 6> kSuffixes = {".service", ".socket", ".target",
                                                         ".timer",   ".mount",  ".scope"};
  for (const auto suffix : kSuffixes) {
    if (name.ends_with(suffix)) {
      return std::string(name);
    }
  }
  return std::string(name) + ".service";
}

bool IsUnitName(std::string_view name) {
  if (name.empty() || name.size() > 255 || name[0] == '-' || name[0] == '.') {
    return false;
  }
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view(":-_.\\@").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace diagnosis::parse
