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
    {
      const std::shared_lock lock(state_->shared);
      windows.assign(state_->windows.begin(), state_->windows.end());
    }
    auto reader = state_->TakeReader();
    if (!reader) {
      return base::Fail(std::move(reader.error()));
    }
    for (const Window window : windows) {  // a short transaction each
      if (auto done = CheckWindow(reader->get(), window); !done) {
        return base::Fail(std::move(done.error()));
      }
    }
    CheckPages(&(*reader)->db);
    state_->GiveReader(std::move(*reader));
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
  base::Result<> CheckWindow(ReaderDb* reader, Window window) {
    const std::lock_guard no_writes(state_->writer);
    Statement& rows = reader->window;
    const Resetting reset(&rows);
    rows.Bind(1, window);
    while (true) {
      auto row = rows.Step();
      if (!row) {
        if (row.error().kind != base::ErrorKind::kCorrupt) {
          return base::Fail(std::move(row.error()));
        }
        Problem(fmt::format("window {}: {}", base::FormatRfc3339(base::FromMs(window)),
                            row.error().message));
        return {};
      }
      if (!*row) {
        return {};
      }
      const ChunkKey key{window, static_cast<TargetId>(rows.Int(0)), rows.Int(1)};
      const Bytes bytes = rows.Blob(2);
      ++report_.chunks;
      report_.bytes += bytes.size();
      if (auto done = CheckChunk(key, bytes); !done) {
        Problem(fmt::format("window {}, target {}, part {}: {}",
                            base::FormatRfc3339(base::FromMs(window)), key.target, key.part,
                            done.error().message));
        state_->NoteDamage(key, done.error().message);
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
    if (times->front() < key.window || times->back() >= key.window + state_->window_ms) {
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
      report_.samples += *count;
      const std::shared_lock lock(state_->shared);
      if (state_->index.TargetOf(column.series) != key.target) {
        return bad("a series that the dictionary does not have for this target");
      }
    }
    return {};
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
