// A record as it lies in a segment of the head log: for the tests and the fuzzer.
#pragma once

#include <string>

#include "store/head_log.h"

namespace store::testing {

/// The bytes of a record in a segment of the store that `id` names.
inline std::string FrameRecord(const LogRow& row, std::uint64_t id) {
  std::string out;
  PutFrame(row, id, &out);
  return out + row.data;
}

}  // namespace store::testing
