// ValueWriter: a query's answer as Prometheus's JSON, piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "promql/engine.h"

namespace api {

/// Writes {"status":"success","data":{"resultType":…,"result":…}} with warnings. Large matrices are
/// written in pieces, so that neither memory nor the loop has to take them at once.
class ValueWriter {
 public:
  explicit ValueWriter(promql::Answer answer);
  /// The next piece, of about `bytes`; "" when everything was written.
  std::string Next(std::size_t bytes);
  [[nodiscard]] bool done() const { return phase_ == Phase::kDone; }

 private:
  enum class Phase { kHead, kItems, kTail, kDone };
  bool WriteItem(std::string& out, std::size_t bytes);
  bool WriteSeries(std::string& out, const promql::MatrixSeries& series, std::size_t bytes);

  void WritePoints(std::string& out, const std::vector<model::Point>& points, std::size_t bytes);

  struct TimeText {
    model::Timestamp t = 0;
    std::uint8_t length = 0;  ///< 0: not written yet
    char text[31] = {};
  };
  promql::Answer answer_;
  Phase phase_ = Phase::kHead;
  std::size_t item_ = 0;   ///< of the vector or matrix
  std::size_t point_ = 0;  ///< of the series that is being written
  std::vector<TimeText> times_;
};

}  // namespace api
