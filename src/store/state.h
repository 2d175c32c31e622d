// State: what the parts of Store share; not for other rooms.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "store/database.h"
#include "store/head.h"
#include "store/head_log.h"
#include "store/index.h"
#include "store/kept.h"
#include "store/record.h"
#include "store/slots.h"
#include "store/store.h"
#include "store/tier.h"

namespace store {

using Window = model::Timestamp;  // its start

/// Which chunk.
struct ChunkKey {
  Window window = 0;
  TargetId target = 0;
  std::int64_t part = 0;
  bool tier = false;  // of table `tier`; window is the day's start then
  auto operator<=>(const ChunkKey&) const = default;
};

/// The connection that writes and checkpoints, and its statements.
struct WriterDb {
  Database db;
  Statement put_string, put_target, put_series, put_chunk, put_aside;
  Statement drop_string, drop_target, drop_series, drop_rows, drop_chunks, drop_chunk, drop_row;
  Statement parts, last_part, oldest_chunks, split_targets, set_meta, put_logged;
  Statement put_tier, drop_tier, drop_tiers, tier_parts, oldest_tiers, window_targets;
  std::int64_t page_bytes = 0;  // a store keeps the size it was made with
};

/// A connection for reading only.
struct ReaderDb {
  Database db;
  Statement pin, parts, window;
  Statement tiers, tier_day;  // empty in a store from before there were any
};

/// The series numbers of a batch that came before with the very same labels.
struct Shape {
  std::vector<std::shared_ptr<const model::Labels>> labels;
  std::vector<SeriesId> series;      // ascending
  std::vector<std::uint32_t> order;  // series[i] has the value of sample order[i]
};

/// What is to be written, the dictionary first; more than one tick only while the disk refuses.
struct Pending {
  DictionaryRows dictionary;
  RemovedRows removed;
  std::deque<LogRow> rows;
  std::size_t bytes = 0;
  [[nodiscard]] bool empty() const {
    return dictionary.empty() && removed.series.empty() && rows.empty();
  }
};

/// A walk over the targets of one window that writes their tables as chunks.
struct WritePass {
  Window window = 0;
  bool final = false;          // merge with what is on disk; else write one part more
  std::uint64_t up_to = 0;     // log rows that are not needed any more when it is over
  std::vector<TargetId> left;  // targets still to be written
};

/// A walk over the targets of one window that makes their statistics of five minutes.
struct TierPass {
  Window window = 0;
  std::vector<TargetId> left;
};

/// A statement that a chunk cannot be read.
struct Damage {
  ChunkKey key;
  std::string reason;
};

/// A longer WAL is taken into the database by the next Maintain.
constexpr std::int64_t kWalBytes = 4LL << 20;

struct State {
  StoreOptions options;
  std::int64_t window_ms = 0;
  std::string path;
  int lock_fd = -1;
  bool read_only = false;                 // opened by OpenToRead: one reader, pinned to one moment
  std::vector<std::string> log_problems;  // what OpenToRead could not take from the head log

  // Held by whoever writes: Append, Maintain, parts of Check.
  mutable std::mutex writer;
  WriterDb write;
  Pending pending;
  HeadLog log;
  std::uint64_t log_id = 0;  // which segments are this store's
  std::uint64_t next_seq = 1;
  std::map<Window, std::uint64_t> logged;  // windows with rows in the head log: the last row's seq
  std::set<Window> in_table;               // of them, those with rows in table `head`
  std::unordered_map<TargetId, std::vector<Shape>> shapes;
  std::unordered_map<TargetId, std::vector<Slots>> slots;
  std::optional<WritePass> pass;
  Window merged_until = 0;  // windows before it have no superfluous parts
  std::optional<TierPass> tier_pass;
  Window tiered_until = 0;                          // windows before it have their statistics
  std::map<TargetId, std::set<SeriesId>> suspects;  // series that may have no sample left
  bool unsynced = false;  // the dictionary may not be on the disk itself yet
  base::Instant checkpointed{};
  std::atomic<int> wal_pages{0};
  mutable std::atomic<bool> unsettled{true};  // there is work for Maintain now
  std::int64_t last_wall = 0;                 // of the last Maintain, milliseconds
  base::Instant last_steady{};
  base::Instant hold_age_until{};
  base::Instant retry_at{};  // before it Append does not try a disk that refused

  // Written only while both are held, read under either (shared lock for readers).
  mutable std::shared_mutex shared;
  Index index;
  Head head;
  std::set<Window> windows;  // that have chunks
  std::set<Window> tiers;    // days that have statistics of five minutes

  mutable ChunkCache chunks{&options.cache_bytes};
  mutable std::mutex readers_mutex;
  mutable std::vector<std::unique_ptr<ReaderDb>> readers;
  mutable std::mutex damage_mutex;
  mutable std::map<ChunkKey, std::string> damaged;
  mutable std::mutex error_mutex;
  std::string error;

  mutable std::atomic<std::uint64_t> unreadable{0};
  mutable std::atomic<bool> helping{false};  // a long read has its second thread
  std::atomic<std::uint64_t> appended{0}, overwritten{0}, refused{0}, lost{0}, replayed{0};
  std::atomic<std::uint64_t> chunks_written{0}, chunks_deleted{0}, series_deleted{0};
  std::atomic<std::uint64_t> chunks_set_aside{0}, rows_set_aside{0}, files_set_aside{0};
  std::atomic<std::size_t> pending_bytes{0};

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State();

  [[nodiscard]] Window WindowOf(model::Timestamp t) const { return t - t % window_ms; }
  // The day of statistics: so many whole windows as make a day or more.
  [[nodiscard]] std::int64_t TierSpan() const {
    constexpr std::int64_t kDay = 86'400'000;
    return (kDay + window_ms - 1) / window_ms * window_ms;
  }
  [[nodiscard]] Window TierOf(model::Timestamp t) const { return t - t % TierSpan(); }

  // store.cc
  base::Result<> OpenFiles();
  base::Result<> OpenFilesToRead();
  base::Result<> LoadDictionary(Database* db);
  base::Result<> LoadWindows(Database* db);
  void SuspectAll();
  // replay.cc
  /// Takes the head log into memory: the rows of table `head`, then the segments. What cannot be
  /// read is set aside.
  base::Result<> ReplayLog(Database* db, const std::vector<Segment>& segments);
  // append.cc
  /// Samples in memory before some are written early: as the options say, and of scraped series so
  /// many rows as make pieces worth their space.
  [[nodiscard]] std::size_t HeadLimit() const;
  base::Result<> AppendMany(std::span<const model::Batch> batches,
                            std::span<const model::TableBatch> tables);
  /// Writes what is pending; not at once: only if the last refusal is a second ago.
  base::Result<> Flush(bool at_once);
  base::Result<> WritePending();
  void NoteDisk(const base::Result<>& done);
  void DropOldest();
  Added IntoHead(const Row& row, Window window);
  // maintain.cc
  base::Result<> Maintain(base::Time now);
  base::Result<> WriteHead(std::int64_t now, base::Instant deadline);
  base::Result<> Checkpoint(bool truncate);
  /// Moves what cannot be read out of the way. `of_log`: of the head log, the key's part is the
  /// number of a record.
  base::Result<> SetAside(const ChunkKey& key, const std::string& reason, Bytes data, bool of_log);
  // read.cc
  base::Result<std::unique_ptr<ReaderDb>> TakeReader() const;
  void GiveReader(std::unique_ptr<ReaderDb> reader) const;
  void NoteDamage(const ChunkKey& key, const std::string& reason) const;
  [[nodiscard]] Window EndOf(const ChunkKey& key) const {
    return key.window + (key.tier ? TierSpan() : window_ms);
  }
};

// replay.cc
/// Rows of the head log that are in chunks already: of each window those up to a number.
class SettledRows {
 public:
  /// Takes what table `logged` says; nothing in a store of version 1. Errors: as Database has them.
  base::Result<> Load(Database* db);
  [[nodiscard]] bool Have(const LogEntry& entry) const {
    const auto at = last_.find(entry.window);
    return at != last_.end() && entry.seq <= at->second;
  }
  [[nodiscard]] const std::map<Window, std::uint64_t>& last() const { return last_; }

 private:
  std::map<Window, std::uint64_t> last_;
};

// schema.cc
/// Opens the writer's connection: makes the schema or checks its version, prepares statements.
/// Errors: kRefused (other version), kCorrupt (set the file aside), kUnavailable.
base::Result<WriterDb> OpenWriter(const std::string& path, std::int64_t* window_ms);
/// Opens one more connection for reading beside the writer's.
base::Result<std::unique_ptr<ReaderDb>> OpenReader(const std::string& path);
/// Opens a connection that cannot write, in a transaction that sees one moment until it is closed.
/// Errors: those of OpenWriter; kNotFound when there is no file.
base::Result<std::unique_ptr<ReaderDb>> OpenPinned(const std::string& path,
                                                   std::int64_t* window_ms);

}  // namespace store
