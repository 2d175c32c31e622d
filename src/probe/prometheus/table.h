// Table: the series of one scraped page as a model::SeriesTable: their texts, and how a text
// becomes labels.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/relabel.h"
#include "model/series_table.h"

namespace probe::prometheus {

/// How the labels of a page and of its target come together (Prometheus: honor_labels), and what
/// becomes of them then (metric_relabel_configs).
struct Joining {
  model::Labels target;       ///< of every sample of the target; job and instance among them
  bool honor_labels = false;  ///< true: the page's label wins; false: it becomes exported_NAME
  std::vector<model::RelabelRule> relabeling;
  bool operator==(const Joining&) const = default;
};

/// The labels of a series as the page writes it; none when relabeling drops it. Errors: kInvalid
/// for what the parser would not have given, and when relabeling leaves it without a name.
base::Result<model::Labels> Join(std::string_view series, const Joining& joining);

/// Many texts one behind the other.
struct Texts {
  std::string bytes;
  std::vector<std::uint32_t> ends;
  void Add(std::string_view text);
  [[nodiscard]] std::string_view At(std::size_t i) const;
  [[nodiscard]] std::size_t size() const { return ends.size(); }
};

class Table : public model::SeriesTable {
 public:
  /// A table without slots, of an identity of its own.
  explicit Table(Joining joining);
  /// The same slots, and behind them those of `fresh` (at most 4 GiB of text).
  [[nodiscard]] std::shared_ptr<const Table> Grown(Texts fresh) const;

  [[nodiscard]] std::shared_ptr<const void> identity() const override { return joining_; }
  [[nodiscard]] std::uint32_t size() const override { return size_; }
  [[nodiscard]] model::Labels LabelsOf(std::uint32_t slot) const override;
  /// As the page writes it; stays where it is as long as this table lives.
  [[nodiscard]] std::string_view TextOf(std::uint32_t slot) const;
  [[nodiscard]] const Joining& joining() const { return *joining_; }

 private:
  explicit Table(std::shared_ptr<const Joining> joining) : joining_(std::move(joining)) {}
  struct Part {
    std::uint32_t first = 0;
    std::shared_ptr<const Texts> texts;
  };

  std::shared_ptr<const Joining> joining_;
  std::vector<Part> parts_;  ///< each more than twice as long as the next, so they are few
  std::uint32_t size_ = 0;
};

}  // namespace probe::prometheus
