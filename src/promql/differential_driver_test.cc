// Answers a file of queries over a file of samples, for tests/promql/differential.py, which
// compares the answers with those of a real Prometheus. Without files it answers a small set of its
// own.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/clock.h"
#include "base/text.h"
#include "promql/engine.h"
#include "promql/memory_querier.h"
#include "promql/number.h"

namespace promql {
namespace {

std::string LabelsJson(const model::Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    out += fmt::format("{}{}:{}", out.empty() ? "" : ",", base::JsonQuote(name),
                       base::JsonQuote(value));
  }
  return "{" + out + "}";
}

std::string PointJson(model::Timestamp t, double v) {
  return fmt::format("[{:.3f},\"{}\"]", static_cast<double>(t) / 1000, FormatSample(v));
}

std::string ValueJson(const Value& value) {
  if (const auto* scalar = std::get_if<Scalar>(&value)) {
    return PointJson(scalar->t, scalar->v);
  }
  if (const auto* text = std::get_if<String>(&value)) {
    return fmt::format("[{:.3f},{}]", static_cast<double>(text->t) / 1000,
                       base::JsonQuote(text->v));
  }
  std::string out;
  if (const auto* vector = std::get_if<Vector>(&value)) {
    for (const VectorSample& s : *vector) {
      out += fmt::format("{}{{\"metric\":{},\"value\":{}}}", out.empty() ? "" : ",",
                         LabelsJson(*s.labels), PointJson(s.t, s.v));
    }
  } else {
    for (const MatrixSeries& s : std::get<Matrix>(value)) {
      std::string points;
      for (const model::Point& p : s.points) {
        points += (points.empty() ? "" : ",") + PointJson(p.t, p.v);
      }
      out += fmt::format("{}{{\"metric\":{},\"values\":[{}]}}", out.empty() ? "" : ",",
                         LabelsJson(*s.labels), points);
    }
  }
  return "[" + out + "]";
}

std::string Answered(const MemoryQuerier& data, const std::string& line) {
  // "instant<TAB>ms<TAB>query" or "range<TAB>start<TAB>end<TAB>step<TAB>query".
  const auto words = base::Split(line, '\t');
  const auto number = [&words](std::size_t i) { return std::stoll(std::string(words.at(i))); };
  const auto expr = ParseExpr(words.back());
  if (!expr) {
    return fmt::format("{{\"error\":{}}}", base::JsonQuote(expr.error().message));
  }
  const Engine engine(&data);
  const auto answer = words[0] == "instant" ? engine.Instant(**expr, number(1))
                                            : engine.Range(**expr, number(1), number(2), number(3));
  if (!answer) {
    return fmt::format("{{\"error\":{}}}", base::JsonQuote(answer.error().message));
  }
  return fmt::format("{{\"resultType\":\"{}\",\"result\":{}}}", ToString(TypeOf(answer->value)),
                     ValueJson(answer->value));
}

/// Samples: one a line, "labels<TAB>ms<TAB>value".
void Load(std::istream& in, MemoryQuerier& data) {
  std::string line;
  while (std::getline(in, line)) {
    const auto words = base::Split(line, '\t');
    const auto labels = ReadLabels(words.at(0));
    const auto value = words.at(2) == "stale" ? model::StaleNaN() : ParseFloat(words.at(2));
    ASSERT_TRUE(labels && value) << line;
    data.Add(*labels, std::stoll(std::string(words.at(1))), *value);
  }
}

TEST(Differential, Drive) {
  const char* folder = std::getenv("RAKSA_DIFFERENTIAL");
  MemoryQuerier data;
  if (folder == nullptr) {
    std::stringstream samples("ping{ip=\"192.0.2.1\"}\t1000\t1\n");
    Load(samples, data);
    EXPECT_EQ(Answered(data, "instant\t2000\tping * 2"),
              R"({"resultType":"vector","result":[{"metric":{"ip":"192.0.2.1"},)"
              R"("value":[2.000,"2"]}]})");
    EXPECT_EQ(Answered(data, "range\t1000\t2000\t1000\t1"),
              R"({"resultType":"matrix","result":[{"metric":{},)"
              R"("values":[[1.000,"1"],[2.000,"1"]]}]})");
    return;
  }
  std::ifstream samples(std::string(folder) + "/samples");
  std::ifstream queries(std::string(folder) + "/queries");
  std::ofstream answers(std::string(folder) + "/answers");
  Load(samples, data);
  std::string line;
  while (std::getline(queries, line)) {
    answers << Answered(data, line) << "\n";
  }
}

}  // namespace
}  // namespace promql
