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
    tap(batches);
    return store->AppendMany(batches);
  };
  auto done = co_await worker_.Run(std::move(work));
  co_return done;
}

void Ingest::Put(model::Batch batch, std::vector<std::string> flipped) {
  if (waiting_.size() >= kMaxWaiting) {
    ++stats_.dropped;
    return;
  }
  waiting_.push_back(std::move(batch));
  flipped_.insert(flipped_.end(), flipped.begin(), flipped.end());
  event_.Notify();
}

loop::Task<> Ingest::Run() {
  for (;;) {
    while (waiting_.empty()) {
      co_await event_.Wait();
    }
    auto batches = std::make_shared<std::vector<model::Batch>>(std::exchange(waiting_, {}));
    auto flipped = std::exchange(flipped_, {});
    stats_.batches += batches->size();
    auto* store = &store_;
    auto work = [store, tap = tap_, batches] {
      tap(*batches);
      return store->AppendMany(*batches);
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
  out.waiting = waiting_.size();
  return out;
}

}  // namespace app
