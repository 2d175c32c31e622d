// Formulas: from what an agent answered to the metrics of the design. Pure; knows no network.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "probe/kind.h"
#include "probe/snmp/values.h"

namespace probe::snmp {

/// Everything that one run asks for.
struct Answers {
  Answers(int version, const std::vector<Oid>& known_missing);
  Scalars scalars;
  Table interfaces;    ///< ifXTable: ifName, ifHCInOctets, ifHCOutOctets
  Table disks;         ///< dskTable: path, avail, used, avail low/high, used low/high
  Table interfaces32;  ///< ifTable: ifDescr, ifInOctets, ifOutOctets; asked when the first is empty
  Table storage;     ///< hrStorageTable: type, descr, units, size, used; when disks or memory lack
  Table processors;  ///< hrProcessorLoad; when UCD's CPU figures lack
  [[nodiscard]] bool HasCpu() const;
  [[nodiscard]] bool HasMemory() const;
};

/// What must be remembered from run to run.
struct Counters {
  static constexpr std::size_t kTicks = 8;
  std::array<std::optional<std::uint64_t>, kTicks> ticks;  ///< ssCpuRaw*, 32 bits each
  std::optional<double> cpu_percent;                       ///< of the last difference
  std::optional<std::uint64_t> uptime;                     ///< sysUpTime, hundredths of a second
  /// 32-bit octet counters carried on to 64 bits, by direction and name.
  struct Wide {
    std::uint32_t last = 0;
    std::uint64_t high = 0;
  };
  std::map<std::string, Wide> octets;
};

/// The readings, in the order of the metrics' list. A value that did not come is absent.
std::vector<Reading> Evaluate(const Answers& answers, Counters& counters);

}  // namespace probe::snmp
