// State: what a Document holds: the items of the parsed file, its lines and its problems. Private
// to this room.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "config/node.h"

namespace config {

inline constexpr std::size_t kMaxFileBytes = 4 * 1024 * 1024;
inline constexpr int kMaxDepth = 64;
/// Values in a file, counting what an alias repeats each time.
inline constexpr std::uint64_t kMaxNodes = 500'000;
inline constexpr std::size_t kMaxProblems = 500;

enum class ItemKind { kNull, kScalar, kList, kMap };

/// A position in the text: line and byte, both from 0.
struct Spot {
  int line = 0;
  int byte = 0;
  bool operator==(const Spot&) const = default;
};

/// One value of the file. An alias is an item of its own (with its own place and key) that shares
/// the children of what it stands for.
struct Item {
  ItemKind kind = ItemKind::kNull;
  Spot spot;
  Spot key_spot;
  std::string key;
  std::string text;
  bool quoted = false;
  bool open = true;          ///< still being parsed
  std::uint64_t weight = 1;  ///< values below and with this one, aliases expanded
  int height = 0;            ///< levels below
  std::vector<int> children;
};

struct Document::State {
  std::string file;
  std::string text;
  std::vector<std::size_t> line_starts;
  std::vector<Item> items;  ///< items[0] is the root
  bool usable = false;      ///< false: nothing of it may be read (bad syntax, too large)
  std::vector<Problem> found;
  std::set<std::tuple<int, int, std::string>> seen;  ///< what was reported, to say it once
  bool overflow = false;

  /// The text of a line, without its end; "" when there is none.
  [[nodiscard]] std::string_view Line(int line) const;
  [[nodiscard]] Place At(Spot spot) const;
  void Report(const Place& place, std::string message, std::string hint);
  void Report(Spot spot, std::string message, std::string hint = "");
  /// Takes a problem back that a better one replaces.
  void Retract(const Place& place, const std::string& message);
};

/// Fills the state's items from its text. Mistakes of syntax become problems.
void ParseInto(Document::State& state);

/// `text` in double quotes for a message: printable and at most 60 characters.
std::string Quoted(std::string_view text);

}  // namespace config
