// Rows into columns, in and out of order.
#include "store/head.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <mutex>

namespace store {
namespace {

constexpr std::size_t kWaiting = 8;  // rows of a lot
constexpr std::size_t kLots = 8;
constexpr std::size_t kMostExpected = 64;  // rows: growing further is seldom

std::uint64_t Below(std::size_t bit) { return (1ULL << bit) - 1; }  // bit < 64

// Opens a gap of one absent row at `row`.
void InsertRow(Mask* mask, std::size_t row) {
  if (row / 64 >= mask->size()) {
    return;
  }
  std::uint64_t& first = (*mask)[row / 64];
  const std::uint64_t low = Below(row % 64);
  std::uint64_t carry = first >> 63;
  first = (first & low) | ((first & ~low) << 1);
  for (std::size_t i = row / 64 + 1; i < mask->size(); ++i) {
    const std::uint64_t next = (*mask)[i] >> 63;
    (*mask)[i] = (*mask)[i] << 1 | carry;
    carry = next;
  }
  if (carry != 0) {
    mask->push_back(1);
  }
}

// Whether two lists, both ascending, have something in common.
bool Share(std::span<const SeriesId> a, std::span<const SeriesId> b) {
  if (a.size() > b.size()) {
    std::swap(a, b);
  }
  return std::ranges::any_of(a, [&](SeriesId id) { return std::ranges::binary_search(b, id); });
}

// Makes room for `more`, at first for as many as are expected. Grows by a quarter: with doubling a
// third of the head would be air.
void Reserve(std::vector<double>* values, std::size_t more, std::size_t expected) {
  if (values->capacity() - values->size() < more) {
    const std::size_t least = values->empty() ? std::max(expected, std::size_t{4}) : std::size_t{4};
    values->reserve(values->size() + std::max({more, least, values->size() / 4}));
  }
}

// Whether a value was there already; `changed` whether it had other bits.
bool Set(Table::Column* column, std::size_t row, double v, std::size_t expected, bool* changed) {
  Mask& mask = column->mask;
  const std::size_t word = row / 64;
  const std::uint64_t bit = 1ULL << (row % 64);
  if (mask.size() <= word) {
    mask.resize(word + 1);
  }
  if (mask.size() == word + 1 && (mask[word] >> (row % 64)) == 0) {
    mask[word] |= bit;
    Reserve(&column->values, 1, expected);
    column->values.push_back(v);
    return false;
  }
  const auto at = column->values.begin() + static_cast<std::ptrdiff_t>(Rank(mask, row));
  if ((mask[word] & bit) != 0) {
    *changed = std::bit_cast<std::uint64_t>(*at) != std::bit_cast<std::uint64_t>(v);
    *at = v;
    return true;
  }
  mask[word] |= bit;
  column->values.insert(at, v);
  return false;
}

}  // namespace

std::size_t Rank(const Mask& mask, std::size_t row) {
  std::size_t n = 0;
  const std::size_t words = std::min(row / 64, mask.size());
  for (std::size_t i = 0; i < words; ++i) {
    n += static_cast<std::size_t>(std::popcount(mask[i]));
  }
  if (words == row / 64 && words < mask.size()) {
    n += static_cast<std::size_t>(std::popcount(mask[words] & Below(row % 64)));
  }
  return n;
}

void Table::Expect(std::size_t rows) { expected_ = std::min(rows, kMostExpected); }

const Table::Column* Table::Find(SeriesId series) const {
  Settle();
  const auto at = std::ranges::lower_bound(columns_, series, {}, &Column::series);
  return at != columns_.end() && at->series == series ? &*at : nullptr;
}

std::size_t Table::RowAt(model::Timestamp t) {
  if (times_.empty() || t > times_.back()) {
    times_.push_back(t);
    return times_.size() - 1;
  }
  const auto at = std::ranges::lower_bound(times_, t);
  const auto row = static_cast<std::size_t>(at - times_.begin());
  if (*at != t) {
    times_.insert(at, t);
    for (Column& column : columns_) {
      InsertRow(&column.mask, row);
    }
  }
  return row;
}

Table::Column& Table::ColumnOf(SeriesId series, std::size_t hint) const {
  if (hint < columns_.size() && columns_[hint].series == series) {
    return columns_[hint];
  }
  auto at = std::ranges::lower_bound(columns_, series, {}, &Column::series);
  if (at == columns_.end() || at->series != series) {
    at = columns_.insert(at, Column{.series = series, .values = {}, .mask = {}});
  }
  return *at;
}

/// The lot of these series, made when there may be one more; nullptr: what waits has to go first.
Table::Lot* Table::LotOf(const std::vector<SeriesId>& series) {
  const auto known = std::ranges::find(lots_, series, &Lot::series);
  if (known != lots_.end()) {
    return &*known;
  }
  std::erase_if(lots_, [](const Lot& lot) { return lot.rows.empty(); });
  const auto shares = [&](const Lot& lot) { return Share(lot.series, series); };
  if (lots_.size() == kLots || std::ranges::any_of(lots_, shares)) {
    return nullptr;
  }
  return &lots_.emplace_back(Lot{.series = series, .rows = {}, .values = {}});
}

/// Puts a row beside those that wait, if it comes after them or beside the last.
bool Table::Wait(const Row& row) {
  const bool newest = times_.empty() || row.t > times_.back();
  const bool beside = !newest && row.t == times_.back() && waiting_ > 0;
  Lot* lot = newest || beside ? LotOf(row.series) : nullptr;
  if (lot == nullptr || lot->rows.size() == kWaiting ||
      (beside && !lot->rows.empty() && lot->rows.back() == times_.size() - 1)) {
    return false;
  }
  if (newest) {
    times_.push_back(row.t);
  }
  lot->rows.push_back(times_.size() - 1);
  lot->values.insert(lot->values.end(), row.values.begin(), row.values.end());
  samples_ += row.values.size();
  ++waiting_;
  return true;
}

void Table::Settle() const {
  if (std::atomic_ref(waiting_).load(std::memory_order_acquire) == 0) {
    return;
  }
  static std::mutex one;  // of several readers
  const std::lock_guard lock(one);
  for (Lot& lot : lots_) {
    SettleLot(&lot);
  }
  std::atomic_ref(waiting_).store(0, std::memory_order_release);
}

void Table::SettleLot(Lot* lot) const {
  const std::size_t rows = lot->rows.size();
  if (rows == 0) {
    return;
  }
  // The bits of these rows in each column's mask, by word.
  std::array<std::pair<std::size_t, std::uint64_t>, kWaiting> bits;
  std::size_t words = 0;
  for (const std::size_t row : lot->rows) {
    if (words == 0 || bits[words - 1].first != row / 64) {
      bits[words++] = {row / 64, 0};
    }
    bits[words - 1].second |= 1ULL << (row % 64);
  }
  const std::size_t columns = lot->series.size();
  if (columns_.empty()) {
    columns_.reserve(columns);
  }
  std::array<double, kWaiting> values;
  std::size_t hint = 0;
  for (std::size_t i = 0; i < columns; ++i) {
    Column& column = ColumnOf(lot->series[i], hint);
    hint = static_cast<std::size_t>(&column - columns_.data()) + 1;
    column.mask.resize(bits[words - 1].first + 1);
    for (const auto& [word, set] : std::span(bits).first(words)) {
      column.mask[word] |= set;
    }
    for (std::size_t n = 0; n < rows; ++n) {
      values[n] = lot->values[n * columns + i];
    }
    Reserve(&column.values, rows, expected_);
    column.values.insert(column.values.end(), values.data(), values.data() + rows);
  }
  lot->rows.clear();
  lot->values.clear();
}

Added Table::Insert(const Row& row) {
  Added added;
  if (row.series.empty()) {
    return added;
  }
  if (!Wait(row)) {
    Settle();
    if (!Wait(row)) {
      return InsertNow(row);
    }
  }
  added.fresh = row.series.size();
  return added;
}

/// Puts a row into the columns; nothing waits.
Added Table::InsertNow(const Row& row) {
  Added added;
  const std::size_t at = RowAt(row.t);
  std::size_t hint = 0;
  for (std::size_t i = 0; i < row.series.size(); ++i) {
    Column& column = ColumnOf(row.series[i], hint);
    hint = static_cast<std::size_t>(&column - columns_.data()) + 1;
    bool changed = false;
    if (Set(&column, at, row.values[i], expected_, &changed)) {
      added.overwritten += changed ? 1 : 0;
    } else {
      ++added.fresh;
    }
  }
  samples_ += added.fresh;
  return added;
}

base::Result<> Table::Insert(ChunkReader* chunk) {
  const auto times = chunk->Times();
  if (!times) {
    return base::Fail(times.error());
  }
  std::vector<std::vector<double>> values;
  std::vector<const Mask*> masks;
  for (const ColumnRef& column : chunk->columns()) {
    const auto count = chunk->Count(column);
    if (!count) {
      return base::Fail(count.error());
    }
    values.emplace_back(*count);
    masks.push_back(*chunk->MaskOf(column));
    if (const auto decoded = chunk->Decode(column, values.back()); !decoded) {
      return decoded;
    }
  }
  std::vector<std::size_t> next(values.size());
  for (std::size_t r = 0; r < times->size(); ++r) {
    Row row{.t = (*times)[r]};
    for (std::size_t c = 0; c < values.size(); ++c) {
      if (masks[c] == nullptr || HasRow(*masks[c], r)) {
        row.series.push_back(chunk->columns()[c].series);
        row.values.push_back(values[c][next[c]++]);
      }
    }
    Insert(row);
  }
  return {};
}

// Row by row: next[c] is the first value of column c that has not been taken.
Row Table::RowOf(std::size_t row, std::vector<std::size_t>* next) const {
  Row out{.t = times_[row]};
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (HasRow(columns_[c].mask, row)) {
      out.series.push_back(columns_[c].series);
      out.values.push_back(columns_[c].values[(*next)[c]++]);
    }
  }
  return out;
}

void Table::Insert(const Table& newer) {
  newer.Settle();
  std::vector<std::size_t> next(newer.columns_.size());
  for (std::size_t r = 0; r < newer.times_.size(); ++r) {
    Insert(newer.RowOf(r, &next));
  }
}

void Table::DropRows(std::size_t first, std::size_t rows) {
  Settle();
  std::vector<std::size_t> next(columns_.size());
  Table kept;
  for (std::size_t r = 0; r < times_.size(); ++r) {
    const Row row = RowOf(r, &next);
    if (r < first || r - first >= rows) {
      kept.Insert(row);
    }
  }
  *this = std::move(kept);
}

std::vector<std::string> Table::Encode() const {
  Settle();
  std::vector<std::string> parts;
  for (std::size_t row = 0; row < times_.size(); row += kMaxRows) {
    const std::size_t row_end = std::min(times_.size(), row + kMaxRows);
    for (std::size_t column = 0; column < columns_.size(); column += kMaxColumns) {
      const std::size_t column_end = std::min(columns_.size(), column + kMaxColumns);
      std::string part = EncodePart(row, row_end, column, column_end);
      if (!part.empty()) {
        parts.push_back(std::move(part));
      }
    }
  }
  return parts;
}

std::string Table::EncodePart(std::size_t row, std::size_t row_end, std::size_t column,
                              std::size_t column_end) const {
  static_assert(kMaxRows % 64 == 0);  // so that masks are cut between words
  std::vector<Mask> masks;
  std::vector<ChunkColumn> out;
  masks.reserve(column_end - column);  // their places stay
  out.reserve(column_end - column);
  for (std::size_t c = column; c < column_end; ++c) {
    const Column& from = columns_[c];
    const std::size_t first = Rank(from.mask, row);
    const std::size_t end =
        row_end == times_.size() ? from.values.size() : Rank(from.mask, row_end);
    if (end == first) {
      continue;
    }
    const Mask* mask = nullptr;
    if (end - first < row_end - row) {
      const auto word = [&](std::size_t at) {
        return from.mask.begin() + static_cast<std::ptrdiff_t>(std::min(from.mask.size(), at));
      };
      mask = &masks.emplace_back(word(row / 64), word((row_end + 63) / 64));
    }
    out.push_back({from.series, std::span(from.values).subspan(first, end - first), mask});
  }
  return out.empty() ? std::string()
                     : EncodeChunk(std::span(times_).subspan(row, row_end - row), out);
}

}  // namespace store
