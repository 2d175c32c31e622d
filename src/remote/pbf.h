// What the readers of the wire share: protozero with its wire types checked. Private to the room.
#pragma once

#include <protozero/pbf_reader.hpp>
#include <stdexcept>
#include <string_view>

#include "remote/wire.h"

namespace remote {

/// A bound was passed; becomes kRefused at the room's edge.
class TooLarge : public std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The message does not hold together; becomes kInvalid.
class Broken : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The bytes of a field that has to be length-delimited.
inline std::string_view TakeView(protozero::pbf_reader& reader) {
  if (reader.wire_type() != protozero::pbf_wire_type::length_delimited) {
    throw Broken("a field has the wrong wire type");
  }
  const auto view = reader.get_view();
  return {view.data(), view.size()};
}
inline protozero::pbf_reader TakeMessage(protozero::pbf_reader& reader) {
  const auto view = TakeView(reader);
  return protozero::pbf_reader(view.data(), view.size());
}
inline std::int64_t TakeInt(protozero::pbf_reader& reader) {
  if (reader.wire_type() != protozero::pbf_wire_type::varint) {
    throw Broken("a field has the wrong wire type");
  }
  return reader.get_int64();
}
inline double TakeDouble(protozero::pbf_reader& reader) {
  if (reader.wire_type() != protozero::pbf_wire_type::fixed64) {
    throw Broken("a field has the wrong wire type");
  }
  return reader.get_double();
}

/// One TimeSeries as it stands there, its labels not checked yet.
struct RawSeries {
  std::vector<model::Labels::Pair> labels;
  std::vector<model::Point> points;
  std::size_t histograms = 0;
};
/// Reads a TimeSeries. `samples`: how many may still come; lowered. Throws TooLarge and Broken.
RawSeries TakeSeries(protozero::pbf_reader message, const Bounds& bounds, std::size_t& samples);
/// What is wrong with a series' labels, "" when nothing is; sorts them and drops empty ones.
std::string TidyLabels(std::vector<model::Labels::Pair>& labels, const Bounds& bounds);

/// Runs a reader and turns what it throws into errors, `what` before the sentence.
template <class F>
auto Guarded(const char* what, F read) -> base::Result<decltype(read())> {
  try {
    return read();
  } catch (const TooLarge& error) {
    return base::Fail(base::ErrorKind::kRefused, std::string(what) + ": " + error.what());
  } catch (const Broken& error) {
    return base::Fail(base::ErrorKind::kInvalid, std::string(what) + ": " + error.what());
  } catch (const protozero::exception& error) {
    return base::Fail(base::ErrorKind::kInvalid,
                      std::string(what) + ": no valid protobuf: " + error.what());
  }
}

}  // namespace remote
