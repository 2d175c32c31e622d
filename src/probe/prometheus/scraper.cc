// One page after the other: lines known by their bytes, samples by slots, markers for what is gone.
#include "probe/prometheus/scraper.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

namespace probe::prometheus {
namespace {

std::size_t HashOf(std::string_view text) { return std::hash<std::string_view>()(text); }

}  // namespace

Scraper::Scraper()
    : table_(std::make_shared<const Table>(Joining{})),
      families_(std::make_shared<const Families>()) {}

std::string_view Scraper::TextOf(std::uint32_t slot) const {
  if (slot >= kDropped) {
    const auto i = slot - kDropped;
    return i < dropped_.size() ? dropped_.At(i) : page_->fresh_dropped_.At(i - dropped_.size());
  }
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

/// How many lines are dropped, those of the page that is read among them.
std::size_t Scraper::dropped() const {
  return dropped_.size() + (page_ == nullptr ? 0 : page_->fresh_dropped_.size());
}

/// Makes the index anew, with room for half as many slots again.
void Scraper::Index() {
  const auto lines = static_cast<std::uint32_t>(dropped());
  index_.assign(std::bit_ceil((slots_.size() + lines) * 3 / 2 + 16), 0);
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    Enter(slot);
  }
  for (std::uint32_t i = 0; i < lines; ++i) {
    Enter(kDropped + i);
  }
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

/// Lets order_ point to its texts again, which move when pieces are put together.
void Scraper::Point() {
  for (auto& line : order_) {
    line.text = TextOf(line.slot).data();
  }
}

/// Makes slots of the page's texts behind the table's, and known lines of those that are dropped.
void Scraper::Grow(Page* page) {
  if (page->fresh_.size() > 0) {
    table_ = table_->Grown(std::exchange(page->fresh_, {}));
  }
  const auto dropped = std::exchange(page->fresh_dropped_, {});
  for (std::size_t i = 0; i < dropped.size(); ++i) {
    dropped_.Add(dropped.At(i));
  }
  Point();
}

/// Makes this page the one that the next is compared with.
void Scraper::Follow(Page* page) {
  if (page->same_order_ && page->lines_ < order_.size()) {  // it ended early
    page->Settle();
    page->Stray(page->lines_);
  }
  const bool same =
      page->same_order_ || (page->order_.size() == order_.size() && page->fresh_.size() == 0 &&
                            page->fresh_dropped_.size() == 0 &&
                            std::ranges::equal(order_, page->order_, {}, &Expected::slot));
  page->taken_ = true;
  if (page->fresh_.size() + page->fresh_dropped_.size() > 0) {
    Grow(page);
  }
  if (!same || bad_since_) {
    for (auto& slot : slots_) {
      slot.cached = false;
    }
    const auto cache = [this](std::uint32_t slot) {
      if (slot < kDropped) {
        slots_[slot].cached = true;
      }
    };
    std::ranges::for_each(page->order_, cache);
    if (page->same_order_) {
      std::ranges::for_each(order_, cache, &Expected::slot);
    }
  }
  bad_since_ = false;
  if (!same) {
    order_.resize(page->order_.size());
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const auto text = TextOf(page->order_[i]);
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

/// Begins a new table when most slots of this one are not read any more, or forgets dropped lines.
void Scraper::Renew() {
  if (!Crowded(std::max(slots_.size(), dropped_.size()))) {
    return;
  }
  Texts texts;
  Texts dropped;
  std::vector<Slot> slots;
  std::unordered_map<std::uint32_t, std::uint32_t> moved;
  for (auto& line : order_) {
    const bool drops = line.slot >= kDropped;
    const auto next = static_cast<std::uint32_t>(drops ? kDropped + dropped.size() : slots.size());
    const auto [at, fresh] = moved.try_emplace(line.slot, next);
    if (fresh) {
      (drops ? dropped : texts).Add({line.text, line.size});
    }
    if (fresh && !drops) {
      slots.push_back(slots_[line.slot]);
    }
    line.slot = at->second;
  }
  table_ = Table(table_->joining()).Grown(std::move(texts));
  dropped_ = std::move(dropped);
  slots_ = std::move(slots);
  Point();
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
