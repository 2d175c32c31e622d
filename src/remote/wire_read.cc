// ReadRequest and ReadResponse. Field numbers of prompb/types.proto and prompb/remote.proto.
#include <fmt/format.h>

#include <protozero/pbf_writer.hpp>

#include "base/text.h"
#include "remote/pbf.h"
#include "remote/wire.h"

namespace remote {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::pbf_writer;
using Op = store::Matcher::Op;

store::Matcher TakeMatcher(pbf_reader message, const Bounds& bounds) {
  std::int64_t op = 0;
  std::string name;
  std::string value;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        op = TakeInt(message);
        break;
      case 2:
        name = TakeView(message);
        break;
      case 3:
        value = TakeView(message);
        break;
      default:
        message.skip();
    }
  }
  if (op < 0 || op > 3) {
    throw Broken(fmt::format("there is no matcher of type {}", op));
  }
  if (!model::IsLabelName(name) || name.size() > bounds.label_name) {
    throw Broken(base::JsonQuote(name.substr(0, 100)) + " is no label name");
  }
  if (value.size() > bounds.label_value || !base::IsUtf8(value)) {
    throw Broken("a matcher's value is too long or not UTF-8");
  }
  auto made = store::MakeMatcher(static_cast<Op>(op), std::move(name), std::move(value));
  if (!made) {
    throw Broken(made.error().message);
  }
  return std::move(*made);
}

ReadQuery TakeQuery(pbf_reader message, const Bounds& bounds) {
  ReadQuery out;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        out.from = TakeInt(message);
        break;
      case 2:
        out.to = TakeInt(message);
        break;
      case 3:
        if (out.matchers.size() >= bounds.matchers) {
          throw TooLarge(fmt::format("more than {} matchers", bounds.matchers));
        }
        out.matchers.push_back(TakeMatcher(TakeMessage(message), bounds));
        break;
      default:
        message.skip();  // 4: hints
    }
  }
  return out;
}

/// The accepted response types, in either encoding of repeated numbers; 0 is SAMPLES.
bool TakesSamples(pbf_reader& message) {
  if (message.wire_type() == pbf_wire_type::varint) {
    return message.get_int32() == 0;
  }
  if (message.wire_type() != pbf_wire_type::length_delimited) {
    throw Broken("a field has the wrong wire type");
  }
  bool out = false;
  for (const auto type : message.get_packed_int32()) {
    out = out || type == 0;
  }
  return out;
}

ReadRequest TakeRead(std::string_view plain, const Bounds& bounds) {
  ReadRequest out;
  bool typed = false;
  bool samples = false;
  pbf_reader message(plain.data(), plain.size());
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        if (out.queries.size() >= bounds.queries) {
          throw TooLarge(fmt::format("more than {} queries", bounds.queries));
        }
        out.queries.push_back(TakeQuery(TakeMessage(message), bounds));
        break;
      case 2:
        typed = true;
        samples = TakesSamples(message) || samples;
        break;
      default:
        message.skip();
    }
  }
  out.samples = samples || !typed;
  return out;
}

std::vector<Series> TakeResult(pbf_reader message, const Bounds& bounds, std::size_t& samples) {
  std::vector<Series> out;
  while (message.next()) {
    if (message.tag() != 1) {
      message.skip();
      continue;
    }
    if (out.size() >= bounds.series) {
      throw TooLarge(fmt::format("more than {} series", bounds.series));
    }
    auto raw = TakeSeries(TakeMessage(message), bounds, samples);
    if (auto wrong = TidyLabels(raw.labels, bounds); !wrong.empty()) {
      throw Broken(wrong);
    }
    out.push_back(
        {std::make_shared<const model::Labels>(std::move(raw.labels)), std::move(raw.points)});
  }
  return out;
}

}  // namespace

base::Result<ReadRequest> DecodeRead(std::string_view packed, const Bounds& bounds) {
  const auto plain = Unsnap(packed, bounds.bytes);
  if (!plain) {
    return base::Fail(plain.error().In("read request"));
  }
  return Guarded("read request", [&] { return TakeRead(*plain, bounds); });
}

std::string EncodeRead(const ReadRequest& request) {
  std::string plain;
  pbf_writer root(plain);
  for (const auto& query : request.queries) {
    pbf_writer message(root, 1);
    message.add_int64(1, query.from);
    message.add_int64(2, query.to);
    for (const auto& matcher : query.matchers) {
      pbf_writer one(message, 3);
      one.add_enum(1, static_cast<int>(matcher.op));
      one.add_string(2, matcher.name);
      one.add_string(3, matcher.value);
    }
  }
  if (request.samples) {
    root.add_enum(2, 0);
  }
  return Snap(plain);
}

void ReadResponseWriter::Add(const std::vector<store::SeriesData>& found) {
  pbf_writer root(plain_);
  if (found.empty()) {
    root.add_message(1, "", 0);  // a writer of its own would leave an empty one out
    return;
  }
  pbf_writer result(root, 1);
  for (const auto& series : found) {
    pbf_writer message(result, 1);
    for (const auto& [name, value] : *series.labels) {
      pbf_writer label(message, 1);
      label.add_string(1, name);
      label.add_string(2, value);
    }
    for (std::size_t i = 0; i < series.t.size(); ++i) {
      pbf_writer sample(message, 2);
      sample.add_double(1, series.v[i]);
      sample.add_int64(2, series.t[i]);
    }
  }
}

std::string ReadResponseWriter::Take() { return Snap(plain_); }

base::Result<std::vector<std::vector<Series>>> DecodeReadResponse(std::string_view packed,
                                                                  const Bounds& bounds) {
  const auto plain = Unsnap(packed, bounds.bytes);
  if (!plain) {
    return base::Fail(plain.error().In("read response"));
  }
  return Guarded("read response", [&] {
    std::vector<std::vector<Series>> out;
    std::size_t samples = bounds.samples;
    pbf_reader message(plain->data(), plain->size());
    while (message.next()) {
      if (message.tag() == 1) {
        out.push_back(TakeResult(TakeMessage(message), bounds, samples));
      } else {
        message.skip();
      }
    }
    return out;
  });
}

}  // namespace remote
