// The queue's file: made or opened, and what it holds from before.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/log.h"
#include "remote/queue.h"
#include "remote/queue_rows.h"

namespace remote {
namespace {

using base::ErrorKind;

constexpr const char* kSchema =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA auto_vacuum=INCREMENTAL;"
    "CREATE TABLE IF NOT EXISTS series(id INTEGER PRIMARY KEY, labels BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS rows(seq INTEGER PRIMARY KEY, came INTEGER NOT NULL,"
    " samples INTEGER NOT NULL, data BLOB NOT NULL);"
    "CREATE TABLE IF NOT EXISTS windows(first INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " shards INTEGER NOT NULL, batch INTEGER NOT NULL, arrived INTEGER NOT NULL);";

}  // namespace

base::Result<std::unique_ptr<Queue>> Queue::Open(QueueOptions options) {
  std::unique_ptr<Queue> queue(new Queue(options));
  auto done = queue->OpenFile();
  if (!done && done.error().kind == ErrorKind::kCorrupt) {
    const auto aside = fmt::format("{}.corrupt-{}", options.path, base::Clock::NowMs());
    base::Log(base::Level::kError, "a remote write queue cannot be read; it is set aside",
              {{"file", aside}, {"err", done.error().message}});
    queue.reset(new Queue(options));
    std::error_code ignored;
    std::filesystem::rename(options.path, aside, ignored);
    std::filesystem::remove(options.path + "-wal", ignored);
    std::filesystem::remove(options.path + "-shm", ignored);
    done = queue->OpenFile();
  }
  if (!done) {
    return base::Fail(done.error().In("remote write queue " + options.path));
  }
  return queue;
}

base::Result<> Queue::OpenFile() {
  auto opened = store::Database::Open(options_.path);
  if (!opened) {
    return base::Fail(opened.error());
  }
  db_ = std::move(*opened);
  auto done = db_.Exec(kSchema);
  done = done ? Prepare() : done;
  done = done ? LoadSeries() : done;
  done = done ? LoadRows() : done;
  Publish();
  return done;
}

base::Result<> Queue::Prepare() {
  const std::pair<store::Statement*, const char*> statements[] = {
      {&put_series_, "INSERT INTO series(id, labels) VALUES(?1, ?2)"},
      {&put_row_, "INSERT INTO rows(seq, came, samples, data) VALUES(?1, ?2, ?3, ?4)"},
      {&drop_rows_, "DELETE FROM rows WHERE seq <= ?1"},
      {&read_rows_, "SELECT data FROM rows WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq"},
      {&put_window_,
       "INSERT INTO windows(first, last, shards, batch, arrived) VALUES(?1, ?2, ?3, ?4, 0)"},
      {&drop_windows_, "DELETE FROM windows WHERE last <= ?1"},
      {&mark_window_, "UPDATE windows SET arrived = ?2 WHERE first = ?1"}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = db_.Prepare(sql);
    if (!prepared) {
      return base::Fail(prepared.error());
    }
    *statement = std::move(*prepared);
  }
  return {};
}

base::Result<> Queue::LoadSeries() {
  series_.assign(1, nullptr);
  auto read = db_.Prepare("SELECT id, labels FROM series ORDER BY id");
  if (!read) {
    return base::Fail(read.error());
  }
  for (;;) {
    const auto row = read->Step();
    if (!row) {
      return base::Fail(row.error());
    }
    if (!*row) {
      return {};
    }
    auto labels = DecodeLabels(AsText(read->Blob(1)));
    if (!labels || read->Int(0) != static_cast<std::int64_t>(series_.size())) {
      return base::Fail(ErrorKind::kCorrupt, "the series do not hold together");
    }
    series_.push_back(std::make_shared<const model::Labels>(std::move(*labels)));
    ids_.emplace(series_.back(), static_cast<std::uint32_t>(series_.size() - 1));
  }
}

base::Result<> Queue::LoadRows() {
  auto rows = db_.Prepare("SELECT seq, came, samples, length(data) FROM rows ORDER BY seq");
  auto windows =
      db_.Prepare("SELECT first, last, shards, batch, arrived FROM windows ORDER BY first");
  if (!rows || !windows) {
    return base::Fail(rows ? windows.error() : rows.error());
  }
  base::Result<bool> more;
  while ((more = rows->Step()) && *more) {
    rows_.push_back({rows->Int(0), rows->Int(1), static_cast<std::size_t>(rows->Int(2)),
                     static_cast<std::uint64_t>(rows->Int(3))});
    stats_.samples += rows_.back().samples;
    stats_.bytes += rows_.back().bytes;
    next_seq_ = rows_.back().seq + 1;
  }
  if (!more) {
    return base::Fail(more.error());
  }
  while ((more = windows->Step()) && *more) {
    Sent sent{windows->Int(0),
              windows->Int(1),
              {static_cast<std::uint32_t>(std::clamp<std::int64_t>(windows->Int(2), 1, 1000)),
               static_cast<std::uint32_t>(std::clamp<std::int64_t>(windows->Int(3), 1, 1'000'000))},
              windows->Int(4),
              true};
    next_seq_ = std::max(next_seq_, sent.last + 1);
    sent_.push_back(sent);
  }
  return more ? base::Result<>{} : base::Fail(more.error());
}

}  // namespace remote
