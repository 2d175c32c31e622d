// Queue: samples on their way to another store, on disk: safe from the moment Append returns, given
// out in windows, forgotten only when they arrived or a bound is passed.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/sample.h"
#include "model/series_table.h"
#include "remote/queue_rows.h"
#include "remote/wire.h"
#include "store/database.h"

namespace remote {

struct QueueOptions {
  std::string path;                                 ///< of the database
  std::uint64_t max_bytes = 512ULL << 20U;          ///< of what waits; then the oldest goes
  base::Duration max_age = std::chrono::hours(24);  ///< since it came in
  base::Duration hold = std::chrono::seconds(10);   ///< kept so long after it has arrived
};

/// How a window was, or is to be, cut into requests. The same window is always cut the same way.
struct Cut {
  std::uint32_t shards = 1;    ///< series are shared out among them
  std::uint32_t batch = 2000;  ///< samples of a request
};

/// Rows that are sent together.
struct Window {
  std::int64_t first = 0;
  std::int64_t last = 0;
  Cut cut;
  bool again = false;     ///< may have arrived before (a crash, a lost answer, Rewind)
  std::int64_t came = 0;  ///< when its oldest row came in, milliseconds since 1970
  /// Of each shard its requests; within one, a series' samples are in the order in which they came.
  std::vector<std::vector<WriteRequest>> requests;
};

struct QueueStats {
  std::size_t samples = 0;     ///< that wait
  std::uint64_t bytes = 0;     ///< that they take
  std::int64_t oldest = 0;     ///< when the oldest came in, milliseconds since 1970; 0 = none waits
  std::uint64_t appended = 0;  ///< samples since Open
  std::uint64_t too_old = 0;   ///< samples dropped by age
  std::uint64_t too_many = 0;  ///< samples dropped by size
  std::uint64_t failed = 0;    ///< samples that the disk did not take
};

/// Thread-safe. One process at a time (the daemon's lock on data_dir).
class Queue {
 public:
  /// Opens or makes it. A file that cannot be read is renamed and a new one begun (logged). Errors:
  /// kUnavailable, kInternal.
  static base::Result<std::unique_ptr<Queue>> Open(QueueOptions options);
  /// Takes other bounds (a reload); the path stays.
  void Configure(const QueueOptions& options);

  /// Adds samples; the oldest go where a bound is passed. Errors: kUnavailable (disk).
  base::Result<> Append(std::span<const model::Batch> batches,
                        std::span<const model::TableBatch> tables = {});
  /// The oldest window that did not arrive yet, else a new one of about `samples` samples that will
  /// be cut so. nullopt: nothing waits. Errors: kUnavailable.
  base::Result<std::optional<Window>> Next(std::size_t samples, Cut cut);
  /// A window arrived (or was refused for good). Errors: kUnavailable: it will come again.
  base::Result<> Done(const Window& window);
  /// The receiver may have lost what it had confirmed in the last moments: what is still held will
  /// come again. Gives how many windows.
  base::Result<std::size_t> Rewind();
  /// As of the last call of any other; never waits for the disk.
  [[nodiscard]] QueueStats stats() const;

 private:
  struct Row {
    std::int64_t seq = 0;
    std::int64_t came = 0;
    std::size_t samples = 0;
    std::uint64_t bytes = 0;
  };
  struct Sent {
    std::int64_t first = 0;
    std::int64_t last = 0;
    Cut cut;
    std::int64_t arrived = 0;  ///< 0: on its way
    bool again = false;
  };
  struct PtrHash {
    std::size_t operator()(const std::shared_ptr<const model::Labels>& labels) const {
      return model::LabelsHash()(*labels);
    }
  };
  struct PtrEqual {
    bool operator()(const std::shared_ptr<const model::Labels>& a,
                    const std::shared_ptr<const model::Labels>& b) const {
      return a == b || *a == *b;
    }
  };

  explicit Queue(QueueOptions options) : options_(std::move(options)) {}
  base::Result<> OpenFile();
  base::Result<> Prepare();
  base::Result<> LoadSeries();
  base::Result<> LoadRows();
  base::Result<> Write(std::span<const model::Batch> batches,
                       std::span<const model::TableBatch> tables, std::int64_t now,
                       std::vector<Row>* rows);
  base::Result<const TableSlots*> SlotsOf(const model::SeriesTable& table);
  base::Result<std::uint32_t> IdOf(const std::shared_ptr<const model::Labels>& labels);
  base::Result<> Trim(std::int64_t now);
  base::Result<> DropTo(std::int64_t seq);
  void ForgetTo(std::int64_t seq);
  base::Result<> Fill(Window* window);
  [[nodiscard]] const Row* FirstWaiting() const;
  void Publish();

  std::mutex mutex_;
  QueueOptions options_;
  store::Database db_;
  store::Statement put_series_, put_row_, drop_rows_, read_rows_, put_window_, drop_windows_,
      mark_window_;
  std::unordered_map<std::shared_ptr<const model::Labels>, std::uint32_t, PtrHash, PtrEqual> ids_;
  std::vector<std::shared_ptr<const model::Labels>> series_;  ///< by id, 1 the first
  std::unordered_map<const void*, TableSlots> slots_;         ///< by the table's identity
  std::deque<Row> rows_;
  std::deque<Sent> sent_;  ///< ascending, without gaps
  std::int64_t next_seq_ = 1;
  QueueStats stats_;  ///< samples and bytes of all rows, held ones too
  mutable std::mutex published_mutex_;
  QueueStats published_;
};

}  // namespace remote
