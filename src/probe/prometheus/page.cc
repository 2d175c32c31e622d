// Reading one page: lines known by their bytes, limits, what relabeling drops.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "probe/prometheus/scraper.h"

namespace probe::prometheus {
namespace {

constexpr std::size_t kMaxComments = 4U << 20;  // bytes remembered
constexpr std::size_t kMaxFamilies = 20'000;
constexpr std::size_t kMaxHelp = 1'024;
constexpr std::size_t kMostDropped = 1'000'000;  // lines

}  // namespace

Scraper::Page::Page(Scraper* scraper, const Taking* taking) : s_(*scraper), taking_(*taking) {
  s_.page_ = this;
  if (!(s_.table_->joining() == taking_.joining)) {
    s_.table_ = std::make_shared<const Table>(taking_.joining);
    s_.slots_.clear();
    s_.order_.clear();
    s_.dropped_ = {};
    s_.index_.clear();
    s_.live_ = 0;
    s_.plain_ = false;
  }
  ++s_.number_;
  plain_ = s_.plain_;
  values_.resize(s_.slots_.size());
}

/// What a bad page had counts as known the next time, as in Prometheus, unless it is too much.
Scraper::Page::~Page() {
  s_.page_ = nullptr;
  if (taken_) {
    return;
  }
  s_.bad_since_ = true;
  const auto lines = s_.slots_.size() + s_.dropped_.size() + fresh_dropped_.size();
  if (s_.Crowded(lines)) {
    s_.slots_.resize(s_.table_->size());
    s_.Index();
  } else if (fresh_.size() + fresh_dropped_.size() > 0) {
    s_.Grow(this);
  }
}

std::size_t Scraper::Page::KnownComment(std::string_view rest) {
  if (rest.starts_with("# EOF\n")) {
    return 0;
  }
  const auto line = rest.substr(0, rest.find('\n') + 1);
  if (same_comments_ && next_comment_ < s_.comments_.size() &&
      s_.comments_.At(next_comment_) == line) {
    ++next_comment_;
    return line.size();
  }
  if (same_comments_) {
    same_comments_ = false;
    for (std::size_t i = 0; i < next_comment_; ++i) {
      comments_.Add(s_.comments_.At(i));
    }
  }
  if (comments_.bytes.size() + line.size() <= kMaxComments) {
    comments_.Add(line);
  }
  return 0;
}

std::size_t Scraper::Page::Known(std::string_view rest) {
  known_ = false;
  if (rest[0] == '#') {
    return KnownComment(rest);
  }
  if (next_ >= s_.order_.size()) {
    return 0;
  }
  const Expected& expected = s_.order_[next_];
  const std::size_t size = expected.size;
  // The sign before the value must follow at once: braces may still come behind more blanks.
  if (rest.size() < size + 2 || rest[size] != ' ' || rest[size + 1] == '{' ||
      rest[size + 1] == ' ' || rest[size + 1] == '\t' ||
      std::memcmp(rest.data(), expected.text, size) != 0) {
    return 0;
  }
  ++next_;
  known_ = true;
  return size;
}

/// From here on the order is another: `lines` came as on the last page.
void Scraper::Page::Stray(std::size_t lines) {
  same_order_ = false;
  order_.reserve(s_.order_.size() + 1);
  for (std::size_t i = 0; i < lines; ++i) {
    order_.push_back(s_.order_[i].slot);
  }
}

/// Goes on to expect what followed this slot on the last page.
void Scraper::Page::Resume(std::uint32_t slot) {
  const auto place = [slots = s_.table_->size()](std::uint32_t one) {
    return one < kDropped ? one : slots + (one - kDropped);
  };
  if (positions_.empty()) {
    positions_.assign(s_.table_->size() + s_.dropped_.size(), kNone);
    for (std::uint32_t i = 0; i < s_.order_.size(); ++i) {
      positions_[place(s_.order_[i].slot)] = i;
    }
  }
  const bool before =
      slot < kDropped ? slot < s_.table_->size() : slot - kDropped < s_.dropped_.size();
  if (before && positions_[place(slot)] != kNone) {
    next_ = positions_[place(slot)] + 1;
  }
}

/// What of a series is beyond the limits, in Prometheus's words; "" = nothing.
std::string Scraper::Page::Excess(const model::Labels& labels) const {
  const auto& limits = taking_.limits;
  const auto metric = labels.Get(model::kName).substr(0, 50);
  if (limits.labels > 0 && labels.size() > limits.labels) {
    return fmt::format("label_limit exceeded (metric: {}, number of labels: {}, limit: {})", metric,
                       labels.size(), limits.labels);
  }
  for (const auto& [name, value] : labels) {
    if (limits.label_name_length > 0 && name.size() > limits.label_name_length) {
      return fmt::format(
          "label_name_length_limit exceeded (metric: {}, label name: {}, length: {}, limit: {})",
          metric, name.substr(0, 50), name.size(), limits.label_name_length);
    }
    if (limits.label_value_length > 0 && value.size() > limits.label_value_length) {
      return fmt::format(
          "label_value_length_limit exceeded (metric: {}, label name: {}, value: {}, length: {}, "
          "limit: {})",
          metric, name.substr(0, 50), model::QuoteValue(value.substr(0, 50)), value.size(),
          limits.label_value_length);
    }
  }
  return "";
}

/// Looks at the labels of a series that is new. True: relabeling drops it. What speaks against it
/// becomes the page's refusal.
bool Scraper::Page::Judge(std::string_view series) {
  const auto& limits = taking_.limits;
  if (taking_.joining.relabeling.empty() && limits.labels == 0 && limits.label_name_length == 0 &&
      limits.label_value_length == 0) {
    return false;
  }
  const auto labels = Join(series, taking_.joining);
  if (!labels) {
    refusal_ = labels.error().message;
    return false;
  }
  if (!labels->empty()) {
    refusal_ = Excess(*labels);
  } else if (s_.dropped() >= kMostDropped) {
    refusal_ = fmt::format("relabeling drops more than {} series", kMostDropped);
  }
  return labels->empty();
}

std::uint32_t Scraper::Page::NewSlot(std::string_view series, bool dropped) {
  const auto slot =
      static_cast<std::uint32_t>(dropped ? kDropped + s_.dropped() : s_.slots_.size());
  (dropped ? fresh_dropped_ : fresh_).Add(series);
  if (!dropped) {
    s_.slots_.emplace_back();
    s_.plain_ = false;
    values_.push_back(0);
  }
  if ((s_.slots_.size() + s_.dropped()) * 4 > s_.index_.size() * 3) {
    s_.Index();
  } else {
    s_.Enter(slot);
  }
  return slot;
}

/// The slot of a series that was not expected here; kNone: it is beyond the limits.
std::uint32_t Scraper::Page::SlotOf(std::string_view series) {
  const auto slot = s_.Find(series);
  if (slot != kNone) {
    Resume(slot);
    return slot;
  }
  const bool dropped = Judge(series);
  return refusal_.empty() ? NewSlot(series, dropped) : kNone;
}

/// Whether relabeling drops a line, which need not have a slot.
bool Scraper::Page::IsDropped(const Line& line) const {
  if (taking_.joining.relabeling.empty()) {
    return false;
  }
  const auto slot = known_ ? s_.order_[next_ - 1].slot : s_.Find(line.series);
  if (slot != kNone) {
    return slot >= kDropped;
  }
  const auto labels = Join(line.series, taking_.joining);
  return labels && labels->empty();
}

/// From here on slots_ has to know what came.
void Scraper::Page::Settle() {
  if (std::exchange(plain_, false)) {
    for (std::size_t i = 0; i < lines_; ++i) {
      if (const auto slot = s_.order_[i].slot; slot < kDropped) {
        s_.slots_[slot].valued = s_.number_;
      }
    }
    valued_ = static_cast<std::uint32_t>(counts_.kept);
  }
}

/// Whether every slot has a value.
bool Scraper::Page::HasAll() const { return (plain_ ? counts_.kept : valued_) == s_.slots_.size(); }

bool Scraper::Page::OnValue(std::string_view series, double value, std::string_view number) {
  if (!plain_ || !known_ || counts_.kept >= taking_.limits.samples) {
    return OnLine({series, value, std::nullopt, {}, number});
  }
  ++counts_.scraped;
  ++lines_;
  if (const auto slot = s_.order_[next_ - 1].slot; slot < kDropped) {
    ++counts_.kept;
    values_[slot] = value;
  }
  return true;
}

bool Scraper::Page::OnLine(const Line& line) {
  Settle();
  ++counts_.scraped;
  if (counts_.kept >= taking_.limits.samples) {
    if (!IsDropped(line)) {
      ++counts_.kept;
      refusal_ = fmt::format("sample limit exceeded: more than {} samples", taking_.limits.samples);
    }
    if (!refusal_.empty()) {
      return true;  // only counted from here on
    }
  }
  if (!known_ && same_order_) {
    Stray(lines_);
  }
  const auto slot = known_ ? s_.order_[next_ - 1].slot : SlotOf(line.series);
  if (slot == kNone) {
    return false;
  }
  ++lines_;
  if (!same_order_) {
    order_.push_back(slot);
  }
  if (slot >= kDropped) {
    return true;
  }
  ++counts_.kept;
  auto& known = s_.slots_[slot];
  counts_.added += known.cached ? 0 : 1;
  known.cached = true;
  if (line.t && taking_.honor_timestamps) {
    timed_.push_back({*line.t, slot, line.value});
  } else if (known.valued != s_.number_) {  // of two with the same text the first counts
    known.valued = s_.number_;
    values_[slot] = line.value;
    ++valued_;
  }
  return true;
}

void Scraper::Page::OnMeta(const Meta& meta) {
  if (families_.size() + s_.families_->size() >= kMaxFamilies) {
    return;
  }
  auto at = families_.find(meta.family);
  if (at == families_.end()) {
    const auto before = s_.families_->find(meta.family);
    at = families_.emplace(meta.family, before == s_.families_->end() ? Family{} : before->second)
             .first;
  }
  auto& text = meta.what == Meta::What::kType   ? at->second.type
               : meta.what == Meta::What::kHelp ? at->second.help
                                                : at->second.unit;
  text = meta.text.size() <= kMaxHelp ? meta.text
                                      : base::Printable(meta.text.substr(0, kMaxHelp), true);
}

}  // namespace probe::prometheus
