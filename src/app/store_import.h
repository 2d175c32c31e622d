// Import: samples from OpenMetrics or Prometheus text into a store, a little at a time.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "base/result.h"
#include "probe/prometheus/exposition.h"
#include "store/store.h"

namespace app {

/// A text to be imported: a file that can be read twice.
struct ImportText {
  std::FILE* file = nullptr;
  std::string name;  ///< for messages
  probe::prometheus::Format format = probe::prometheus::Format::kOpenMetrics;
};

/// What reading it found.
struct ImportProblems {
  std::uint64_t count = 0;
  std::vector<std::string> shown;  ///< the first twenty: place, line and caret
  std::uint64_t samples = 0;       ///< lines that are well
};

struct ImportCount {
  std::uint64_t samples = 0;
  std::uint64_t series = 0;
  std::uint64_t refused = 0;
  std::string why;  ///< the first reason of those refused
};

/// OpenMetrics when the text ends in "# EOF", else Prometheus's text format.
probe::prometheus::Format GuessFormat(std::FILE* file);

/// Reads the whole text and stores nothing. Every sample must have a time. Errors: kUnavailable.
base::Result<ImportProblems> CheckImport(const ImportText& text);

/// Stores a text that CheckImport found well. A series belongs to the target that its label
/// `target` names, else `instance`, else `host`, else "import". Memory: the labels of all series
/// and some two million samples. Errors: the store's; kUnavailable.
base::Result<ImportCount> Import(const ImportText& text, store::Store* store);

}  // namespace app
