// The connections that readers borrow, and what they report as damaged.
#include "base/log.h"
#include "store/state.h"

namespace store {
namespace {

constexpr std::size_t kIdleReaders = 4;
constexpr std::size_t kDamageKept = 10'000;

}  // namespace

base::Result<std::unique_ptr<ReaderDb>> State::TakeReader() const {
  {
    const std::lock_guard lock(readers_mutex);
    if (!readers.empty()) {
      auto out = std::move(readers.back());
      readers.pop_back();
      return out;
    }
  }
  return read_only ? base::Fail(base::ErrorKind::kInternal, "store: its one reader is in use")
                   : OpenReader(path);
}

void State::GiveReader(std::unique_ptr<ReaderDb> reader) const {
  const std::lock_guard lock(readers_mutex);
  if (readers.size() < kIdleReaders) {
    readers.push_back(std::move(reader));
  }
}

void State::NoteDamage(const ChunkKey& key, const std::string& reason) const {
  ++unreadable;
  const std::lock_guard lock(damage_mutex);
  if (damaged.size() < kDamageKept && damaged.emplace(key, reason).second) {
    unsettled = true;
    base::Log(base::Level::kError, "the store has a damaged chunk; the rest is answered",
              {{"err", reason},
               {"from", base::FormatRfc3339(base::FromMs(key.window))},
               {"to", base::FormatRfc3339(base::FromMs(EndOf(key)))}});
  }
}

}  // namespace store
