// The two formats, line by line. Every line ends in a newline that is there, so that no step looks
// for the end of the bytes.
#include "probe/prometheus/exposition.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.h"
#include "probe/prometheus/series_text.h"

namespace probe::prometheus {
namespace {

constexpr std::string_view kTextTypes[] = {"counter", "gauge", "histogram", "summary", "untyped"};
constexpr std::string_view kOpenTypes[] = {"counter", "gauge",   "histogram", "gaugehistogram",
                                           "summary", "unknown", "info",      "stateset"};

const char* SkipBlanks(const char* at) {
  while (IsBlank(*at)) {
    ++at;
  }
  return at;
}

const char* LineEnd(const char* at) { return static_cast<const char*>(rawmemchr(at, '\n')); }

/// The end of the word at `at`.
const char* WordEnd(const char* at) {
  while (*at != ' ' && *at != '\t' && *at != '\n') {
    ++at;
  }
  return at;
}

bool Take(const char** at, std::string_view word) {
  if (std::strncmp(*at, word.data(), word.size()) != 0) {
    return false;
  }
  *at += word.size();
  return true;
}

}  // namespace

Format FormatOf(std::string_view content_type) {
  const auto type = base::Trim(content_type.substr(0, content_type.find(';')));
  return base::EqualIgnoringCase(type, "application/openmetrics-text") ? Format::kOpenMetrics
                                                                       : Format::kText;
}

std::string Fault::ToString() const {
  return fmt::format("line {}, column {}: {}", line, column, message);
}

bool Parser::Feed(std::string_view bytes) {
  if (!fault_.message.empty()) {
    return false;
  }
  const auto last = bytes.rfind('\n');
  const auto held = last == std::string_view::npos ? bytes : bytes.substr(last + 1);
  bool good = true;
  if (last != std::string_view::npos) {
    const char* at = bytes.data();
    if (!tail_.empty()) {
      const auto first = bytes.find('\n') + 1;
      tail_.append(at, first);
      at += first;
      good = Lines(tail_.data(), tail_.data() + tail_.size());
      tail_.clear();
    }
    good = good && Lines(at, bytes.data() + last + 1);
  }
  if (good && tail_.size() + held.size() > kMaxLine) {
    fault_ = {line_ + 1, 1, fmt::format("the line is longer than {} bytes", kMaxLine)};
    return false;
  }
  tail_ += held;
  return good;
}

bool Parser::Finish() {
  if (!fault_.message.empty()) {
    return false;
  }
  const bool open = format_ == Format::kOpenMetrics;
  if (!tail_.empty()) {
    tail_ += '\n';
    if (open && tail_ != "# EOF\n") {
      fault_ = {line_ + 1, tail_.size(), "the page ends within a line"};
      return false;
    }
    if (!Lines(tail_.data(), tail_.data() + tail_.size())) {
      return false;
    }
  }
  if (open && !ended_) {
    fault_ = {line_ + 1, 1, "the page does not end with # EOF"};
    return false;
  }
  return true;
}

bool Parser::Lines(const char* at, const char* end) {
  while (at != end) {
    ++line_;
    begin_ = at;
    if (ended_) {
      return Wrong(at, "there is more after # EOF") != nullptr;
    }
    const auto known = sink_->Known(std::string_view(at, static_cast<std::size_t>(end - at)));
    if (known == 0) {
      at = OneLine(at);
    } else if (*at == '#') {
      at += known;
    } else {
      at = KnownLine(at, known);
    }
    if (at == nullptr) {
      return false;
    }
  }
  return true;
}

/// A line whose series, of `known` bytes, is.
const char* Parser::KnownLine(const char* at, std::size_t known) {
  series_ = std::string_view(at, known);
  const char* const blank = at + known;
  const char* const word = blank + 1;
  double value = 0;
  const char* const end = *blank == ' ' ? ReadPlainNumber(word, &value) : word;
  if (end == word || *end != '\n') {
    return Value(blank);
  }
  const std::string_view number(word, static_cast<std::size_t>(end - word));
  return sink_->OnValue(series_, value, number) ? end + 1 : nullptr;
}

/// One line that is not known; gives the begin of the next, nullptr when it is bad.
const char* Parser::OneLine(const char* at) {
  if (static_cast<std::size_t>(LineEnd(at) - at) > kMaxLine) {
    return Wrong(at, fmt::format("the line is longer than {} bytes", kMaxLine));
  }
  if (format_ == Format::kOpenMetrics) {
    if (*at == '#') {
      return OpenComment(at);
    }
  } else {
    at = SkipBlanks(at);
    if (*at == '\n') {
      return at + 1;
    }
    if (*at == '#') {
      return Comment(at);
    }
  }
  SeriesScan scan(format_);
  const char* const series = at;
  at = scan.Scan(at, [](std::string_view, std::string_view) { return true; });
  if (at == nullptr) {
    return Wrong(scan.at(), scan.message());
  }
  series_ = std::string_view(series, static_cast<std::size_t>(at - series));
  return Value(at);
}

/// `# TYPE a counter`, `# HELP a text`, or a comment of people's.
const char* Parser::Comment(const char* at) {
  const char* word = SkipBlanks(at + 1);
  if (word > at + 1 && std::strncmp(word, "HELP", 4) == 0 && IsBlank(word[4])) {
    return FamilyLine(SkipBlanks(word + 4), Meta::What::kHelp);
  }
  if (word > at + 1 && std::strncmp(word, "TYPE", 4) == 0 && IsBlank(word[4])) {
    return FamilyLine(SkipBlanks(word + 4), Meta::What::kType);
  }
  return LineEnd(at) + 1;
}

const char* Parser::OpenComment(const char* at) {
  if (Take(&at, "# EOF\n")) {
    ended_ = true;
    return at;
  }
  if (Take(&at, "# HELP ")) {
    return FamilyLine(at, Meta::What::kHelp);
  }
  if (Take(&at, "# TYPE ")) {
    return FamilyLine(at, Meta::What::kType);
  }
  if (Take(&at, "# UNIT ")) {
    return FamilyLine(at, Meta::What::kUnit);
  }
  return Expected(at, "\"# HELP \", \"# TYPE \", \"# UNIT \" or \"# EOF\"");
}

/// From the family's name on.
const char* Parser::FamilyLine(const char* at, Meta::What what) {
  const bool open = format_ == Format::kOpenMetrics;
  const char* name = at;
  at = NameEnd(at, true);
  if (at == name) {
    return Expected(at, "a metric's name");
  }
  Meta meta{what, std::string_view(name, static_cast<std::size_t>(at - name)), ""};
  const char* const end = LineEnd(at);
  if (!(open ? *at == ' ' : IsBlank(*at)) && (open || at != end)) {
    return Expected(at, "a blank after the metric's name");
  }
  const char* text = at == end ? at : at + 1;
  std::string_view raw(text, static_cast<std::size_t>(end - text));
  if (!base::IsUtf8(raw)) {
    return Wrong(text, "the text is not UTF-8");
  }
  if (what == Meta::What::kType) {
    raw = open ? raw : base::Trim(raw);
    const auto known = open ? std::ranges::find(kOpenTypes, raw) != std::end(kOpenTypes)
                            : std::ranges::find(kTextTypes, raw) != std::end(kTextTypes);
    if (!known) {
      return Wrong(
          text, fmt::format("\"{}\" is no type of a metric", base::Printable(raw.substr(0, 60))));
    }
    meta.text = raw == "untyped" ? "unknown" : raw;
  } else if (what == Meta::What::kUnit) {
    if (!raw.empty() && !meta.family.ends_with("_" + std::string(raw))) {
      return Wrong(text, "the unit is not the end of the metric's name");
    }
    meta.text = raw;
  } else {
    meta.text = Unescape(raw, open);
  }
  sink_->OnMeta(meta);
  return end + 1;
}

/// From the end of the series on.
const char* Parser::Value(const char* at) {
  const bool open = format_ == Format::kOpenMetrics;
  if (open) {
    if (*at != ' ') {
      return Expected(at, "one blank and a value");
    }
    ++at;
  } else {
    at = SkipBlanks(at);
  }
  const char* const word = at;
  double value = 0;
  at = ReadPlainNumber(word, &value);
  if (at == word) {
    at = WordEnd(at);
    const auto read = ReadNumber(std::string_view(word, static_cast<std::size_t>(at - word)));
    if (!read) {
      return Expected(word, "a value");
    }
    value = *read;
  }
  const std::string_view number(word, static_cast<std::size_t>(at - word));
  Line line{series_, value, std::nullopt, {}, number};
  if (*at != '\n') {
    at = open ? OpenTime(at, &line) : TextTime(at, &line);
    if (at == nullptr) {
      return nullptr;
    }
  }
  return sink_->OnLine(line) ? at + 1 : nullptr;
}

/// Blanks, and perhaps milliseconds since 1970.
const char* Parser::TextTime(const char* at, Line* line) {
  at = SkipBlanks(at);
  if (*at == '\n') {
    return at;
  }
  const char* const word = at;
  at += *at == '-' ? 1 : 0;
  std::int64_t ms = 0;
  const char* const digits = at;
  while (*at >= '0' && *at <= '9' && at - digits < 18) {
    ms = ms * 10 + (*at++ - '0');
  }
  if (at == digits) {
    return Expected(word, "a time in milliseconds");
  }
  line->t = *word == '-' ? -ms : ms;
  at = SkipBlanks(at);
  return *at == '\n' ? at : Expected(at, "the end of the line");
}

/// ` 1.5` (seconds), and perhaps an exemplar.
const char* Parser::OpenTime(const char* at, Line* line) {
  if (std::strncmp(at, " # {", 4) == 0) {
    return Exemplar(at + 3, line);
  }
  if (*at != ' ') {
    return Expected(at, "one blank and a time, or the end of the line");
  }
  const char* const word = ++at;
  at = WordEnd(at);
  const auto seconds = ReadNumber(std::string_view(word, static_cast<std::size_t>(at - word)));
  if (!seconds || !std::isfinite(*seconds) || std::abs(*seconds) > 1e14) {
    return Expected(word, "a time in seconds");
  }
  line->t = static_cast<model::Timestamp>(*seconds * 1000);
  if (*at == '\n') {
    return at;
  }
  return std::strncmp(at, " # {", 4) == 0 ? Exemplar(at + 3, line)
                                          : Expected(at, "an exemplar or the end of the line");
}

/// From the brace on.
const char* Parser::Exemplar(const char* at, Line* line) {
  const char* const begin = at;
  SeriesScan scan(format_);
  at = scan.ScanLabels(at, [](std::string_view, std::string_view) { return true; });
  if (at == nullptr) {
    return Wrong(scan.at(), scan.message());
  }
  for (int numbers = 0; numbers < 2 && *at == ' '; ++numbers) {
    const char* const word = ++at;
    at = WordEnd(at);
    const auto number = ReadNumber(std::string_view(word, static_cast<std::size_t>(at - word)));
    if (!number || (numbers == 1 && !std::isfinite(*number))) {
      return Expected(word, numbers == 0 ? "the exemplar's value" : "the exemplar's time");
    }
  }
  if (*at != '\n' || at[-1] == '}') {
    return Expected(at, at[-1] == '}' ? "the exemplar's value" : "the end of the line");
  }
  line->exemplar = std::string_view(begin, static_cast<std::size_t>(at - begin));
  return at;
}

const char* Parser::Wrong(const char* at, std::string message) {
  fault_ = {line_, static_cast<std::size_t>(at - begin_) + 1, std::move(message)};
  return nullptr;
}

const char* Parser::Expected(const char* at, std::string_view what) {
  const char* end = at;
  while (*end != '\n' && end - at < 40 && (end == at || !IsBlank(*end))) {
    ++end;
  }
  const auto found = std::string_view(at, static_cast<std::size_t>(end - at));
  return Wrong(at, found.empty()
                       ? fmt::format("expected {}, found the end of the line", what)
                       : fmt::format("expected {}, found \"{}\"", what, base::Printable(found)));
}

base::Result<SeriesText> ReadSeries(std::string_view series, Format format) {
  const std::string line = std::string(series) + '\n';
  SeriesText out;
  SeriesScan scan(format);
  const char* const end = scan.Scan(line.data(), [&](std::string_view name, std::string_view raw) {
    const auto at = static_cast<std::size_t>(name.data() - line.data());
    out.labels.emplace_back(series.substr(at, name.size()), Unescape(raw, true));
    return true;
  });
  if (end == nullptr) {
    return base::Fail(base::ErrorKind::kInvalid, scan.message());
  }
  if (*end != '\n' || end != line.data() + series.size()) {
    return base::Fail(base::ErrorKind::kInvalid, "more than a series");
  }
  out.name = series.substr(0, scan.name().size());
  return out;
}

}  // namespace probe::prometheus
