// Frame: what an expression comes to at every step, series by series. Inside the room only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"
#include "promql/engine.h"

namespace promql {

/// The moments at which an expression is evaluated: start, start + step, …, `count` of them.
struct Steps {
  model::Timestamp start = 0;
  std::int64_t step = 1;
  std::size_t count = 1;
  [[nodiscard]] model::Timestamp At(std::size_t i) const {
    return start + static_cast<std::int64_t>(i) * step;
  }
  [[nodiscard]] model::Timestamp Last() const { return At(count - 1); }
};

/// Where a series has no value at a step its column holds the staleness marker, which no sample of
/// an answer ever is.
inline double Absent() { return model::StaleNaN(); }
inline bool IsAbsent(double v) { return model::IsStale(v); }
inline bool IsPresent(double v) { return !model::IsStale(v); }

/// One series over all steps.
struct Column {
  LabelsPtr labels;
  std::vector<double> v;
};
using Frame = std::vector<Column>;

/// The samples of a range vector's series; no staleness markers among them.
struct RangeSeries {
  LabelsPtr labels;
  std::vector<model::Timestamp> t;
  std::vector<double> v;
  std::vector<double> weight;  ///< raw samples that each stands for; empty: one each
};
/// A range vector before it is cut into windows: windows end at step − offset (or at `at` − offset)
/// and are `range` long, both ends included.
struct RangeFrame {
  std::vector<RangeSeries> series;
  std::int64_t range = 0;
  std::int64_t offset = 0;
  bool fixed = false;       ///< an @ modifier: every step sees the same window
  model::Timestamp at = 0;  ///< its moment
  [[nodiscard]] model::Timestamp WindowEnd(model::Timestamp step) const {
    return (fixed ? at : step) - offset;
  }
};

/// The labels without the metric's name.
LabelsPtr WithoutName(const LabelsPtr& labels);
/// The labels of a series without any.
LabelsPtr NoLabels();
/// Drops series without a value and joins those of equal labels; two values at one step are an
/// error ("vector cannot contain metrics with the same labelset").
base::Result<Frame> Joined(Frame frame);
/// Drops series without a value; two series of equal labels are an error even when they never meet.
base::Result<Frame> Distinct(Frame frame);
/// Drops series without a value.
void DropEmpty(Frame& frame);

}  // namespace promql
