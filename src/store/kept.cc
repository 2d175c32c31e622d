// Taking columns out of chunks, and keeping them.
#include "store/kept.h"

#include <algorithm>
#include <map>

#include "store/column.h"
#include "store/integers.h"

namespace store {
namespace {

// The step of times that are all equally far from each other; 0 when they are not.
std::int64_t StepOf(std::span<const model::Timestamp> times) {
  const std::int64_t step = times.size() > 1 ? times[1] - times[0] : 1;
  for (std::size_t i = 2; i < times.size(); ++i) {
    if (times[i] - times[i - 1] != step) {
      return 0;
    }
  }
  return step;
}

}  // namespace

base::Result<KeptChunk> KeptChunk::Take(std::int64_t part, ChunkReader* chunk,
                                        std::span<const SeriesId> series) {
  KeptChunk out;
  out.part_ = part;
  out.rows_ = chunk->rows();
  const auto times = chunk->Times();
  if (!times) {
    return base::Fail(times.error());
  }
  out.start_ = times->front();
  out.step_ = StepOf(*times);
  const auto append = [&out](Bytes code) {
    out.bytes_.append(reinterpret_cast<const char*>(code.data()), code.size());
  };
  if (out.step_ == 0) {
    append(chunk->time_code());
    out.time_length_ = static_cast<std::uint32_t>(out.bytes_.size());
  }
  std::map<std::uint32_t, std::uint32_t> masks;  // the chunk's number to ours
  for (const SeriesId id : series) {
    const ColumnRef* column = chunk->Find(id);
    if (column == nullptr) {
      continue;
    }
    const auto mask = chunk->MaskOf(*column);
    if (!mask) {
      return base::Fail(mask.error());
    }
    std::uint32_t number = 0;
    if (*mask != nullptr) {
      const auto [at, fresh] = masks.try_emplace(column->mask, masks.size() + 1);
      if (fresh) {
        out.masks_.push_back(**mask);
      }
      number = at->second;
    }
    out.columns_.push_back(
        {id, number, static_cast<std::uint32_t>(out.bytes_.size()), column->length});
    append(chunk->CodeOf(*column));
  }
  out.bytes_.shrink_to_fit();
  out.marks_ = std::make_unique<Marks[]>(out.columns_.size());
  return out;
}

const KeptChunk::Column* KeptChunk::Find(SeriesId series) const {
  const auto at = std::ranges::lower_bound(columns_, series, {}, &Column::series);
  return at != columns_.end() && at->series == series ? &*at : nullptr;
}

base::Result<std::pair<std::size_t, std::size_t>> KeptChunk::RowsIn(
    model::Timestamp from, model::Timestamp to, std::vector<model::Timestamp>* times) const {
  if (step_ == 0) {
    times->resize(rows_);
    if (auto read = DecodeIntegers(AsBytes(bytes_).first(time_length_), *times); !read) {
      return base::Fail(read.error());
    }
    const auto first = std::ranges::lower_bound(*times, from) - times->begin();
    const auto last = std::ranges::upper_bound(*times, to) - times->begin();
    return std::pair(static_cast<std::size_t>(first), static_cast<std::size_t>(last));
  }
  // How many of start, start + step, … are below `t`.
  const auto below = [this](model::Timestamp t) -> std::size_t {
    if (t <= start_) {
      return 0;
    }
    const auto n = static_cast<std::uint64_t>(t - 1 - start_) / static_cast<std::uint64_t>(step_);
    return std::min<std::uint64_t>(n + 1, rows_);
  };
  const std::size_t first = below(from);
  return std::pair(first, std::max(first, to == INT64_MAX ? rows_ : below(to + 1)));
}

void KeptChunk::AppendTimes(std::size_t first, std::size_t last,
                            std::span<const model::Timestamp> times,
                            Room<model::Timestamp>* out) const {
  if (step_ == 0) {
    out->insert(out->end(), times.begin() + static_cast<std::ptrdiff_t>(first),
                times.begin() + static_cast<std::ptrdiff_t>(last));
    return;
  }
  const std::size_t before = out->size();
  out->resize(before + last - first);
  model::Timestamp t = start_ + static_cast<std::int64_t>(first) * step_;
  const std::int64_t step = step_;  // which no time that is written can be
  for (model::Timestamp& one : std::span(*out).subspan(before)) {
    one = t;
    t += step;
  }
}

base::Result<> KeptChunk::Decode(const Column& column, std::size_t first,
                                 std::span<double> out) const {
  const Mask* mask = MaskOf(column);
  const std::size_t count = mask == nullptr ? rows_ : CountRows(*mask);
  const Bytes bytes = AsBytes(bytes_).subspan(column.offset, column.length);
  Marks& marks = marks_[static_cast<std::size_t>(&column - columns_.data())];
  if (!marks.wanted.exchange(true, std::memory_order_relaxed)) {
    return DecodeColumn(bytes, count, {}, first, out);
  }
  std::call_once(marks.once, [&] {
    if (auto made = MarkColumn(bytes, count)) {
      marks.list = std::move(*made);
    }
  });
  return DecodeColumn(bytes, count, marks.list, first, out);
}

std::size_t KeptChunk::size() const {
  std::size_t out =
      sizeof *this + bytes_.capacity() + columns_.capacity() * (sizeof(Column) + sizeof(Marks));
  for (const Mask& mask : masks_) {
    out += sizeof(Mask) + mask.capacity() * sizeof(Mask::value_type);
  }
  for (const Column& column : columns_) {
    // What marks may come to.
    const std::size_t marks = column.length > 16 ? rows_ / kMarkEvery + 1 : 0;
    out += marks * sizeof(IntegerMark);
  }
  return out;
}

std::uint64_t ChunkCache::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

std::shared_ptr<const KeptParts> ChunkCache::Find(model::Timestamp window, TargetId target,
                                                  std::uint64_t generation) {
  const std::lock_guard lock(mutex_);
  const auto at = by_key_.find({window, target});
  if (generation != generation_ || at == by_key_.end()) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, at->second);
  return at->second->parts;
}

void ChunkCache::Put(model::Timestamp window, TargetId target,
                     std::shared_ptr<const KeptParts> parts, std::uint64_t generation) {
  std::size_t size = 200 + parts->asked.capacity() * sizeof(SeriesId) +
                     parts->labels.capacity() * sizeof(parts->labels[0]);
  for (const KeptChunk& part : parts->parts) {
    size += part.size();
  }
  const std::lock_guard lock(mutex_);
  if (generation != generation_ || size > *limit_ / 4) {
    return;
  }
  const Key key(window, target);
  if (const auto at = by_key_.find(key); at != by_key_.end()) {
    Drop(at);
  }
  entries_.push_front({key, std::move(parts), size});
  by_key_.emplace(key, entries_.begin());
  bytes_ += size;
  while (bytes_ > *limit_) {
    Drop(by_key_.find(entries_.back().key));
  }
}

void ChunkCache::Forget(model::Timestamp window) {
  const std::lock_guard lock(mutex_);
  ++generation_;
  for (auto at = by_key_.begin(); at != by_key_.end();) {
    at = at->first.first == window ? Drop(at) : std::next(at);
  }
}

std::size_t ChunkCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

ChunkCache::ByKey::iterator ChunkCache::Drop(ByKey::iterator at) {
  bytes_ -= at->second->size;
  entries_.erase(at->second);
  return by_key_.erase(at);
}

}  // namespace store
