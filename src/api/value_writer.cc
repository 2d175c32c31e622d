// ValueWriter: texts are appended directly; a tree of JSON values would cost ten times as much.
#include "api/value_writer.h"

#include "api/number.h"
#include "base/text.h"

namespace api {
namespace {

void AppendMetric(std::string& out, const model::Labels& labels) {
  out += R"({"metric":{)";
  bool first = true;
  for (const auto& [name, value] : labels) {
    out += first ? "" : ",";
    out += base::JsonQuote(name);
    out += ':';
    out += base::JsonQuote(value);
    first = false;
  }
  out += '}';
}

void AppendPoint(std::string& out, model::Timestamp t, double v) {
  out += '[';
  AppendTime(out, t);
  out += ",\"";
  AppendValue(out, v);
  out += "\"]";
}

}  // namespace

ValueWriter::ValueWriter(promql::Answer answer) : answer_(std::move(answer)) {}

std::string ValueWriter::Next(std::size_t bytes) {
  std::string out;
  if (phase_ == Phase::kHead) {
    out += R"({"status":"success","data":{"resultType":")";
    out += promql::ToString(promql::TypeOf(answer_.value));
    out += R"(","result":)";
    phase_ = Phase::kItems;
  }
  while (phase_ == Phase::kItems && out.size() < bytes) {
    if (!WriteItem(out, bytes)) {
      phase_ = Phase::kTail;
    }
  }
  if (phase_ == Phase::kTail) {
    out += '}';
    for (std::size_t i = 0; i < answer_.warnings.size(); ++i) {
      out += i == 0 ? R"(,"warnings":[)" : ",";
      out += base::JsonQuote(answer_.warnings[i]);
    }
    out += answer_.warnings.empty() ? "}" : "]}";
    phase_ = Phase::kDone;
  }
  return out;
}

/// Writes one item, or a part of a long series; false after the last.
bool ValueWriter::WriteItem(std::string& out, std::size_t bytes) {
  if (const auto* scalar = std::get_if<promql::Scalar>(&answer_.value)) {
    AppendPoint(out, scalar->t, scalar->v);
    return false;
  }
  if (const auto* text = std::get_if<promql::String>(&answer_.value)) {
    out += '[';
    AppendTime(out, text->t);
    out += ',' + base::JsonQuote(text->v) + ']';
    return false;
  }
  const auto* vector = std::get_if<promql::Vector>(&answer_.value);
  const auto* matrix = std::get_if<promql::Matrix>(&answer_.value);
  const auto size = vector != nullptr ? vector->size() : matrix->size();
  if (item_ == 0 && point_ == 0) {
    out += '[';
  }
  if (item_ == size) {
    out += ']';
    return false;
  }
  if (item_ > 0 && point_ == 0) {
    out += ',';
  }
  if (vector != nullptr) {
    const auto& sample = (*vector)[item_];
    AppendMetric(out, *sample.labels);
    out += R"(,"value":)";
    AppendPoint(out, sample.t, sample.v);
    out += '}';
    ++item_;
  } else if (WriteSeries(out, (*matrix)[item_], bytes)) {
    ++item_;
    point_ = 0;
  }
  return true;
}

/// True when the series is complete.
bool ValueWriter::WriteSeries(std::string& out, const promql::MatrixSeries& series,
                              std::size_t bytes) {
  if (point_ == 0) {
    AppendMetric(out, *series.labels);
    out += R"(,"values":[)";
  }
  while (point_ < series.points.size() && (out.size() < bytes || point_ == 0)) {
    out += point_ == 0 ? "" : ",";
    AppendPoint(out, series.points[point_].t, series.points[point_].v);
    ++point_;
  }
  if (point_ < series.points.size()) {
    return false;
  }
  out += "]}";
  return true;
}

}  // namespace api
