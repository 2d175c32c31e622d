// Examination of a systemd unit; the kinds service, nginx and docker share it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/look.h"
#include "diagnosis/parse/systemd.h"
#include "ssh/privilege.h"

namespace diagnosis::service {

/// What is to be examined.
struct UnitRequest {
  std::string unit;                  ///< "nginx.service"
  std::vector<std::uint16_t> ports;  ///< TCP ports that it needs; a holder of one is looked for
  bool nginx = false;                ///< test its configuration when it does not run
};

/// Asks systemd for units (one command). Errors: as Ask's; kInvalid when the answer is not
/// understood.
loop::Task<base::Result<std::vector<parse::Unit>>> ShowUnits(Look* look,
                                                             std::vector<std::string> units);

/// Examines the unit: the finding, or nullopt when it runs.
loop::Task<std::optional<model::Finding>> ExamineUnit(Look* look, UnitRequest request);

/// Why a unit with that main exit status could not even begin (systemd.exec(5), "Process Exit
/// Codes"): "its program is missing or may not be executed (203/EXEC)"; "" = it began. Pure.
std::string_view ExecFault(const parse::Unit& unit);
/// The command that asks the journal for what a unit wrote, and that command as a privilege.
std::vector<std::string> LastWordsArgv(const std::string& unit);
ssh::Privilege LastWordsPrivilege(const std::string& unit);
/// The last lines that the unit wrote to the journal: at most three, printable, bounded; "" = none,
/// or it may not be read.
loop::Task<std::string> LastWords(Look* look, std::string unit);
/// The cause that systemd's own words prove; pure. "" when the unit runs or is on its way.
std::string_view CauseOf(const parse::Unit& unit);
/// "State failed".
std::string StateOf(const parse::Unit& unit);

}  // namespace diagnosis::service
