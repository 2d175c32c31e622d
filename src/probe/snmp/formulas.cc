// CPU, memory, disks and traffic by UCD-SNMP-MIB and IF-MIB, with HOST-RESOURCES-MIB to fall back
// on.
#include "probe/snmp/formulas.h"

#include <fmt/format.h>

#include <cmath>
#include <set>

namespace probe::snmp {
namespace {

using Number = std::optional<std::uint64_t>;

const Oid kUptime = {1, 3, 6, 1, 2, 1, 1, 3, 0};

Oid SystemStats(std::uint32_t part) { return {1, 3, 6, 1, 4, 1, 2021, 11, part, 0}; }
Oid MemoryPart(std::uint32_t part) { return {1, 3, 6, 1, 4, 1, 2021, 4, part, 0}; }
Oid Disk(std::uint32_t part) { return {1, 3, 6, 1, 4, 1, 2021, 9, 1, part}; }
Oid IfX(std::uint32_t part) { return {1, 3, 6, 1, 2, 1, 31, 1, 1, 1, part}; }
Oid If(std::uint32_t part) { return {1, 3, 6, 1, 2, 1, 2, 2, 1, part}; }
Oid Storage(std::uint32_t part) { return {1, 3, 6, 1, 2, 1, 25, 2, 3, 1, part}; }
const Oid kProcessorLoad = {1, 3, 6, 1, 2, 1, 25, 3, 3, 1, 2};
const Oid kStorageRam = {1, 3, 6, 1, 2, 1, 25, 2, 1, 2};
const Oid kStorageFixedDisk = {1, 3, 6, 1, 2, 1, 25, 2, 1, 4};

/// user, nice, system, idle, wait, interrupt, softIRQ, steal: together all time. ssCpuRawKernel is
/// a part of them, guest a part of user.
constexpr std::array<std::uint32_t, Counters::kTicks> kTickParts = {50, 51, 52, 53, 54, 56, 61, 64};
constexpr std::size_t kIdle = 3;
constexpr std::uint32_t kCpuIdle = 11;
constexpr std::uint32_t kCpuCount = 67;

constexpr std::uint32_t kMemTotal = 5;
constexpr std::uint32_t kMemFree = 6;
constexpr std::uint32_t kMemBuffer = 14;
constexpr std::uint32_t kMemCached = 15;
constexpr std::uint32_t kMemTotalX = 20;
constexpr std::uint32_t kMemFreeX = 21;
constexpr std::uint32_t kMemBufferX = 25;
constexpr std::uint32_t kMemCachedX = 26;
constexpr std::uint32_t kMemSysAvail = 27;

std::vector<Oid> WantedScalars(int version, const std::vector<Oid>& missing) {
  std::vector<Oid> out = {kUptime, SystemStats(kCpuIdle), SystemStats(kCpuCount)};
  for (const auto part : kTickParts) {
    out.push_back(SystemStats(part));
  }
  for (const auto part : {kMemTotal, kMemFree, kMemBuffer, kMemCached}) {
    out.push_back(MemoryPart(part));
  }
  if (version != 1) {  // version 1 has no Counter64
    for (const auto part : {kMemTotalX, kMemFreeX, kMemBufferX, kMemCachedX, kMemSysAvail}) {
      out.push_back(MemoryPart(part));
    }
  }
  std::erase_if(out, [&](const Oid& oid) {
    return std::find(missing.begin(), missing.end(), oid) != missing.end();
  });
  return out;
}

void Add(std::vector<Reading>& out, const char* name, double value, model::Labels labels = {}) {
  out.push_back({name, std::move(labels), value});
}

double Round(double value) { return std::round(value * 1e4) / 1e4; }

/// Percent of the time that was not idle since the last run. nullopt when there is no difference to
/// go by: the first run, a restart, counters that have not moved.
std::optional<double> CpuByTicks(const Answers& a, Counters& counters, bool restarted) {
  std::array<Number, Counters::kTicks> now;
  for (std::size_t i = 0; i < now.size(); ++i) {
    now[i] = a.scalars.Number(SystemStats(kTickParts[i]));
  }
  if (now[kIdle].value_or(0) == 0) {  // no agent's host was never idle: it does not know
    counters.ticks = {};
    return std::nullopt;
  }
  const auto before = std::exchange(counters.ticks, now);
  if (restarted || !before[kIdle]) {
    return std::nullopt;
  }
  double total = 0;
  double idle = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (!now[i] || !before[i]) {
      continue;
    }
    // 32-bit counters: the difference modulo 2^32 is right over one wrap. A difference of more than
    // half the range is no wrap but a counter that was set back.
    const auto step = static_cast<std::uint32_t>(*now[i]) - static_cast<std::uint32_t>(*before[i]);
    if (step > 0x7FFFFFFFU) {
      counters.cpu_percent.reset();
      return std::nullopt;
    }
    total += step;
    idle += i == kIdle ? step : 0;
  }
  if (total <= 0) {  // the agent looks at its kernel's figures less often than we ask
    counters.ticks = before;
    return counters.cpu_percent;
  }
  counters.cpu_percent = Round(100.0 * (total - idle) / total);
  return counters.cpu_percent;
}

void Cpu(const Answers& a, Counters& counters, bool restarted, std::vector<Reading>& out) {
  auto percent = CpuByTicks(a, counters, restarted);
  const auto idle = a.scalars.Number(SystemStats(kCpuIdle));
  if (!percent && idle && *idle <= 100) {
    percent = 100.0 - static_cast<double>(*idle);
  }
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (const auto& [index, row] : a.processors.rows()) {
    const auto load = CellNumber(row, 0);
    if (load && *load <= 100) {
      sum += *load;
      ++count;
    }
  }
  if (!percent && count > 0) {
    percent = Round(static_cast<double>(sum) / static_cast<double>(count));
  }
  auto cores = a.scalars.Number(SystemStats(kCpuCount));
  if ((!cores || *cores == 0) && count > 0) {
    cores = count;
  }
  if (percent) {
    Add(out, "cpu_percent", *percent);
  }
  if (cores && *cores > 0) {
    Add(out, "cpu_core", static_cast<double>(*cores));
  }
}

struct Amount {
  double total = 0;
  double used = 0;
};

std::optional<Amount> UcdMemory(const Answers& a) {
  const auto wide = [&](std::uint32_t big, std::uint32_t small) -> Number {
    const auto first = a.scalars.Number(MemoryPart(big));
    return first ? first : a.scalars.Number(MemoryPart(small));
  };
  const auto total = wide(kMemTotalX, kMemTotal);
  if (!total || *total == 0) {
    return std::nullopt;
  }
  auto available = a.scalars.Number(MemoryPart(kMemSysAvail));
  if (!available) {
    const auto free = wide(kMemFreeX, kMemFree);
    if (!free) {
      return std::nullopt;
    }
    const auto buffer = wide(kMemBufferX, kMemBuffer);
    const auto cached = wide(kMemCachedX, kMemCached);
    available = *free + buffer.value_or(0) + cached.value_or(0);
  }
  if (*available > *total) {
    return std::nullopt;
  }
  return Amount{static_cast<double>(*total) * 1024.0,
                static_cast<double>(*total - *available) * 1024.0};
}

/// A row of hrStorageTable in bytes; nullopt unless it is of that type and whole.
std::optional<Amount> StorageRow(const Table::Row& row, const Oid& type) {
  const auto units = CellNumber(row, 2);
  const auto size = CellNumber(row, 3);
  const auto used = CellNumber(row, 4);
  if (!row[0] || row[0]->type != Var::Type::kOid || row[0]->object != type || !units || !size ||
      !used || *size == 0 || *used > *size) {
    return std::nullopt;
  }
  return Amount{static_cast<double>(*size) * static_cast<double>(*units),
                static_cast<double>(*used) * static_cast<double>(*units)};
}

void Memory(const Answers& a, std::vector<Reading>& out) {
  auto memory = UcdMemory(a);
  for (const auto& [index, row] : a.storage.rows()) {
    if (!memory) {
      memory = StorageRow(row, kStorageRam);
    }
  }
  if (memory) {
    Add(out, "mem_total", memory->total);
    Add(out, "mem_used", memory->used);
    Add(out, "mem_percent", Round(100.0 * memory->used / memory->total));
  }
}

void AddDisk(std::vector<Reading>& out, const std::string& path, double used, double available) {
  const model::Labels labels = {{"path", path}};
  if (used + available <= 0) {
    return;
  }
  Add(out, "disk_total", used + available, labels);
  Add(out, "disk_used", used, labels);
  Add(out, "disk_available", available, labels);
  Add(out, "disk_percent", Round(100.0 * used / (used + available)), labels);
}

void Disks(const Answers& a, std::vector<Reading>& out) {
  std::set<std::string> seen;
  const auto wide = [](const Table::Row& row, std::size_t low, std::size_t small) -> Number {
    const auto l = CellNumber(row, low);
    const auto h = CellNumber(row, low + 1);
    if (l && h && *l <= 0xFFFFFFFFU && *h <= 0xFFFFU) {
      return (*h << 32U) | *l;
    }
    return CellNumber(row, small);
  };
  for (const auto& [index, row] : a.disks.rows()) {
    const auto path = CellText(row, 0);
    const auto available = wide(row, 3, 1);
    const auto used = wide(row, 5, 2);
    if (path && available && used && seen.insert(*path).second) {
      AddDisk(out, *path, static_cast<double>(*used) * 1024.0,
              static_cast<double>(*available) * 1024.0);
    }
  }
  if (!seen.empty()) {
    return;
  }
  for (const auto& [index, row] : a.storage.rows()) {
    const auto path = CellText(row, 1);
    const auto amount = StorageRow(row, kStorageFixedDisk);
    if (path && amount && seen.insert(*path).second) {
      AddDisk(out, *path, amount->used, amount->total - amount->used);
    }
  }
}

/// A 32-bit counter carried on over its wraps, so that a rate stays right above 100 Mbit/s.
std::uint64_t Carry(Counters& counters, const std::string& key, std::uint64_t now, bool restarted) {
  auto& wide = counters.octets[key];
  const auto value = static_cast<std::uint32_t>(now);
  if (restarted) {
    wide.high = 0;
  } else if (value < wide.last) {
    wide.high += std::uint64_t{1} << 32U;
  }
  wide.last = value;
  return wide.high + value;
}

void Traffic(const Answers& a, Counters& counters, bool restarted, std::vector<Reading>& out) {
  std::set<std::string> seen;
  const auto add = [&](const Oid& index, const std::string& name, Number in, Number sent) {
    const bool fresh = seen.insert(name).second;
    const std::string label =
        fresh ? name : fmt::format("{}#{}", name, index.empty() ? 0U : index.back());
    const model::Labels labels = {{"interface", label}};
    if (in) {
      Add(out, "bits_received", static_cast<double>(*in) * 8.0, labels);
    }
    if (sent) {
      Add(out, "bits_sent", static_cast<double>(*sent) * 8.0, labels);
    }
  };
  for (const auto& [index, row] : a.interfaces.rows()) {
    const auto name = CellText(row, 0);
    if (name) {
      add(index, *name, CellNumber(row, 1), CellNumber(row, 2));
    }
  }
  if (!seen.empty()) {
    return;
  }
  const auto carry = [&](const char* way, const std::string& name, Number value) -> Number {
    return value ? Number(Carry(counters, way + name, *value, restarted)) : std::nullopt;
  };
  for (const auto& [index, row] : a.interfaces32.rows()) {
    const auto name = CellText(row, 0);
    if (name) {
      const auto key = *name + "#" + std::to_string(index.empty() ? 0U : index.back());
      add(index, *name, carry("<", key, CellNumber(row, 1)), carry(">", key, CellNumber(row, 2)));
    }
  }
  if (counters.octets.size() > 4 * Table::kMaxRows) {
    counters.octets.clear();  // names that change at every run
  }
}

}  // namespace

Answers::Answers(int version, const std::vector<Oid>& known_missing)
    : scalars(WantedScalars(version, known_missing)),
      interfaces(version == 1 ? std::vector<Oid>{} : std::vector<Oid>{IfX(1), IfX(6), IfX(10)},
                 true, 16),
      disks({Disk(2), Disk(7), Disk(8), Disk(13), Disk(14), Disk(15), Disk(16)}, version != 1, 8),
      interfaces32({If(2), If(10), If(16)}, version != 1, 16),
      storage({Storage(2), Storage(3), Storage(4), Storage(5), Storage(6)}, version != 1, 10),
      processors({kProcessorLoad}, version != 1, 32) {}

bool Answers::HasCpu() const {
  return scalars.Number(SystemStats(kTickParts[kIdle])).value_or(0) > 0 ||
         scalars.Number(SystemStats(kCpuIdle));
}
bool Answers::HasMemory() const { return UcdMemory(*this).has_value(); }

std::vector<Reading> Evaluate(const Answers& answers, Counters& counters) {
  const auto uptime = answers.scalars.Number(kUptime);
  // sysUpTime itself wraps after 497 days; that costs one value of cpu_percent, no more.
  const bool restarted = uptime && counters.uptime && *uptime < *counters.uptime;
  if (uptime) {
    counters.uptime = uptime;
  }
  std::vector<Reading> out;
  Cpu(answers, counters, restarted, out);
  Memory(answers, out);
  Disks(answers, out);
  Traffic(answers, counters, restarted, out);
  return out;
}

}  // namespace probe::snmp
