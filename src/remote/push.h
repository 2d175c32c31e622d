// Push: what others push into Raksa, in the terms of the store.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/sample.h"
#include "remote/wire.h"

namespace remote {

/// The samples by source and time. The store keeps together what has one target; here that is the
/// series' `job` and `instance` (":push/JOB/INSTANCE"; no target of the configuration can be called
/// so), whose samples mostly share their times. Names that long that they would be a burden, and
/// series without both, share ":push". The same series always comes to the same target.
std::vector<model::Batch> ToBatches(const WriteRequest& request);

/// What is known of pushed metrics, bounded; newest wins. Not kept across restarts: senders repeat
/// it every minute.
class MetadataBook {
 public:
  static constexpr std::size_t kMax = 10'000;
  void Learn(std::vector<Metadata> metadata);
  [[nodiscard]] const std::map<std::string, Metadata, std::less<>>& known() const { return known_; }

 private:
  std::map<std::string, Metadata, std::less<>> known_;
};

}  // namespace remote
