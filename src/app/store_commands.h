// The commands `raksa store …`: check, stats, export, import, snapshot. Each gives the exit status
// (0 good, 1 the answer is no, 2 cannot be done).
#pragma once

#include <string>
#include <vector>

#include "app/commands.h"
#include "base/result.h"

namespace app {

/// What a store command is asked.
struct StoreOptions {
  std::string dir;  ///< the data directory; "" = data_dir of the configuration
  std::vector<std::string> match;
  std::string start;  ///< RFC 3339 or seconds since 1970; "" = from the first
  std::string end;    ///< "" = to the last
  std::string output;
  bool no_stale = false;
  std::string input;   ///< file, "-" = standard input
  std::string format;  ///< "auto" (of import), "openmetrics", "prometheus"
  std::size_t largest = 10;
};

/// Reads everything that is stored and says what does not hold together. 1: something does not.
int RunStoreCheck(const Common& common, const StoreOptions& options);
/// Says how much is stored and where the bytes are.
int RunStoreStats(const Common& common, const StoreOptions& options);
/// Writes samples as OpenMetrics text.
int RunStoreExport(const Common& common, const StoreOptions& options);
/// Takes samples from OpenMetrics or Prometheus text. 1: the text has mistakes, nothing is stored.
int RunStoreImport(const Common& common, const StoreOptions& options);
/// Makes a copy at one moment: by the daemon when one runs, else by itself.
int RunStoreSnapshot(const Common& common, const StoreOptions& options);

/// The directory that is meant. Errors: those of NeedSettings.
base::Result<std::string> StoreDirectory(const Common& common, const StoreOptions& options);
/// Says an error and gives exit status 2.
int StoreFault(const base::Error& error);

/// Copies samples.db and journal.db to `data_dir`/snapshots/NAME as they are at one moment and
/// gives NAME ("20260102T030405Z-9f86d081884c7d65"). A daemon may run. Errors: kRefused (not enough
/// room), kUnavailable.
base::Result<std::string> MakeSnapshot(const std::string& data_dir);

}  // namespace app
