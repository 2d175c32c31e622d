// Id: short names for incidents, silences and messages that sort by time.
#pragma once

#include <string>

namespace base {

/// A new ULID (26 characters, Crockford base 32: 48 bits of milliseconds, 80 of randomness), sorted
/// by time; two made by one process in the same millisecond sort in the order made. Thread-safe.
std::string NewId();
/// A random UUID, version 4 (RFC 9562), lower case: LINE's X-Line-Retry-Key wants one.
std::string NewUuid();
/// `bytes` random bytes from the kernel as hexadecimal: tokens and nonces.
std::string RandomHex(std::size_t bytes);

}  // namespace base
