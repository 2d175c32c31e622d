// Ingest: takes the probes' batches to the store on its worker, many at once when it lags, and says
// when they can be read.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "loop/worker.h"
#include "model/sample.h"
#include "store/store.h"

namespace app {

/// Counts for `raksa_ingest_*`.
struct IngestStats {
  std::uint64_t batches = 0;
  std::uint64_t errors = 0;   ///< transactions that the store did not take whole
  std::uint64_t dropped = 0;  ///< batches given up because too many waited
  std::size_t waiting = 0;
};

/// Belongs to the loop.
class Ingest {
 public:
  /// Called on the loop after samples can be read: which metrics of which targets flipped among
  /// them (may be empty).
  using Readable = std::function<void(std::vector<std::string> flipped_metrics)>;

  /// Called on the worker with everything before the store takes it: what goes out to others.
  using Tap = std::function<void(std::span<const model::Batch> batches,
                                 std::span<const model::TableBatch> tables)>;

  Ingest(loop::Loop& loop, loop::Worker& worker, store::Store& store, Tap tap, Readable readable);
  /// Takes a batch, and what a scrape gave beside it. `flipped`: names of metrics of it that
  /// changed their state.
  void Put(model::Batch batch, std::vector<std::string> flipped,
           std::vector<model::TableBatch> tables = {});
  /// Stores batches and returns when they are safe (Store::AppendMany has the errors).
  loop::Task<base::Result<>> Take(std::vector<model::Batch> batches);
  /// Stores one batch on the calling thread, any but the loop's: it can be read when this returns.
  void TakeNow(const model::Batch& batch);
  /// The task that empties the queue; runs until cancelled.
  loop::Task<> Run();
  [[nodiscard]] IngestStats stats() const;

 private:
  struct Waiting {
    std::vector<model::Batch> batches;
    std::vector<model::TableBatch> tables;
  };
  static constexpr std::size_t kMaxWaiting = 200'000;
  static constexpr std::size_t kMaxWaitingSamples = 20'000'000;  ///< of scrapes
  loop::Worker& worker_;
  store::Store& store_;
  Tap tap_;
  Readable readable_;
  loop::Event event_;
  Waiting waiting_;
  std::size_t waiting_samples_ = 0;  ///< of waiting_.tables
  std::vector<std::string> flipped_;
  IngestStats stats_;
  std::string last_error_;
};

}  // namespace app
