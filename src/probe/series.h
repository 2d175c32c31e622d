// Series: turns one probe's readings into a batch, with labels made once and stale markers for what
// did not come again.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/labels.h"
#include "model/sample.h"
#include "probe/kind.h"

namespace probe {

/// The series of one configured probe. The labels of a series are made once and shared by all its
/// samples, so that the store knows it again by its pointer.
class Series {
 public:
  /// `base`: the labels of every sample of the target; those of a reading are set over them.
  explicit Series(model::Labels base)
      : base_(std::make_shared<const model::Labels>(std::move(base))) {}

  /// A sample for each reading (the first of equal ones), and a stale marker for each series of the
  /// batch before that is not in this one (as Prometheus does when a scrape lacks a series).
  /// The readings of a run come in several lists.
  std::vector<model::Sample> Take(std::initializer_list<std::span<const Reading>> lists);
  /// Stale markers for all; there is no series afterwards.
  std::vector<model::Sample> End();
  [[nodiscard]] std::size_t size() const { return live_.size(); }
  [[nodiscard]] const std::shared_ptr<const model::Labels>& base() const { return base_; }

 private:
  struct Live {
    std::shared_ptr<const model::Labels> labels;
    std::uint64_t seen = 0;
  };
  /// A reading of the last round.
  struct Last {
    std::string name;
    model::Labels labels;
    std::shared_ptr<const model::Labels> full;
  };
  using Lists = std::initializer_list<std::span<const Reading>>;
  [[nodiscard]] std::shared_ptr<const model::Labels> LabelsOf(const Reading& reading) const;
  [[nodiscard]] bool Same(Lists lists, std::vector<model::Sample>* out) const;

  std::shared_ptr<const model::Labels> base_;
  std::unordered_map<std::string, Live> live_;
  std::uint64_t round_ = 0;
  std::vector<Last> last_;  ///< as they came; most rounds have the same in the same order
};

}  // namespace probe
