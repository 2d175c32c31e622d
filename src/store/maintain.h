// The steps of Maintain that delete; not for other rooms.
#pragma once

#include "store/state.h"

namespace store {

/// Deletes windows that ended at or before `age_limit` (milliseconds), and the oldest ones while
/// the database is larger than it may be. Stops at the deadline and goes on at the next call.
base::Result<> Retain(State* s, std::int64_t age_limit, base::Instant deadline);
/// Removes series from the dictionary whose last sample was deleted.
base::Result<> CollectSeries(State* s, base::Instant deadline);
/// Gives a few free pages back to the file system when there are many.
base::Result<> ShrinkFile(State* s);

}  // namespace store
