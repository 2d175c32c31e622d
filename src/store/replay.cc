// Replay: the head log into memory when a store is opened.
#include <algorithm>
#include <cstdio>

#include "base/log.h"
#include "store/state.h"

namespace store {
namespace {

class Replay {
 public:
  Replay(State* state, Database* db) : state_(state), db_(db) {}

  /// Rows of table `head`: of stores of version 1, and of copies.
  base::Result<> Table() {
    auto rows = db_->Prepare("SELECT window, seq, data FROM head ORDER BY window, seq");
    if (!rows) {
      return base::Fail(std::move(rows.error()));
    }
    struct Bad {
      Window window;
      std::uint64_t seq;
      std::string reason;
      std::string data;
    };
    std::vector<Bad> bad;
    while (true) {
      auto row = rows->Step();
      if (!row) {
        // A damaged page: what lies behind it in the table cannot be reached.
        Problem("table head: " + row.error().message + "; what lies behind is lost");
        break;
      }
      if (!*row) {
        break;
      }
      const Window window = rows->Int(0);
      const auto seq = static_cast<std::uint64_t>(rows->Int(1));
      GoOnBehind(seq);
      const auto record = CheckRecord(rows->Blob(2));
      const std::string reason =
          record ? Take({window, seq, *record, {}}) : "log row: checksum does not match";
      if (reason.empty()) {
        state_->in_table.insert(window);
      } else {
        bad.push_back({window, seq, reason, rows->Text(2)});
      }
    }
    rows->Reset();
    for (const Bad& one : bad) {
      SetAside(one.window, one.seq, "record " + std::to_string(one.seq) + ": " + one.reason,
               AsBytes(one.data));
    }
    return {};
  }

  /// Which rows of the segments are in chunks already. What cannot be told is replayed once more.
  void LoadSettled() {
    if (const auto done = settled_.Load(db_); !done) {
      Problem("table logged: " + done.error().message);
    }
    for (const auto& [window, seq] : settled_.last()) {
      GoOnBehind(seq);
    }
  }

  base::Result<> Segments(const std::vector<Segment>& segments) {
    if (!state_->read_only) {
      state_->log.Open(state_->options.dir, state_->log_id);
    }
    base::Result<> done;
    for (std::size_t i = 0; done && i < segments.size(); ++i) {
      done = One(segments[i], i + 1 == segments.size());
    }
    return done && !state_->read_only ? ForgetSettled() : done;
  }

 private:
  void GoOnBehind(std::uint64_t seq) { state_->next_seq = std::max(state_->next_seq, seq + 1); }

  // What is wrong with a record; "": it is in memory now, or in chunks.
  std::string Take(const LogEntry& entry) {
    if (settled_.Have(entry)) {
      return "";
    }
    auto rows = DecodeRecord(entry.data, entry.window);
    if (!rows) {
      return rows.error().message;
    }
    for (Row& row : *rows) {
      row.target = row.series.empty() ? 0 : state_->index.TargetOf(row.series.front());
      const auto stranger = [&](SeriesId id) { return state_->index.TargetOf(id) != row.target; };
      if (row.target == 0 || std::ranges::any_of(row.series, stranger)) {
        return "log row: unknown series";
      }
      if (row.t < 0 || state_->WindowOf(row.t) != entry.window) {
        return "log row: time outside its window";
      }
      state_->IntoHead(row, entry.window);
      state_->replayed += row.series.size();
    }
    std::uint64_t& last = state_->logged[entry.window];
    last = std::max(last, entry.seq);
    return "";
  }

  base::Result<> One(const Segment& segment, bool newest) {
    const std::string name = "segment " + std::to_string(segment.number);
    std::map<Window, std::uint64_t> last;
    std::string good = SegmentHead();  // what the segment should be
    bool damaged = false;
    Window near = 0;  // of the record before
    const auto bad = [&](Window window, const std::string& what, Bytes data) {
      damaged = true;
      SetAside(window, 0, name + ": " + what, data);
    };
    const auto gap = [&](const LogGap& one) {
      bad(one.window == 0 ? near : one.window,
          "bytes " + std::to_string(one.offset) + " to " +
              std::to_string(one.offset + one.bytes.size()) + " hold no record",
          one.bytes);
    };
    const auto take = [&](const LogEntry& entry) {
      near = entry.window;
      GoOnBehind(entry.seq);
      const std::string reason = Take(entry);
      if (!reason.empty()) {
        return bad(entry.window, "record " + std::to_string(entry.seq) + ": " + reason,
                   entry.whole);
      }
      good.append(reinterpret_cast<const char*>(entry.whole.data()), entry.whole.size());
      in_segments_.insert(entry.window);
      if (!settled_.Have(entry)) {
        last[entry.window] = entry.seq;
      }
    };
    const Bytes bytes = AsBytes(segment.bytes);
    LogScan scan = ScanLog(bytes, state_->log_id, take, gap);
    const Bytes tail = bytes.subspan(scan.end);
    // What was being written when the process ended is not damage.
    const bool unfinished = newest && (scan.records > 0 || scan.cut_off);
    if (!tail.empty() && scan.records == 0 && !unfinished) {
      return NotOurs(segment);
    }
    if (!tail.empty() && !unfinished) {
      gap({scan.end, tail});
    }
    if (state_->read_only) {
      state_->log.Count(bytes.size());
      return {};
    }
    if (damaged) {
      if (auto done = ReplaceSegment(segment, good); done) {
        scan.end = good.size();
      } else {
        base::Log(base::Level::kWarn, "store", {{"err", done.error().message}});
      }
    } else if (!tail.empty()) {
      base::Log(base::Level::kInfo, "the last record of the store's head log was not complete",
                {{"segment", segment.number}, {"bytes", tail.size()}});
    }
    state_->log.Add(segment, std::move(last), scan.end);
    return {};
  }

  // A file that has not one record of this store is renamed, never deleted.
  base::Result<> NotOurs(const Segment& segment) {
    if (state_->read_only) {
      Problem(segment.path + " has no record of this store");
      return {};
    }
    const std::string to = segment.path + ".unreadable-" + std::to_string(base::Clock::NowMs());
    if (std::rename(segment.path.c_str(), to.c_str()) != 0) {
      return base::Fail(base::ErrorKind::kUnavailable, segment.path + ": cannot be renamed");
    }
    ++state_->files_set_aside;
    base::Log(base::Level::kError, "a log of samples has no record of this store; it was put aside",
              {{"file", segment.path}, {"now", to}});
    return {};
  }

  void Problem(const std::string& what) {
    ++state_->rows_set_aside;
    if (state_->read_only) {
      state_->log_problems.push_back("head log, " + what);
    } else {
      base::Log(base::Level::kError, "part of the store's head log cannot be read",
                {{"err", what}});
    }
  }

  void SetAside(Window window, std::uint64_t seq, const std::string& what, Bytes data) {
    const std::string where =
        window == 0 ? "" : "window " + base::FormatRfc3339(base::FromMs(window)) + ", ";
    Problem(where + what);
    if (!state_->read_only) {
      const ChunkKey key{window, 0, static_cast<std::int64_t>(seq)};
      if (auto done =
              state_->SetAside(key, what, data.first(std::min(data.size(), kMostAside)), true);
          !done) {
        base::Log(base::Level::kWarn, "store", {{"err", done.error().message}});
      }
    }
  }

  // Of windows that no segment has nothing needs to be said any more.
  base::Result<> ForgetSettled() {
    auto drop = db_->Prepare("DELETE FROM logged WHERE window = ?");
    for (const auto& [window, seq] : settled_.last()) {
      if (drop && !in_segments_.contains(window)) {
        if (auto done = drop->Bind(1, window).Run(); !done) {
          return done.error().kind == base::ErrorKind::kUnavailable ? base::Result<>{} : done;
        }
      }
    }
    return {};
  }

  static constexpr std::size_t kMostAside = 1U << 20;

  State* state_;
  Database* db_;
  SettledRows settled_;
  std::set<Window> in_segments_;
};

}  // namespace

base::Result<> SettledRows::Load(Database* db) {
  const auto has = db->Number("SELECT count(*) FROM sqlite_schema WHERE name = 'logged'");
  if (!has || *has == 0) {
    return has ? base::Result<>{} : base::Fail(has.error());
  }
  auto rows = db->Prepare("SELECT window, seq FROM logged");
  if (!rows) {
    return base::Fail(std::move(rows.error()));
  }
  return EachRow(&*rows, [&] { last_[rows->Int(0)] = static_cast<std::uint64_t>(rows->Int(1)); });
}

base::Result<> State::ReplayLog(Database* db, const std::vector<Segment>& segments) {
  Replay replay(this, db);
  auto done = replay.Table();
  replay.LoadSettled();
  return done ? replay.Segments(segments) : done;
}

}  // namespace store
