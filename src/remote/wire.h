// Wire: Prometheus's remote write and remote read in bytes: protobuf messages in one snappy block
// (prompb/remote.proto, prompb/types.proto; Remote-Write 1.0). Everything that is read is hostile.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"
#include "store/querier.h"

namespace remote {

/// One series with its samples, in the order sent.
struct Series {
  std::shared_ptr<const model::Labels> labels;
  std::vector<model::Point> points;
};

/// What is known of a metric, beside its samples.
struct Metadata {
  std::string name;
  std::string type;  ///< "counter", "gauge", "histogram", "gaugehistogram", "summary", "info",
                     ///< "stateset", "unknown"
  std::string help;
  std::string unit;
  bool operator==(const Metadata&) const = default;
};

/// prometheus.WriteRequest, without exemplars and native histograms.
struct WriteRequest {
  std::vector<Series> series;
  std::vector<Metadata> metadata;
  std::size_t refused = 0;     ///< samples that were left out (read only)
  std::string refused_reason;  ///< why the first of them was; "" = none
};

/// What one message may hold; more is an error.
struct Bounds {
  std::size_t bytes = 32U << 20U;  ///< unpacked
  std::size_t series = 50'000;
  std::size_t samples = 200'000;
  std::size_t metadata = 10'000;
  std::size_t labels = 128;              ///< of a series, its name among them
  std::size_t label_name = 1024;         ///< bytes
  std::size_t label_value = 16U << 10U;  ///< bytes
  std::size_t queries = 64;              ///< of a read request
  std::size_t matchers = 128;            ///< of each
};

/// Unpacks one snappy block; the size that it declares is looked at before memory is taken.
/// Errors: kInvalid; kRefused when it is larger than `limit` bytes.
base::Result<std::string> Unsnap(std::string_view packed, std::size_t limit);
/// Packs one snappy block.
std::string Snap(std::string_view plain);

/// Reads a WriteRequest. Series with invalid labels (names, UTF-8, a name twice) and native
/// histograms are left out and counted; labels that are not sorted are sorted, empty ones count as
/// absent (as Prometheus does). Errors: kInvalid, kRefused (a bound).
base::Result<WriteRequest> DecodeWrite(std::string_view packed, const Bounds& bounds = {});
/// Writes one; `refused` is not written.
std::string EncodeWrite(const WriteRequest& request);

/// prometheus.Query.
struct ReadQuery {
  model::Timestamp from = 0;  ///< both inclusive
  model::Timestamp to = 0;
  std::vector<store::Matcher> matchers;
};
/// prometheus.ReadRequest.
struct ReadRequest {
  std::vector<ReadQuery> queries;
  bool samples = true;  ///< the asker takes the response type SAMPLES
};

/// Reads a ReadRequest. Errors: kInvalid (also a regular expression that is none), kRefused.
base::Result<ReadRequest> DecodeRead(std::string_view packed, const Bounds& bounds = {});
/// Writes one.
std::string EncodeRead(const ReadRequest& request);

/// Writes a ReadResponse of type SAMPLES: what each query found, in their order.
class ReadResponseWriter {
 public:
  /// Adds the answer of the next query.
  void Add(const std::vector<store::SeriesData>& found);
  /// The packed message.
  [[nodiscard]] std::string Take();
  /// Bytes so far, unpacked.
  [[nodiscard]] std::size_t size() const { return plain_.size(); }

 private:
  std::string plain_;
};

/// Reads a ReadResponse: the series of each query. Errors: kInvalid, kRefused.
base::Result<std::vector<std::vector<Series>>> DecodeReadResponse(std::string_view packed,
                                                                  const Bounds& bounds = {});

}  // namespace remote
