// Frame: what an expression comes to at every step, series by series. Inside the room only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
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

/// How a range vector is cut into windows: they end at step − offset (or at `at` − offset) and are
/// `range` long, both ends included.
struct RangeShape {
  std::int64_t range = 0;
  std::int64_t offset = 0;
  bool fixed = false;       ///< an @ modifier: every step sees the same window
  model::Timestamp at = 0;  ///< its moment
  [[nodiscard]] model::Timestamp WindowEnd(model::Timestamp step) const {
    return (fixed ? at : step) - offset;
  }
};

/// Walks forward through ascending times. Steps of a query are as a rule equally far from each
/// other in samples, so the last stride is tried first.
class Cursor {
 public:
  explicit Cursor(std::span<const model::Timestamp> t) : t_(t) {}
  /// How many samples are at or before `limit`, which must not fall from call to call.
  std::size_t UpTo(model::Timestamp limit) {
    const std::size_t guess = at_ + stride_;
    if (guess <= t_.size() && (guess == 0 || t_[guess - 1] <= limit) &&
        (guess == t_.size() || t_[guess] > limit)) {
      return at_ = guess;
    }
    const std::size_t before = at_;
    std::size_t leap = 1;
    while (at_ + leap <= t_.size() && t_[at_ + leap - 1] <= limit) {
      at_ += leap;
      leap *= 2;
    }
    const auto rest = t_.subspan(at_, std::min(leap - 1, t_.size() - at_));
    at_ += static_cast<std::size_t>(std::ranges::upper_bound(rest, limit) - rest.begin());
    stride_ = at_ - before;
    return at_;
  }

 private:
  std::span<const model::Timestamp> t_;
  std::size_t at_ = 0;
  std::size_t stride_ = 1;
};

/// Columns that come in whatever order, from two threads perhaps.
class FrameMaker {
 public:
  void Put(std::size_t place, Column column) {
    const std::lock_guard lock(mutex_);
    if (place >= frame_.size()) {
      frame_.resize(place + 1);
    }
    frame_[place] = std::move(column);
  }
  /// All of them in the order of their places.
  Frame Take() {
    std::erase_if(frame_, [](const Column& column) { return column.labels == nullptr; });
    return std::move(frame_);
  }

 private:
  std::mutex mutex_;
  Frame frame_;
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
