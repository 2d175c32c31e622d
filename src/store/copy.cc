// Copies of a database and of a whole store, as they are at one moment.
#include <sys/statvfs.h>
#include <unistd.h>

#include "store/state.h"

namespace store {
namespace {

using base::ErrorKind;

constexpr std::uint64_t kSpareBytes = 64ULL << 20;  // that a copy leaves free

// Whether `bytes` and a little more fit beside `path`.
base::Result<> CheckRoom(const std::string& path, std::uint64_t bytes) {
  const auto slash = path.rfind('/');
  struct statvfs room{};
  if (statvfs(slash == std::string::npos ? "." : path.substr(0, slash + 1).c_str(), &room) != 0) {
    return base::Fail(ErrorKind::kUnavailable, path + ": the folder cannot be looked at");
  }
  const std::uint64_t free = room.f_bavail * room.f_frsize;
  if (free < bytes + kSpareBytes) {
    return base::Fail(ErrorKind::kRefused,
                      path + ": not enough room: the copy takes " + std::to_string(bytes) +
                          " bytes and " + std::to_string(kSpareBytes) +
                          " must stay free; there are " + std::to_string(free));
  }
  return {};
}

base::Result<> CopyPages(sqlite3* from, const std::string& path) {
  auto to = Database::Open(path);
  if (!to) {
    return base::Fail(std::move(to.error()));
  }
  sqlite3_backup* backup = sqlite3_backup_init(to->raw(), "main", from, "main");
  int code = backup == nullptr ? sqlite3_errcode(to->raw()) : sqlite3_backup_step(backup, -1);
  if (backup != nullptr) {
    const int finished = sqlite3_backup_finish(backup);
    code = code == SQLITE_DONE ? finished : code;
  }
  if (code == SQLITE_OK) {
    return {};
  }
  return base::Fail(ErrorKind::kUnavailable, path + ": " + sqlite3_errstr(code));
}

// Puts the log's records into table `head` of a copy, which has no segments of its own.
base::Result<> AddLog(Database* copy, const std::vector<Segment>& segments) {
  SettledRows settled;
  auto done = settled.Load(copy);
  const auto id = copy->Number("SELECT value FROM meta WHERE key = 'log_id'");
  auto put = copy->Prepare("INSERT OR REPLACE INTO head(window, seq, data) VALUES(?, ?, ?)");
  if (!id || !put) {
    return base::Fail(!id ? id.error() : put.error());
  }
  Transaction t(copy);
  done = done ? t.Begin() : done;
  for (const Segment& segment : segments) {
    const auto take = [&](const LogEntry& entry) {
      if (done && !settled.Have(entry)) {
        const Bytes bytes = entry.data.bytes();
        const std::string_view data(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        done = put->Bind(1, entry.window)
                   .Bind(2, static_cast<std::int64_t>(entry.seq))
                   .BindBlob(3, data)
                   .Run();
      }
    };
    // Damage is for the store itself to tell.
    ScanLog(AsBytes(segment.bytes), static_cast<std::uint64_t>(*id), take, [](const LogGap&) {});
  }
  done = done ? copy->Exec(
                    "DELETE FROM logged;"
                    "UPDATE meta SET value = random() & 0x7fffffffffffffff"
                    " WHERE key = 'log_id'")
              : done;
  return done ? t.Commit() : done;
}

}  // namespace

base::Result<> CopyDatabase(const std::string& from, const std::string& to) {
  if (access(to.c_str(), F_OK) == 0) {
    return base::Fail(ErrorKind::kRefused, to + " is there already");
  }
  auto source = Database::OpenReadOnly(from);
  if (!source) {
    return base::Fail(std::move(source.error()));
  }
  const auto pages = source->Number("PRAGMA page_count");
  const auto size = source->Number("PRAGMA page_size");
  if (!pages || !size) {
    return base::Fail((!pages ? pages.error() : size.error()).In(from));
  }
  auto done = CheckRoom(to, static_cast<std::uint64_t>(*pages * *size));
  if (done) {
    done = CopyPages(source->raw(), to);
    if (!done) {
      unlink(to.c_str());
    }
  }
  return done;
}

base::Result<> CopyStore(const std::string& dir, const std::string& to) {
  // Before the moment of the database: what it has by then is in the log or in chunks.
  const auto segments = ReadSegments(dir);
  if (!segments) {
    return base::Fail(segments.error());
  }
  auto done = CopyDatabase(dir + "/samples.db", to);
  if (!done || segments->empty()) {
    return done;
  }
  {
    auto copy = Database::Open(to);
    done = copy ? AddLog(&*copy, *segments) : base::Fail(std::move(copy.error()));
    int keep = 0;  // the copy is one file
    if (copy) {
      sqlite3_file_control(copy->raw(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    }
  }
  if (!done) {
    for (const char* tail : {"", "-wal", "-shm"}) {
      unlink((to + tail).c_str());
    }
  }
  return done ? done : base::Fail(done.error().In(to));
}

base::Result<> Store::CopyTo(const std::string& path) const {
  return CopyStore(state_->options.dir, path);
}

}  // namespace store
