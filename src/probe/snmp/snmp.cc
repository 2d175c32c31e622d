// placeholder for the build
#include "probe/snmp/snmp.h"
namespace probe::snmp {
const Kind kKind = {.spec = {.name = "snmp"}};
}
