// What readers keep of chunks: the columns that were asked for, checked once, as they are on disk.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/chunk.h"
#include "store/index.h"
#include "store/integers.h"
#include "store/room.h"

namespace store {

/// Some columns of one chunk part, with bytes of their own. Const functions from any thread.
class KeptChunk {
 public:
  struct Column {
    SeriesId series = 0;
    std::uint32_t mask = 0;  ///< 0: every row is there; n: mask n - 1
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
  };

  /// Takes the times and those columns of `series` (ascending) that the chunk has. Errors:
  /// kCorrupt.
  static base::Result<KeptChunk> Take(std::int64_t part, ChunkReader* chunk,
                                      std::span<const SeriesId> series);

  [[nodiscard]] std::int64_t part() const { return part_; }
  [[nodiscard]] std::size_t rows() const { return rows_; }
  /// Whether all columns that are here have all rows.
  [[nodiscard]] bool whole() const { return masks_.empty(); }
  /// The column of a series, or nullptr.
  [[nodiscard]] const Column* Find(SeriesId series) const;
  /// Which rows a column has; nullptr: all.
  [[nodiscard]] const Mask* MaskOf(const Column& column) const {
    return column.mask == 0 ? nullptr : &masks_[column.mask - 1];
  }
  /// The rows [first, second) whose time is in [from, to]. `times` is filled with all of them when
  /// that takes decoding. Errors: kCorrupt.
  base::Result<std::pair<std::size_t, std::size_t>> RowsIn(
      model::Timestamp from, model::Timestamp to, std::vector<model::Timestamp>* times) const;
  /// Appends the times of the rows [first, last); `times` as RowsIn left it.
  void AppendTimes(std::size_t first, std::size_t last, std::span<const model::Timestamp> times,
                   Room<model::Timestamp>* out) const;
  /// The out.size() values of a column from its `first` on. A column that is read a second time
  /// gets marks, from which on it is read much more quickly. Errors: kCorrupt.
  [[nodiscard]] base::Result<> Decode(const Column& column, std::size_t first,
                                      std::span<double> out) const;
  /// What it takes in memory, about.
  [[nodiscard]] std::size_t size() const;

 private:
  std::int64_t part_ = 0;
  std::size_t rows_ = 0;
  model::Timestamp start_ = 0;  // of regular times: start, start + step, …
  std::int64_t step_ = 0;       // 0: not regular, the code comes first in bytes_
  std::uint32_t time_length_ = 0;
  struct Marks {
    std::atomic<bool> wanted = false;  // the column was read
    std::once_flag once;
    std::vector<IntegerMark> list;  // empty when its code has none
  };

  std::vector<Column> columns_;
  std::unique_ptr<Marks[]> marks_;  // of each column, made when it is read again
  std::vector<Mask> masks_;
  std::string bytes_;
};

/// All parts of one target's chunk in one window, as far as `asked` (ascending) goes.
struct KeptParts {
  std::vector<SeriesId> asked;
  std::vector<KeptChunk> parts;
  /// Of those series, so that the index need not make them for every query; each is there once,
  /// however many windows have it.
  std::vector<std::shared_ptr<const model::Labels>> labels;
};

/// Keeps the parts that were read last, up to a number of bytes. Thread-safe. Whoever changes a
/// window on disk calls Forget after the commit; a reader gives the generation that it found under
/// the lock under which its snapshot began, and gets and leaves nothing when it is another now.
class ChunkCache {
 public:
  /// `limit`, in bytes, is read at each Put.
  explicit ChunkCache(const std::size_t* limit) : limit_(limit) {}

  [[nodiscard]] std::uint64_t generation() const;
  /// What there is of a chunk; nullptr when there is nothing.
  [[nodiscard]] std::shared_ptr<const KeptParts> Find(model::Timestamp window, TargetId target,
                                                      std::uint64_t generation);
  void Put(model::Timestamp window, TargetId target, std::shared_ptr<const KeptParts> parts,
           std::uint64_t generation);
  void Forget(model::Timestamp window);
  [[nodiscard]] std::size_t bytes() const;

 private:
  using Key = std::pair<model::Timestamp, TargetId>;
  struct Entry {
    Key key;
    std::shared_ptr<const KeptParts> parts;
    std::size_t size = 0;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return ((static_cast<std::size_t>(key.first) ^ key.second) * 0x9E3779B97F4A7C15ULL) >> 17;
    }
  };
  using Entries = std::list<Entry>;  // the one used last comes first
  using ByKey = std::unordered_map<Key, Entries::iterator, KeyHash>;
  ByKey::iterator Drop(ByKey::iterator at);

  const std::size_t* limit_;
  mutable std::mutex mutex_;
  std::uint64_t generation_ = 0;
  std::size_t bytes_ = 0;
  Entries entries_;
  ByKey by_key_;
};

}  // namespace store
