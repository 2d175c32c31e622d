// The steps of Maintain that delete and condense; not for other rooms.
#pragma once

#include <functional>

#include "store/state.h"

namespace store {

/// Deletes windows that ended at or before `age_limit` (milliseconds), and the oldest ones while
/// the database is larger than it may be. Stops at the deadline and goes on at the next call.
base::Result<> Retain(State* s, std::int64_t age_limit, base::Instant deadline);
/// Removes series from the dictionary whose last sample was deleted.
base::Result<> CollectSeries(State* s, base::Instant deadline);
/// Takes one chunk; an error says that it cannot be read.
using TakeChunk = std::function<base::Result<>(std::int64_t part, ChunkReader* chunk)>;
/// Gives every chunk of a (window, target) that `list` finds, of samples or (key.tier) statistics;
/// those that cannot be read are set aside. The key's part does not matter.
base::Result<> ReadChunks(State* s, Statement* list, const ChunkKey& key, const TakeChunk& take);
/// Puts the chunks of one (window, target) on disk into `table`; unreadable ones are set aside.
base::Result<> ReadParts(State* s, Window window, TargetId target, Table* table);
/// Deletes a few of the chunks that `list` finds in a window (target, part, data) by `drop`, and
/// suspects their series; gives how many.
base::Result<std::size_t> DropSome(State* s, Statement* list, Statement* drop, Window window);

/// Whether statistics of five minutes are made.
bool TiersOn(const State& s);
/// Makes the statistics of one target of a window, within a transaction that is open.
base::Result<> TierTarget(State* s, Window window, TargetId target, const Table& raw);
/// Makes those of a whole window; true: all are there.
base::Result<bool> TierWindow(State* s, Window window, base::Instant deadline);
/// Makes those of windows that are old enough.
base::Result<> TierOld(State* s, std::int64_t now, base::Instant deadline);
/// Deletes statistics by age; nothing while Retain deletes nothing by age.
base::Result<> RetainTiers(State* s, std::int64_t now, base::Instant deadline);
/// Deletes the oldest day of statistics.
base::Result<> DropTier(State* s, Window day, base::Instant deadline);

/// Gives a few free pages back to the file system when there are many.
base::Result<> ShrinkFile(State* s);
// Gives all free pages back to the file system, or as many as it can until then: for a store that
// is being closed. A disk that refuses keeps them.
void GiveAllPages(State* s, base::Instant deadline);

}  // namespace store
