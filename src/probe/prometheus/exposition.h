// Exposition: reads a page of metrics as exporters serve it, piece by piece as it arrives:
// Prometheus's text format 0.0.4 and OpenMetrics 1.0.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/sample.h"

namespace probe::prometheus {

enum class Format {
  kText,        ///< https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4
  kOpenMetrics  ///< https://openmetrics.io, version 1.0.0
};

/// The format of a Content-Type header; kText for one that is missing or unknown, as Prometheus
/// 2.42 takes it.
Format FormatOf(std::string_view content_type);

/// The longest line that is read, in bytes.
inline constexpr std::size_t kMaxLine = 256U << 10;

/// Where and why a page cannot be read.
struct Fault {
  std::size_t line = 0;    ///< from 1
  std::size_t column = 0;  ///< in bytes, from 1
  std::string message;
  /// "line 3, column 7: expected a value, found \"x\"".
  [[nodiscard]] std::string ToString() const;
};

/// One value of a page. The views end with the call.
struct Line {
  std::string_view series;  ///< name and labels as written: `http_requests_total{code="200"}`
  double value = 0;         ///< a NaN is the ordinary one, never the stale marker
  std::optional<model::Timestamp> t;  ///< when the page says it
  std::string_view exemplar;          ///< OpenMetrics: `{trace_id="1"} 0.5 1.7`; "" = none
  std::string_view number;            ///< the value as written
};

/// What a page says of a metric family.
struct Meta {
  enum class What { kType, kHelp, kUnit };
  What what = What::kType;
  std::string_view family;
  std::string text;  ///< "counter", the help without its escapes, the unit
};

/// Takes what a Parser reads.
class Sink {
 public:
  Sink() = default;
  virtual ~Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;
  /// A short cut for lines seen before: the page goes on with `rest`, whose first line is complete.
  /// The answer is how many bytes of it need not be looked at: a comment with its newline, or a
  /// series up to the blank before its value. 0: read it.
  virtual std::size_t Known(std::string_view /*rest*/) { return 0; }
  /// False ends the reading; the parser then has no fault of its own.
  virtual bool OnLine(const Line& line) = 0;
  /// As OnLine, for a line that Known took and that has a plain value and nothing more.
  virtual bool OnValue(std::string_view series, double value, std::string_view number) {
    return OnLine({series, value, std::nullopt, {}, number});
  }
  virtual void OnMeta(const Meta& /*meta*/) {}
};

/// Reads one page. Strict: the first line that is not as the format says ends the reading. What is
/// held is at most one line. Accepts what Prometheus 2.42 accepts, but for a label name that stands
/// twice or is __name__, which Prometheus refuses later.
class Parser {
 public:
  Parser(Format format, Sink* sink) : format_(format), sink_(sink) {}
  /// The next bytes of the page. False: it ends here, see fault().
  bool Feed(std::string_view bytes);
  /// The page is over. False: it was not whole.
  bool Finish();
  /// Why it ended; message "" when the sink ended it.
  [[nodiscard]] const Fault& fault() const { return fault_; }

 private:
  bool Lines(const char* at, const char* end);
  const char* KnownLine(const char* at, std::size_t known);
  const char* OneLine(const char* at);
  const char* Comment(const char* at);
  const char* OpenComment(const char* at);
  const char* FamilyLine(const char* at, Meta::What what);
  const char* Value(const char* at);
  const char* TextTime(const char* at, Line* line);
  const char* OpenTime(const char* at, Line* line);
  const char* Exemplar(const char* at, Line* line);
  const char* Wrong(const char* at, std::string message);
  const char* Expected(const char* at, std::string_view what);

  Format format_;
  Sink* sink_;
  std::string tail_;  ///< a line whose end has not come yet
  std::size_t line_ = 0;
  const char* begin_ = nullptr;  ///< of the line
  std::string_view series_;
  bool ended_ = false;  ///< "# EOF" was read
  Fault fault_;
};

/// A series taken apart.
struct SeriesText {
  std::string_view name;
  /// In the order written, escapes resolved. An empty value means that there is no such label.
  std::vector<std::pair<std::string_view, std::string>> labels;
};

/// Takes `Line::series` apart. Errors: kInvalid for what Parser would not have given.
base::Result<SeriesText> ReadSeries(std::string_view series, Format format);

/// The end of a number that is digits with at most one point, as most are, few enough that the
/// result of one division is exact: both numbers are doubles without rounding (W. D. Clinger, How
/// to Read Floating Point Numbers Accurately). `at` itself for any other, which ReadNumber reads.
/// A newline or a blank must come.
const char* ReadPlainNumber(const char* at, double* value);

/// A number as Go's strconv.ParseFloat reads it (decimal, Inf, NaN; no underscores, no hexadecimal
/// form); nullopt for anything else and for what is beyond a double.
std::optional<double> ReadNumber(std::string_view text);

}  // namespace probe::prometheus
