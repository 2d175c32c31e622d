// Snappy blocks and WriteRequest. Field numbers of prompb/types.proto and prompb/remote.proto.
#include "remote/wire.h"

#include <fmt/format.h>
#include <snappy.h>

#include <algorithm>
#include <array>
#include <protozero/pbf_writer.hpp>

#include "base/text.h"
#include "remote/pbf.h"

namespace remote {
namespace {

using protozero::pbf_reader;
using protozero::pbf_writer;

/// MetricMetadata.MetricType by number.
constexpr std::array<std::string_view, 8> kTypes = {
    "unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"};

constexpr std::size_t kMaxHelp = 4096;

model::Labels::Pair TakeLabel(pbf_reader message) {
  model::Labels::Pair out;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        out.first = TakeView(message);
        break;
      case 2:
        out.second = TakeView(message);
        break;
      default:
        message.skip();
    }
  }
  return out;
}

model::Point TakeSample(pbf_reader message) {
  model::Point out;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        out.v = TakeDouble(message);
        break;
      case 2:
        out.t = TakeInt(message);
        break;
      default:
        message.skip();
    }
  }
  return out;
}

Metadata TakeMetadata(pbf_reader message) {
  Metadata out;
  out.type = kTypes[0];
  while (message.next()) {
    switch (message.tag()) {
      case 1: {
        const auto type = static_cast<std::uint64_t>(TakeInt(message));
        out.type = kTypes[type < kTypes.size() ? type : 0];
        break;
      }
      case 2:
        out.name = TakeView(message);
        break;
      case 4:
        out.help = base::Printable(TakeView(message).substr(0, kMaxHelp), true);
        break;
      case 5:
        out.unit = base::Printable(TakeView(message).substr(0, 64));
        break;
      default:
        message.skip();
    }
  }
  return out;
}

void Refuse(WriteRequest& out, std::size_t samples, std::string why) {
  out.refused += samples;
  if (out.refused_reason.empty()) {
    out.refused_reason = std::move(why);
  }
}

void AddSeries(WriteRequest& out, RawSeries raw, const Bounds& bounds) {
  if (raw.histograms > 0) {
    Refuse(out, raw.histograms, "native histograms are not supported");
  }
  if (raw.points.empty()) {
    return;
  }
  if (auto wrong = TidyLabels(raw.labels, bounds); !wrong.empty()) {
    Refuse(out, raw.points.size(), std::move(wrong));
    return;
  }
  out.series.push_back(
      {std::make_shared<const model::Labels>(std::move(raw.labels)), std::move(raw.points)});
}

WriteRequest TakeWrite(std::string_view plain, const Bounds& bounds) {
  WriteRequest out;
  std::size_t samples = bounds.samples;
  std::size_t series = 0;
  pbf_reader message(plain.data(), plain.size());
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        if (++series > bounds.series) {
          throw TooLarge(fmt::format("more than {} series", bounds.series));
        }
        AddSeries(out, TakeSeries(TakeMessage(message), bounds, samples), bounds);
        break;
      case 3: {
        auto one = TakeMetadata(TakeMessage(message));
        if (model::IsMetricName(one.name) && one.name.size() <= bounds.label_name &&
            out.metadata.size() < bounds.metadata) {
          out.metadata.push_back(std::move(one));
        }
        break;
      }
      default:
        message.skip();
    }
  }
  return out;
}

void PutSeries(std::string& out, const Series& series, std::string& scratch) {
  scratch.clear();
  pbf_writer message(scratch);
  for (const auto& [name, value] : *series.labels) {
    pbf_writer label(message, 1);
    label.add_string(1, name);
    label.add_string(2, value);
  }
  for (const auto& point : series.points) {
    pbf_writer sample(message, 2);
    sample.add_double(1, point.v);
    sample.add_int64(2, point.t);
  }
  pbf_writer(out).add_message(1, scratch);
}

}  // namespace

std::string TidyLabels(std::vector<model::Labels::Pair>& labels, const Bounds& bounds) {
  std::erase_if(labels, [](const auto& pair) { return pair.second.empty(); });
  if (!std::ranges::is_sorted(labels)) {
    std::ranges::sort(labels);
  }
  std::string_view name;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto& [key, value] = labels[i];
    if (!model::IsLabelName(key) || key.size() > bounds.label_name) {
      return fmt::format("{} is no label name", base::JsonQuote(key.substr(0, 100)));
    }
    if (i > 0 && labels[i - 1].first == key) {
      return fmt::format("the label {} stands twice", key);
    }
    if (value.size() > bounds.label_value || !base::IsUtf8(value)) {
      return fmt::format("the value of the label {} is too long or not UTF-8", key);
    }
    if (key == model::kName) {
      name = value;
    }
  }
  if (!model::IsMetricName(name)) {
    return fmt::format("{} is no metric name", base::JsonQuote(name.substr(0, 100)));
  }
  return "";
}

RawSeries TakeSeries(pbf_reader message, const Bounds& bounds, std::size_t& samples) {
  RawSeries out;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        if (out.labels.size() >= bounds.labels) {
          throw TooLarge(fmt::format("a series with more than {} labels", bounds.labels));
        }
        out.labels.push_back(TakeLabel(TakeMessage(message)));
        break;
      case 2:
        if (samples-- == 0) {
          throw TooLarge(fmt::format("more than {} samples", bounds.samples));
        }
        out.points.push_back(TakeSample(TakeMessage(message)));
        break;
      case 4:
        (void)TakeView(message);
        ++out.histograms;
        break;
      default:
        message.skip();  // 3: exemplars
    }
  }
  return out;
}

base::Result<std::string> Unsnap(std::string_view packed, std::size_t limit) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(packed.data(), packed.size(), &size)) {
    return base::Fail(base::ErrorKind::kInvalid, "no snappy block");
  }
  if (size > limit) {
    return base::Fail(base::ErrorKind::kRefused,
                      fmt::format("unpacked it has {} bytes, more than {}", size, limit));
  }
  std::string out;
  if (!snappy::Uncompress(packed.data(), packed.size(), &out)) {
    return base::Fail(base::ErrorKind::kInvalid, "a broken snappy block");
  }
  return out;
}

std::string Snap(std::string_view plain) {
  std::string out;
  snappy::Compress(plain.data(), plain.size(), &out);
  return out;
}

base::Result<WriteRequest> DecodeWrite(std::string_view packed, const Bounds& bounds) {
  const auto plain = Unsnap(packed, bounds.bytes);
  if (!plain) {
    return base::Fail(plain.error().In("write request"));
  }
  return Guarded("write request", [&] { return TakeWrite(*plain, bounds); });
}

std::string EncodeWrite(const WriteRequest& request) {
  std::string plain;
  std::string scratch;
  for (const auto& series : request.series) {
    PutSeries(plain, series, scratch);
  }
  for (const auto& one : request.metadata) {
    pbf_writer root(plain);
    pbf_writer message(root, 3);
    const auto type = std::ranges::find(kTypes, one.type);
    message.add_enum(1, type == kTypes.end() ? 0 : static_cast<int>(type - kTypes.begin()));
    message.add_string(2, one.name);
    message.add_string(4, one.help);
    message.add_string(5, one.unit);
  }
  return Snap(plain);
}

}  // namespace remote
