// Fuzzes what others push and ask by Prometheus's remote protocols: as it comes (snappy and all),
// and as the protobuf in it, which a snappy block would mostly hide.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "remote/elsewhere.h"
#include "remote/push.h"
#include "remote/queue_rows.h"
#include "remote/wire.h"

namespace {

void Require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

const remote::Bounds& Small() {
  static const remote::Bounds kBounds{
      .bytes = 1 << 20, .series = 200, .samples = 2000, .metadata = 20, .labels = 20};
  return kBounds;
}

void Write(std::string_view packed) {
  const auto read = remote::DecodeWrite(packed, Small());
  if (!read) {
    return;
  }
  Require(read->series.size() <= 200 && read->metadata.size() <= 20);
  std::size_t samples = 0;
  for (const auto& series : read->series) {
    Require(!series.points.empty() && series.labels->size() <= 20);
    Require(model::IsMetricName(series.labels->Get(model::kName)));
    samples += series.points.size();
    Require(remote::DecodeLabels(remote::EncodeLabels(*series.labels)).value() == *series.labels);
  }
  Require(samples <= 2000);
  std::size_t batched = 0;
  for (const auto& batch : remote::ToBatches(*read)) {
    batched += batch.samples.size();
  }
  Require(batched == samples);
  // What was taken is taken again, the same.
  const auto again = remote::DecodeWrite(remote::EncodeWrite(*read), Small());
  Require(again && again->series.size() == read->series.size() && again->refused == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto packed = remote::Snap(text);
  Require(remote::Unsnap(packed, size).value_or("?") == text || size == 0);
  for (const auto& input : {std::string_view(packed), text}) {
    Write(input);
    if (const auto read = remote::DecodeRead(input, Small())) {
      (void)remote::DecodeRead(remote::EncodeRead(*read), Small());
    }
    (void)remote::DecodeReadResponse(input, Small());
  }
  (void)remote::DecodeItems(text);
  (void)remote::DecodeLabels(text);
  (void)remote::ParseAnswer(text);
  return 0;
}
