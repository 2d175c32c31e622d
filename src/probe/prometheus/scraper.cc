// One page after the other: lines known by their bytes, samples by slots, markers for what is gone.
#include "probe/prometheus/scraper.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <unordered_set>

#include "base/text.h"

namespace probe::prometheus {
namespace {

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::size_t kMaxComments = 4U << 20;  // bytes remembered
constexpr std::size_t kMaxFamilies = 20'000;
constexpr std::size_t kMaxHelp = 1'024;
constexpr std::size_t kSpareSlots = 1'000;  // dead ones beside twice those that are read

std::size_t HashOf(std::string_view text) { return std::hash<std::string_view>()(text); }

}  // namespace

Scraper::Scraper()
    : table_(std::make_shared<const Table>(Joining{})),
      families_(std::make_shared<const Families>()) {}

std::string_view Scraper::TextOf(std::uint32_t slot) const {
  return slot < table_->size() ? table_->TextOf(slot) : page_->fresh_.At(slot - table_->size());
}

std::uint32_t Scraper::Find(std::string_view text) const {
  const std::size_t mask = index_.size() - 1;
  for (std::size_t at = HashOf(text) & mask; !index_.empty() && index_[at] != 0;
       at = (at + 1) & mask) {
    if (TextOf(index_[at] - 1) == text) {
      return index_[at] - 1;
    }
  }
  return kNone;
}

/// Puts a slot into the index, which has room.
void Scraper::Enter(std::uint32_t slot) {
  const std::size_t mask = index_.size() - 1;
  std::size_t at = HashOf(TextOf(slot)) & mask;
  while (index_[at] != 0) {
    at = (at + 1) & mask;
  }
  index_[at] = slot + 1;
}

/// Makes the index anew, with room for half as many slots again.
void Scraper::Index() {
  index_.assign(std::bit_ceil(slots_.size() * 3 / 2 + 16), 0);
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    Enter(slot);
  }
}

Scraper::Page::Page(Scraper* scraper, const Taking* taking) : s_(*scraper), taking_(*taking) {
  s_.page_ = this;
  if (!(s_.table_->joining() == taking_.joining)) {
    s_.table_ = std::make_shared<const Table>(taking_.joining);
    s_.slots_.clear();
    s_.order_.clear();
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
  if (s_.slots_.size() > kSpareSlots + 2 * s_.order_.size()) {
    s_.slots_.resize(s_.table_->size());
    s_.Index();
  } else if (fresh_.size() > 0) {
    s_.Grow(std::move(fresh_));
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
  if (positions_.empty()) {
    positions_.assign(s_.table_->size(), kNone);
    for (std::uint32_t i = 0; i < s_.order_.size(); ++i) {
      positions_[s_.order_[i].slot] = i;
    }
  }
  if (slot < positions_.size() && positions_[slot] != kNone) {
    next_ = positions_[slot] + 1;
  }
}

/// What of a series is beyond the limits, in Prometheus's words; "" = nothing.
std::string Scraper::Page::Excess(std::string_view series) const {
  const auto& limits = taking_.limits;
  if (limits.labels == 0 && limits.label_name_length == 0 && limits.label_value_length == 0) {
    return "";
  }
  const auto labels = Join(series, taking_.joining);
  if (!labels) {
    return labels.error().message;
  }
  const auto metric = labels->Get(model::kName).substr(0, 50);
  if (limits.labels > 0 && labels->size() > limits.labels) {
    return fmt::format("label_limit exceeded (metric: {}, number of labels: {}, limit: {})", metric,
                       labels->size(), limits.labels);
  }
  for (const auto& [name, value] : *labels) {
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

std::uint32_t Scraper::Page::NewSlot(std::string_view series) {
  const auto slot = static_cast<std::uint32_t>(s_.slots_.size());
  fresh_.Add(series);
  s_.slots_.emplace_back();
  s_.plain_ = false;
  values_.push_back(0);
  if (s_.slots_.size() * 4 > s_.index_.size() * 3) {
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
  refusal_ = Excess(series);
  return refusal_.empty() ? NewSlot(series) : kNone;
}

/// From here on slots_ has to know what came.
void Scraper::Page::Settle() {
  if (std::exchange(plain_, false)) {
    for (std::size_t i = 0; i < counts_.kept; ++i) {
      s_.slots_[s_.order_[i].slot].valued = s_.number_;
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
  ++counts_.kept;
  values_[s_.order_[next_ - 1].slot] = value;
  return true;
}

bool Scraper::Page::OnLine(const Line& line) {
  Settle();
  ++counts_.scraped;
  if (counts_.kept >= taking_.limits.samples) {
    ++counts_.kept;
    refusal_ = fmt::format("sample limit exceeded: more than {} samples", taking_.limits.samples);
    return true;
  }
  if (!known_ && same_order_) {
    Stray(counts_.kept);
  }
  const auto slot = known_ ? s_.order_[next_ - 1].slot : SlotOf(line.series);
  if (slot == kNone) {
    return false;
  }
  ++counts_.kept;
  auto& known = s_.slots_[slot];
  if (!same_order_) {
    order_.push_back(slot);
  }
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

/// Series whose text changed but not their labels did not vanish: nothing marks their old slots.
void Scraper::KeepRespelled() {
  std::unordered_set<std::string> came;
  for (std::uint32_t slot = 0; slot < table_->size() && live_ > 0; ++slot) {
    if (slots_[slot].valued == number_ && !slots_[slot].live) {
      came.insert(table_->LabelsOf(slot).ToString());
    }
  }
  for (std::uint32_t slot = 0; slot < table_->size() && !came.empty(); ++slot) {
    auto& one = slots_[slot];
    if (one.live && one.valued != number_ && came.contains(table_->LabelsOf(slot).ToString())) {
      one.live = false;
    }
  }
}

/// The samples without a time of their own, and markers for those that have none any more.
model::TableBatch Scraper::Untimed(Page* page) {
  model::TableBatch out{.table = table_};
  const auto slots = table_->size();
  if (page != nullptr && page->HasAll()) {  // as mostly
    out.values = std::move(page->values_);
    if (live_ != slots) {
      std::ranges::for_each(slots_, [](Slot& one) { one.live = true; });
      live_ = slots;
    }
    return out;
  }
  if (page != nullptr) {
    KeepRespelled();
  }
  std::size_t given = 0;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    auto& one = slots_[slot];
    const bool valued = page != nullptr && one.valued == number_;
    given += valued || one.live ? 1 : 0;
  }
  const bool all = given == slots;
  if (page != nullptr) {
    out.values = std::move(page->values_);
  }
  out.values.resize(slots);
  out.slots.reserve(all ? 0 : given);
  std::size_t to = 0;
  live_ = 0;
  for (std::uint32_t slot = 0; slot < slots; ++slot) {
    auto& one = slots_[slot];
    const bool valued = page != nullptr && one.valued == number_;
    if (valued || one.live) {
      out.values[to++] = valued ? out.values[slot] : model::StaleNaN();
      if (!all) {
        out.slots.push_back(slot);
      }
    }
    one.live = valued;
    live_ += valued ? 1 : 0;
  }
  out.values.resize(to);
  return out;
}

/// The samples with times of their own, a batch a time.
void Scraper::Timed(Page* page, std::vector<model::TableBatch>* out) const {
  auto& timed = page->timed_;
  std::ranges::stable_sort(timed, {},
                           [](const Page::Timed& one) { return std::pair(one.t, one.slot); });
  for (std::size_t i = 0; i < timed.size(); ++i) {
    const bool fresh = i == 0 || timed[i].t != timed[i - 1].t;
    if (!fresh && timed[i].slot == timed[i - 1].slot) {
      continue;
    }
    if (fresh) {
      out->push_back({.t = timed[i].t, .table = table_});
    }
    out->back().slots.push_back(timed[i].slot);
    out->back().values.push_back(timed[i].value);
  }
}

/// Makes slots of the texts behind the table's. Texts move when pieces are put together.
void Scraper::Grow(Texts fresh) {
  table_ = table_->Grown(std::move(fresh));
  for (auto& line : order_) {
    line.text = table_->TextOf(line.slot).data();
  }
}

/// Makes this page the one that the next is compared with.
void Scraper::Follow(Page* page) {
  if (page->same_order_ && page->counts_.kept < order_.size()) {  // it ended early
    page->Settle();
    page->Stray(page->counts_.kept);
  }
  const bool same =
      page->same_order_ || (page->order_.size() == order_.size() && page->fresh_.size() == 0 &&
                            std::ranges::equal(order_, page->order_, {}, &Expected::slot));
  page->taken_ = true;
  if (page->fresh_.size() > 0) {
    table_ = table_->Grown(std::exchange(page->fresh_, {}));
  }
  if (!same || bad_since_) {
    for (auto& slot : slots_) {
      slot.cached = false;
    }
    for (const auto slot : page->order_) {
      slots_[slot].cached = true;
    }
    for (std::size_t i = 0; page->same_order_ && i < order_.size(); ++i) {
      slots_[order_[i].slot].cached = true;
    }
  }
  bad_since_ = false;
  if (!same) {
    order_.resize(page->order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const auto text = table_->TextOf(page->order_[i]);
      order_[i] = {text.data(), static_cast<std::uint32_t>(text.size()), page->order_[i]};
    }
  }
  if (!page->same_comments_) {
    comments_ = std::move(page->comments_);
  }
  if (!page->families_.empty()) {
    auto families = std::make_shared<Families>(*families_);
    for (auto& [name, family] : page->families_) {
      (*families)[name] = std::move(family);
    }
    families_ = std::move(families);
  }
}

/// Begins a new table when most slots of this one are not read any more.
void Scraper::Renew() {
  if (slots_.size() <= kSpareSlots + 2 * order_.size()) {
    return;
  }
  Texts texts;
  std::vector<Slot> slots;
  std::vector<std::uint32_t> moved(slots_.size(), kNone);
  for (auto& line : order_) {
    if (moved[line.slot] == kNone) {
      moved[line.slot] = static_cast<std::uint32_t>(slots.size());
      texts.Add({line.text, line.size});
      slots.push_back(slots_[line.slot]);
    }
    line.slot = moved[line.slot];
  }
  table_ = Table(table_->joining()).Grown(std::move(texts));
  slots_ = std::move(slots);
  for (auto& line : order_) {
    line.text = table_->TextOf(line.slot).data();
  }
  Index();
}

std::vector<model::TableBatch> Scraper::Commit(Page* page, const std::string& target,
                                               model::Timestamp t) {
  std::vector<model::TableBatch> out;
  Follow(page);
  out.push_back(Untimed(page));
  out.front().t = t;
  plain_ = page->HasAll() && page->counts_.kept == slots_.size();
  Timed(page, &out);
  std::erase_if(out, [](const auto& batch) { return batch.values.empty(); });
  for (auto& batch : out) {
    batch.target = target;
  }
  Renew();
  return out;
}

std::vector<model::TableBatch> Scraper::End(const std::string& target, model::Timestamp t) {
  std::vector<model::TableBatch> out;
  if (live_ > 0) {
    out.push_back(Untimed(nullptr));
    out.front().target = target;
    out.front().t = t;
  }
  return out;
}

}  // namespace probe::prometheus
