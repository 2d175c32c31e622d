// Sample and Batch: what a probe measured, on its way to the store.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/labels.h"

namespace model {

/// Milliseconds since 1970-01-01 UTC: the unit of every sample's time.
using Timestamp = std::int64_t;

/// The one NaN that says "this series has ended" (prometheus/model/value StaleNaN). Compare bits,
/// never with ==.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002ULL;
inline double StaleNaN() { return std::bit_cast<double>(kStaleBits); }
inline bool IsStale(double v) { return std::bit_cast<std::uint64_t>(v) == kStaleBits; }

/// One value at one time.
struct Point {
  Timestamp t = 0;
  double v = 0;
  bool operator==(const Point&) const = default;
};

/// One value of a named series, before it has a time. `labels` includes __name__.
struct Sample {
  std::shared_ptr<const Labels> labels;
  double value = 0;
};

/// What one target gave at one time: the unit in which samples travel. All samples share `t`.
struct Batch {
  std::string target;  ///< the target's name: the store's chunk key
  Timestamp t = 0;     ///< the schedule's slot, not the moment of arrival
  std::vector<Sample> samples;
};

}  // namespace model
