// Sorted label pairs and their fingerprint.
#include "model/labels.h"

#include <algorithm>

namespace model {
namespace {

bool NameLess(const Labels::Pair& pair, std::string_view name) { return pair.first < name; }

bool IsName(std::string_view name, bool colon) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) {
    return false;
  }
  return std::ranges::all_of(name, [colon](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colon && c == ':');
  });
}

}  // namespace

Labels::Labels(std::initializer_list<Pair> pairs) : Labels(std::vector<Pair>(pairs)) {}

Labels::Labels(std::vector<Pair> pairs) : pairs_(std::move(pairs)) {
  std::ranges::stable_sort(pairs_, {}, &Pair::first);
  // Of a name given twice the last one counts.
  std::vector<Pair> kept;
  kept.reserve(pairs_.size());
  for (auto& pair : pairs_) {
    if (!kept.empty() && kept.back().first == pair.first) {
      kept.back() = std::move(pair);
    } else {
      kept.push_back(std::move(pair));
    }
  }
  std::erase_if(kept, [](const Pair& pair) { return pair.second.empty(); });
  pairs_ = std::move(kept);
}

std::string_view Labels::Get(std::string_view name) const {
  const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name, NameLess);
  return at != pairs_.end() && at->first == name ? std::string_view(at->second)
                                                 : std::string_view();
}

void Labels::Set(std::string_view name, std::string_view value) {
  const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name, NameLess);
  const bool there = at != pairs_.end() && at->first == name;
  if (value.empty()) {
    if (there) {
      pairs_.erase(at);
    }
  } else if (there) {
    at->second = value;
  } else {
    pairs_.emplace(at, name, value);
  }
}

void Labels::Remove(std::string_view name) { Set(name, ""); }

Labels Labels::With(const Labels& other) const {
  Labels out = *this;
  for (const auto& [name, value] : other) {
    out.Set(name, value);
  }
  return out;
}

Labels Labels::Keep(const std::vector<std::string>& names) const {
  Labels out;
  for (const auto& pair : pairs_) {
    if (std::ranges::find(names, pair.first) != names.end()) {
      out.pairs_.push_back(pair);
    }
  }
  return out;
}

Labels Labels::Without(const std::vector<std::string>& names) const {
  Labels out;
  for (const auto& pair : pairs_) {
    if (std::ranges::find(names, pair.first) == names.end()) {
      out.pairs_.push_back(pair);
    }
  }
  return out;
}

std::uint64_t Labels::Fingerprint() const {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    hash = (hash ^ 0xFFU) * 1099511628211ULL;
  };
  for (const auto& [name, value] : pairs_) {
    add(name);
    add(value);
  }
  return hash;
}

std::string Labels::ToString() const {
  std::string out(Get(kName));
  std::string inside;
  for (const auto& [name, value] : pairs_) {
    if (name != kName) {
      inside += (inside.empty() ? "" : ",") + name + "=" + QuoteValue(value);
    }
  }
  if (!inside.empty() || out.empty()) {
    out += "{" + inside + "}";
  }
  return out;
}

std::size_t LabelsHash::operator()(const Labels& labels) const noexcept {
  return labels.Fingerprint();
}

bool IsLabelName(std::string_view name) { return IsName(name, false); }
bool IsMetricName(std::string_view name) { return IsName(name, true); }

std::string QuoteValue(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace model
