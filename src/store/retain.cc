// Retention: windows, series and pages that are not needed any more go, a few at a time.
#include <algorithm>

#include "base/log.h"
#include "store/maintain.h"

namespace store {
namespace {

constexpr std::int64_t kFreeBytes = 4LL << 20;   // kept for reuse in any case
constexpr std::int64_t kGivenBytes = 1LL << 20;  // back to the file system at once
constexpr std::int64_t kAsideRows = 1000;        // of table `aside`, the newest

base::Result<> DropWindow(State* s, Window window, base::Instant deadline) {
  if (TiersOn(*s) && window >= s->tiered_until) {
    const auto kept = TierWindow(s, window, deadline);
    if (!kept || !*kept) {
      return kept ? base::Result<>{} : base::Fail(kept.error());
    }
  }
  while (true) {
    const auto gone = DropSome(s, &s->write.oldest_chunks, &s->write.drop_chunk, window);
    if (!gone) {
      return base::Fail(gone.error());
    }
    s->chunks.Forget(window);
    s->chunks_deleted += *gone;
    if (*gone == 0) {
      const std::unique_lock lock(s->shared);
      s->windows.erase(window);
      return {};
    }
    if (base::Clock::Steady() >= deadline) {
      return {};
    }
  }
}

base::Result<std::int64_t> UsedBytes(Database* db, std::int64_t page_bytes) {
  const auto pages = db->Number("PRAGMA page_count");
  const auto free = db->Number("PRAGMA freelist_count");
  for (const auto* number : {&pages, &free}) {
    if (!*number) {
      return base::Fail(number->error());
    }
  }
  return (*pages - *free) * page_bytes;
}

// Takes those out of `ids` that a chunk in one of these windows has.
base::Result<> KeepIn(Statement* parts, const std::set<Window>& windows, TargetId target,
                      std::set<SeriesId>* ids) {
  for (auto window = windows.rbegin(); window != windows.rend() && !ids->empty(); ++window) {
    const Resetting reset(parts);
    parts->Bind(1, *window).Bind(2, target);
    auto read = EachRow(parts, [&] {
      if (const auto chunk = ChunkReader::Open(parts->Blob(1)); chunk) {
        for (const ColumnRef& column : chunk->columns()) {
          ids->erase(column.series);
        }
      }
    });
    if (!read) {
      return read;
    }
  }
  return {};
}

// Takes those out of `ids` that have samples or statistics, in memory or on disk.
base::Result<> KeepLiving(State* s, TargetId target, std::set<SeriesId>* ids) {
  for (const auto& [window, tables] : s->head.windows) {
    const auto table = tables.find(target);
    if (table != tables.end()) {
      for (const Table::Column& column : table->second.columns()) {
        ids->erase(column.series);
      }
    }
  }
  auto done = KeepIn(&s->write.parts, s->windows, target, ids);
  return done ? KeepIn(&s->write.tier_parts, s->tiers, target, ids) : done;
}

void Merge(RemovedRows from, RemovedRows* into) {
  into->series.insert(into->series.end(), from.series.begin(), from.series.end());
  into->strings.insert(into->strings.end(), from.strings.begin(), from.strings.end());
  into->targets.insert(into->targets.end(), from.targets.begin(), from.targets.end());
}

}  // namespace

base::Result<std::size_t> DropSome(State* s, Statement* list, Statement* drop, Window window) {
  std::vector<std::pair<TargetId, std::int64_t>> found;
  {
    const Resetting reset(list);
    list->Bind(1, window);
    auto read = EachRow(list, [&] {
      const auto target = static_cast<TargetId>(list->Int(0));
      found.emplace_back(target, list->Int(1));
      if (const auto chunk = ChunkReader::Open(list->Blob(2)); chunk) {
        auto& suspects = s->suspects[target];
        for (const ColumnRef& column : chunk->columns()) {
          suspects.insert(column.series);
        }
      }
    });
    if (!read) {
      return base::Fail(std::move(read.error()));
    }
  }
  if (found.empty()) {
    return 0;
  }
  Transaction t(&s->write.db);
  auto done = t.Begin();
  for (std::size_t i = 0; done && i < found.size(); ++i) {
    done = drop->Bind(1, window).Bind(2, found[i].first).Bind(3, found[i].second).Run();
  }
  done = done ? t.Commit() : done;
  return done ? base::Result<std::size_t>(found.size()) : base::Fail(std::move(done.error()));
}

base::Result<> Retain(State* s, std::int64_t age_limit, base::Instant deadline) {
  while (!s->windows.empty() && *s->windows.begin() + s->window_ms <= age_limit) {
    auto done = DropWindow(s, *s->windows.begin(), deadline);
    if (!done || base::Clock::Steady() >= deadline) {
      return done;
    }
  }
  while (s->options.retention_bytes > 0 && (s->windows.size() > 1 || !s->tiers.empty())) {
    const auto used = UsedBytes(&s->write.db, s->write.page_bytes);
    if (!used) {
      return base::Fail(used.error());
    }
    if (static_cast<std::uint64_t>(*used) + s->log.bytes() <= s->options.retention_bytes) {
      break;
    }
    auto done = s->windows.size() > 1 ? DropWindow(s, *s->windows.begin(), deadline)
                                      : DropTier(s, *s->tiers.begin(), deadline);
    if (!done || base::Clock::Steady() >= deadline) {
      return done;
    }
  }
  return {};
}

base::Result<> CollectSeries(State* s, base::Instant deadline) {
  while (!s->suspects.empty()) {
    const auto first = s->suspects.begin();
    const TargetId target = first->first;
    std::set<SeriesId> ids = std::move(first->second);
    s->suspects.erase(first);
    auto done = KeepLiving(s, target, &ids);
    if (!done) {
      return done;
    }
    if (!ids.empty()) {
      s->series_deleted += ids.size();
      s->shapes.erase(target);
      s->slots.erase(target);
      s->head.rows.erase(target);
      const std::unique_lock lock(s->shared);
      Merge(s->index.Remove({ids.begin(), ids.end()}), &s->pending.removed);
    }
    if (base::Clock::Steady() >= deadline) {
      break;
    }
  }
  return {};
}

namespace {

base::Result<> GivePages(State* s) {
  const std::string give =
      "PRAGMA incremental_vacuum(" + std::to_string(kGivenBytes / s->write.page_bytes) + ")";
  return s->write.db.Exec(give.c_str());
}

}  // namespace

void GiveAllPages(State* s, base::Instant deadline) {
  while (base::Clock::Steady() < deadline) {
    const auto free = s->write.db.Number("PRAGMA freelist_count");
    if (!free || *free == 0 || !GivePages(s)) {
      return;
    }
  }
}

base::Result<> ShrinkFile(State* s) {
  Database& db = s->write.db;
  const auto pages = db.Number("PRAGMA page_count");
  const auto free = db.Number("PRAGMA freelist_count");
  if (!pages || !free) {
    return base::Fail(!pages ? pages.error() : free.error());
  }
  const std::int64_t page = s->write.page_bytes;
  if (*free * page > kFreeBytes && *free > *pages / 4) {
    auto done = GivePages(s);
    if (!done) {
      return done;
    }
  }
  if (s->chunks_set_aside + s->rows_set_aside > 0) {
    const std::string sql =
        "DELETE FROM aside WHERE id <= (SELECT max(id) FROM aside) - " + std::to_string(kAsideRows);
    return db.Exec(sql.c_str());
  }
  return {};
}

}  // namespace store
