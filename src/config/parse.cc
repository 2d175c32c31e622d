// Reads YAML through yaml-cpp's events (not its nodes: those accept duplicate keys, forget the
// places of keys and follow aliases without end) and turns its complaints into sentences.
#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <unordered_map>

#include "base/text.h"
#include "config/state.h"

namespace config {
namespace {

/// Thrown out of yaml-cpp's parser when reading on makes no sense; the problem is reported already.
struct Stop {};

/// Builds the items of one document from the events.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(Document::State& state) : state_(state) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      Fatal(SpotOf(mark), "a second document in one file", "the file must be one document");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    // yaml-cpp gives the place of what follows; the key is what a person looks at.
    Item item{.kind = ItemKind::kNull, .spot = SpotOf(mark)};
    if (!open_.empty() && key_) {
      item.spot = key_->spot;
    } else if (!open_.empty() && Top().kind == ItemKind::kMap) {
      state_.Report(item.spot, "a key is missing before the ':'");
    }
    Add(std::move(item), anchor, false);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Add(Item{.kind = ItemKind::kList, .spot = SpotOf(mark)}, anchor, true);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Add(Item{.kind = ItemKind::kMap, .spot = SpotOf(mark)}, anchor, true);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Key {
    std::string text;
    Spot spot;
    bool quoted = false;
  };
  struct Open {
    int item = -1;
    std::unordered_map<std::string, int> lines;  ///< keys seen, and where
    std::optional<Key> outer_key;
  };

  static Spot SpotOf(const YAML::Mark& mark) { return Spot{mark.line, mark.column}; }
  Item& Top() { return state_.items[static_cast<std::size_t>(open_.back().item)]; }
  /// Whether the next value is a key of the map that is open.
  bool ExpectsKey() { return !open_.empty() && Top().kind == ItemKind::kMap && !key_; }
  [[noreturn]] void Fatal(Spot spot, std::string message, std::string hint = "") {
    state_.Report(spot, std::move(message), std::move(hint));
    throw Stop{};
  }
  void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      state_.Report(SpotOf(mark), fmt::format("a tag ({}) has no meaning here", Quoted(tag)),
                    "leave the !… out");
    }
  }
  void CheckClosingQuote(Spot spot, bool quoted);
  void TakeKey(Key key);
  void Add(Item item, YAML::anchor_t anchor, bool opens);
  void Close();
  void Merge(Item& map);

  Document::State& state_;
  std::vector<Open> open_;
  std::optional<Key> key_;
  std::map<YAML::anchor_t, int> anchors_;
  int documents_ = 0;
};

void Builder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
  const auto at = anchors_.find(anchor);
  if (at == anchors_.end()) {
    Fatal(SpotOf(mark), "an alias of something that cannot be repeated");
  }
  const Item& target = state_.items[static_cast<std::size_t>(at->second)];
  if (target.open) {
    Fatal(SpotOf(mark), "an alias inside of the value that it repeats");
  }
  if (static_cast<int>(open_.size()) + target.height + 1 > kMaxDepth) {
    Fatal(SpotOf(mark), fmt::format("nested deeper than {} levels", kMaxDepth));
  }
  Item copy = target;
  copy.spot = SpotOf(mark);
  Add(std::move(copy), 0, false);
}

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       const std::string& value) {
  const bool quoted = tag == "!";
  CheckTag(mark, tag);
  CheckClosingQuote(SpotOf(mark), quoted);
  if (ExpectsKey()) {
    TakeKey(Key{value, SpotOf(mark), quoted});
    return;
  }
  Add(Item{.kind = ItemKind::kScalar, .spot = SpotOf(mark), .text = value, .quoted = quoted},
      anchor, false);
}

/// yaml-cpp 0.7 takes the end of the file for a closing quote and so swallows the rest of it.
void Builder::CheckClosingQuote(Spot spot, bool quoted) {
  if (!quoted || static_cast<std::size_t>(spot.line) >= state_.line_starts.size()) {
    return;
  }
  std::size_t at =
      state_.line_starts[static_cast<std::size_t>(spot.line)] + static_cast<std::size_t>(spot.byte);
  const std::string& text = state_.text;
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) {
    return;
  }
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (quote == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (quote == '"' || at + 1 >= text.size() || text[at + 1] != '\'') {
        return;
      }
      ++at;
    }
  }
  Fatal(spot, "this quote is never closed");
}

void Builder::TakeKey(Key key) {
  auto& lines = open_.back().lines;
  const auto [before, fresh] = lines.emplace(key.text, key.spot.line + 1);
  if (!fresh) {
    state_.Report(key.spot, fmt::format("duplicate key {}", Quoted(key.text)),
                  fmt::format("it stands on line {} already", before->second));
  }
  key_ = std::move(key);
}

void Builder::Add(Item item, YAML::anchor_t anchor, bool opens) {
  if (ExpectsKey()) {
    if (item.kind != ItemKind::kScalar) {
      if (item.kind != ItemKind::kNull) {
        Fatal(item.spot, "a key must be a word",
              "a value that begins with { or [ or * and is meant as text needs quotes");
      }
      TakeKey(Key{"", item.spot});
      return;
    }
    TakeKey(Key{item.text, item.spot});
    return;
  }
  if (opens && static_cast<int>(open_.size()) >= kMaxDepth) {
    Fatal(item.spot, fmt::format("nested deeper than {} levels", kMaxDepth));
  }
  if (state_.items.size() >= kMaxNodes) {
    Fatal(item.spot, fmt::format("more than {} values in one file", kMaxNodes));
  }
  const int index = static_cast<int>(state_.items.size());
  std::optional<Key> key = std::exchange(key_, std::nullopt);
  item.open = opens;
  item.key_spot = item.spot;
  if (key) {
    item.key = key->text;
    item.key_spot = key->spot;
  }
  if (!open_.empty()) {
    Item& parent = Top();
    parent.children.push_back(index);
    if (!opens) {
      parent.weight += item.weight;
      parent.height = std::max(parent.height, item.height + 1);
      if (parent.weight > kMaxNodes) {
        Fatal(item.spot,
              fmt::format("more than {} values, counting what aliases repeat", kMaxNodes));
      }
    }
  }
  state_.items.push_back(std::move(item));
  if (anchor != 0) {
    anchors_[anchor] = index;
  }
  if (opens) {
    open_.push_back(Open{.item = index});
  }
}

void Builder::Close() {
  key_.reset();
  const int index = open_.back().item;
  open_.pop_back();
  Item& item = state_.items[static_cast<std::size_t>(index)];
  item.open = false;
  if (item.kind == ItemKind::kMap) {
    Merge(item);
  }
  if (open_.empty()) {
    return;
  }
  Item& parent = Top();
  parent.weight += item.weight;
  parent.height = std::max(parent.height, item.height + 1);
  if (parent.weight > kMaxNodes) {
    Fatal(item.spot, fmt::format("more than {} values, counting what aliases repeat", kMaxNodes));
  }
}

/// Replaces the key `<<` by the entries of the map (or maps) that it names; the map's own entries
/// win. Source: https://yaml.org/type/merge.html.
void Builder::Merge(Item& map) {
  const auto at = std::ranges::find_if(map.children, [&](int child) {
    return state_.items[static_cast<std::size_t>(child)].key == "<<";
  });
  if (at == map.children.end()) {
    return;
  }
  const int merge = *at;
  map.children.erase(at);
  std::set<std::string_view> have;
  for (const int child : map.children) {
    have.insert(state_.items[static_cast<std::size_t>(child)].key);
  }
  const Item& source = state_.items[static_cast<std::size_t>(merge)];
  std::vector<int> maps = {merge};
  if (source.kind == ItemKind::kList) {
    maps = source.children;
  }
  for (const int from : maps) {
    const Item& other = state_.items[static_cast<std::size_t>(from)];
    if (other.kind != ItemKind::kMap) {
      state_.Report(other.spot, "<< takes a map or a list of maps", "write <<: *name");
      continue;
    }
    for (const int child : other.children) {
      if (have.insert(state_.items[static_cast<std::size_t>(child)].key).second) {
        map.children.push_back(child);
      }
    }
  }
}

/// yaml-cpp's sentence in words that say what to do.
struct Wording {
  std::string_view theirs;
  std::string_view ours;
  std::string_view hint;
};
constexpr std::array<Wording, 16> kWordings = {{
    {"illegal map value", "a ':' where none may stand",
     "a text that holds \": \" needs quotes; or the line before lacks its ':'"},
    {"illegal map key", "a key where none may stand", "is it indented as its neighbours are?"},
    {"illegal block entry", "a '-' where no list may stand",
     "a list begins on a line of its own, below its key"},
    {"end of map not found", "this line does not fit the lines before it",
     "indent it as its neighbours are"},
    {"end of map flow not found", "a '{' is never closed, or a ',' is missing", ""},
    {"end of sequence not found", "this line does not fit the list before it",
     "each item begins with '-', indented alike"},
    {"end of sequence flow not found", "a '[' is never closed, or a ',' is missing", ""},
    {"illegal flow end", "a closing bracket without an opening one", ""},
    {"illegal tab when looking for indentation", "a tab in the indentation", "use spaces"},
    {"unknown token", "a character that cannot begin a value",
     "a text that begins with @ or % or ` needs quotes"},
    {"the referenced anchor is not defined", "an alias without its anchor",
     "&name must stand before *name; a text that begins with * needs quotes"},
    {"illegal EOF in scalar", "the file ends within a value", "is a quote not closed?"},
    {"illegal document indicator in scalar", "--- within a quoted text", "is a quote not closed?"},
    {"alias not found after *", "a '*' without the name of an anchor",
     "a text that begins with * needs quotes"},
    {"anchor not found after &", "a '&' without a name", "a text that begins with & needs quotes"},
    {"bad file", "nested too deeply", ""},
}};

/// The first tab in the indentation of `line` or of the one before it, if any: the usual reason
/// when yaml-cpp complains there.
std::optional<Spot> TabNear(const Document::State& state, int line) {
  for (const int n : {line - 1, line}) {
    const auto text = state.Line(n);
    const auto first = text.find_first_not_of(' ');
    if (first != std::string_view::npos && text[first] == '\t' && !base::Trim(text).empty()) {
      return Spot{n, static_cast<int>(first)};
    }
  }
  return std::nullopt;
}

/// Where the bracket that was never closed stands: the last '{' or '[' opened and not closed
/// before `end`, outside quotes and comments.
std::optional<Spot> OpenBracket(const Document::State& state, int end_line) {
  std::vector<Spot> open;
  char quote = 0;
  for (int line = 0; line <= end_line; ++line) {
    const auto text = state.Line(line);
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (quote != 0) {
        quote = c == quote ? '\0' : quote;
      } else if (c == '#' && (i == 0 || text[i - 1] == ' ')) {
        break;
      } else if ((c == '"' || c == '\'') &&
                 (i == 0 || std::string_view(" [{,:").contains(text[i - 1]))) {
        quote = c;
      } else if (c == '{' || c == '[') {
        open.push_back(Spot{line, static_cast<int>(i)});
      } else if ((c == '}' || c == ']') && !open.empty()) {
        open.pop_back();
      }
    }
  }
  return open.empty() ? std::nullopt : std::optional(open.back());
}

void ReportSyntax(Document::State& state, const YAML::Exception& error) {
  Spot spot{std::max(error.mark.line, 0), std::max(error.mark.column, 0)};
  if (const auto tab = TabNear(state, spot.line)) {
    state.Report(*tab, "a tab in the indentation", "use spaces");
    return;
  }
  const auto wording = std::ranges::find(kWordings, error.msg, &Wording::theirs);
  if (wording == kWordings.end()) {
    state.Report(spot, "this is not YAML: " + base::Printable(error.msg));
    return;
  }
  if (error.msg.contains("flow not found")) {
    spot = OpenBracket(state, spot.line).value_or(spot);
  }
  state.Report(spot, std::string(wording->ours), std::string(wording->hint));
}

/// Finds what no YAML file holds before the parser sees it: other encodings, control characters.
bool CheckBytes(Document::State& state) {
  const std::string& text = state.text;
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    state.Report(Place{state.file, 0, 0}, "this is UTF-16", "save it as UTF-8");
    return false;
  }
  for (std::size_t n = 0; n < state.line_starts.size(); ++n) {
    const auto line = state.Line(static_cast<int>(n));
    if (base::IsPrintable(line)) {
      continue;
    }
    for (std::size_t i = 0; i < line.size(); ++i) {
      const auto c = static_cast<unsigned char>(line[i]);
      if ((c < 0x20 && c != '\t') || c == 0x7F) {
        state.Report(Spot{static_cast<int>(n), static_cast<int>(i)},
                     c == 0 ? "a NUL byte: is this a text file?"
                            : fmt::format("a control character (0x{:02x})", c));
        return false;
      }
    }
    // Tabs apart, what is left is broken UTF-8, or a mark that disguises text.
    std::string no_tabs(line);
    std::ranges::replace(no_tabs, '\t', ' ');
    if (!base::IsPrintable(no_tabs)) {
      std::size_t good = 0;
      while (good < no_tabs.size() && (base::IsPrintable(no_tabs.substr(0, good + 1)) ||
                                       base::IsPrintable(no_tabs.substr(0, good + 2)) ||
                                       base::IsPrintable(no_tabs.substr(0, good + 3)) ||
                                       base::IsPrintable(no_tabs.substr(0, good + 4)))) {
        ++good;
      }
      state.Report(Spot{static_cast<int>(n), static_cast<int>(good)},
                   "a character that is not UTF-8, or not printable", "save the file as UTF-8");
      return false;
    }
  }
  return true;
}

}  // namespace

void ParseInto(Document::State& state) {
  if (state.text.size() > kMaxFileBytes) {
    state.Report(Place{state.file, 0, 0}, "larger than 4 MiB", "");
    state.text.clear();
    return;
  }
  if (state.text.starts_with("\xEF\xBB\xBF")) {
    state.text.erase(0, 3);
  }
  state.line_starts.push_back(0);
  for (std::size_t i = 0; i < state.text.size(); ++i) {
    if (state.text[i] == '\n' && i + 1 < state.text.size()) {
      state.line_starts.push_back(i + 1);
    }
  }
  if (!CheckBytes(state)) {
    return;
  }
  try {
    std::istringstream in(state.text);
    YAML::Parser parser(in);
    Builder builder(state);
    while (parser.HandleNextDocument(builder)) {
    }
    state.usable = true;
  } catch (const Stop&) {
    state.usable = false;
  } catch (const YAML::Exception& error) {
    ReportSyntax(state, error);
  } catch (const std::exception& error) {
    state.Report(Place{state.file, 0, 0}, "this is not YAML: " + base::Printable(error.what()), "");
  }
  if (state.items.empty()) {
    state.items.push_back(Item{.open = false});
  }
}

}  // namespace config
