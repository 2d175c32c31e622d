// HeadLog: the files that keep samples safe from the moment Append returns until their chunk is
// written. docs/formats/store.md has the bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/sample.h"
#include "store/bytes.h"
#include "store/record.h"

namespace store {

/// A record of the log: rows of one window (EncodeRecord) and their place in the order of all.
struct LogRow {
  model::Timestamp window = 0;  ///< its start
  std::uint64_t seq = 0;
  std::string data;
};

/// A record as it lies in a segment.
struct LogEntry {
  model::Timestamp window = 0;
  std::uint64_t seq = 0;
  GoodRecord data;
  Bytes whole;  ///< with what stands before it
};

/// Bytes of a segment that hold no record although one follows, or should.
struct LogGap {
  std::size_t offset = 0;
  Bytes bytes;
  model::Timestamp window = 0;  ///< 0: not known
};

/// One file of the log, as it was when it was read.
struct Segment {
  std::uint64_t number = 0;
  std::string path;
  std::string bytes;
};

/// What begins a segment.
std::string SegmentHead();
/// Puts what stands before a record, in a segment of the store that `id` names, behind `out`.
void PutFrame(const LogRow& row, std::uint64_t id, std::string* out);
/// What a walk over a segment found.
struct LogScan {
  std::size_t records = 0;
  std::size_t end = 0;   ///< of the last record; what lies behind it may have been in the writing
  bool cut_off = false;  ///< it is the beginning of a record
};

/// Walks over a segment and gives every record whose checksums are good, and every gap between two.
/// Memory is bounded by the bytes given.
LogScan ScanLog(Bytes segment, std::uint64_t id, const std::function<void(const LogEntry&)>& take,
                const std::function<void(const LogGap&)>& gap);

/// All segments of a directory, oldest first. One that vanishes meanwhile is left out: its samples
/// are in chunks. Errors: kUnavailable.
base::Result<std::vector<Segment>> ReadSegments(const std::string& dir);
/// Puts other bytes in the place of a segment's, whole or not at all. Errors: kUnavailable.
base::Result<> ReplaceSegment(const Segment& segment, std::string_view bytes);

/// Writes the segments of one store. Belongs to whoever holds the writer's lock; bytes() is free.
class HeadLog {
 public:
  HeadLog() = default;
  ~HeadLog() { Cut(); }
  HeadLog(const HeadLog&) = delete;
  HeadLog& operator=(const HeadLog&) = delete;

  /// `id`: the store's; a record of another store does not count.
  void Open(std::string dir, std::uint64_t id);
  /// Tells of a segment that is there, in order, with the last row of each window in it. `end`: of
  /// its last record; writing goes on there if it is the last one told.
  void Add(const Segment& segment, std::map<model::Timestamp, std::uint64_t> last, std::size_t end);
  /// Writes rows in order and gives how many; `done` says why not all. What is written survives
  /// kill -9. Errors: kUnavailable.
  std::size_t Append(const std::deque<LogRow>& rows, base::Result<>* done);
  /// The next row begins a segment, if the present one has rows of this window.
  void Cut(model::Timestamp window);
  /// Rows of a window up to `seq` are not needed any more. True: a segment is not, either.
  bool Settle(model::Timestamp window, std::uint64_t seq);
  /// Deletes the segments that are not needed.
  void RemoveSettled();
  /// Counts a segment that is only read.
  void Count(std::uint64_t bytes) { bytes_ += bytes; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  struct Kept {
    std::string path;
    std::uint64_t bytes = 0;
    std::map<model::Timestamp, std::uint64_t> last;  // the last row of each window that is needed
  };

  void Cut();
  base::Result<> Begin();
  std::size_t Write(std::span<const LogRow* const> rows, base::Result<>* done);

  std::string dir_;
  std::uint64_t id_ = 0;
  std::uint64_t next_number_ = 1;
  std::deque<Kept> segments_;
  int fd_ = -1;         // of the last one, while it is written to
  std::string frames_;  // of the rows that are being written
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace store
