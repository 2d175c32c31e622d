// The journal in memory.
#include "incident/standby.h"

namespace incident {
namespace {

constexpr std::int64_t kMaxBytes = 128LL << 20;
constexpr std::size_t kMaxKept = 100'000;  // writes

bool OnlyState(const Batch& batch) {
  return !batch.incident && batch.entries.empty() && batch.intents.empty() &&
         batch.results.empty() && batch.messages.empty() && batch.deliveries.empty() &&
         batch.expanded.empty() && batch.audit.empty();
}

}  // namespace

base::Result<std::unique_ptr<Standby>> Standby::Make(Db& disk) {
  auto copy = Db::CopyInMemory(disk, kMaxBytes);
  if (!copy) {
    return base::Fail(copy.error());
  }
  return std::unique_ptr<Standby>(new Standby(std::move(*copy)));
}

base::Result<> Standby::Write(Batch batch) {
  if (kept_.size() >= kMaxKept) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      "journal: the disk has taken nothing for too long");
  }
  auto done = tables::Write(*db_, {&batch, 1});
  if (!done) {
    return done;
  }
  // State is written every few seconds; of each key only the newest counts.
  if (OnlyState(batch) && !kept_.empty() && OnlyState(kept_.back())) {
    auto& last = kept_.back().state;
    for (auto& [key, value] : batch.state) {
      std::erase_if(last, [&](const auto& old) { return old.first == key; });
      last.emplace_back(std::move(key), std::move(value));
    }
  } else {
    kept_.push_back(std::move(batch));
  }
  return {};
}

}  // namespace incident
