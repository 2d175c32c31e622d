// How samples stand in a row of the queue. Private to the room.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"

namespace remote {

/// One sample by the number of its series in the queue.
struct Item {
  std::uint32_t series = 0;
  model::Point point;
};

/// Packs samples: differences of times and numbers, values as they are; then snappy.
std::string EncodeItems(const std::vector<Item>& items);
/// Takes them out again. Errors: kCorrupt.
base::Result<std::vector<Item>> DecodeItems(std::string_view data);

/// Labels as name and value, each after its length.
std::string EncodeLabels(const model::Labels& labels);
/// Errors: kCorrupt.
base::Result<model::Labels> DecodeLabels(std::string_view data);

}  // namespace remote
