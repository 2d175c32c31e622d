// ValueWriter: a query's answer as Prometheus's JSON, piece by piece.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "promql/engine.h"

namespace api {

/// Writes {"status":"success","data":{"resultType":…,"result":…}} with warnings, cut into pieces,
/// so that neither memory nor the loop has to take a large matrix at once. Pieces may be written in
/// any order and by several threads at the same time.
class ValueWriter {
 public:
  static constexpr std::size_t kPiece = 8'192;

  /// `piece`: how many points (or samples of a vector) a piece has, about.
  explicit ValueWriter(promql::Answer answer, std::size_t piece = kPiece);
  [[nodiscard]] std::size_t pieces() const { return starts_.size(); }
  /// Piece `number`, never empty.
  [[nodiscard]] std::string Piece(std::size_t number) const;

 private:
  /// A place in the result: before a point of a series, or before a sample (point is 0).
  struct Place {
    std::size_t item = 0;
    std::size_t point = 0;
    bool operator==(const Place&) const = default;
  };
  struct TimeText {
    model::Timestamp t = 0;
    std::uint8_t length = 0;  ///< 0: not written yet
    char text[31] = {};
  };
  using TimeTexts = std::vector<TimeText>;

  void Cut(std::size_t piece);
  void WriteItems(std::string& out, Place from, Place to) const;
  void WriteSeries(std::string& out, std::size_t item, std::size_t from, std::size_t to,
                   TimeTexts& times) const;
  TimeTexts TakeTimes() const;
  void GiveTimes(TimeTexts times) const;

  promql::Answer answer_;
  std::size_t items_ = 1;  ///< of the vector or matrix
  std::vector<Place> starts_;
  mutable std::mutex mutex_;
  mutable std::vector<TimeTexts> times_;  ///< that nobody uses just now
};

}  // namespace api
