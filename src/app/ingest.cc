// The queue between probes and store.
#include "app/ingest.h"

#include "base/log.h"

namespace app {

Ingest::Ingest(loop::Loop& loop, loop::Worker& worker, store::Store& store, Tap tap,
               Readable readable)
    : worker_(worker),
      store_(store),
      tap_(std::move(tap)),
      readable_(std::move(readable)),
      event_(loop) {}

loop::Task<base::Result<>> Ingest::Take(std::vector<model::Batch> batches) {
  stats_.batches += batches.size();
  auto work = [store = &store_, tap = tap_, batches = std::move(batches)] {
    tap(batches, {});
    return store->AppendMany(batches);
  };
  auto done = co_await worker_.Run(std::move(work));
  co_return done;
}

void Ingest::TakeNow(const model::Batch& batch) {
  tap_({&batch, 1}, {});
  (void)store_.Append(batch);  // what is wrong with the store is said where the probes' samples go
}

void Ingest::Put(model::Batch batch, std::vector<std::string> flipped,
                 std::vector<model::TableBatch> tables) {
  if (waiting_.batches.size() >= kMaxWaiting || waiting_samples_ >= kMaxWaitingSamples) {
    ++stats_.dropped;
    return;
  }
  waiting_.batches.push_back(std::move(batch));
  for (auto& table : tables) {
    waiting_samples_ += table.values.size();
    waiting_.tables.push_back(std::move(table));
  }
  flipped_.insert(flipped_.end(), flipped.begin(), flipped.end());
  event_.Notify();
}

loop::Task<> Ingest::Run() {
  for (;;) {
    while (waiting_.batches.empty()) {
      co_await event_.Wait();
    }
    auto waiting = std::make_shared<Waiting>(std::exchange(waiting_, {}));
    waiting_samples_ = 0;
    auto flipped = std::exchange(flipped_, {});
    stats_.batches += waiting->batches.size();
    auto* store = &store_;
    auto work = [store, tap = tap_, waiting] {
      tap(waiting->batches, waiting->tables);
      auto done = store->AppendMany(waiting->batches, waiting->tables);
      *waiting = {};
      return done;
    };
    const auto done = co_await worker_.Run(std::move(work));
    const std::string error = done ? "" : done.error().message;
    if (!done) {
      ++stats_.errors;
    }
    if (error != last_error_) {
      base::Log(done ? base::Level::kInfo : base::Level::kError,
                done ? "the store takes samples again"
                     : "the store did not take samples; watching goes on from memory",
                {{"err", error}});
      last_error_ = error;
    }
    readable_(std::move(flipped));
  }
}

IngestStats Ingest::stats() const {
  auto out = stats_;
  out.waiting = waiting_.batches.size();
  return out;
}

}  // namespace app
