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
void AppendPoint(std::string& out, model::Timestamp t, double v, char* (*write)(char*, double)) {
  char text[2 * kNumberText + 8];
  char* at = text;
  *at++ = '[';
  at = WriteTime(at, t);
  *at++ = ',';
  *at++ = '"';
  at = write(at, v);
  *at++ = '"';
  *at++ = ']';
  out.append(text, at);
}

/// Writes points [from, to) of a series. The texts of the times are kept, as most series of an
/// answer have the same ones.
template <class Times>
void AppendPoints(std::string& out, const std::vector<model::Point>& points, std::size_t from,
                  std::size_t to, Times& times) {
  constexpr std::size_t kLongest = 2 * kNumberText + 8;
  times.resize(std::max(times.size(), to));
  while (from < to) {
    const std::size_t before = out.size();
    const std::size_t room = (to - from) * 32 + 2 * kLongest;
    out.resize_and_overwrite(before + room, [&](char* text, std::size_t size) {
      char* at = text + before;
      const char* full = text + size - kLongest;
      for (; from < to && at < full; ++from) {
        const model::Point& point = points[from];
        auto& time = times[from];
        if (time.length == 0 || time.t != point.t) {
          time.t = point.t;
          time.length = static_cast<std::uint8_t>(WriteTime(time.text, point.t) - time.text);
        }
        *at = ',';
        at += from > 0 ? 1 : 0;
        *at++ = '[';
        std::memcpy(at, time.text, sizeof time.text);
        at += time.length;
        *at++ = ',';
        *at++ = '"';
        at = WriteSample(at, point.v);
        *at++ = '"';
        *at++ = ']';
      }
      return static_cast<std::size_t>(at - text);
    });
  }
}

}  // namespace

ValueWriter::ValueWriter(promql::Answer answer, std::size_t piece) : answer_(std::move(answer)) {
  if (const auto* vector = std::get_if<promql::Vector>(&answer_.value)) {
    items_ = vector->size();
  } else if (const auto* matrix = std::get_if<promql::Matrix>(&answer_.value)) {
    items_ = matrix->size();
  }
  Cut(piece);
}

/// Finds where the pieces begin. A series counts for as much as its labels are worth besides.
void ValueWriter::Cut(std::size_t piece) {
  constexpr std::size_t kLabels = 8;
  const auto* matrix = std::get_if<promql::Matrix>(&answer_.value);
  starts_.push_back({});
  std::size_t left = piece;
  const auto cut = [&](Place place) {
    starts_.push_back(place);
    left = piece;
  };
  for (std::size_t item = 0; item < items_; ++item) {
    if (left == 0) {
      cut({item, 0});
    }
    left -= std::min(left, matrix == nullptr ? 1 : kLabels);
    const std::size_t points = matrix == nullptr ? 0 : (*matrix)[item].points.size();
    for (std::size_t at = 0; at < points;) {
      if (left == 0 && at > 0) {
        cut({item, at});
      }
      const std::size_t taken = std::min(std::max<std::size_t>(left, 1), points - at);
      at += taken;
      left -= std::min(left, taken);
    }
  }
}

std::string ValueWriter::Piece(std::size_t number) const {
  std::string out;
  if (number == 0) {
    out += R"({"status":"success","data":{"resultType":")";
    out += promql::ToString(promql::TypeOf(answer_.value));
    out += R"(","result":)";
  }
  const bool last = number + 1 == starts_.size();
  WriteItems(out, starts_[number], last ? Place{items_, 0} : starts_[number + 1]);
  if (last) {
    out += '}';
    for (std::size_t i = 0; i < answer_.warnings.size(); ++i) {
      out += i == 0 ? R"(,"warnings":[)" : ",";
      out += base::JsonQuote(answer_.warnings[i]);
    }
    out += answer_.warnings.empty() ? "}" : "]}";
  }
  return out;
}

void ValueWriter::WriteItems(std::string& out, Place from, Place to) const {
  if (const auto* scalar = std::get_if<promql::Scalar>(&answer_.value)) {
    AppendPoint(out, scalar->t, scalar->v, &WriteValue);
    return;
  }
  if (const auto* text = std::get_if<promql::String>(&answer_.value)) {
    out += '[';
    AppendTime(out, text->t);
    out += ',' + base::JsonQuote(text->v) + ']';
    return;
  }
  out += from == Place{} ? "[" : "";
  if (const auto* vector = std::get_if<promql::Vector>(&answer_.value)) {
    for (std::size_t i = from.item; i < to.item; ++i) {
      const auto& sample = (*vector)[i];
      out += i > 0 ? "," : "";
      AppendMetric(out, *sample.labels);
      out += R"(,"value":)";
      AppendPoint(out, sample.t, sample.v, &WriteSample);
      out += '}';
    }
  } else {
    const auto& matrix = std::get<promql::Matrix>(answer_.value);
    TimeTexts times = TakeTimes();
    for (std::size_t i = from.item; i < to.item; ++i) {
      WriteSeries(out, i, i == from.item ? from.point : 0, matrix[i].points.size(), times);
      out += "]}";
    }
    if (to.point > 0) {
      WriteSeries(out, to.item, to.item == from.item ? from.point : 0, to.point, times);
    }
    GiveTimes(std::move(times));
  }
  out += to.item == items_ ? "]" : "";
}

/// A stretch of a series, with its beginning but without its end.
void ValueWriter::WriteSeries(std::string& out, std::size_t item, std::size_t from, std::size_t to,
                              TimeTexts& times) const {
  const auto& series = std::get<promql::Matrix>(answer_.value)[item];
  if (from == 0) {
    out += item > 0 ? "," : "";
    AppendMetric(out, *series.labels);
    out += R"(,"values":[)";
  }
  AppendPoints(out, series.points, from, to, times);
}

ValueWriter::TimeTexts ValueWriter::TakeTimes() const {
  const std::lock_guard lock(mutex_);
  if (times_.empty()) {
    return {};
  }
  auto out = std::move(times_.back());
  times_.pop_back();
  return out;
}

void ValueWriter::GiveTimes(TimeTexts times) const {
  const std::lock_guard lock(mutex_);
  times_.push_back(std::move(times));
}

}  // namespace api
