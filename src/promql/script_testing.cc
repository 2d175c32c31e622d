// The runner of test scripts.
#include "promql/script_testing.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/text.h"
#include "promql/engine.h"
#include "promql/memory_querier.h"
#include "promql/number.h"
#include "promql/series_notation.h"

namespace promql {
namespace {

bool Near(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) {
    return std::isnan(a) && std::isnan(b);
  }
  if (a == b) {
    return true;
  }
  return std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), std::fabs(b));
}

/// Where the labels of a line end and its values begin.
std::size_t LabelsEnd(std::string_view line) {
  bool quoted = false;
  bool braces = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quoted && line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && (line[i] == '{' || line[i] == '}')) {
      braces = line[i] == '{';
    } else if (!quoted && !braces && line[i] == ' ') {
      return i;
    }
  }
  return line.size();
}

class Runner {
 public:
  explicit Runner(std::string_view text) : lines_(base::Lines(text)) {}

  ScriptResult Run() {
    while (at_ < lines_.size()) {
      const std::string_view line = Line(at_);
      if (line.empty() || line[0] == '#') {
        ++at_;
      } else if (line == "clear") {
        data_.Clear();
        ++at_;
      } else if (line.starts_with("load ")) {
        Load();
      } else if (line.starts_with("eval")) {
        Eval();
      } else {
        Fail(at_, "not a command: " + std::string(line));
        ++at_;
      }
    }
    return std::move(result_);
  }

 private:
  [[nodiscard]] std::string_view Line(std::size_t i) const { return base::Trim(lines_[i]); }
  void Fail(std::size_t line, const std::string& what) {
    result_.failures.push_back(fmt::format("line {}: {}", line + 1, what));
  }

  static std::optional<std::int64_t> Ms(std::string_view text) {
    const auto d = base::ParseDuration(text);
    return d ? std::optional(d->count() / 1'000'000) : std::nullopt;
  }

  /// The lines that belong to the command before them.
  std::vector<std::string_view> Body() {
    std::vector<std::string_view> out;
    while (at_ < lines_.size() && !Line(at_).empty() &&
           (lines_[at_][0] == ' ' || lines_[at_][0] == '\t')) {
      if (Line(at_)[0] != '#') {
        out.push_back(Line(at_));
      }
      ++at_;
    }
    return out;
  }

  void Load() {
    const std::size_t here = at_;
    const auto step = Ms(base::Trim(Line(at_++).substr(5)));
    for (const std::string_view line : Body()) {
      const std::size_t end = LabelsEnd(line);
      ParseError ignored;
      const auto labels = ReadLabels(line.substr(0, end));
      const auto values = ParseValues(line.substr(end), ignored);
      if (!step || !labels || !values) {
        Fail(here, "cannot load: " + std::string(line));
        continue;
      }
      for (std::size_t i = 0; i < values->size(); ++i) {
        if ((*values)[i]) {
          data_.Add(*labels, static_cast<std::int64_t>(i) * *step, *(*values)[i]);
        }
      }
    }
  }

  void Eval() {
    const std::size_t here = at_;
    std::string_view rest = Line(at_++);
    const std::vector<std::string_view> body = Body();
    ++result_.evals;
    const bool fail = rest.starts_with("eval_fail ");
    const bool ordered = rest.starts_with("eval_ordered ");
    rest.remove_prefix(rest.find(' ') + 1);
    if (rest.starts_with("range from ")) {
      return EvalRange(here, rest.substr(11), body);
    }
    if (!rest.starts_with("instant at ")) {
      return Fail(here, "eval what?");
    }
    rest.remove_prefix(11);
    const std::size_t space = rest.find(' ');
    const auto at = Ms(rest.substr(0, space));
    if (!at || space == std::string_view::npos) {
      return Fail(here, "eval when?");
    }
    const std::string_view query = base::Trim(rest.substr(space));
    const auto expr = ParseExpr(query);
    if (!expr) {
      return fail ? Expected(here, body, expr.error().message) : Fail(here, expr.error().message);
    }
    const Engine engine(&data_);
    const auto answer = engine.Instant(**expr, *at);
    if (fail) {
      return answer ? Fail(here, "no failure: " + std::string(query))
                    : Expected(here, body, answer.error().message);
    }
    if (!answer) {
      return Fail(here, answer.error().message);
    }
    Compare(here, *answer, body, ordered);
    Again(here, **expr, *answer, *at);
  }

  void Expected(std::size_t here, const std::vector<std::string_view>& body,
                const std::string& message) {
    constexpr std::string_view kWord = "expected_fail_message ";
    for (const std::string_view line : body) {
      if (line.starts_with(kWord) && line.substr(kWord.size()) != message) {
        Fail(here, "failed with: " + message);
      }
    }
  }

  static Vector AsVector(const Value& value) {
    if (const auto* scalar = std::get_if<Scalar>(&value)) {
      return {{std::make_shared<model::Labels>(), scalar->t, scalar->v}};
    }
    if (const auto* vector = std::get_if<Vector>(&value)) {
      return *vector;
    }
    return {};
  }

  void Compare(std::size_t here, const Answer& answer, const std::vector<std::string_view>& body,
               bool ordered) {
    if (const auto* text = std::get_if<String>(&answer.value)) {
      if (body.size() != 1 || body[0] != model::QuoteValue(text->v)) {
        Fail(here, "got the string " + model::QuoteValue(text->v));
      }
      return;
    }
    Vector got = AsVector(answer.value);
    if (got.size() != body.size()) {
      Fail(here, fmt::format("expected {} series, got {}:{}", body.size(), got.size(), Show(got)));
      return;
    }
    for (std::size_t i = 0; i < body.size(); ++i) {
      const std::size_t end = LabelsEnd(body[i]);
      std::string_view number = base::Trim(body[i].substr(end));
      auto labels = ReadLabels(body[i].substr(0, end));
      if (number.empty()) {
        number = body[i];
        labels.emplace();
      }
      const auto want = ParseFloat(number);
      bool found = false;
      for (std::size_t j = 0; j < got.size() && labels && want; ++j) {
        found =
            found || ((!ordered || i == j) && *got[j].labels == *labels && Near(got[j].v, *want));
      }
      if (!found) {
        Fail(here, fmt::format("expected {}, got{}", body[i], Show(got)));
      }
    }
  }

  static std::string Show(const Vector& vector) {
    std::string out;
    for (const VectorSample& sample : vector) {
      out += fmt::format("\n    {} {}", sample.labels->ToString(), FormatFloat(sample.v));
    }
    return out;
  }

  /// The same expression over three steps must give the same values at the middle one.
  void Again(std::size_t here, const Expr& expr, const Answer& answer, model::Timestamp at) {
    if (expr.Type() != ValueType::kVector && expr.Type() != ValueType::kScalar) {
      return;
    }
    for (const Expr* selector : Selectors(expr)) {
      if (selector->edge != Expr::Edge::kNone) {
        return;
      }
    }
    const auto range = Engine(&data_).Range(expr, at - 60'000, at + 60'000, 60'000);
    if (!range) {
      return;
    }
    std::map<model::Labels, double> middle;
    for (const MatrixSeries& series : std::get<Matrix>(range->value)) {
      for (const model::Point& point : series.points) {
        if (point.t == at) {
          middle[*series.labels] = point.v;
        }
      }
    }
    const Vector vector = AsVector(answer.value);
    bool same = middle.size() == vector.size();
    for (const VectorSample& sample : vector) {
      same = same && middle.contains(*sample.labels) && Near(middle[*sample.labels], sample.v);
    }
    if (!same) {
      Fail(here, "the range query differs from the instant one: " + expr.ToString());
    }
  }

  /// `range from A to B step C EXPR` with bodies of values.
  void EvalRange(std::size_t here, std::string_view rest,
                 const std::vector<std::string_view>& body) {
    std::vector<std::string_view> words = base::Split(rest, ' ');
    if (words.size() < 6 || words[1] != "to" || words[3] != "step") {
      return Fail(here, "eval range from A to B step C EXPR");
    }
    const auto start = Ms(words[0]);
    const auto end = Ms(words[2]);
    const auto step = Ms(words[4]);
    const std::string_view query =
        rest.substr(static_cast<std::size_t>(words[5].data() - rest.data()));
    const auto expr = ParseExpr(query);
    if (!start || !end || !step || !expr) {
      return Fail(here, expr ? "bad times" : expr.error().message);
    }
    const auto answer = Engine(&data_).Range(**expr, *start, *end, *step);
    if (!answer) {
      return Fail(here, answer.error().message);
    }
    const auto& matrix = std::get<Matrix>(answer->value);
    if (matrix.size() != body.size()) {
      return Fail(here, fmt::format("expected {} series, got {}", body.size(), matrix.size()));
    }
    for (std::size_t i = 0; i < body.size(); ++i) {
      const std::size_t labels_end = LabelsEnd(body[i]);
      ParseError ignored;
      const auto labels = ReadLabels(body[i].substr(0, labels_end));
      const auto values = ParseValues(body[i].substr(labels_end), ignored);
      std::string got = matrix[i].labels->ToString();
      bool same = labels && values && *matrix[i].labels == *labels;
      std::map<model::Timestamp, double> points;
      for (const model::Point& point : matrix[i].points) {
        points[point.t] = point.v;
        got += fmt::format(" {}@{}", FormatFloat(point.v), point.t / 1000);
      }
      for (std::size_t n = 0; same && n < values->size(); ++n) {
        const auto found = points.find(*start + static_cast<std::int64_t>(n) * *step);
        same = (*values)[n] ? found != points.end() && Near(found->second, *(*values)[n])
                            : found == points.end();
      }
      if (!same) {
        Fail(here, fmt::format("expected {}, got {}", body[i], got));
      }
    }
  }

  std::vector<std::string_view> lines_;
  std::size_t at_ = 0;
  MemoryQuerier data_;
  ScriptResult result_;
};

}  // namespace

ScriptResult RunScript(std::string_view text) { return Runner(text).Run(); }

}  // namespace promql
