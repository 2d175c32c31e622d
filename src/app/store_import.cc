// Reading lines of samples and putting them into the store in orderly batches.
#include "app/store_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "base/clock.h"
#include "base/text.h"

namespace app {
namespace {

using base::ErrorKind;
using probe::prometheus::Format;
using probe::prometheus::Line;

constexpr std::size_t kBlock = 1U << 20;
constexpr std::size_t kProblemsShown = 20;
constexpr std::size_t kExcerpt = 100;         // bytes of a line that a problem shows
constexpr std::size_t kBuffered = 2'000'000;  // samples sorted at once
constexpr std::size_t kAppended = 16'384;     // samples of one transaction
constexpr int kMaintainRounds = 10'000;

// "FILE:3:7: message", the line around the place and a caret.
std::string Shown(const std::string& name, std::size_t number, std::string_view line,
                  std::size_t column, const std::string& message) {
  const std::size_t at = std::min(column == 0 ? 0 : column - 1, line.size());
  const std::size_t from = at > kExcerpt / 2 ? at - kExcerpt / 2 : 0;
  const auto before = base::Printable(line.substr(from, at - from));
  const auto after = base::Printable(line.substr(at, kExcerpt - (at - from)));
  std::size_t width = 0;
  for (const char c : before) {
    width += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;  // characters, not bytes
  }
  return fmt::format("{}:{}:{}: {}\n  {}{}\n  {}^", name, number, column, base::Printable(message),
                     before, after, std::string(width, ' '));
}

// Feeds a file to a parser in blocks of whole lines; goes on behind a line that is bad.
class Reader : public probe::prometheus::Sink {
 public:
  /// Takes a line; a text other than "" says what is wrong with it.
  using Take = std::function<std::string(const Line&)>;
  using Problem = std::function<void(std::size_t number, std::string_view line, std::size_t column,
                                     const std::string& message)>;

  Reader(const ImportText& text, Take take, Problem problem)
      : text_(text), take_(std::move(take)), problem_(std::move(problem)) {}

  base::Result<> Run() {
    std::rewind(text_.file);
    parser_.emplace(text_.format, this);
    std::string block;
    while (true) {
      const std::size_t kept = block.size();
      block.resize(kept + kBlock);
      const std::size_t got = std::fread(block.data() + kept, 1, kBlock, text_.file);
      block.resize(kept + got);
      if (got == 0) {
        break;
      }
      const std::size_t end = block.rfind('\n');
      if (end != std::string::npos) {
        Feed(std::string_view(block).substr(0, end + 1));
        block.erase(0, end + 1);
      } else if (block.size() > 2 * kBlock) {
        return base::Fail(ErrorKind::kInvalid, text_.name + ": a line is longer than 2 MiB");
      }
      if (stopped_) {
        return {};
      }
    }
    if (std::ferror(text_.file) != 0) {
      return base::Fail(ErrorKind::kUnavailable, text_.name + ": it cannot be read");
    }
    if (!block.empty()) {
      Feed(block + "\n");
    }
    if (!stopped_ && !parser_->Finish()) {
      problem_(lines_, last_, last_.size() + 1, parser_->fault().message);
    }
    return {};
  }
  void Stop() { stopped_ = true; }

  bool OnLine(const Line& line) override {
    wrong_ = take_(line);
    at_ = line.series.data();
    return wrong_.empty() && !stopped_;
  }

 private:
  // Whole lines.
  void Feed(std::string_view bytes) {
    while (!bytes.empty() && !stopped_) {
      wrong_.clear();
      if (parser_->Feed(bytes)) {
        break;
      }
      const auto& fault = parser_->fault();
      std::size_t from = 0;
      std::size_t number = 0;
      if (wrong_.empty() && fault.message.empty()) {
        return;  // stopped
      }
      if (wrong_.empty()) {
        number = fault.line - fed_;
        for (std::size_t i = 1; i < number; ++i) {
          from = bytes.find('\n', from) + 1;
        }
      } else {
        const auto at = static_cast<std::size_t>(at_ - bytes.data());
        from = bytes.rfind('\n', at) == std::string_view::npos ? 0 : bytes.rfind('\n', at) + 1;
        number = 1 + Count(bytes.substr(0, from));
      }
      const std::size_t end = bytes.find('\n', from);
      const auto line = bytes.substr(from, end - from);
      problem_(lines_ + number, line, wrong_.empty() ? fault.column : line.size() + 1,
               wrong_.empty() ? fault.message : wrong_);
      lines_ += number;
      bytes.remove_prefix(end + 1);
      parser_.emplace(text_.format, this);
      fed_ = 0;
    }
    const std::size_t more = Count(bytes);
    lines_ += more;
    fed_ += more;
    if (!bytes.empty()) {
      bytes.remove_suffix(1);
      last_ = bytes.substr(bytes.rfind('\n') == std::string_view::npos ? 0 : bytes.rfind('\n') + 1)
                  .substr(0, kExcerpt);
    }
  }
  static std::size_t Count(std::string_view bytes) {
    return static_cast<std::size_t>(std::ranges::count(bytes, '\n'));
  }

  const ImportText& text_;
  Take take_;
  Problem problem_;
  std::optional<probe::prometheus::Parser> parser_;
  std::size_t lines_ = 0;  // of the file, that are behind us
  std::size_t fed_ = 0;    // of those, lines that this parser has seen
  std::string wrong_;
  const char* at_ = nullptr;
  std::string last_;
  bool stopped_ = false;
};

// The labels of a series' text; "" and them, or what is wrong.
std::string ReadLabels(std::string_view series, Format format, model::Labels* out) {
  const auto text = probe::prometheus::ReadSeries(series, format);
  if (!text) {
    return text.error().message;
  }
  std::vector<model::Labels::Pair> pairs = {{std::string(model::kName), std::string(text->name)}};
  for (const auto& [name, value] : text->labels) {
    const bool twice = std::ranges::any_of(pairs, [&](const auto& p) { return p.first == name; });
    if (twice) {
      return fmt::format("the label {} stands twice", name);
    }
    pairs.emplace_back(name, value);
  }
  *out = model::Labels(std::move(pairs));
  return "";
}

// One sample on its way.
struct Entry {
  std::uint32_t series = 0;
  std::uint32_t order = 0;
  model::Timestamp t = 0;
  double v = 0;
};

class Importer {
 public:
  Importer(Format format, store::Store* store) : format_(format), store_(store) {}

  std::string Take(const Line& line) {
    if (!line.t) {
      return "expected a time behind the value: a sample without one cannot be imported";
    }
    std::uint32_t series = last_;
    if (series == kNone || line.series != last_text_) {
      std::string wrong = Find(line.series, &series);
      if (!wrong.empty()) {
        return wrong;
      }
    }
    const bool stale = line.number == "nan";  // as our export writes it
    if (store_ != nullptr) {
      entries_.push_back({series, static_cast<std::uint32_t>(entries_.size()), *line.t,
                          stale ? model::StaleNaN() : line.value});
    }
    ++samples_;
    return "";
  }
  [[nodiscard]] bool full() const { return entries_.size() >= kBuffered; }
  [[nodiscard]] std::uint64_t samples() const { return samples_; }
  [[nodiscard]] std::uint64_t series() const { return series_.size(); }
  [[nodiscard]] const std::string& why() const { return why_; }

  // Puts what is buffered into the store.
  base::Result<> Flush() {
    std::ranges::sort(entries_, [this](const Entry& a, const Entry& b) {
      const auto target_a = series_[a.series].target;
      const auto target_b = series_[b.series].target;
      return std::tie(target_a, a.t, a.order) < std::tie(target_b, b.t, b.order);
    });
    std::vector<model::Batch> batches;
    std::size_t held = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const Entry& one = entries_[i];
      const Series& series = series_[one.series];
      const bool fresh = i == 0 || batches.empty() || batches.back().t != one.t ||
                         series_[entries_[i - 1].series].target != series.target;
      if (fresh && held >= kAppended) {
        if (auto done = Append(&batches); !done) {
          return done;
        }
        held = 0;
      }
      if (fresh || batches.empty()) {
        batches.push_back({.target = targets_[series.target], .t = one.t, .samples = {}});
      }
      batches.back().samples.push_back({series.labels, one.v});
      ++held;
    }
    entries_.clear();
    auto done = Append(&batches);
    return done ? Maintain() : done;
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Series {
    std::shared_ptr<const model::Labels> labels;
    std::uint32_t target = 0;
  };

  std::string Find(std::string_view text, std::uint32_t* series) {
    auto at = known_.find(std::string(text));
    if (at == known_.end()) {
      model::Labels labels;
      std::string wrong = ReadLabels(text, format_, &labels);
      if (!wrong.empty()) {
        return wrong;
      }
      std::string target;
      for (const char* name : {"target", "instance", "host"}) {
        target = target.empty() ? std::string(labels.Get(name)) : target;
      }
      target = target.empty() ? "import" : target;
      const auto [number, fresh] =
          target_numbers_.try_emplace(target, static_cast<std::uint32_t>(targets_.size()));
      if (fresh) {
        targets_.push_back(target);
      }
      at = known_.emplace(text, static_cast<std::uint32_t>(series_.size())).first;
      series_.push_back({std::make_shared<const model::Labels>(std::move(labels)), number->second});
    }
    *series = last_ = at->second;
    last_text_ = text;
    return "";
  }

  base::Result<> Append(std::vector<model::Batch>* batches) {
    auto done = store_->AppendMany(*batches);
    batches->clear();
    if (done) {
      return {};
    }
    if (done.error().kind != ErrorKind::kRefused && done.error().kind != ErrorKind::kInvalid) {
      return done;
    }
    why_ = why_.empty() ? done.error().message : why_;
    return {};
  }

  // Writes closed windows until nothing more comes of it.
  base::Result<> Maintain() {
    std::uint64_t before = UINT64_MAX;
    for (int i = 0; i < kMaintainRounds && before != store_->stats().chunks_written; ++i) {
      before = store_->stats().chunks_written;
      if (auto done = store_->Maintain(base::Clock::Now()); !done) {
        return done;
      }
    }
    return {};
  }

  Format format_;
  store::Store* store_;  // nullptr: only looked at
  std::unordered_map<std::string, std::uint32_t> known_;
  std::unordered_map<std::string, std::uint32_t> target_numbers_;
  std::vector<std::string> targets_;
  std::vector<Series> series_;
  std::vector<Entry> entries_;
  std::string last_text_;
  std::uint32_t last_ = kNone;
  std::uint64_t samples_ = 0;
  std::string why_;
};

}  // namespace

Format GuessFormat(std::FILE* file) {
  char tail[8] = {};
  std::size_t n = 0;
  if (std::fseek(file, 0, SEEK_END) == 0) {
    const long size = std::ftell(file);
    std::fseek(file, std::max(0L, size - 7), SEEK_SET);
    n = std::fread(tail, 1, 7, file);
  }
  std::rewind(file);
  const std::string_view text = base::Trim(std::string_view(tail, n));
  return text.ends_with("# EOF") ? Format::kOpenMetrics : Format::kText;
}

base::Result<ImportProblems> CheckImport(const ImportText& text) {
  ImportProblems out;
  Importer importer(text.format, nullptr);
  Reader reader(
      text, [&](const Line& line) { return importer.Take(line); },
      [&](std::size_t number, std::string_view line, std::size_t column,
          const std::string& message) {
        ++out.count;
        if (out.shown.size() < kProblemsShown) {
          out.shown.push_back(Shown(text.name, number, line, column, message));
        }
      });
  auto done = reader.Run();
  if (!done) {
    return base::Fail(done.error());
  }
  out.samples = importer.samples();
  return out;
}

base::Result<ImportCount> Import(const ImportText& text, store::Store* store) {
  const auto refused = store->stats().samples_refused;
  Importer importer(text.format, store);
  base::Result<> stored;
  Reader* self = nullptr;
  Reader reader(
      text,
      [&](const Line& line) {
        std::string wrong = importer.Take(line);
        if (importer.full()) {
          stored = importer.Flush();
          if (!stored) {
            self->Stop();
          }
        }
        return wrong;
      },
      [&](std::size_t, std::string_view, std::size_t, const std::string& message) {
        stored = stored ? base::Fail(ErrorKind::kUnavailable,
                                     text.name + " changed while it was read: " + message)
                        : stored;
        self->Stop();
      });
  self = &reader;
  auto done = reader.Run();
  done = done ? stored : done;
  done = done ? importer.Flush() : done;
  if (!done) {
    return base::Fail(done.error());
  }
  ImportCount out;
  out.refused = store->stats().samples_refused - refused;
  out.samples = importer.samples() - out.refused;
  out.series = importer.series();
  out.why = importer.why();
  return out;
}

}  // namespace app
