// What `top`, `df` and our own look at a host's state say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace diagnosis::parse {

/// One process of `top -b`.
struct Process {
  int pid = 0;
  std::string user;
  double cpu = 0;     ///< percent of one processor
  double memory = 0;  ///< percent of all memory
  std::string command;
};

/// The processes of the last table in `top -b -n2` (the first counts since boot), in top's order,
/// at most `limit`. Columns are found by their heads. Errors: kInvalid without a table.
base::Result<std::vector<Process>> ReadTop(std::string_view text, std::size_t limit);

/// One file system of `df -P`.
struct FileSystem {
  std::string device;
  std::string mount;
  std::uint64_t size = 0;  ///< 1024-byte blocks, or inodes with -i
  std::uint64_t used = 0;
  std::uint64_t available = 0;
  [[nodiscard]] double Percent() const {
    const double all = static_cast<double>(used) + static_cast<double>(available);
    return all > 0 ? static_cast<double>(used) / all * 100 : 0;
  }
};

/// Reads `df -P -k` or `df -P -i` (POSIX df). Sizes of "-" are left out. Errors: kInvalid without a
/// table or with a broken line.
base::Result<std::vector<FileSystem>> ReadDf(std::string_view text);

/// What must be known of a host before anything is changed on it.
struct HostFacts {
  std::string machine_id;  ///< /etc/machine-id: 32 hexadecimal digits
  std::string boot_id;     ///< changes with each boot
  std::string from;        ///< our own address as the host sees it
  base::Time now{};        ///< the host's clock, whole seconds
  double uptime_seconds = 0;
  std::vector<std::string> holds;      ///< files that forbid repairs, with their first line
  std::vector<std::string> packagers;  ///< running package managers
  std::vector<std::string> logins;     ///< people at a terminal who typed in the last ten minutes
};

/// Reads the lines "name value" of our own script (diagnosis/facts.cc). Errors: kInvalid when the
/// machine-id is missing or is none.
base::Result<HostFacts> ReadFacts(std::string_view text);

}  // namespace diagnosis::parse
