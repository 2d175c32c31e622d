// How samples stand in a row of the queue. Private to the room.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "model/sample.h"
#include "model/series_table.h"
#include "store/bytes.h"

namespace remote {

/// A blob as it is taken here.
inline std::string_view AsText(store::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// One sample by the number of its series in the queue.
struct Item {
  std::uint32_t series = 0;
  model::Point point;
};

/// The numbers that the slots of a table have in the queue.
struct TableSlots {
  std::weak_ptr<const void> identity;  ///< of the table
  std::vector<std::uint32_t> ids;
  bool doubles = false;  ///< two slots have the same
};
/// The samples of a batch of that table. Of two slots that are one series the first counts, but for
/// a stale marker.
std::vector<Item> ItemsOf(const model::TableBatch& batch, const TableSlots& slots);

/// Packs samples: differences of times and numbers, values as they are; then snappy.
std::string EncodeItems(const std::vector<Item>& items);
/// Takes them out again. Errors: kCorrupt.
base::Result<std::vector<Item>> DecodeItems(std::string_view data);

/// Labels as name and value, each after its length.
std::string EncodeLabels(const model::Labels& labels);
/// Errors: kCorrupt.
base::Result<model::Labels> DecodeLabels(std::string_view data);

}  // namespace remote
