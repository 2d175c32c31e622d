// CRC-32C by instruction or by table.
#include "store/crc32c.h"

#include <array>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace store {
namespace {

constexpr std::array<std::uint32_t, 256> MakeTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) {
      c = (c >> 1) ^ ((c & 1) != 0 ? 0x82F63B78U : 0U);
    }
    table[i] = c;
  }
  return table;
}
constexpr auto kTable = MakeTable();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t ByInstruction(Bytes bytes) {
  std::uint64_t crc = 0xFFFFFFFFU;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto narrow = static_cast<std::uint32_t>(crc);
  for (; i < bytes.size(); ++i) {
    narrow = _mm_crc32_u8(narrow, bytes[i]);
  }
  return ~narrow;
}
#endif

}  // namespace

std::uint32_t Crc32cByTable(Bytes bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::uint8_t b : bytes) {
    crc = (crc >> 8) ^ kTable[(crc ^ b) & 0xFFU];
  }
  return ~crc;
}

std::uint32_t Crc32c(Bytes bytes) {
#if defined(__x86_64__)
  static const bool have = __builtin_cpu_supports("sse4.2") != 0;
  if (have) {
    return ByInstruction(bytes);
  }
#endif
  return Crc32cByTable(bytes);
}

}  // namespace store
