// Check: every chunk read and held against the dictionary.
#include <fmt/format.h>

#include "store/state.h"

namespace store {
namespace {

constexpr std::size_t kProblemsKept = 100;

class Checker {
 public:
  explicit Checker(State* state) : state_(state) {}

  base::Result<CheckReport> Run() {
    std::vector<Window> windows;
    std::vector<Window> days;
    {
      const std::shared_lock lock(state_->shared);
      windows.assign(state_->windows.begin(), state_->windows.end());
      days.assign(state_->tiers.begin(), state_->tiers.end());
    }
    auto reader = state_->TakeReader();
    if (!reader) {
      return base::Fail(std::move(reader.error()));
    }
    for (const Window window : windows) {  // a short transaction each
      if (auto done = CheckWindow(&(*reader)->window, window, false); !done) {
        return base::Fail(std::move(done.error()));
      }
    }
    for (const Window day : days) {
      if (auto done = CheckWindow(&(*reader)->tier_day, day, true); !done) {
        return base::Fail(std::move(done.error()));
      }
    }
    CheckDictionary();
    auto done = ListAside(&(*reader)->db);
    CheckPages(&(*reader)->db);
    state_->GiveReader(std::move(*reader));
    if (!done) {
      return base::Fail(std::move(done.error()));
    }
    return std::move(report_);
  }

 private:
  void Problem(std::string text) {
    ++report_.problem_count;
    if (report_.problems.size() < kProblemsKept) {
      report_.problems.push_back(std::move(text));
    }
  }

  // No series may be forgotten between reading a chunk and asking for it: writers wait.
  base::Result<> CheckWindow(Statement* statement, Window window, bool tier) {
    const std::lock_guard no_writes(state_->writer);
    Statement& rows = *statement;
    const char* const what = tier ? "statistics of the day" : "window";
    const Resetting reset(&rows);
    rows.Bind(1, window);
    while (true) {
      auto row = rows.Step();
      if (!row) {
        if (row.error().kind != base::ErrorKind::kCorrupt) {
          return base::Fail(std::move(row.error()));
        }
        Problem(fmt::format("{} {}: {}", what, base::FormatRfc3339(base::FromMs(window)),
                            row.error().message));
        return {};
      }
      if (!*row) {
        return {};
      }
      const ChunkKey key{window, static_cast<TargetId>(rows.Int(0)), rows.Int(1), tier};
      const Bytes bytes = rows.Blob(2);
      ++report_.chunks;
      report_.bytes += bytes.size();
      if (auto done = CheckChunk(key, bytes); !done) {
        Problem(fmt::format("{} {}, target {}, part {}: {}", what,
                            base::FormatRfc3339(base::FromMs(window)), key.target, key.part,
                            done.error().message));
        if (!state_->read_only) {
          state_->NoteDamage(key, done.error().message);
        }
      }
    }
  }

  base::Result<> CheckChunk(const ChunkKey& key, Bytes bytes) {
    const auto bad = [](const char* what) {
      return base::Fail(base::ErrorKind::kCorrupt, std::string("chunk: ") + what);
    };
    auto chunk = ChunkReader::Open(bytes);
    if (!chunk) {
      return base::Fail(std::move(chunk.error()));
    }
    const auto times = chunk->Times();
    if (!times) {
      return base::Fail(times.error());
    }
    if (times->front() < key.window || times->back() >= state_->EndOf(key)) {
      return bad("times outside the window");
    }
    for (const ColumnRef& column : chunk->columns()) {
      const auto count = chunk->Count(column);
      if (!count) {
        return base::Fail(count.error());
      }
      values_.resize(*count);
      if (auto done = chunk->Decode(column, values_); !done) {
        return done;
      }
      ++report_.columns;
      report_.samples += key.tier ? 0 : *count;
      const std::shared_lock lock(state_->shared);
      if (state_->index.TargetOf(column.series) != key.target) {
        return bad("a series that the dictionary does not have for this target");
      }
    }
    return {};
  }

  void CheckDictionary() {
    const std::shared_lock lock(state_->shared);
    for (const std::string& problem : state_->log_problems) {
      Problem(problem);
    }
    for (std::string& problem : state_->index.Verify(kProblemsKept)) {
      Problem(std::move(problem));
    }
    report_.series = state_->index.series_count();
    report_.head_samples = state_->head.samples;
    report_.window = std::chrono::milliseconds(state_->window_ms);
  }

  base::Result<> ListAside(Database* db) {
    const auto count = db->Number("SELECT count(*) FROM aside");
    auto rows = db->Prepare(
        "SELECT at, source, window, target, reason, length(data) FROM aside ORDER BY id DESC"
        " LIMIT 100");
    if (!count || !rows) {
      return base::Fail(!count ? count.error() : rows.error());
    }
    report_.aside_count = static_cast<std::uint64_t>(*count);
    while (true) {
      const auto row = rows->Step();
      if (!row || !*row) {
        return row ? base::Result<>{} : base::Fail(row.error());
      }
      const std::shared_lock lock(state_->shared);
      report_.aside.push_back(
          {.at = rows->Int(0),
           .source = rows->Text(1),
           .window = rows->Int(2),
           .target = state_->index.TargetName(static_cast<TargetId>(rows->Int(3))),
           .reason = rows->Text(4),
           .bytes = static_cast<std::uint64_t>(rows->Int(5))});
    }
  }

  void CheckPages(Database* db) {
    auto check = db->Prepare("PRAGMA quick_check(20)");
    while (check) {
      auto row = check->Step();
      if (!row) {
        Problem(row.error().message);
        return;
      }
      if (!*row) {
        return;
      }
      if (const std::string text = check->Text(0); text != "ok") {
        Problem("sqlite: " + text);
      }
    }
  }

  State* state_;
  CheckReport report_;
  std::vector<double> values_;
};

}  // namespace

base::Result<CheckReport> Store::Check() { return Checker(state_.get()).Run(); }

}  // namespace store
