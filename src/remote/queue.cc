// The queue in SQLite: `rows` of samples, the `series` that they name by number, and the `windows`
// that were given out: those on their way, and those that arrived within the last moments.
#include "remote/queue.h"

#include <algorithm>

#include "base/log.h"
#include "remote/queue_rows.h"

namespace remote {
namespace {

constexpr std::size_t kRowSamples = 2000;       ///< of one row; more become several
constexpr std::size_t kManySeries = 1'000'000;  ///< then the numbers begin anew at the next pause

std::int64_t Ms(base::Duration d) { return d / std::chrono::milliseconds(1); }

/// Cuts the samples of a window into requests.
class Cutter {
 public:
  Cutter(Window* window, const std::vector<std::shared_ptr<const model::Labels>>& series)
      : window_(window), series_(series), open_(window->cut.shards) {
    window->requests.assign(window->cut.shards, {});
  }

  void Add(const Item& item) {
    const auto shard = item.series % window_->cut.shards;
    auto& requests = window_->requests[shard];
    auto& open = open_[shard];
    if (requests.empty() || open.samples >= window_->cut.batch) {
      requests.emplace_back();
      open = {};
    }
    auto& request = requests.back();
    const auto [at, fresh] = open.at.try_emplace(item.series, request.series.size());
    if (fresh) {
      request.series.push_back({series_[item.series], {}});
    }
    request.series[at->second].points.push_back(item.point);
    ++open.samples;
  }

 private:
  struct Open {
    std::unordered_map<std::uint32_t, std::size_t> at;
    std::size_t samples = 0;
  };
  Window* window_;
  const std::vector<std::shared_ptr<const model::Labels>>& series_;
  std::vector<Open> open_;
};

}  // namespace

void Queue::Configure(const QueueOptions& options) {
  const std::lock_guard lock(mutex_);
  auto path = std::move(options_.path);
  options_ = options;
  options_.path = std::move(path);
}

base::Result<std::uint32_t> Queue::IdOf(const std::shared_ptr<const model::Labels>& labels) {
  if (const auto found = ids_.find(labels); found != ids_.end()) {
    return found->second;
  }
  const auto id = static_cast<std::uint32_t>(series_.size());
  const auto text = EncodeLabels(*labels);
  if (auto done = put_series_.Bind(1, id).BindBlob(2, text).Run(); !done) {
    return base::Fail(done.error());
  }
  series_.push_back(labels);
  ids_.emplace(labels, id);
  return id;
}

base::Result<const TableSlots*> Queue::SlotsOf(const model::SeriesTable& table) {
  const auto identity = table.identity();
  auto& known = slots_[identity.get()];
  if (known.identity.lock() != identity) {
    known = {identity, {}};
  }
  const auto before = known.ids.size();
  for (auto slot = static_cast<std::uint32_t>(known.ids.size()); slot < table.size(); ++slot) {
    const auto id = IdOf(std::make_shared<const model::Labels>(table.LabelsOf(slot)));
    if (!id) {
      return base::Fail(id.error());
    }
    known.ids.push_back(*id);
  }
  if (before < known.ids.size()) {
    auto sorted = known.ids;
    std::ranges::sort(sorted);
    known.doubles = std::ranges::adjacent_find(sorted) != sorted.end();
  }
  return &known;
}

base::Result<> Queue::Write(std::span<const model::Batch> batches,
                            std::span<const model::TableBatch> tables, std::int64_t now,
                            std::vector<Row>* rows) {
  std::vector<Item> items;
  const auto flush = [&]() -> base::Result<> {
    const auto data = EncodeItems(items);
    const Row row{next_seq_ + static_cast<std::int64_t>(rows->size()), now, items.size(),
                  data.size()};
    items.clear();
    rows->push_back(row);
    return put_row_.Bind(1, row.seq)
        .Bind(2, row.came)
        .Bind(3, static_cast<std::int64_t>(row.samples))
        .BindBlob(4, data)
        .Run();
  };
  const auto add = [&](std::uint32_t id, model::Timestamp t, double v) -> base::Result<> {
    items.push_back({id, {t, v}});
    return items.size() < kRowSamples ? base::Result<>{} : flush();
  };
  base::Result<> done;
  for (const auto& batch : batches) {
    for (std::size_t i = 0; done && i < batch.samples.size(); ++i) {
      const auto id = IdOf(batch.samples[i].labels);
      done = id ? add(*id, batch.t, batch.samples[i].value) : base::Fail(id.error());
    }
  }
  for (const auto& batch : tables) {
    if (batch.table == nullptr || !done) {
      continue;
    }
    const auto known = SlotsOf(*batch.table);
    if (!known) {
      return base::Fail(known.error());
    }
    for (const auto& item : ItemsOf(batch, **known)) {
      done = done ? add(item.series, item.point.t, item.point.v) : done;
    }
  }
  return done && !items.empty() ? flush() : done;
}

base::Result<> Queue::Append(std::span<const model::Batch> batches,
                             std::span<const model::TableBatch> tables) {
  const std::lock_guard lock(mutex_);
  const auto now = base::Clock::NowMs();
  const auto known = series_.size();
  std::vector<Row> rows;
  store::Transaction transaction(&db_);
  auto done = transaction.Begin();
  done = done ? Write(batches, tables, now, &rows) : done;
  done = done ? transaction.Commit() : done;
  if (!done) {
    for (const auto& batch : batches) {
      stats_.failed += batch.samples.size();
    }
    for (const auto& batch : tables) {
      stats_.failed += batch.values.size();
    }
    Publish();
    slots_.clear();
    while (series_.size() > known) {  // their rows were rolled back
      ids_.erase(series_.back());
      series_.pop_back();
    }
    return done;
  }
  for (const auto& row : rows) {
    rows_.push_back(row);
    stats_.samples += row.samples;
    stats_.bytes += row.bytes;
    stats_.appended += row.samples;
    next_seq_ = row.seq + 1;
  }
  std::erase_if(slots_, [](const auto& one) { return one.second.identity.expired(); });
  done = Trim(now);
  Publish();
  return done;
}

const Queue::Row* Queue::FirstWaiting() const {
  // What arrived and is only held does not wait.
  std::int64_t last = 0;
  for (const auto& sent : sent_) {
    if (sent.arrived == 0) {
      break;
    }
    last = sent.last;
  }
  const auto at = std::ranges::upper_bound(rows_, last, {}, &Row::seq);
  return at == rows_.end() ? nullptr : &*at;
}

base::Result<> Queue::Trim(std::int64_t now) {
  const auto oldest_allowed = now - Ms(options_.max_age);
  std::int64_t up_to = 0;
  std::uint64_t bytes = stats_.bytes;
  const auto* waiting = FirstWaiting();
  const auto first = waiting == nullptr ? next_seq_ : waiting->seq;
  for (const auto& row : rows_) {
    const bool old = row.came < oldest_allowed;
    if (!old && bytes <= options_.max_bytes) {
      break;
    }
    bytes -= row.bytes;
    up_to = row.seq;
    if (row.seq >= first) {
      (old ? stats_.too_old : stats_.too_many) += row.samples;
    }
  }
  return up_to == 0 ? base::Result<>{} : DropTo(up_to);
}

void Queue::ForgetTo(std::int64_t seq) {
  while (!rows_.empty() && rows_.front().seq <= seq) {
    stats_.samples -= rows_.front().samples;
    stats_.bytes -= rows_.front().bytes;
    rows_.pop_front();
  }
  while (!sent_.empty() && sent_.front().last <= seq) {
    sent_.pop_front();
  }
}

base::Result<> Queue::DropTo(std::int64_t seq) {
  store::Transaction transaction(&db_);
  auto done = transaction.Begin();
  done = done ? drop_rows_.Bind(1, seq).Run() : done;
  done = done ? drop_windows_.Bind(1, seq).Run() : done;
  done = done ? transaction.Commit() : done;
  if (!done) {
    return done;
  }
  ForgetTo(seq);
  if (!rows_.empty()) {
    return {};
  }
  if (series_.size() > kManySeries) {
    done = db_.Exec("DELETE FROM series");
    series_.assign(1, nullptr);
    ids_.clear();
    slots_.clear();
  }
  return done ? db_.Exec("PRAGMA incremental_vacuum(256)") : done;
}

base::Result<> Queue::Fill(Window* window) {
  const store::Resetting reset(&read_rows_);
  read_rows_.Bind(1, window->first).Bind(2, window->last);
  Cutter cutter(window, series_);
  for (;;) {
    const auto row = read_rows_.Step();
    if (!row) {
      return base::Fail(row.error());
    }
    if (!*row) {
      return {};
    }
    const auto items = DecodeItems(AsText(read_rows_.Blob(0)));
    for (const auto& item : items ? *items : std::vector<Item>()) {
      if (item.series < series_.size()) {
        cutter.Add(item);
      }
    }
    if (!items) {
      base::Log(base::Level::kError, "samples for a remote store cannot be read; they are left out",
                {{"err", items.error().message}});
    }
  }
}

base::Result<std::optional<Window>> Queue::Next(std::size_t samples, Cut cut) {
  const std::lock_guard lock(mutex_);
  if (auto done = Trim(base::Clock::NowMs()); !done) {
    return base::Fail(done.error());
  }
  Publish();
  auto sent = std::ranges::find(sent_, 0, &Sent::arrived);
  if (sent == sent_.end()) {
    const auto* first = FirstWaiting();
    if (first == nullptr) {
      return std::optional<Window>();
    }
    Sent fresh{first->seq, first->seq, cut, 0, false};
    std::size_t taken = 0;
    for (auto at = std::ranges::lower_bound(rows_, first->seq, {}, &Row::seq);
         at != rows_.end() && (taken == 0 || taken + at->samples <= samples); ++at) {
      taken += at->samples;
      fresh.last = at->seq;
    }
    if (auto done = put_window_.Bind(1, fresh.first)
                        .Bind(2, fresh.last)
                        .Bind(3, fresh.cut.shards)
                        .Bind(4, fresh.cut.batch)
                        .Run();
        !done) {
      return base::Fail(done.error());
    }
    sent = sent_.insert(sent_.end(), fresh);
  }
  Window out{sent->first, sent->last, sent->cut, sent->again, 0, {}};
  sent->again = true;  // whoever asks for it again has not seen it arrive
  const auto row = std::ranges::lower_bound(rows_, out.first, {}, &Row::seq);
  out.came = row == rows_.end() ? base::Clock::NowMs() : row->came;
  if (auto done = Fill(&out); !done) {
    return base::Fail(done.error());
  }
  return std::optional(std::move(out));
}

base::Result<> Queue::Done(const Window& window) {
  const std::lock_guard lock(mutex_);
  const auto now = base::Clock::NowMs();
  const auto sent = std::ranges::find(sent_, window.first, &Sent::first);
  if (sent == sent_.end()) {
    return {};  // a bound was passed meanwhile
  }
  if (auto done = mark_window_.Bind(1, window.first).Bind(2, now).Run(); !done) {
    return done;
  }
  sent->arrived = now;
  std::int64_t up_to = 0;
  for (const auto& one : sent_) {
    if (one.arrived == 0 || one.arrived > now - Ms(options_.hold)) {
      break;
    }
    up_to = one.last;
  }
  auto done = up_to == 0 ? base::Result<>{} : DropTo(up_to);
  Publish();
  return done;
}

base::Result<std::size_t> Queue::Rewind() {
  const std::lock_guard lock(mutex_);
  const auto since = base::Clock::NowMs() - Ms(options_.hold);
  std::size_t count = 0;
  for (auto& sent : sent_) {
    if (sent.arrived == 0 || sent.arrived < since) {
      continue;
    }
    if (auto done = mark_window_.Bind(1, sent.first).Bind(2, 0).Run(); !done) {
      return base::Fail(done.error());
    }
    sent.arrived = 0;
    sent.again = true;
    ++count;
  }
  Publish();
  return count;
}

void Queue::Publish() {
  auto out = stats_;
  const auto* first = FirstWaiting();
  for (const auto& row : rows_) {  // what is held, a few rows
    if (first != nullptr && row.seq >= first->seq) {
      break;
    }
    out.samples -= row.samples;
    out.bytes -= row.bytes;
  }
  out.oldest = first == nullptr ? 0 : first->came;
  const std::lock_guard lock(published_mutex_);
  published_ = out;
}

QueueStats Queue::stats() const {
  const std::lock_guard lock(published_mutex_);
  return published_;
}

}  // namespace remote
