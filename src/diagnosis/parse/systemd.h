// What `systemctl show` says of units.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace diagnosis::parse {

/// The properties that are asked for, of one unit (systemd.unit(5), org.freedesktop.systemd1(5)).
struct Unit {
  std::string id;            ///< "nginx.service"
  std::string load_state;    ///< "loaded", "not-found", "masked", "bad-setting", "error"
  std::string active_state;  ///< "active", "inactive", "failed", "activating", "deactivating", …
  std::string sub_state;     ///< "running", "dead", "auto-restart", "listening", …
  std::string result;        ///< "success", "signal", "exit-code", "oom-kill", "start-limit-hit", …
  int exit_code = 0;         ///< ExecMainCode: CLD_EXITED 1, CLD_KILLED 2, CLD_DUMPED 3
  int exit_status = 0;       ///< ExecMainStatus: exit status or signal
  int restarts = 0;          ///< NRestarts
  int main_pid = 0;
  std::vector<std::string>
      requires_units;             ///< Requires, Requisite, BindsTo: what it cannot do without
  bool condition_failed = false;  ///< a Condition… of its file was tried and did not hold
};

/// What to ask: `systemctl show -p PROPERTIES -- UNIT…`.
inline constexpr std::string_view kUnitProperties =
    "Id,LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus,NRestarts,MainPID,"
    "Requires,Requisite,BindsTo,ConditionResult,ConditionTimestampMonotonic";

/// Reads `systemctl show` of one or several units (parted by empty lines). Properties that we did
/// not ask for are left out; lines without `=` (sudo's warnings) too. Errors: kInvalid when a unit
/// has no Id, LoadState or ActiveState, a number is none, or there is no unit at all.
base::Result<std::vector<Unit>> ReadUnits(std::string_view text);

/// A unit's full name: ".service" is added to a name without a known suffix.
std::string UnitName(std::string_view name);
/// Whether a name can be a unit's: letters, digits and `:-_.\@`, at most 255.
bool IsUnitName(std::string_view name);

}  // namespace diagnosis::parse
