// ValueWriter: texts are appended directly; a tree of JSON values would cost ten times as much.
#include "api/value_writer.h"

#include <cstring>

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

/// [time,"value"].
void AppendPoint(std::string& out, model::Timestamp t, double v) {
  char text[2 * kNumberText + 8];
  char* at = text;
  *at++ = '[';
  at = WriteTime(at, t);
  *at++ = ',';
  *at++ = '"';
  at = WriteValue(at, v);
  *at++ = '"';
  *at++ = ']';
  out.append(text, at);
}

}  // namespace

ValueWriter::ValueWriter(promql::Answer answer) : answer_(std::move(answer)) {}

std::string ValueWriter::Next(std::size_t bytes) {
  std::string out;
  if (phase_ != Phase::kHead) {
    out.reserve(bytes + bytes / 8);  // a long answer
  }
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

/// Writes points until the text has `bytes` or they are all there. The texts of the times are kept,
/// as most series of an answer have the same ones.
void ValueWriter::WritePoints(std::string& out, const std::vector<model::Point>& points,
                              std::size_t bytes) {
  constexpr std::size_t kLongest = 2 * kNumberText + 8;
  times_.resize(std::max(times_.size(), points.size()));
  const std::size_t before = out.size();
  const std::size_t room =
      std::min(std::max(bytes, before) - before, (points.size() - point_) * 32) + 2 * kLongest;
  out.resize_and_overwrite(before + room, [&](char* text, std::size_t size) {
    char* at = text + before;
    const char* full = text + size - kLongest;
    for (; point_ < points.size() && at < full; ++point_) {
      const model::Point& point = points[point_];
      TimeText& time = times_[point_];
      if (time.length == 0 || time.t != point.t) {
        time.t = point.t;
        time.length = static_cast<std::uint8_t>(WriteTime(time.text, point.t) - time.text);
      }
      *at = ',';
      at += point_ > 0 ? 1 : 0;
      *at++ = '[';
      std::memcpy(at, time.text, sizeof time.text);
      at += time.length;
      *at++ = ',';
      *at++ = '"';
      at = WriteValue(at, point.v);
      *at++ = '"';
      *at++ = ']';
    }
    return static_cast<std::size_t>(at - text);
  });
}

/// True when the series is complete.
bool ValueWriter::WriteSeries(std::string& out, const promql::MatrixSeries& series,
                              std::size_t bytes) {
  if (point_ == 0) {
    AppendMetric(out, *series.labels);
    out += R"(,"values":[)";
  }
  while (point_ < series.points.size() && (out.size() < bytes || point_ == 0)) {
    WritePoints(out, series.points, bytes);
  }
  if (point_ < series.points.size()) {
    return false;
  }
  out += "]}";
  return true;
}

}  // namespace api
