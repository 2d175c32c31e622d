// Holding the dictionary against itself, and counting what is in it.
#include <algorithm>

#include "store/index.h"

namespace store {
namespace {

void Largest(Index::Counts* counts, std::size_t most) {
  std::ranges::sort(*counts, [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  counts->resize(std::min(counts->size(), most));
}

}  // namespace

std::vector<std::string> Index::Verify(std::size_t most) const {
  std::vector<std::string> out;
  const auto problem = [&](std::string text) {
    if (out.size() < most) {
      out.push_back("dictionary: " + std::move(text));
    }
  };
  std::size_t pairs = 0;
  for (const auto& [id, series] : series_) {
    std::string_view before;
    for (std::size_t i = 0; i + 1 < series.pairs.size(); i += 2) {
      const std::string_view name = strings_.at(series.pairs[i]).text;
      if (i > 0 && name <= before) {
        problem("series " + std::to_string(id) + ": labels are not in order");
      }
      before = name;
      const auto values = postings_.find(series.pairs[i]);
      const auto list = values->second.find(series.pairs[i + 1]);
      if (!std::ranges::binary_search(list->second, id)) {
        problem("series " + std::to_string(id) + " is missing in the list of a label");
      }
    }
    pairs += series.pairs.size() / 2;
    const auto [from, to] = by_hash_.equal_range(HashOf(series));
    const auto twins = std::count_if(from, to, [&](const auto& at) {
      const Series& other = series_.at(at.second);
      return other.target == series.target && other.pairs == series.pairs;
    });
    if (twins != 1) {
      problem("series " + std::to_string(id) + " stands more than once");
    }
  }
  std::size_t listed = 0;
  for (const auto& [name, values] : postings_) {
    for (const auto& [value, list] : values) {
      listed += list.size();
      if (!std::ranges::is_sorted(list)) {
        problem("the list of a label is not in order");
      }
    }
  }
  if (listed != pairs) {
    problem("the lists of labels name " + std::to_string(listed) + " series, not " +
            std::to_string(pairs));
  }
  for (const auto& [id, text] : strings_) {
    if (text.uses == 0) {
      problem("text " + std::to_string(id) + " is used by nothing");
    }
  }
  for (const auto& [id, target] : targets_) {
    if (target.uses == 0) {
      problem("target " + std::to_string(id) + " has no series");
    }
  }
  return out;
}

std::string Index::TargetName(TargetId target) const {
  const auto at = targets_.find(target);
  return at == targets_.end() ? "" : at->second.text;
}

Index::Counts Index::LargestLabels(std::size_t most) const {
  Counts out;
  for (const auto& [name, values] : postings_) {
    out.emplace_back(strings_.at(name).text, values.size());
  }
  Largest(&out, most);
  return out;
}

Index::Counts Index::LargestValues(std::string_view name, std::size_t most) const {
  Counts out;
  const auto id = string_ids_.find(name);
  const auto values = id == string_ids_.end() ? postings_.end() : postings_.find(id->second);
  if (values != postings_.end()) {
    for (const auto& [value, list] : values->second) {
      out.emplace_back(strings_.at(value).text, list.size());
    }
  }
  Largest(&out, most);
  return out;
}

}  // namespace store
