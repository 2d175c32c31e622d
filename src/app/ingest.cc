// The queue between probes and store.
#include "app/ingest.h"

#include <mutex>
#include <utility>

#include "base/log.h"

namespace app {
namespace {

constexpr std::size_t kMaxWaiting = 200'000;
constexpr std::size_t kMaxWaitingSamples = 20'000'000;  // of scrapes

}  // namespace

/// What the loop and the worker share. The worker empties it lot by lot, and wakes the loop only
/// when there is something to say: to wake a thread costs more than to store a small page.
struct Ingest::Desk : std::enable_shared_from_this<Desk> {
  struct Lot {
    std::vector<model::Batch> batches;
    std::vector<model::TableBatch> tables;
    std::vector<std::string> flipped;
  };

  Desk(loop::Loop& l, loop::Worker& w, store::Store& s, Tap t, Readable r)
      : loop(l), worker(w), store(s), tap(std::move(t)), readable(std::move(r)) {}

  void Send() {
    worker.Post([self = shared_from_this()] { self->Store(); });
  }

  /// Stores one lot. On the worker.
  void Store() {
    Lot lot;
    {
      const std::lock_guard lock(mutex);
      lot = std::exchange(waiting, {});
      waiting_samples = 0;
      stats.batches += lot.batches.size();
    }
    tap(lot.batches, lot.tables);
    const auto done = store.AppendMany(lot.batches, lot.tables);
    Say(done);
    if (!lot.flipped.empty() || store.unsettled()) {
      loop.Post([weak = weak_from_this(), flipped = std::move(lot.flipped)] {
        const auto self = weak.lock();
        if (self && self->readable) {
          self->readable(flipped);
        }
      });
    }
    const std::lock_guard lock(mutex);
    stats.errors += done ? 0 : 1;
    busy = !waiting.batches.empty();
    if (busy) {
      Send();
    }
  }

  /// Logs when the store begins to refuse and when it takes samples again.
  void Say(const base::Result<>& done) {
    std::string error = done ? "" : done.error().message;
    if (error == last_error) {
      return;
    }
    base::Log(done ? base::Level::kInfo : base::Level::kError,
              done ? "the store takes samples again"
                   : "the store did not take samples; watching goes on from memory",
              {{"err", error}});
    last_error = std::move(error);
  }

  loop::Loop& loop;
  loop::Worker& worker;
  store::Store& store;
  const Tap tap;
  Readable readable;       ///< the loop's; empty once Ingest is gone
  std::string last_error;  ///< the worker's

  std::mutex mutex;  ///< of what follows
  Lot waiting;
  std::size_t waiting_samples = 0;  ///< of waiting.tables
  bool busy = false;                ///< a lot is on its way to the worker, or there
  IngestStats stats;
};

Ingest::Ingest(loop::Loop& loop, loop::Worker& worker, store::Store& store, Tap tap,
               Readable readable)
    : desk_(std::make_shared<Desk>(loop, worker, store, std::move(tap), std::move(readable))) {}

Ingest::~Ingest() { desk_->readable = nullptr; }

loop::Task<base::Result<>> Ingest::Take(std::vector<model::Batch> batches) {
  const auto desk = desk_;
  {
    const std::lock_guard lock(desk->mutex);
    desk->stats.batches += batches.size();
  }
  auto work = [desk, batches = std::move(batches)] {
    desk->tap(batches, {});
    return desk->store.AppendMany(batches);
  };
  auto done = co_await desk->worker.Run(std::move(work));
  co_return done;
}

void Ingest::TakeNow(const model::Batch& batch) {
  desk_->tap({&batch, 1}, {});
  // What is wrong with the store is said where the probes' samples go.
  (void)desk_->store.Append(batch);
}

void Ingest::Put(model::Batch batch, std::vector<std::string> flipped,
                 std::vector<model::TableBatch> tables) {
  auto& desk = *desk_;
  const std::lock_guard lock(desk.mutex);
  auto& waiting = desk.waiting;
  if (waiting.batches.size() >= kMaxWaiting || desk.waiting_samples >= kMaxWaitingSamples) {
    ++desk.stats.dropped;
    return;
  }
  waiting.batches.push_back(std::move(batch));
  for (auto& table : tables) {
    desk.waiting_samples += table.values.size();
    waiting.tables.push_back(std::move(table));
  }
  waiting.flipped.insert(waiting.flipped.end(), flipped.begin(), flipped.end());
  if (!std::exchange(desk.busy, true)) {
    // Not at once: what else the loop has ready goes into the same transaction.
    desk.loop.Post([desk = desk_] { desk->Send(); });
  }
}

IngestStats Ingest::stats() const {
  const std::lock_guard lock(desk_->mutex);
  auto out = desk_->stats;
  out.waiting = desk_->waiting.batches.size();
  return out;
}

}  // namespace app
