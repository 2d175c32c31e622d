// Append: from batches to rows of the head log and of the head.
#include <algorithm>
#include <numeric>

#include "base/log.h"
#include "store/state.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr std::size_t kMaxLabels = 128;
constexpr std::size_t kMaxLabelBytes = 64 * 1024;
constexpr std::size_t kMaxTargetBytes = 4096;
constexpr std::size_t kShapesPerTarget = 8;
constexpr std::uint32_t kSlotsAtOnce = 1024;
constexpr std::size_t kScrapedRows = 20;
constexpr std::size_t kMostScraped = 4'000'000;
constexpr std::size_t kRecordSamples = 16'384;              // a longer row of the log is cut in two
constexpr model::Timestamp kMaxTime = 1LL << 52;            // the year 144,000
constexpr base::Duration kRetry = std::chrono::seconds(1);  // of a disk that refused
constexpr std::int64_t kWalBytesInAppend = 32LL << 20;      // Maintain is not being called

bool GoodLabels(const std::shared_ptr<const model::Labels>& labels) {
  if (labels == nullptr || labels->empty() || labels->size() > kMaxLabels) {
    return false;
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : *labels) {
    bytes += name.size() + value.size();
  }
  return bytes <= kMaxLabelBytes;
}

bool SameLabels(const Shape& shape, const model::Batch& batch) {
  if (shape.labels.size() != batch.samples.size()) {
    return false;
  }
  for (std::size_t i = 0; i < shape.labels.size(); ++i) {
    if (shape.labels[i] != batch.samples[i].labels) {
      return false;
    }
  }
  return true;
}

// Puts the series in ascending order and keeps the last of those given twice.
void Order(std::vector<SeriesId>* by_sample, Shape* shape) {
  std::vector<std::uint32_t> order(by_sample->size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return (*by_sample)[i]; });
  for (const std::uint32_t i : order) {
    const SeriesId id = (*by_sample)[i];
    if (id == 0) {
      continue;  // refused
    }
    if (!shape->series.empty() && shape->series.back() == id) {
      shape->order.back() = i;
    } else {
      shape->series.push_back(id);
      shape->order.push_back(i);
    }
  }
}

// Finds or makes the series of one batch.
class Resolver {
 public:
  Resolver(State* state, base::Result<>* first_error) : state_(state), error_(first_error) {}

  Row Resolve(const model::Batch& batch) {
    const auto known = state_->index.FindTarget(batch.target);
    if (known) {
      const auto shapes = state_->shapes.find(*known);
      if (shapes != state_->shapes.end()) {
        for (const Shape& shape : shapes->second) {
          if (SameLabels(shape, batch)) {
            return Take(shape, *known, batch);
          }
        }
      }
    }
    return Make(batch);
  }

  /// The same for a batch by slots, which must be Sound.
  Row Resolve(const model::TableBatch& batch) {
    TargetId target = state_->index.FindTarget(batch.target).value_or(0);
    Slots* slots = target == 0 ? nullptr : SlotsOf(target, *batch.table);
    const bool room = state_->index.series_count() < state_->options.max_series;
    if (slots == nullptr || slots->size() < batch.table->size() || (slots->refused() > 0 && room)) {
      slots = LookUp(batch, &target, slots);
    }
    if (slots == nullptr) {
      return {};
    }
    Row row = slots->RowOf(batch);
    row.target = target;
    if (slots->refused() > 0) {
      Refuse(ErrorKind::kRefused, TooMany(batch.target), batch.values.size() - row.series.size());
    }
    return row;
  }

  void Refuse(ErrorKind kind, const std::string& why, std::size_t samples) {
    state_->refused += samples;
    if (*error_) {
      *error_ = base::Fail(kind, why);
    }
  }

 private:
  std::string TooMany(const std::string& target) const {
    return "store: " + target + ": more series than " + std::to_string(state_->options.max_series) +
           "; new ones are left out";
  }

  Slots* SlotsOf(TargetId target, const model::SeriesTable& table) {
    const auto at = state_->slots.find(target);
    if (at == state_->slots.end()) {
      return nullptr;
    }
    std::erase_if(at->second, [](const Slots& slots) { return slots.Gone(); });
    const auto found =
        std::ranges::find_if(at->second, [&](const Slots& slots) { return slots.Are(table); });
    return found == at->second.end() ? nullptr : &*found;
  }

  /// Finds or makes the series of the slots that have none, some at a time so that readers need not
  /// wait for all. nullptr: there is none to be had.
  Slots* LookUp(const model::TableBatch& batch, TargetId* target, Slots* slots) {
    std::vector<SeriesId> ids(batch.table->size());
    for (std::uint32_t from = 0; from < ids.size(); from += kSlotsAtOnce) {
      const auto end =
          std::min<std::uint32_t>(from + kSlotsAtOnce, static_cast<std::uint32_t>(ids.size()));
      std::vector<std::pair<std::uint32_t, std::shared_ptr<const model::Labels>>> fresh;
      for (std::uint32_t slot = from; slot < end; ++slot) {
        ids[slot] = slots == nullptr ? 0 : slots->Of(slot);
        if (ids[slot] == 0) {
          fresh.emplace_back(slot,
                             std::make_shared<const model::Labels>(batch.table->LabelsOf(slot)));
        }
      }
      if (fresh.empty()) {
        continue;
      }
      const std::unique_lock lock(state_->shared);
      for (const auto& [slot, labels] : fresh) {
        ids[slot] = GoodLabels(labels) ? FindOrAdd(batch.target, target, labels) : 0;
      }
    }
    if (*target == 0) {
      Refuse(ErrorKind::kRefused, TooMany(batch.target), batch.values.size());
      return nullptr;
    }
    if (slots == nullptr) {
      slots = &state_->slots[*target].emplace_back(batch.table->identity());
    }
    slots->Set(std::move(ids));
    return slots;
  }

  SeriesId FindOrAdd(const std::string& name, TargetId* target,
                     const std::shared_ptr<const model::Labels>& labels) {
    const auto found = *target == 0 ? 0 : state_->index.Find(*target, *labels);
    if (found != 0 || state_->index.series_count() >= state_->options.max_series) {
      return found;
    }
    auto& rows = state_->pending.dictionary;
    *target = *target == 0 ? state_->index.Target(name, &rows) : *target;
    return state_->index.Add(*target, labels, &rows);
  }

  static Row Take(const Shape& shape, TargetId target, const model::Batch& batch) {
    Row row{.target = target, .t = batch.t, .series = shape.series, .values = {}};
    row.values.reserve(shape.order.size());
    for (const std::uint32_t i : shape.order) {
      row.values.push_back(batch.samples[i].value);
    }
    return row;
  }

  Row Make(const model::Batch& batch) {
    const std::unique_lock lock(state_->shared);
    Shape shape;
    std::vector<SeriesId> by_sample(batch.samples.size());
    TargetId target = state_->index.FindTarget(batch.target).value_or(0);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < by_sample.size(); ++i) {
      const auto& labels = batch.samples[i].labels;
      if (!GoodLabels(labels)) {
        Refuse(ErrorKind::kInvalid,
               "store: " + batch.target + ": a sample without labels, or with too many or too long",
               1);
        ++refused;
        continue;
      }
      shape.labels.push_back(labels);
      by_sample[i] = FindOrAdd(batch.target, &target, labels);
      if (by_sample[i] == 0) {
        Refuse(ErrorKind::kRefused, TooMany(batch.target), 1);
        ++refused;
      }
    }
    Order(&by_sample, &shape);
    Row row = Take(shape, target, batch);
    if (refused == 0 && target != 0 && !shape.series.empty()) {
      auto& shapes = state_->shapes[target];
      if (shapes.size() >= kShapesPerTarget) {
        shapes.erase(shapes.begin());
      }
      shapes.push_back(std::move(shape));
    }
    return row;
  }

  State* state_;
  base::Result<>* error_;
};

// Whether a batch's time and target may be stored; else why not.
base::Result<> Admit(const std::string& target, model::Timestamp t, const StoreOptions& options,
                     std::int64_t now) {
  const auto ms = [](base::Duration d) { return d / std::chrono::milliseconds(1); };
  if (t < 0 || t > kMaxTime) {
    return base::Fail(ErrorKind::kInvalid,
                      "store: " + target + ": time " + std::to_string(t) + " ms makes no sense");
  }
  if (target.size() > kMaxTargetBytes) {
    return base::Fail(ErrorKind::kInvalid, "store: a target's name is longer than 4096 bytes");
  }
  if (t > now + ms(options.max_ahead)) {
    return base::Fail(ErrorKind::kRefused, "store: " + target + ": sample of " +
                                               base::FormatRfc3339(base::FromMs(t)) +
                                               " is ahead of the clock");
  }
  if (options.retention_age.count() > 0 && t < now - ms(options.retention_age)) {
    return base::Fail(ErrorKind::kRefused, "store: " + target + ": sample of " +
                                               base::FormatRfc3339(base::FromMs(t)) +
                                               " is older than retention");
  }
  return {};
}

base::Result<> WriteDictionary(WriterDb* w, const Pending& pending) {
  const std::pair<Statement*, const std::vector<std::uint32_t>*> drops[] = {
      {&w->drop_series, &pending.removed.series},
      {&w->drop_string, &pending.removed.strings},
      {&w->drop_target, &pending.removed.targets}};
  base::Result<> done;
  for (const auto& [statement, ids] : drops) {
    for (std::size_t i = 0; done && i < ids->size(); ++i) {
      done = statement->Bind(1, (*ids)[i]).Run();
    }
  }
  for (const auto* texts : {&pending.dictionary.strings, &pending.dictionary.targets}) {
    Statement& put = texts == &pending.dictionary.strings ? w->put_string : w->put_target;
    for (std::size_t i = 0; done && i < texts->size(); ++i) {
      done = put.Bind(1, (*texts)[i].id).BindBlob(2, (*texts)[i].text).Run();
    }
  }
  for (std::size_t i = 0; done && i < pending.dictionary.series.size(); ++i) {
    const auto& one = pending.dictionary.series[i];
    done = w->put_series.Bind(1, one.id).Bind(2, one.target).BindBlob(3, one.labels).Run();
  }
  return done;
}

}  // namespace

std::size_t State::HeadLimit() const {
  std::size_t scraped = 0;
  for (const auto& [target, tables] : slots) {
    for (const Slots& one : tables) {
      scraped += one.size();
    }
  }
  return std::max(options.head_samples, std::min(kScrapedRows * scraped, kMostScraped));
}

Added State::IntoHead(const Row& row, Window window) {
  const auto [table, fresh] = head.windows[window].try_emplace(row.target);
  if (fresh) {
    const auto before = head.rows.find(row.target);
    table->second.Expect(before == head.rows.end() ? 0 : before->second);
  }
  const Added added = table->second.Insert(row);
  head.samples += added.fresh;
  overwritten += added.overwritten;
  return added;
}

// First the dictionary, so that every row of the log has its series when it is read again.
base::Result<> State::WritePending() {
  if (!pending.dictionary.empty() || !pending.removed.series.empty()) {
    Transaction t(&write.db);
    auto done = t.Begin();
    done = done ? WriteDictionary(&write, pending) : done;
    done = done ? t.Commit() : done;
    if (!done) {
      return done;
    }
    pending.dictionary = {};
    pending.removed = {};
    unsynced = true;
  }
  base::Result<> done;
  for (std::size_t n = log.Append(pending.rows, &done); n > 0; --n) {
    const LogRow& row = pending.rows.front();
    std::uint64_t& last = logged[row.window];
    last = std::max(last, row.seq);
    pending.bytes -= row.data.size();
    pending.rows.pop_front();
  }
  return done;
}

base::Result<> State::Flush(bool at_once) {
  if (pending.empty()) {
    return {};
  }
  base::Result<> done;
  if (!at_once && base::Clock::Steady() < retry_at) {
    const std::lock_guard lock(error_mutex);
    done = base::Fail(ErrorKind::kUnavailable, error);
  } else {
    done = WritePending();
    if (!done && done.error().kind == ErrorKind::kUnavailable && Checkpoint(true)) {
      done = WritePending();  // an emptied WAL may have made the room
    }
    retry_at = base::Clock::Steady() + (done ? base::Duration{} : kRetry);
    NoteDisk(done);
  }
  while (pending.bytes > options.pending_bytes && !pending.rows.empty()) {
    pending.bytes -= pending.rows.front().data.size();
    pending.rows.pop_front();
  }
  pending_bytes = pending.bytes;
  return done;
}

// Says it once when the disk refuses, and once when it takes samples again.
void State::NoteDisk(const base::Result<>& done) {
  const std::lock_guard lock(error_mutex);
  const std::string now = done ? "" : done.error().message;
  if (now.empty() != error.empty()) {
    if (done) {
      base::Log(base::Level::kInfo, "the disk takes samples again");
    } else {
      base::Log(base::Level::kError, "samples cannot be written; they are kept in memory",
                {{"err", now}});
    }
  }
  error = now;
}

void State::DropOldest() {
  const std::size_t limit = 2 * HeadLimit();
  while (head.samples > limit && !head.windows.empty()) {
    const std::unique_lock lock(shared);
    const auto oldest = head.windows.begin();
    std::size_t before = 0;
    std::size_t after = 0;
    for (auto at = oldest->second.begin(); at != oldest->second.end();) {
      before += at->second.samples();
      at->second.DropRows(0, (at->second.times().size() + 1) / 2);
      after += at->second.samples();
      at = at->second.samples() == 0 ? oldest->second.erase(at) : std::next(at);
    }
    head.samples -= before - after;
    lost += before - after;
    if (oldest->second.empty()) {
      head.windows.erase(oldest);
    }
  }
}

base::Result<> State::AppendMany(std::span<const model::Batch> batches,
                                 std::span<const model::TableBatch> tables) {
  const std::lock_guard lock(writer);
  const std::int64_t now = base::Clock::NowMs();
  base::Result<> result;
  Resolver resolver(this, &result);
  std::map<Window, std::vector<Row>> by_window;
  const auto take = [&](const auto& batch, std::size_t samples) {
    if (const auto admitted = Admit(batch.target, batch.t, options, now); !admitted) {
      resolver.Refuse(admitted.error().kind, admitted.error().message, samples);
    } else if (Row row = resolver.Resolve(batch); !row.series.empty()) {
      by_window[WindowOf(batch.t)].push_back(std::move(row));
    }
  };
  for (const model::Batch& batch : batches) {
    take(batch, batch.samples.size());
  }
  for (const model::TableBatch& batch : tables) {
    if (Sound(batch)) {
      take(batch, batch.values.size());
    } else {
      resolver.Refuse(ErrorKind::kInvalid, "store: " + batch.target + ": slots and values differ",
                      batch.values.size());
    }
  }
  for (const auto& [window, rows] : by_window) {
    for (std::size_t from = 0; from < rows.size();) {
      std::size_t samples = 0;
      std::size_t end = from;
      while (end < rows.size() && (end == from || samples < kRecordSamples)) {
        samples += rows[end++].series.size();
      }
      std::string data = EncodeRecord(std::span(rows).subspan(from, end - from), window);
      pending.bytes += data.size();
      pending.rows.push_back({window, next_seq++, std::move(data)});
      from = end;
    }
  }
  auto flushed = Flush(false);
  {
    const std::unique_lock exclusive(shared);
    for (const auto& [window, rows] : by_window) {
      for (const Row& row : rows) {
        IntoHead(row, window);
        appended += row.series.size();
      }
    }
  }
  if (!flushed) {
    unsettled = true;
    DropOldest();
    return flushed;
  }
  const std::size_t limit = HeadLimit();
  if (head.samples > limit || wal_pages * write.page_bytes > kWalBytes) {
    unsettled = true;
  }
  if (head.samples > 2 * limit) {  // nobody calls Maintain
    if (auto written = WriteHead(now, base::Clock::Steady() + options.maintain_budget); !written) {
      DropOldest();
    }
  }
  if (wal_pages * write.page_bytes > kWalBytesInAppend) {
    (void)Checkpoint(false);
  }
  return result;
}

}  // namespace store
