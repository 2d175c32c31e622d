// TakeInventory: where the bytes are.
#include <algorithm>
#include <array>

#include "store/column.h"
#include "store/state.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr std::size_t kLargest = 20;
// By ColumnCode.
constexpr std::array<const char*, 6> kCodes = {"constant", "runs", "decimal", "xor", "raw", "zstd"};

class Counter {
 public:
  explicit Counter(const State* state) : state_(state) {
    for (const char* name : kCodes) {
      codes_.push_back({.name = name});
    }
    codes_.push_back({.name = "times"});
    codes_.push_back({.name = "directory"});
    codes_.push_back({.name = "tier"});
  }

  base::Result<> Chunk(TargetId target, Bytes bytes, Inventory::WindowUsage* window) {
    ++window->chunks;
    window->bytes += bytes.size();
    targets_[target].bytes += bytes.size();
    auto chunk = ChunkReader::Open(bytes);
    if (!chunk) {
      return {};  // `store check` names it
    }
    std::uint64_t data = 0;
    for (const ColumnRef& column : chunk->columns()) {
      const auto count = chunk->Count(column);
      if (!count || column.length == 0 || bytes[column.offset] >= kCodes.size()) {
        continue;
      }
      Usage& code = codes_[bytes[column.offset]];
      ++code.columns;
      code.samples += *count;
      code.bytes += column.length;
      data += column.length;
      window->samples += *count;
      targets_[target].samples += *count;
    }
    Usage& times = codes_[kCodes.size()];
    ++times.columns;
    times.samples += chunk->rows();
    times.bytes += chunk->time_length();
    Usage& directory = codes_[kCodes.size() + 1];
    ++directory.columns;
    directory.bytes += bytes.size() - data - chunk->time_length();
    return {};
  }

  void Tier(TargetId target, Bytes bytes) {
    Usage& tier = codes_.back();
    tier.bytes += bytes.size();
    targets_[target].bytes += bytes.size();
    const auto chunk = ChunkReader::Open(bytes);
    tier.columns += chunk ? chunk->columns().size() : 0;
  }

  // What is in memory and in the dictionary; under the shared lock.
  void Finish(Inventory* out) {
    for (const auto& [window, tables] : state_->head.windows) {
      for (const auto& [target, table] : tables) {
        targets_[target].samples += table.samples();
      }
    }
    const auto series = state_->index.Match({});
    for (std::size_t i = 0; series && i < series->size(); ++i) {
      ++targets_[state_->index.TargetOf((*series)[i])].columns;
    }
    for (auto& [target, usage] : targets_) {
      usage.name = state_->index.TargetName(target);
      out->targets.push_back(std::move(usage));
    }
    std::ranges::stable_sort(out->targets, std::greater<>(),
                             [](const Usage& u) { return std::pair(u.bytes, u.samples); });
    out->codes = std::move(codes_);
    out->labels = state_->index.LargestLabels(kLargest);
    out->metrics = state_->index.LargestValues(model::kName, kLargest);
  }

 private:
  const State* state_;
  std::vector<Usage> codes_;
  std::map<TargetId, Usage> targets_;
};

base::Result<> CountWindow(ReaderDb* reader, Window window, Counter* counter, Inventory* out) {
  Inventory::WindowUsage usage{.window = window};
  Statement& rows = reader->window;
  const Resetting reset(&rows);
  rows.Bind(1, window);
  while (true) {
    const auto row = rows.Step();
    if (!row && row.error().kind != ErrorKind::kCorrupt) {
      return base::Fail(row.error());
    }
    if (!row || !*row) {
      break;
    }
    auto done = counter->Chunk(static_cast<TargetId>(rows.Int(0)), rows.Blob(2), &usage);
    if (!done) {
      return done;
    }
  }
  out->windows.push_back(usage);
  return {};
}

base::Result<> CountDay(Statement* rows, Window day, Counter* counter) {
  const Resetting reset(rows);
  rows->Bind(1, day);
  while (true) {
    const auto row = rows->Step();
    if (!row && row.error().kind != ErrorKind::kCorrupt) {
      return base::Fail(row.error());
    }
    if (!row || !*row) {
      return {};
    }
    counter->Tier(static_cast<TargetId>(rows->Int(0)), rows->Blob(2));
  }
}

}  // namespace

base::Result<Inventory> Store::TakeInventory() const {
  Inventory out;
  std::vector<Window> windows;
  std::vector<Window> days;
  {
    const std::shared_lock lock(state_->shared);
    windows.assign(state_->windows.begin(), state_->windows.end());
    days.assign(state_->tiers.begin(), state_->tiers.end());
  }
  Counter counter(state_.get());
  {
    auto reader = state_->TakeReader();
    if (!reader) {
      return base::Fail(std::move(reader.error()));
    }
    base::Result<> done;
    for (std::size_t i = 0; done && i < windows.size(); ++i) {  // a short transaction each
      done = CountWindow(reader->get(), windows[i], &counter, &out);
    }
    for (std::size_t i = 0; done && i < days.size(); ++i) {
      done = CountDay(&(*reader)->tier_day, days[i], &counter);
    }
    state_->GiveReader(std::move(*reader));
    if (!done) {
      return base::Fail(std::move(done.error()));
    }
  }
  {
    const std::shared_lock lock(state_->shared);
    counter.Finish(&out);
  }
  out.stats = stats();
  return out;
}

}  // namespace store
