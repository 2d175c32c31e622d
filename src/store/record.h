// Record: one row of the head log, which keeps samples safe until their chunk is written.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "store/chunk.h"

namespace store {

/// What one target gave at one time, series by number.
struct Row {
  std::uint32_t target = 0;
  model::Timestamp t = 0;
  std::vector<SeriesId> series;  ///< ascending, each once
  std::vector<double> values;    ///< as many as series
};

inline constexpr std::uint8_t kRecordVersion = 1;

/// The bytes of some rows of one window; `origin` (the window's start) is what times are counted
/// from. The target is not written: a series belongs to one.
std::string EncodeRecord(std::span<const Row> rows, model::Timestamp origin);

/// The bytes of a record whose checksum is good. Only CheckRecord makes one, so none is read
/// unchecked.
class GoodRecord {
 public:
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  friend std::optional<GoodRecord> CheckRecord(Bytes bytes);
  explicit GoodRecord(Bytes bytes) : bytes_(bytes) {}
  Bytes bytes_;  // with the checksum
};
/// nullopt: the checksum does not match.
std::optional<GoodRecord> CheckRecord(Bytes bytes);
/// Reads rows back, `target` left 0. Errors: kCorrupt. Memory is bounded by the bytes given.
base::Result<std::vector<Row>> DecodeRecord(GoodRecord record, model::Timestamp origin);

}  // namespace store
