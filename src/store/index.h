// Index: the dictionary of strings, targets and series in memory, and which series have which
// label.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/labels.h"
#include "store/chunk.h"
#include "store/querier.h"

namespace store {

using StringId = std::uint32_t;
using TargetId = std::uint32_t;

/// Rows of the dictionary's tables that are not on disk yet.
struct DictionaryRows {
  struct Text {
    std::uint32_t id = 0;
    std::string text;
  };
  struct Series {
    SeriesId id = 0;
    TargetId target = 0;
    std::string labels;  ///< varints: string number of name, of value, …
  };
  std::vector<Text> strings;
  std::vector<Text> targets;
  std::vector<Series> series;
  [[nodiscard]] bool empty() const { return strings.empty() && targets.empty() && series.empty(); }
};

/// What went with removed series.
struct RemovedRows {
  std::vector<SeriesId> series;
  std::vector<StringId> strings;
  std::vector<TargetId> targets;
};

/// A series is a target and a set of labels; each distinct string is held once. Not thread-safe but
/// for LabelsOf among other const functions.
class Index {
 public:
  Index() = default;

  [[nodiscard]] std::size_t series_count() const { return series_.size(); }
  [[nodiscard]] std::size_t target_count() const { return targets_.size(); }
  [[nodiscard]] std::size_t string_count() const { return strings_.size(); }

  /// The target's number, made when it is new.
  TargetId Target(std::string_view name, DictionaryRows* rows);
  [[nodiscard]] std::optional<TargetId> FindTarget(std::string_view name) const;
  /// The series' number or 0.
  [[nodiscard]] SeriesId Find(TargetId target, const model::Labels& labels) const;
  /// Makes a series that Find did not find.
  SeriesId Add(TargetId target, const std::shared_ptr<const model::Labels>& labels,
               DictionaryRows* rows);
  /// The target of a series; 0 when there is no such series.
  [[nodiscard]] TargetId TargetOf(SeriesId series) const;
  [[nodiscard]] bool Has(SeriesId series) const { return series_.contains(series); }

  /// Rows read from disk: strings and targets before series. False: the row makes no sense.
  bool LoadString(std::uint64_t id, std::string text);
  bool LoadTarget(std::uint64_t id, std::string name);
  bool LoadSeries(std::uint64_t id, std::uint64_t target, Bytes labels);

  /// Series that meet every matcher, ascending. Errors: kInvalid when every matcher matches "" (and
  /// there is one; none means all).
  [[nodiscard]] base::Result<std::vector<SeriesId>> Match(
      const std::vector<Matcher>& matchers) const;
  /// The labels of each series. They are made at need and shared while someone holds them.
  [[nodiscard]] std::vector<std::shared_ptr<const model::Labels>> LabelsOf(
      std::span<const SeriesId> series) const;

  /// What does not hold together: names of labels out of order or twice, a series twice, texts or
  /// targets that nothing uses, lists of series that are not in order or do not fit. A sentence
  /// each, at most `most`; empty: all is well.
  [[nodiscard]] std::vector<std::string> Verify(std::size_t most) const;
  /// The name of a target; "" when there is none.
  [[nodiscard]] std::string TargetName(TargetId target) const;
  /// For each label name how many values it has, and for each value of `name` how many series; the
  /// `most` largest, largest first.
  using Counts = std::vector<std::pair<std::string, std::size_t>>;
  [[nodiscard]] Counts LargestLabels(std::size_t most) const;
  [[nodiscard]] Counts LargestValues(std::string_view name, std::size_t most) const;

  /// Forgets series, and strings and targets that nothing uses any more.
  RemovedRows Remove(std::vector<SeriesId> series);

 private:
  struct Text {
    std::string text;
    std::uint32_t uses = 0;
  };
  struct Series {
    TargetId target = 0;
    std::vector<StringId> pairs;  // name, value, name, value …
    mutable std::weak_ptr<const model::Labels> labels;
  };
  using Postings = std::vector<SeriesId>;

  static std::uint64_t HashOf(const Series& series);
  StringId String(std::string_view text, DictionaryRows* rows);
  void Enter(SeriesId id, Series series);
  [[nodiscard]] std::string_view ValueOf(const Series& series, StringId name) const;
  [[nodiscard]] Postings Start(const std::vector<Matcher>& matchers,
                               std::vector<const Matcher*>* rest) const;
  void Filter(const Matcher& matcher, Postings* candidates) const;
  void DropPosting(const Series& series, const std::vector<SeriesId>& gone);
  [[nodiscard]] const Postings* PostingsOf(const Matcher& equal) const;

  std::unordered_map<StringId, Text> strings_;
  std::unordered_map<std::string_view, StringId> string_ids_;
  std::unordered_map<TargetId, Text> targets_;
  std::unordered_map<std::string_view, TargetId> target_ids_;
  std::unordered_map<SeriesId, Series> series_;
  std::unordered_multimap<std::uint64_t, SeriesId> by_hash_;
  std::unordered_map<StringId, std::unordered_map<StringId, Postings>> postings_;
  StringId next_string_ = 1;
  TargetId next_target_ = 1;
  SeriesId next_series_ = 1;
  std::unique_ptr<std::mutex> labels_mutex_ = std::make_unique<std::mutex>();
};

}  // namespace store
