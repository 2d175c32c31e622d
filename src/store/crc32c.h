// Crc32c: the checksum over every chunk and every row of the head log.
#pragma once

#include <cstdint>

#include "store/bytes.h"

namespace store {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), as iSCSI, ext4 and Prometheus have it; by the
/// processor's own instruction where there is one.
std::uint32_t Crc32c(Bytes bytes);
/// The same without that instruction.
std::uint32_t Crc32cByTable(Bytes bytes);

}  // namespace store
