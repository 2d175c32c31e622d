// The dictionary and its postings.
#include "store/index.h"

#include <algorithm>

namespace store {
namespace {

std::uint64_t HashPairs(TargetId target, std::span<const StringId> pairs) {
  std::uint64_t hash = 0x9E3779B97F4A7C15ULL ^ target;
  for (const StringId id : pairs) {
    hash = (hash ^ id) * 0xFF51AFD7ED558CCDULL;
    hash ^= hash >> 32;
  }
  return hash;
}

std::vector<SeriesId> Intersect(const std::vector<SeriesId>& a, const std::vector<SeriesId>& b) {
  std::vector<SeriesId> out;
  std::ranges::set_intersection(a, b, std::back_inserter(out));
  return out;
}

}  // namespace

std::uint64_t Index::HashOf(const Series& series) { return HashPairs(series.target, series.pairs); }

StringId Index::String(std::string_view text, DictionaryRows* rows) {
  const auto at = string_ids_.find(text);
  if (at != string_ids_.end()) {
    return at->second;
  }
  const StringId id = next_string_++;
  Text& entry = strings_[id];
  entry.text = text;
  string_ids_.emplace(entry.text, id);
  rows->strings.push_back({id, entry.text});
  return id;
}

TargetId Index::Target(std::string_view name, DictionaryRows* rows) {
  if (const auto known = FindTarget(name)) {
    return *known;
  }
  const TargetId id = next_target_++;
  Text& entry = targets_[id];
  entry.text = name;
  target_ids_.emplace(entry.text, id);
  rows->targets.push_back({id, entry.text});
  return id;
}

std::optional<TargetId> Index::FindTarget(std::string_view name) const {
  const auto at = target_ids_.find(name);
  return at == target_ids_.end() ? std::nullopt : std::optional(at->second);
}

SeriesId Index::Find(TargetId target, const model::Labels& labels) const {
  std::vector<StringId> pairs;
  pairs.reserve(labels.size() * 2);
  for (const auto& [name, value] : labels) {
    const auto n = string_ids_.find(name);
    const auto v = string_ids_.find(value);
    if (n == string_ids_.end() || v == string_ids_.end()) {
      return 0;
    }
    pairs.push_back(n->second);
    pairs.push_back(v->second);
  }
  const auto [from, to] = by_hash_.equal_range(HashPairs(target, pairs));
  for (auto at = from; at != to; ++at) {
    const Series& series = series_.at(at->second);
    if (series.target == target && series.pairs == pairs) {
      return at->second;
    }
  }
  return 0;
}

SeriesId Index::Add(TargetId target, const std::shared_ptr<const model::Labels>& labels,
                    DictionaryRows* rows) {
  Series series;
  series.target = target;
  series.labels = labels;
  series.pairs.reserve(labels->size() * 2);
  std::string code;
  ByteWriter bytes(&code);
  for (const auto& [name, value] : *labels) {
    for (const auto& text : {std::string_view(name), std::string_view(value)}) {
      const StringId id = String(text, rows);
      series.pairs.push_back(id);
      bytes.Varint(id);
    }
  }
  const SeriesId id = next_series_++;
  rows->series.push_back({id, target, std::move(code)});
  Enter(id, std::move(series));
  return id;
}

void Index::Enter(SeriesId id, Series series) {
  for (std::size_t i = 0; i + 1 < series.pairs.size(); i += 2) {
    ++strings_[series.pairs[i]].uses;
    ++strings_[series.pairs[i + 1]].uses;
    Postings& list = postings_[series.pairs[i]][series.pairs[i + 1]];
    if (list.empty() || list.back() < id) {
      list.push_back(id);
    } else {
      list.insert(std::ranges::lower_bound(list, id), id);
    }
  }
  ++targets_[series.target].uses;
  by_hash_.emplace(HashOf(series), id);
  series_.emplace(id, std::move(series));
  next_series_ = std::max(next_series_, id + 1);
}

TargetId Index::TargetOf(SeriesId series) const {
  const auto at = series_.find(series);
  return at == series_.end() ? 0 : at->second.target;
}

bool Index::LoadString(std::uint64_t id, std::string text) {
  if (id == 0 || id >= UINT32_MAX || strings_.contains(static_cast<StringId>(id)) ||
      string_ids_.contains(text)) {
    return false;
  }
  Text& entry = strings_[static_cast<StringId>(id)];
  entry.text = std::move(text);
  string_ids_.emplace(entry.text, static_cast<StringId>(id));
  next_string_ = std::max(next_string_, static_cast<StringId>(id) + 1);
  return true;
}

bool Index::LoadTarget(std::uint64_t id, std::string name) {
  if (id == 0 || id >= UINT32_MAX || targets_.contains(static_cast<TargetId>(id)) ||
      target_ids_.contains(name)) {
    return false;
  }
  Text& entry = targets_[static_cast<TargetId>(id)];
  entry.text = std::move(name);
  target_ids_.emplace(entry.text, static_cast<TargetId>(id));
  next_target_ = std::max(next_target_, static_cast<TargetId>(id) + 1);
  return true;
}

bool Index::LoadSeries(std::uint64_t id, std::uint64_t target, Bytes labels) {
  if (id == 0 || id >= UINT32_MAX || series_.contains(static_cast<SeriesId>(id)) ||
      !targets_.contains(static_cast<TargetId>(target)) || target > UINT32_MAX) {
    return false;
  }
  Series series;
  series.target = static_cast<TargetId>(target);
  ByteReader in(labels);
  while (in.left() > 0) {
    const std::uint64_t text = in.Varint();
    if (!in.ok() || text > UINT32_MAX || !strings_.contains(static_cast<StringId>(text))) {
      return false;
    }
    series.pairs.push_back(static_cast<StringId>(text));
  }
  if (series.pairs.empty() || series.pairs.size() % 2 != 0) {
    return false;
  }
  series.pairs.shrink_to_fit();
  Enter(static_cast<SeriesId>(id), std::move(series));
  return true;
}

std::string_view Index::ValueOf(const Series& series, StringId name) const {
  for (std::size_t i = 0; i + 1 < series.pairs.size(); i += 2) {
    if (series.pairs[i] == name) {
      return strings_.at(series.pairs[i + 1]).text;
    }
  }
  return {};
}

const Index::Postings* Index::PostingsOf(const Matcher& equal) const {
  const auto name = string_ids_.find(equal.name);
  const auto value = string_ids_.find(equal.value);
  if (name == string_ids_.end() || value == string_ids_.end()) {
    return nullptr;
  }
  const auto values = postings_.find(name->second);
  if (values == postings_.end()) {
    return nullptr;
  }
  const auto list = values->second.find(value->second);
  return list == values->second.end() ? nullptr : &list->second;
}

// What to begin with: the intersection of the plain equalities, or else the union of one other
// matcher's values. The matchers that are left go to `rest`.
Index::Postings Index::Start(const std::vector<Matcher>& matchers,
                             std::vector<const Matcher*>* rest) const {
  const auto plain = [](const Matcher& m) {
    return m.op == Matcher::Op::kEqual && !m.value.empty();
  };
  std::vector<const Postings*> lists;
  for (const Matcher& m : matchers) {
    if (plain(m)) {
      lists.push_back(PostingsOf(m));
      if (lists.back() == nullptr) {
        rest->clear();
        return {};
      }
    } else {
      rest->push_back(&m);
    }
  }
  if (!lists.empty()) {
    std::ranges::sort(lists, {}, &Postings::size);
    Postings out = *lists[0];
    for (std::size_t i = 1; i < lists.size(); ++i) {
      out = Intersect(out, *lists[i]);
    }
    return out;
  }
  const auto first = std::ranges::find_if(*rest, [](const Matcher* m) { return !m->Matches(""); });
  const Matcher& m = **first;
  rest->erase(first);
  Postings out;
  const auto name = string_ids_.find(m.name);
  const auto values = name == string_ids_.end() ? postings_.end() : postings_.find(name->second);
  if (values != postings_.end()) {
    for (const auto& [value, list] : values->second) {
      if (m.Matches(strings_.at(value).text)) {
        out.insert(out.end(), list.begin(), list.end());
      }
    }
    std::ranges::sort(out);
  }
  return out;
}

void Index::Filter(const Matcher& matcher, Postings* candidates) const {
  const auto name = string_ids_.find(matcher.name);
  const bool absent = matcher.Matches("");
  if (name == string_ids_.end()) {
    if (!absent) {
      candidates->clear();
    }
    return;
  }
  std::unordered_map<std::string_view, bool> known;  // by value: expressions are dear
  std::erase_if(*candidates, [&](SeriesId id) {
    const std::string_view value = ValueOf(series_.at(id), name->second);
    if (value.empty()) {
      return !absent;
    }
    const auto [at, fresh] = known.try_emplace(value, false);
    if (fresh) {
      at->second = matcher.Matches(value);
    }
    return !at->second;
  });
}

base::Result<std::vector<SeriesId>> Index::Match(const std::vector<Matcher>& matchers) const {
  Postings out;
  std::vector<const Matcher*> rest;
  if (matchers.empty()) {
    out.reserve(series_.size());
    for (const auto& [id, series] : series_) {
      out.push_back(id);
    }
    std::ranges::sort(out);
    return out;
  }
  if (std::ranges::all_of(matchers, [](const Matcher& m) { return m.Matches(""); })) {
    return base::Fail(base::ErrorKind::kInvalid,
                      "match[] must contain at least one non-empty matcher");
  }
  out = Start(matchers, &rest);
  for (const Matcher* m : rest) {
    Filter(*m, &out);
  }
  return out;
}

std::vector<std::shared_ptr<const model::Labels>> Index::LabelsOf(
    std::span<const SeriesId> series) const {
  std::vector<std::shared_ptr<const model::Labels>> out;
  out.reserve(series.size());
  const std::lock_guard lock(*labels_mutex_);
  for (const SeriesId id : series) {
    const Series& entry = series_.at(id);
    auto labels = entry.labels.lock();
    if (labels == nullptr) {
      std::vector<model::Labels::Pair> pairs;
      for (std::size_t i = 0; i + 1 < entry.pairs.size(); i += 2) {
        pairs.emplace_back(strings_.at(entry.pairs[i]).text, strings_.at(entry.pairs[i + 1]).text);
      }
      labels = std::make_shared<const model::Labels>(std::move(pairs));
      entry.labels = labels;
    }
    out.push_back(std::move(labels));
  }
  return out;
}

void Index::DropPosting(const Series& series, const std::vector<SeriesId>& gone) {
  for (std::size_t i = 0; i + 1 < series.pairs.size(); i += 2) {
    const auto values = postings_.find(series.pairs[i]);
    if (values == postings_.end()) {
      continue;
    }
    const auto list = values->second.find(series.pairs[i + 1]);
    if (list == values->second.end()) {
      continue;
    }
    std::erase_if(list->second, [&](SeriesId id) { return std::ranges::binary_search(gone, id); });
    if (list->second.empty()) {
      values->second.erase(list);
      if (values->second.empty()) {
        postings_.erase(values);
      }
    }
  }
}

RemovedRows Index::Remove(std::vector<SeriesId> series) {
  RemovedRows out;
  std::ranges::sort(series);
  std::erase_if(series, [&](SeriesId id) { return !series_.contains(id); });
  std::unordered_map<std::uint64_t, bool> cleaned;  // (name, value) lists that are done
  for (const SeriesId id : series) {
    const Series& entry = series_.at(id);
    bool all_done = true;
    for (std::size_t i = 0; i + 1 < entry.pairs.size(); i += 2) {
      const std::uint64_t key =
          static_cast<std::uint64_t>(entry.pairs[i]) << 32 | entry.pairs[i + 1];
      all_done = cleaned.emplace(key, true).second ? false : all_done;
    }
    if (!all_done) {
      DropPosting(entry, series);
    }
    const auto [from, to] = by_hash_.equal_range(HashOf(entry));
    by_hash_.erase(std::find_if(from, to, [id](const auto& at) { return at.second == id; }));
    for (const StringId text : entry.pairs) {
      const auto at = strings_.find(text);
      if (--at->second.uses == 0) {
        string_ids_.erase(at->second.text);
        strings_.erase(at);
        out.strings.push_back(text);
      }
    }
    const auto target = targets_.find(entry.target);
    if (--target->second.uses == 0) {
      target_ids_.erase(target->second.text);
      out.targets.push_back(entry.target);
      targets_.erase(target);
    }
    series_.erase(id);
  }
  out.series = std::move(series);
  return out;
}

}  // namespace store
