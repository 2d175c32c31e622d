// Collector: what one message's alerts become: cleaned, bounded, with a target, or a sentence why
// not.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "alert/inbound/inbound.h"

namespace alert::inbound {

/// An alert as a reader found it.
struct Draft {
  model::Labels labels;       ///< cleaned by AddLabel
  model::Labels annotations;  ///< cleaned
  std::string metric;         ///< what the sender's own fields say; "" = see the labels
  std::string severity;       ///< likewise
  double value = std::numeric_limits<double>::quiet_NaN();  ///< NaN: the sender does not say
  base::Time starts{};                                      ///< zero = now
  base::Time ends{};                                        ///< zero = it fires
  std::string url;                                          ///< where the sender shows it
  std::vector<Place> places;  ///< what may name the target beside the labels
};

/// Gathers the alerts of one message.
class Collector {
 public:
  /// `source` becomes Alert::source and the label `source`.
  Collector(const Context& context, std::string source);

  /// To be asked before each of many alerts: false when kMaxAlerts of them were begun; counts the
  /// others.
  bool Begin();
  /// Makes an alert of it, or a sentence in `ignored`. False when it was not taken.
  bool Take(Draft draft);
  /// Says why something was not taken.
  void Ignore(std::string sentence);
  /// What is labelled so is over (with `source` added). For ids that the sender repeats.
  void End(model::Labels labels);
  /// The target's name that these places give, "" when none or several.
  [[nodiscard]] std::string TargetOf(const Draft& draft) const;

  [[nodiscard]] base::Time now() const { return context_.now; }
  [[nodiscard]] const std::string& source() const { return out_.sender; }
  Inbound Finish();

 private:
  [[nodiscard]] std::vector<Place> Places(const Draft& draft) const;
  void Decide(Draft& draft, const Found& found) const;

  const Context& context_;
  Inbound out_;
  std::size_t more_ignored_ = 0;
  std::size_t begun_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace alert::inbound
