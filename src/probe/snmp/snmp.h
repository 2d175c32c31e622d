// SNMP: CPU, memory, disks and traffic of a host that runs snmpd.
#pragma once

#include "probe/kind.h"

namespace probe::snmp {

extern const Kind kKind;

}  // namespace probe::snmp
