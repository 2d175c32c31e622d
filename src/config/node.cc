// Document, Node and MapReader: reading values with problems gathered on the way.
#include "config/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/text.h"
#include "config/state.h"

namespace config {
namespace {

const std::string kNoKey;

std::string_view KindName(ItemKind kind) {
  switch (kind) {
    case ItemKind::kNull:
      return "nothing";
    case ItemKind::kScalar:
      return "a plain value";
    case ItemKind::kList:
      return "a list";
    case ItemKind::kMap:
      return "a map";
  }
  return "nothing";
}

template <class Range>
bool Contains(const Range& words, std::string_view word) {
  return std::ranges::find(words, word) != std::ranges::end(words);
}

const Item& ItemOf(const Document::State& state, int index) {
  return state.items[static_cast<std::size_t>(index)];
}

/// A number for a message: 1, 65535, 0.5.
std::string Figure(double value) { return fmt::format("{:g}", value); }

/// A whole number for a message, never in scientific notation.
std::string Figure(std::int64_t value) { return fmt::format("{}", value); }

}  // namespace

Document::Document() : state_(std::make_unique<State>()) {}
Document::~Document() = default;

base::Result<std::shared_ptr<Document>> Document::Load(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (!file) {
    return base::Fail(errno == ENOENT ? base::ErrorKind::kNotFound : base::ErrorKind::kUnavailable,
                      fmt::format("{}: {}", path, std::strerror(errno)));
  }
  std::string text;  // one byte more than may be tells that it is too long
  std::array<char, 16U << 10> piece;
  std::size_t got = 1;
  while (got > 0 && text.size() <= kMaxFileBytes) {
    got = std::fread(piece.data(), 1, std::min(piece.size(), kMaxFileBytes + 1 - text.size()),
                     file.get());
    text.append(piece.data(), got);
  }
  if (std::ferror(file.get()) != 0) {
    return base::Fail(base::ErrorKind::kUnavailable,
                      fmt::format("{}: {}", path, std::strerror(errno)));
  }
  return Parse(std::move(text), path);
}

std::shared_ptr<Document> Document::Parse(std::string text, std::string file) {
  std::shared_ptr<Document> document(new Document());
  document->state_->file = std::move(file);
  document->state_->text = std::move(text);
  ParseInto(*document->state_);
  return document;
}

Node Document::Root() { return state_->usable ? Node(this, 0) : Node(); }

const std::string& Document::file() const { return state_->file; }

std::vector<Problem> Document::problems() const {
  auto out = state_->found;
  std::ranges::stable_sort(
      out, {}, [](const Problem& p) { return std::pair(p.place.line, p.place.column); });
  if (state_->overflow) {
    out.push_back(
        Problem{Place{state_->file, 0, 0},
                fmt::format("more than {} mistakes; the others are not shown", kMaxProblems)});
  }
  return out;
}

bool Document::ok() const { return state_->found.empty(); }

void Document::Report(const Place& place, std::string message, std::string hint) {
  state_->Report(place, std::move(message), std::move(hint));
}

bool Node::IsMap() const {
  return *this && ItemOf(*document_->state_, index_).kind == ItemKind::kMap;
}
bool Node::IsList() const {
  return *this && ItemOf(*document_->state_, index_).kind == ItemKind::kList;
}
bool Node::IsScalar() const {
  return *this && ItemOf(*document_->state_, index_).kind == ItemKind::kScalar;
}
bool Node::IsNull() const {
  return !*this || ItemOf(*document_->state_, index_).kind == ItemKind::kNull;
}
Node::operator bool() const { return document_ != nullptr && index_ >= 0; }

Place Node::place() const {
  return *this ? document_->state_->At(ItemOf(*document_->state_, index_).spot) : Place{};
}
Place Node::key_place() const {
  return *this ? document_->state_->At(ItemOf(*document_->state_, index_).key_spot) : Place{};
}
const std::string& Node::key() const {
  return *this ? ItemOf(*document_->state_, index_).key : kNoKey;
}
std::string Node::text() const {
  return IsScalar() ? ItemOf(*document_->state_, index_).text : std::string();
}

void Node::Report(std::string message, std::string hint) const {
  if (*this) {
    document_->state_->Report(ItemOf(*document_->state_, index_).spot, std::move(message),
                              std::move(hint));
  }
}

std::optional<std::string> Node::String() const {
  if (!IsScalar()) {
    if (*this) {
      Report(fmt::format("expected a text, found {}",
                         KindName(ItemOf(*document_->state_, index_).kind)));
    }
    return std::nullopt;
  }
  const Item& item = ItemOf(*document_->state_, index_);
  if (item.text.empty()) {
    Report("the text is empty");
    return std::nullopt;
  }
  if (item.text.contains('\0')) {
    Report("a NUL character within a text");
    return std::nullopt;
  }
  return item.text;
}

std::optional<std::int64_t> Node::Integer(std::int64_t min, std::int64_t max) const {
  const auto range = [&] { return fmt::format("expected {} to {}", Figure(min), Figure(max)); };
  if (!IsScalar()) {
    Report("expected a whole number", range());
    return std::nullopt;
  }
  const std::string& text = ItemOf(*document_->state_, index_).text;
  const std::string_view digits = std::string_view(text).substr(text.starts_with('-') ? 1 : 0);
  const bool plain =
      !digits.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (!plain) {
    Report(fmt::format("{} is no whole number", Quoted(text)), range());
    return std::nullopt;
  }
  if (digits.size() > 1 && digits[0] == '0') {
    Report(fmt::format("{} begins with a zero", Quoted(text)),
           "numbers are decimal; leave the zero out");
    return std::nullopt;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value < min || value > max) {
    Report(fmt::format("{} is out of range", text.size() > 40 ? Quoted(text) : text), range());
    return std::nullopt;
  }
  return value;
}

std::optional<double> Node::Number(double min, double max) const {
  const auto range = [&] {
    return std::isinf(min) && std::isinf(max)
               ? std::string("expected a number such as 0.5")
               : fmt::format("expected {} to {}", Figure(min), Figure(max));
  };
  if (!IsScalar()) {
    Report("expected a number", range());
    return std::nullopt;
  }
  const std::string& text = ItemOf(*document_->state_, index_).text;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::general);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    Report(fmt::format("{} is no number", Quoted(text)), range());
    return std::nullopt;
  }
  if (value < min || value > max) {
    Report(fmt::format("{} is out of range", text.size() > 40 ? Quoted(text) : text), range());
    return std::nullopt;
  }
  return value;
}

std::optional<bool> Node::Bool() const {
  if (IsScalar() && !ItemOf(*document_->state_, index_).quoted) {
    const std::string& text = ItemOf(*document_->state_, index_).text;
    if (text == "true" || text == "false") {
      return text == "true";
    }
    static constexpr std::array<std::string_view, 6> kYes = {"yes", "on", "True", "TRUE", "y", "1"};
    static constexpr std::array<std::string_view, 6> kNo = {"no",    "off", "False",
                                                            "FALSE", "n",   "0"};
    if (Contains(kYes, text) || Contains(kNo, text)) {
      Report(fmt::format("{} is neither true nor false", Quoted(text)),
             fmt::format("did you mean {}?", Contains(kYes, text)));
      return std::nullopt;
    }
  }
  Report(IsScalar() ? fmt::format("{} is neither true nor false", Quoted(text()))
                    : "expected true or false");
  return std::nullopt;
}

std::optional<base::Duration> Node::Span(base::Duration min, base::Duration max) const {
  const auto range = [&] {
    return fmt::format("expected {} to {}", base::FormatDuration(min), base::FormatDuration(max));
  };
  if (!IsScalar()) {
    Report("expected a duration", "such as 5s or 1m30s");
    return std::nullopt;
  }
  const std::string& text = ItemOf(*document_->state_, index_).text;
  const auto value = base::ParseDuration(text);
  if (!value) {
    const bool bare = !text.empty() && text.size() < 6 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    Report(fmt::format("{} is no duration", Quoted(text)),
           bare ? fmt::format("did you mean \"{}s\"?", text)
                : "expected a duration such as 5s or 1m30s");
    return std::nullopt;
  }
  if (*value < min || *value > max) {
    Report(fmt::format("{} is out of range", text), range());
    return std::nullopt;
  }
  return *value;
}

std::optional<std::string> Node::Word(std::span<const std::string_view> words) const {
  std::string all;
  for (const auto word : words) {
    all += all.empty() ? "" : ", ";
    all += word;
  }
  if (!IsScalar()) {
    Report("expected a word", "one of " + all);
    return std::nullopt;
  }
  const std::string& text = ItemOf(*document_->state_, index_).text;
  if (Contains(words, text)) {
    return text;
  }
  const std::string near = text.size() > 64 ? "" : base::Nearest(text, words);
  Report(fmt::format("{} is not known here", Quoted(text)),
         near.empty() ? "expected one of " + all : fmt::format("did you mean \"{}\"?", near));
  return std::nullopt;
}

std::vector<Node> Node::Items(std::string_view what) const {
  std::vector<Node> out;
  if (!*this) {
    return out;
  }
  if (!IsList()) {
    Report(fmt::format("{}: expected a list, found {}", what,
                       KindName(ItemOf(*document_->state_, index_).kind)),
           "write [a, b] or a line with - for each");
    return out;
  }
  for (const int child : ItemOf(*document_->state_, index_).children) {
    out.push_back(Node(document_, child));
  }
  return out;
}

std::vector<Node> Node::Entries(std::string_view what) const {
  std::vector<Node> out;
  if (!*this) {
    return out;
  }
  if (!IsMap()) {
    Report(fmt::format("{}: expected a map, found {}", what,
                       KindName(ItemOf(*document_->state_, index_).kind)),
           "write key: value");
    return out;
  }
  for (const int child : ItemOf(*document_->state_, index_).children) {
    out.push_back(Node(document_, child));
  }
  return out;
}

MapReader::MapReader(Node node, std::string what)
    : node_(node), what_(std::move(what)), entries_(node.Entries(what_)), ok_(node.IsMap()) {}

Node MapReader::Find(std::string_view key) {
  if (!Contains(asked_, key)) {
    asked_.emplace_back(key);
  }
  const auto at = std::ranges::find_if(entries_, [&](const Node& n) { return n.key() == key; });
  return at == entries_.end() ? Node() : *at;
}

Node MapReader::Required(std::string_view key) {
  const Node node = Find(key);
  if (!ok_) {
    return Node();
  }
  if (!node) {
    missing_.emplace_back(key);
    node_.Report(fmt::format("{} needs the key \"{}\"", what_, key));
    return Node();
  }
  if (node.IsNull()) {
    node.Report(fmt::format("\"{}\" has no value", key));
    return Node();
  }
  return node;
}

Node MapReader::Optional(std::string_view key) {
  const Node node = Find(key);
  return node.IsNull() ? Node() : node;
}

void MapReader::Finish() {
  for (const Node& entry : entries_) {
    if (Contains(asked_, entry.key())) {
      continue;
    }
    const std::string near = entry.key().size() > 64 ? "" : base::Nearest(entry.key(), asked_);
    std::string hint;
    if (!near.empty()) {
      hint = fmt::format("did you mean \"{}\"?", near);
    } else if (!asked_.empty()) {
      auto known = asked_;
      std::ranges::sort(known);
      hint = fmt::format("known here: {}", fmt::join(known, ", "));
    }
    auto& state = *entry.document()->state_;
    if (state.overflow) {
      return;
    }
    state.Report(entry.key_place(), fmt::format("{} knows no key {}", what_, Quoted(entry.key())),
                 std::move(hint));
    if (Contains(missing_, near)) {
      // The key is not missing but misspelt: one mistake, one problem.
      state.Retract(node_.place(), fmt::format("{} needs the key \"{}\"", what_, near));
    }
  }
}

std::string ResolvePath(const std::string& file, const std::string& path) {
  const std::filesystem::path given(path);
  if (given.is_absolute() || file.empty()) {
    return path;
  }
  return (std::filesystem::path(file).parent_path() / given).lexically_normal().string();
}

}  // namespace config
