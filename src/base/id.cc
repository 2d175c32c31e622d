// ULIDs and UUIDs from the kernel's randomness.
#include "base/id.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <span>

#include "base/clock.h"
#include "base/text.h"

namespace base {
namespace {

void FillRandom(std::span<std::uint8_t> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto n = getrandom(bytes.data() + done, bytes.size() - done, 0);
    if (n <= 0) {
      std::abort();  // the kernel has no randomness: nothing that needs an id may go on
    }
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace

std::string NewId() {
  static std::mutex mutex;
  static std::uint64_t last_ms = 0;
  static std::array<std::uint8_t, 10> tail{};
  const std::lock_guard lock(mutex);
  auto ms = static_cast<std::uint64_t>(Clock::NowMs());
  if (ms <= last_ms) {
    ms = last_ms;
    for (std::size_t i = tail.size(); i-- > 0;) {
      if (++tail[i] != 0) {
        break;
      }
    }
  } else {
    FillRandom(tail);
    tail[0] &= 0x7FU;  // room to count up within the millisecond
    last_ms = ms;
  }
  constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string out(26, '0');
  for (int i = 9; i >= 0; --i) {
    out[static_cast<std::size_t>(i)] = kAlphabet[ms & 31U];
    ms >>= 5U;
  }
  std::size_t bit = 0;
  for (std::size_t i = 10; i < 26; ++i) {
    unsigned value = 0;
    for (int k = 0; k < 5; ++k, ++bit) {
      value = (value << 1U) | ((tail[bit / 8] >> (7U - bit % 8)) & 1U);
    }
    out[i] = kAlphabet[value];
  }
  return out;
}

std::string NewUuid() {
  std::array<std::uint8_t, 16> b{};
  FillRandom(b);
  b[6] = static_cast<std::uint8_t>((b[6] & 0x0FU) | 0x40U);
  b[8] = static_cast<std::uint8_t>((b[8] & 0x3FU) | 0x80U);
  const std::string h = Hex(b);
  return fmt::format("{}-{}-{}-{}-{}", h.substr(0, 8), h.substr(8, 4), h.substr(12, 4),
                     h.substr(16, 4), h.substr(20));
}

std::string RandomHex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  FillRandom(std::span(reinterpret_cast<std::uint8_t*>(raw.data()), raw.size()));
  return Hex(std::span(reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()));
}

}  // namespace base
