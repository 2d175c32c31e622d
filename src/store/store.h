// Store: samples kept by series and time in one directory, safe from the moment Append returns.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/sample.h"
#include "model/series_table.h"
#include "store/querier.h"

namespace store {

struct State;

/// Where the samples live and how many. Zero means "no limit" where that is said.
struct StoreOptions {
  std::string dir;                                ///< made when it is not there
  base::Duration window = std::chrono::hours(2);  ///< of a chunk, wall-clock aligned; a store keeps
                                                  ///< the one it was made with; 1 min to 31 d
  base::Duration retention_age = std::chrono::hours(24 * 15);  ///< 0: for ever
  std::uint64_t retention_bytes = 0;  ///< of database (without free pages) and log; 0: no limit
  /// Statistics of five minutes are kept so long, also after the samples are gone; 0: none are
  /// made. Only for windows of a multiple of five minutes.
  base::Duration tier_age{};
  /// They are made when a window is so old, or when its samples go.
  base::Duration tier_after = std::chrono::hours(24 * 7);
  /// A sample further ahead of the clock than this is refused.
  base::Duration max_ahead = std::chrono::hours(1);
  /// A window is written this long after its end.
  base::Duration grace = std::chrono::seconds(60);
  /// Samples in memory (8 bytes each and a little) before some are written early; twice as many are
  /// held when the disk is full, then the oldest go.
  std::size_t head_samples = 4'000'000;
  std::size_t max_series = 2'000'000;        ///< new ones beyond it are refused
  std::size_t pending_bytes = 64ULL << 20;   ///< log rows held while the disk is full
  std::size_t select_samples = 100'000'000;  ///< that one Select may answer
  std::size_t cache_bytes = 32ULL << 20;     ///< of chunks' columns, kept as readers read them
  base::Duration maintain_budget = std::chrono::milliseconds(50);  ///< of one Maintain, roughly
};

/// What may change while a store is open; as in StoreOptions.
struct StoreLimits {
  base::Duration retention_age{};
  std::uint64_t retention_bytes = 0;
  base::Duration tier_age{};
  std::size_t head_samples = 4'000'000;
};

/// What there is and what has happened since Open; for raksa_store_* metrics and `store stats`.
struct Stats {
  std::size_t series = 0;
  std::size_t targets = 0;
  std::size_t strings = 0;
  std::size_t windows = 0;           ///< that have a chunk on disk
  std::size_t tier_days = 0;         ///< that have statistics of five minutes
  std::size_t head_samples = 0;      ///< in memory, not in a chunk yet
  std::size_t pending_bytes = 0;     ///< log rows that the disk did not take yet
  std::uint64_t database_bytes = 0;  ///< the file, free pages included
  std::uint64_t free_bytes = 0;      ///< of them, what nothing is in
  std::uint64_t wal_bytes = 0;
  std::uint64_t log_bytes = 0;  ///< segments of the head log
  std::uint64_t samples_appended = 0;
  std::uint64_t samples_overwritten = 0;  ///< same series and time, another value
  std::uint64_t samples_refused = 0;      ///< too old, too far ahead, bad labels, too many series
  std::uint64_t samples_lost = 0;  ///< dropped from memory while the disk would not take them
  std::uint64_t replayed = 0;      ///< samples that Open took from the head log
  std::uint64_t chunks_written = 0;
  std::uint64_t chunks_deleted = 0;    ///< by retention
  std::uint64_t series_deleted = 0;    ///< without a sample left
  std::uint64_t chunks_set_aside = 0;  ///< unreadable: now in table `aside`
  std::uint64_t rows_set_aside = 0;    ///< of the head log, unreadable
  std::uint64_t unreadable = 0;        ///< reads that met a damaged chunk or page
  std::uint64_t files_set_aside = 0;   ///< databases that could not be opened, renamed by Open
  base::Duration window{};
  model::Timestamp oldest = 0;  ///< start of the oldest window; 0 when there is none
  std::string error;            ///< why the disk does not take samples now; "" when it does
};

/// Something that could not be read and was set aside.
struct AsideRow {
  model::Timestamp at = 0;      ///< when it was set aside
  std::string source;           ///< "chunk", "head" (a record of the head log)
  model::Timestamp window = 0;  ///< the range is [window, window + Stats::window)
  std::string target;           ///< "" when it is not known
  std::string reason;
  std::uint64_t bytes = 0;
};

/// What a walk over everything found.
struct CheckReport {
  std::uint64_t chunks = 0;
  std::uint64_t columns = 0;
  std::uint64_t samples = 0;  ///< of chunks
  std::uint64_t bytes = 0;    ///< of chunks
  std::uint64_t series = 0;
  std::uint64_t head_samples = 0;  ///< of the head log
  base::Duration window{};
  std::uint64_t problem_count = 0;
  std::vector<std::string> problems;  ///< the first hundred, each a sentence with its place
  std::vector<AsideRow> aside;        ///< the newest hundred
  std::uint64_t aside_count = 0;
};

/// Columns, samples and bytes of one sort.
struct Usage {
  std::string name;
  std::uint64_t columns = 0;  ///< of a target: its series
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
};

/// Where the bytes of a store are.
struct Inventory {
  Stats stats;
  std::vector<Usage> codes;    ///< of columns, by their code, and "times", "directory", "tier"
  std::vector<Usage> targets;  ///< largest first; samples in memory count, without bytes
  struct WindowUsage {
    model::Timestamp window = 0;  ///< its start
    std::uint64_t chunks = 0;
    std::uint64_t samples = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<WindowUsage> windows;                          ///< ascending
  std::vector<std::pair<std::string, std::size_t>> labels;   ///< values of each, most first
  std::vector<std::pair<std::string, std::size_t>> metrics;  ///< series of each, most first
};

/// Copies a SQLite database as it is at one moment, while others may write to it. Errors: as
/// Store::CopyTo.
base::Result<> CopyDatabase(const std::string& from, const std::string& to);
/// Copies the store in a directory as it is at one moment into one database, beside a daemon that
/// may work on it. Errors: as Store::CopyTo.
base::Result<> CopyStore(const std::string& dir, const std::string& to);

/// The embedded store. Thread-safe: writes wait for each other, reads go beside them. Select and
/// its sisters see all of a batch or nothing.
///
/// Samples may come in any order. One with the time of a sample that is there replaces it (the last
/// one written counts); the same value again changes nothing. docs/formats/store.md has the rules.
class Store : public Querier {
 public:
  /// Opens or makes the store and takes the head log into memory. What cannot be read is set aside
  /// and counted. Errors: kUnavailable (directory, disk, or another process has it), kInvalid
  /// (options), kRefused (made by a newer or unknown version).
  static base::Result<std::unique_ptr<Store>> Open(StoreOptions options);
  /// Opens a store that is there for reading alone, beside a daemon that may work on it: it sees
  /// one moment for as long as it is open (the WAL cannot shrink so long) and changes nothing.
  /// Errors: kNotFound, kUnavailable, kRefused, and kCorrupt when the dictionary cannot be read.
  static base::Result<std::unique_ptr<Store>> OpenToRead(const std::string& dir);
  ~Store() override;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// When it returns without an error the batch survives kill -9; a power loss may take the last
  /// moments. Errors: kUnavailable: the disk did not take it; it is in memory, is answered by
  /// queries and is written as soon as the disk lets it. kRefused and kInvalid: some samples were
  /// left out (the sentence says why), the others are stored.
  base::Result<> Append(const model::Batch& batch);
  /// The same for many batches in one transaction; cheaper for each. Batches by slots find their
  /// series without a look at labels, once the store has seen the table.
  base::Result<> AppendMany(std::span<const model::Batch> batches,
                            std::span<const model::TableBatch> tables = {});
  /// What must be done now and then: writes closed windows, deletes by age and
  /// size, tidies the file; goes on next time when its time is over. Errors: kUnavailable,
  /// kCorrupt.
  base::Result<> Maintain(base::Time now);
  /// Other limits from now on; Maintain deletes by them.
  void SetLimits(const StoreLimits& limits);
  /// Whether Maintain has work by now that should not wait: more in memory than there should be,
  /// what the disk refused, something damaged, or more of what the last one did. Else it is enough
  /// to call it once a minute. From any thread, at the price of a load.
  [[nodiscard]] bool unsettled() const;
  [[nodiscard]] Stats stats() const;
  /// Reads every chunk: checksum, every column, order of times, series and targets known; the
  /// dictionary, what was set aside, and SQLite's own check; of a store opened to be read also
  /// every record of the head log. Damaged chunks are set aside by the next Maintain. Errors:
  /// kUnavailable.
  base::Result<CheckReport> Check();
  /// Walks over every chunk and counts. Errors: kUnavailable.
  base::Result<Inventory> TakeInventory() const;
  /// Copies the store as it is at one moment to one database at `path`, which must not be there;
  /// appends go on.
  /// Errors: kRefused (it is there, or there is not enough room), kUnavailable.
  base::Result<> CopyTo(const std::string& path) const;

  base::Result<std::vector<SeriesData>> Select(const std::vector<Matcher>& matchers,
                                               model::Timestamp from,
                                               model::Timestamp to) const override;
  base::Result<> Each(const std::vector<Matcher>& matchers, model::Timestamp from,
                      model::Timestamp to, const Hints* hints,
                      const SeriesSink& sink) const override;
  base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<Matcher>& matchers, model::Timestamp from,
      model::Timestamp to) const override;
  base::Result<std::vector<std::string>> LabelNames(const std::vector<Matcher>& matchers,
                                                    model::Timestamp from,
                                                    model::Timestamp to) const override;
  base::Result<std::vector<std::string>> LabelValues(const std::string& name,
                                                     const std::vector<Matcher>& matchers,
                                                     model::Timestamp from,
                                                     model::Timestamp to) const override;

 private:
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace store
