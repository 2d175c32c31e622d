// Node: a read-only view of YAML that knows its place in the file, and gathers every problem
// instead of stopping at the first.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/kind.h"

namespace config {

/// A place in a file; line and column count from 1. Line 0: the file as a whole.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
  bool operator==(const Place&) const = default;
};

/// One mistake: where, what, and what was expected. Printed as
/// `file:line:column: message`, the line itself, a caret, and `expected …` / `did you mean "…"?`.
struct Problem {
  Place place;
  std::string message;
  std::string hint;  ///< "did you mean \"interval\"?", "expected a duration such as 5s"; "" = none
  std::string snippet;  ///< the line of the file
  [[nodiscard]] std::string ToString() const;
};

class Node;

/// A parsed file with its problems. Nodes point into it and must not outlive it.
class Document {
 public:
  /// Reads and parses a file. Syntax errors become problems of an empty document; only an
  /// unreadable file is an error.
  static base::Result<std::shared_ptr<Document>> Load(const std::string& path);
  /// Parses text as if it stood in `file`.
  static std::shared_ptr<Document> Parse(std::string text, std::string file);
  ~Document();

  [[nodiscard]] Node Root();
  [[nodiscard]] const std::string& file() const;
  /// Every problem so far, in the order of the file.
  [[nodiscard]] std::vector<Problem> problems() const;
  [[nodiscard]] bool ok() const;
  void Report(const Place& place, std::string message, std::string hint = "");

  struct State;  ///< of this room only (state.h)

 private:
  friend class Node;
  friend class MapReader;
  Document();
  std::unique_ptr<State> state_;
};

/// One value of the document: a map, a list, a scalar or nothing. Cheap to copy. Every reading
/// function that cannot give what was asked for reports a problem and returns nullopt (or the
/// fallback).
class Node {
 public:
  Node() = default;
  [[nodiscard]] bool IsMap() const;
  [[nodiscard]] bool IsList() const;
  [[nodiscard]] bool IsScalar() const;
  [[nodiscard]] bool IsNull() const;
  [[nodiscard]] explicit operator bool() const;  ///< false for a default-made node (key not there)
  [[nodiscard]] Place place() const;             ///< of the value
  [[nodiscard]] Place key_place()
      const;  ///< of the key that leads to it (or the value's, in a list)
  [[nodiscard]] const std::string& key() const;  ///< "" in a list
  /// The scalar's text as written (without quotes); "" for what is no scalar. Reports nothing.
  [[nodiscard]] std::string text() const;

  /// Reports a problem at this value.
  void Report(std::string message, std::string hint = "") const;

  std::optional<std::string> String() const;                                      ///< not empty
  std::optional<std::int64_t> Integer(std::int64_t min, std::int64_t max) const;  ///< decimal only
  std::optional<double> Number(double min, double max) const;
  std::optional<bool> Bool() const;  ///< true or false only
  std::optional<base::Duration> Span(base::Duration min, base::Duration max) const;  ///< "5s"
  /// One of `words`; the nearest is proposed.
  std::optional<std::string> Word(std::span<const std::string_view> words) const;

  /// The items of a list; what is no list is a problem (named `what`).
  std::vector<Node> Items(std::string_view what) const;
  /// The entries of a map in the file's order; what is no map is a problem. Duplicate keys were
  /// reported when parsing.
  std::vector<Node> Entries(std::string_view what) const;

  [[nodiscard]] Document* document() const { return document_; }

 private:
  Node(Document* document, int index) : document_(document), index_(index) {}
  friend class Document;
  friend class MapReader;
  Document* document_ = nullptr;
  int index_ = -1;
};

/// Reads a map whose keys are known: `MapReader map(node, "a target"); map.Required("name"); …
/// map.Finish();` Finish reports every key that nobody asked for, with the nearest of those that
/// were.
class MapReader {
 public:
  MapReader(Node node, std::string what);
  /// The value of `key`; when it is missing that is a problem at the map, and the node is false.
  Node Required(std::string_view key);
  /// The value of `key`; a false node when it is missing (or null).
  Node Optional(std::string_view key);
  /// The map itself, for problems that concern it as a whole.
  [[nodiscard]] const Node& node() const { return node_; }
  /// Whether the node was a map at all.
  [[nodiscard]] bool ok() const { return ok_; }
  void Finish();

 private:
  Node Find(std::string_view key);

  Node node_;
  std::string what_;
  std::vector<Node> entries_;
  std::vector<std::string> missing_;
  std::vector<std::string> asked_;
  bool ok_ = false;
};

/// Reads a map of options as `specs` says: unknown keys, wrong types, ranges, choices, missing ones
/// are problems; fallbacks are filled in; secret files are read; relative paths are taken from the
/// file's folder. `what` names the thing in messages ("a tcp probe").
model::Options ReadOptions(Node node, std::span<const model::OptionSpec> specs,
                           std::string_view what);
/// The same for a map that holds other keys too: asks `map` for the options and leaves Finish to
/// the caller.
model::Options ReadOptions(MapReader& map, std::span<const model::OptionSpec> specs);
/// The options when the file says nothing: every fallback.
model::Options DefaultOptions(std::span<const model::OptionSpec> specs);
/// `path` taken from the folder of `file` unless it is absolute.
std::string ResolvePath(const std::string& file, const std::string& path);

}  // namespace config
