// Maintain: closed windows become chunks, old ones go, the file is kept tidy.
#include "store/maintain.h"

#include <algorithm>

#include "base/log.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr base::Duration kNamesUnsynced = std::chrono::minutes(1);
constexpr std::size_t kTargetsAtOnce = 64;
constexpr std::int64_t kStep =
    3600LL * 1000;  // a leap of the wall clock that is not believed at once

std::int64_t Ms(base::Duration d) { return d / std::chrono::milliseconds(1); }

// Writes one target's table as chunks within a transaction that is open.
base::Result<> WriteTarget(State* s, Window window, TargetId target, const Table& table,
                           bool merge) {
  std::int64_t part = 0;
  std::vector<std::string> chunks;
  Table merged;
  if (merge) {
    auto done = ReadParts(s, window, target, &merged);
    if (!done) {
      return done;
    }
    if (merged.samples() == 0) {
      chunks = table.Encode();
    } else {
      merged.Insert(table);
      chunks = merged.Encode();
    }
    done = s->write.drop_chunks.Bind(1, window).Bind(2, target).Run();
    if (!done) {
      return done;
    }
  } else {
    chunks = table.Encode();
    const Resetting reset(&s->write.last_part);
    auto row = s->write.last_part.Bind(1, window).Bind(2, target).Step();
    if (!row) {
      return base::Fail(std::move(row.error()));
    }
    part = s->write.last_part.Blob(0).empty() ? 0 : s->write.last_part.Int(0) + 1;
  }
  if (merge && window < s->tiered_until && TiersOn(*s)) {  // late samples: once more
    auto done = TierTarget(s, window, target, merged.samples() == 0 ? table : merged);
    if (!done) {
      return done;
    }
  }
  for (const std::string& chunk : chunks) {
    auto done =
        s->write.put_chunk.Bind(1, window).Bind(2, target).Bind(3, part++).BindBlob(4, chunk).Run();
    if (!done) {
      return done;
    }
    ++s->chunks_written;
  }
  return {};
}

// Takes tables that are on disk now out of the head.
void Forget(State* s, Window window, std::span<const TargetId> targets) {
  const auto at = s->head.windows.find(window);
  if (at == s->head.windows.end()) {
    return;
  }
  for (const TargetId target : targets) {
    const auto table = at->second.find(target);
    if (table != at->second.end()) {
      s->head.samples -= table->second.samples();
      s->head.rows[target] = table->second.times().size();
      at->second.erase(table);
    }
  }
  if (at->second.empty()) {
    s->head.windows.erase(at);
  }
}

base::Result<> WriteTargets(State* s, const WritePass& pass, std::span<const TargetId> targets) {
  const auto at = s->head.windows.find(pass.window);
  Transaction t(&s->write.db);
  auto done = t.Begin();
  bool any = false;
  for (const TargetId target : targets) {
    if (!done || at == s->head.windows.end()) {
      break;
    }
    const auto table = at->second.find(target);
    if (table != at->second.end()) {
      done = WriteTarget(s, pass.window, target, table->second, pass.final);
      any = true;
    }
  }
  if (!done) {
    return done;
  }
  // Readers take the head and begin their transaction under the same lock: they see samples once.
  const std::unique_lock lock(s->shared);
  done = t.Commit();
  if (done) {
    if (any) {
      s->windows.insert(pass.window);
      s->chunks.Forget(pass.window);
    }
    Forget(s, pass.window, targets);
  }
  return done;
}

// Some targets of a pass. A target whose place on disk is damaged must not hold up the others.
base::Result<> WriteSome(State* s, WritePass* pass) {
  const std::size_t n = std::min(kTargetsAtOnce, pass->left.size());
  const std::span<const TargetId> targets = std::span(pass->left).last(n);
  auto done = WriteTargets(s, *pass, targets);
  if (!done && done.error().kind == ErrorKind::kCorrupt) {
    for (const TargetId target : targets) {
      done = WriteTargets(s, *pass, std::span(&target, 1));
      if (!done && done.error().kind != ErrorKind::kCorrupt) {
        return done;
      }
      if (!done) {
        base::Log(base::Level::kError, "samples are lost: their place in the store is damaged",
                  {{"err", done.error().message}, {"target_id", target}});
        const std::unique_lock lock(s->shared);
        const std::size_t before = s->head.samples;
        Forget(s, pass->window, std::span(&target, 1));
        s->lost += before - s->head.samples;
      }
    }
    done = {};
  }
  if (done) {
    pass->left.resize(pass->left.size() - n);
  }
  return done;
}

std::optional<WritePass> NextPass(const State& s, std::int64_t now) {
  std::set<Window> windows;
  for (const auto& [window, tables] : s.head.windows) {
    windows.insert(window);
  }
  for (const auto& [window, last] : s.logged) {
    windows.insert(window);
  }
  WritePass pass{.up_to = s.next_seq - 1};
  const auto closed = std::ranges::find_if(
      windows, [&](Window window) { return window + s.window_ms + Ms(s.options.grace) <= now; });
  if (closed != windows.end()) {
    pass.window = *closed;
    pass.final = true;
  } else if (s.head.samples > s.HeadLimit()) {
    pass.window = s.head.windows.begin()->first;
  } else {
    return std::nullopt;
  }
  const auto at = s.head.windows.find(pass.window);
  if (at != s.head.windows.end()) {
    for (const auto& [target, table] : at->second) {
      pass.left.push_back(target);
    }
    std::ranges::sort(pass.left, std::greater<>());  // taken from the end: in order of the key
  }
  return pass;
}

// What the log has of a window up to a row is in chunks now.
base::Result<> DropLog(State* s, const WritePass& pass) {
  const auto seq = static_cast<std::int64_t>(pass.up_to);
  base::Result<> done;
  if (s->in_table.contains(pass.window)) {
    done = s->write.drop_rows.Bind(1, pass.window).Bind(2, seq).Run();
    if (done) {
      s->in_table.erase(pass.window);
    }
  }
  const auto at = s->logged.find(pass.window);
  if (!done || at == s->logged.end()) {
    return done;
  }
  // Segments may go only when the chunks are on the disk itself, not merely on their way to it.
  const bool gone = s->log.Settle(pass.window, pass.up_to);
  done = gone ? s->write.db.Exec("PRAGMA synchronous=FULL") : done;
  done = done ? s->write.put_logged.Bind(1, pass.window).Bind(2, seq).Run() : done;
  if (gone) {
    if (done) {
      s->log.RemoveSettled();
    }
    auto back = s->write.db.Exec("PRAGMA synchronous=NORMAL");
    done = done ? back : done;
  }
  if (done && at->second <= pass.up_to) {
    s->logged.erase(at);
  }
  return done;
}

// Targets of closed windows that were written in parts and have nothing more in memory.
base::Result<> MergeParts(State* s, std::int64_t now, base::Instant deadline) {
  for (auto at = s->windows.lower_bound(s->merged_until);
       at != s->windows.end() && *at + s->window_ms + Ms(s->options.grace) <= now; ++at) {
    std::vector<TargetId> split;
    {
      Statement& list = s->write.split_targets;
      const Resetting reset(&list);
      list.Bind(1, *at);
      while (true) {
        auto row = list.Step();
        if (!row) {
          return base::Fail(std::move(row.error()));
        }
        if (!*row) {
          break;
        }
        split.push_back(static_cast<TargetId>(list.Int(0)));
      }
    }
    for (std::size_t from = 0; from < split.size(); from += 16) {
      if (from > 0 && base::Clock::Steady() >= deadline) {
        return {};
      }
      Transaction t(&s->write.db);
      auto done = t.Begin();
      for (std::size_t i = from; done && i < std::min(split.size(), from + 16); ++i) {
        done = WriteTarget(s, *at, split[i], Table{}, true);
      }
      done = done ? t.Commit() : done;
      if (!done) {
        return done;
      }
      s->chunks.Forget(*at);
    }
    s->merged_until = *at + s->window_ms;
    auto done = s->write.set_meta.BindBlob(1, "merged_until").Bind(2, s->merged_until).Run();
    if (!done) {
      return done;
    }
  }
  return {};
}

// Chunks that readers found unreadable go to the table `aside`.
base::Result<> MoveDamaged(State* s) {
  std::map<ChunkKey, std::string> damaged;
  {
    const std::lock_guard lock(s->damage_mutex);
    damaged.swap(s->damaged);
  }
  for (const auto& [key, reason] : damaged) {
    std::string data;
    bool found = false;
    {
      Statement& parts = key.tier ? s->write.tier_parts : s->write.parts;
      const Resetting reset(&parts);
      parts.Bind(1, key.window).Bind(2, key.target);
      auto row = parts.Step();
      while (row && *row && !found) {
        found = parts.Int(0) == key.part;
        data = found ? parts.Text(1) : data;
        row = parts.Step();
      }
    }
    if (!found) {
      continue;  // a page of it is damaged, or retention has had it
    }
    Transaction t(&s->write.db);
    auto done = t.Begin();
    done = done ? s->SetAside(key, reason, AsBytes(data), false) : done;
    done = done ? t.Commit() : done;
    if (!done) {
      return done;
    }
    s->chunks.Forget(key.window);
  }
  return {};
}

// Until when samples must go because of their age; nothing while a leap of the clock is fresh.
std::int64_t AgeLimit(State* s, std::int64_t now) {
  const base::Instant steady = base::Clock::Steady();
  if (s->last_wall != 0) {
    const std::int64_t leap = now - s->last_wall - Ms(steady - s->last_steady);
    if (leap > kStep) {
      s->hold_age_until = steady + std::chrono::hours(1);
      base::Log(base::Level::kWarn, "the clock leapt ahead; nothing is deleted by age for an hour",
                {{"leap", base::FormatDuration(std::chrono::milliseconds(leap))}});
    }
  }
  s->last_wall = now;
  s->last_steady = steady;
  if (s->options.retention_age.count() == 0 || steady < s->hold_age_until) {
    return INT64_MIN;
  }
  return now - Ms(s->options.retention_age);
}

}  // namespace

base::Result<> ReadChunks(State* s, Statement* list, const ChunkKey& key, const TakeChunk& take) {
  struct Bad {
    std::int64_t part;
    std::string reason;
    std::string data;
  };
  std::vector<Bad> bad;
  {
    const Resetting reset(list);
    list->Bind(1, key.window).Bind(2, key.target);
    auto read = EachRow(list, [&] {
      auto chunk = ChunkReader::Open(list->Blob(1));
      auto done = chunk ? take(list->Int(0), &*chunk) : base::Fail(chunk.error());
      if (!done) {
        bad.push_back({list->Int(0), done.error().message, list->Text(1)});
      }
    });
    if (!read) {
      return read;
    }
  }
  for (const Bad& b : bad) {
    auto done =
        s->SetAside({key.window, key.target, b.part, key.tier}, b.reason, AsBytes(b.data), false);
    if (!done) {
      return done;
    }
  }
  return {};
}

base::Result<> ReadParts(State* s, Window window, TargetId target, Table* table) {
  return ReadChunks(s, &s->write.parts, {window, target},
                    [table](std::int64_t, ChunkReader* chunk) { return table->Insert(chunk); });
}

base::Result<> State::WriteHead(std::int64_t now, base::Instant deadline) {
  do {
    if (!pass) {
      pass = NextPass(*this, now);
      if (!pass) {
        return {};
      }
      log.Cut(pass->window);
    }
    auto done = pass->left.empty() ? base::Result<>{} : WriteSome(this, &*pass);
    if (done && pass->left.empty()) {
      done = DropLog(this, *pass);
      pass.reset();
    }
    if (!done) {
      pass.reset();
      return done;
    }
  } while (base::Clock::Steady() < deadline);
  return {};
}

base::Result<> State::SetAside(const ChunkKey& key, const std::string& reason, Bytes data,
                               bool of_log) {
  const std::string_view bytes(reinterpret_cast<const char*>(data.data()), data.size());
  auto done = write.put_aside.Bind(1, base::Clock::NowMs())
                  .BindBlob(2, of_log     ? "head"
                               : key.tier ? "tier"
                                          : "chunk")
                  .Bind(3, key.window)
                  .Bind(4, key.target)
                  .Bind(5, key.part)
                  .BindBlob(6, reason)
                  .BindBlob(7, bytes)
                  .Run();
  if (!done) {
    return done;
  }
  if (of_log) {
    return write.drop_row.Bind(1, key.window).Bind(2, key.part).Run();
  }
  Statement& drop = key.tier ? write.drop_tier : write.drop_chunk;
  done = drop.Bind(1, key.window).Bind(2, key.target).Bind(3, key.part).Run();
  ++chunks_set_aside;
  base::Log(base::Level::kError, "a damaged chunk of the store is set aside",
            {{"err", reason},
             {"target_id", key.target},
             {"from", base::FormatRfc3339(base::FromMs(key.window))},
             {"to", base::FormatRfc3339(base::FromMs(EndOf(key)))}});
  return done;
}

base::Result<> State::Checkpoint(bool truncate) {
  sqlite3* db = write.db.raw();
  sqlite3_busy_timeout(db, 0);
  const int code = sqlite3_wal_checkpoint_v2(
      db, nullptr, truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, nullptr,
      nullptr);
  sqlite3_busy_timeout(db, 5000);
  wal_pages = 0;
  checkpointed = base::Clock::Steady();
  unsynced = unsynced && code != SQLITE_OK;
  // Busy: a reader is in the way; the next one may do more.
  if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED) {
    return base::Fail(ErrorKind::kUnavailable,
                      std::string("store: checkpoint: ") + sqlite3_errstr(code));
  }
  return {};
}

base::Result<> State::Maintain(base::Time wall) {
  const std::lock_guard lock(writer);
  const std::int64_t now = base::ToMs(wall);
  const base::Instant deadline = base::Clock::Steady() + options.maintain_budget;
  const std::int64_t age_limit = AgeLimit(this, now);
  unsettled = true;  // until it turns out that nothing more is to be done
  auto done = Flush(true);
  if (!done) {
    DropOldest();
    return done;
  }
  unsettled = false;  // a reader may find damage meanwhile
  const int before = wal_pages;
  done = MoveDamaged(this);
  done = done ? WriteHead(now, deadline) : done;
  done = done ? MergeParts(this, now, deadline) : done;
  done = done ? TierOld(this, now, deadline) : done;
  done = done ? Retain(this, age_limit, deadline) : done;
  done = done ? RetainTiers(this, now, deadline) : done;
  done = done ? CollectSeries(this, deadline) : done;
  done = done ? Flush(true) : done;
  done = done ? ShrinkFile(this) : done;
  if (!done || wal_pages != before || pass || tier_pass || !suspects.empty()) {
    unsettled = true;  // what has done something may go on with it
  }
  // A crash of the machine must not take the names of series and leave their samples.
  const bool names = unsynced && base::Clock::Steady() - checkpointed >= kNamesUnsynced;
  if (done && (names || wal_pages * write.page_bytes > kWalBytes)) {
    done = Checkpoint(false);
  }
  if (!done) {
    DropOldest();
  }
  return done;
}

}  // namespace store
