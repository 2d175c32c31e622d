// Ingest: takes the probes' batches to the store on its worker, many at once when it lags, and says
// when they can be read.
#pragma once

#include <functional>
#include <memory>
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

/// Belongs to the loop. What it has given to the worker is stored also when it is gone.
class Ingest {
 public:
  /// Called on the loop after samples can be read that somebody waits for: metrics of them flipped,
  /// or the store has work for Maintain. The names are those of the flipped metrics.
  using Readable = std::function<void(std::vector<std::string> flipped_metrics)>;

  /// Called on the worker with everything before the store takes it: what goes out to others.
  using Tap = std::function<void(std::span<const model::Batch> batches,
                                 std::span<const model::TableBatch> tables)>;

  /// `worker` has one thread; it and the store live longer.
  Ingest(loop::Loop& loop, loop::Worker& worker, store::Store& store, Tap tap, Readable readable);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;
  /// Takes a batch, and what a scrape gave beside it. `flipped`: names of metrics of it that
  /// changed their state.
  void Put(model::Batch batch, std::vector<std::string> flipped,
           std::vector<model::TableBatch> tables = {});
  /// Stores batches and returns when they are safe (Store::AppendMany has the errors).
  loop::Task<base::Result<>> Take(std::vector<model::Batch> batches);
  /// Stores one batch on the calling thread, any but the loop's: it can be read when this returns.
  void TakeNow(const model::Batch& batch);
  [[nodiscard]] IngestStats stats() const;

 private:
  struct Desk;
  std::shared_ptr<Desk> desk_;
};

}  // namespace app
