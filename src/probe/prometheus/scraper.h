// Scraper: what a scrape keeps between two pages: which series there were, in which order, so that
// the same lines are known again by their bytes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/series_table.h"
#include "probe/kind.h"
#include "probe/prometheus/exposition.h"
#include "probe/prometheus/table.h"

namespace probe::prometheus {

/// Bounds of one page (Prometheus's scrape_config names); 0 is no bound where that is said.
struct Limits {
  std::size_t samples = 1'000'000;
  std::size_t labels = 0;              ///< of a series, the target's and __name__ counted; 0: none
  std::size_t label_name_length = 0;   ///< bytes; 0: none
  std::size_t label_value_length = 0;  ///< bytes; 0: none
};

/// How pages are taken.
struct Taking {
  Joining joining;
  bool honor_timestamps = true;
  Limits limits;
};

/// What Prometheus counts of a page.
struct Counts {
  std::size_t scraped = 0;  ///< samples read, up to the fault if there was one
  std::size_t kept = 0;     ///< those that relabeling left
  std::size_t added = 0;    ///< series that the last good page did not have
};

class Scraper : public Memory {
 public:
  Scraper();

  /// One page while it is read. The scraper is changed only by Commit. There may be one at a time.
  class Page : public Sink {
   public:
    /// Both outlive the page.
    Page(Scraper* scraper, const Taking* taking);
    ~Page() override;
    std::size_t Known(std::string_view rest) override;
    bool OnLine(const Line& line) override;
    bool OnValue(std::string_view series, double value, std::string_view number) override;
    void OnMeta(const Meta& meta) override;
    /// Why the page does not count though every line can be read; "" = it counts.
    [[nodiscard]] const std::string& refusal() const { return refusal_; }
    [[nodiscard]] const Counts& counts() const { return counts_; }

   private:
    friend class Scraper;
    struct Timed {
      model::Timestamp t = 0;
      std::uint32_t slot = 0;
      double value = 0;
    };
    std::size_t KnownComment(std::string_view rest);
    std::uint32_t SlotOf(std::string_view series);
    std::uint32_t NewSlot(std::string_view series, bool dropped);
    [[nodiscard]] bool IsDropped(const Line& line) const;
    void Resume(std::uint32_t slot);
    void Stray(std::size_t lines);
    void Settle();
    [[nodiscard]] bool HasAll() const;
    [[nodiscard]] std::string Excess(const model::Labels& labels) const;
    bool Judge(std::string_view series);

    Scraper& s_;
    const Taking& taking_;
    std::vector<double> values_;        ///< by slot
    std::vector<std::uint32_t> order_;  ///< slots as they came, once they differ from before
    std::vector<Timed> timed_;
    Texts fresh_;          ///< of slots behind the table's
    Texts fresh_dropped_;  ///< of lines that relabeling drops, behind the known ones
    Texts comments_;       ///< lines beginning with # as they came, once they differ from before
    /// By slot, then by dropped line: place in the last page; made at need.
    std::vector<std::uint32_t> positions_;
    Families families_;      ///< that were not said before
    std::size_t lines_ = 0;  ///< with a slot, as far as the sample limit let them
    std::size_t next_ = 0;
    std::size_t next_comment_ = 0;
    bool taken_ = false;  ///< by Commit
    bool same_comments_ = true;
    bool plain_ = false;        ///< so far values alone, of a plain page: slots_ need not know
    bool same_order_ = true;    ///< so far the lines of the last page came, all in its order
    std::uint32_t valued_ = 0;  ///< slots with a value
    bool known_ = false;        ///< the line read now is that of order_ next_ − 1
    Counts counts_;
    std::string refusal_;
  };

  /// Whether a Page is being read.
  [[nodiscard]] bool busy() const { return page_ != nullptr; }
  /// Takes a whole, good page over: its samples, and a stale marker at `t` for each series of the
  /// page before that is not in it.
  std::vector<model::TableBatch> Commit(Page* page, const std::string& target, model::Timestamp t);
  /// Stale markers for every series; the next page's are then new again, but not counted as added.
  std::vector<model::TableBatch> End(const std::string& target, model::Timestamp t) override;
  [[nodiscard]] std::size_t size() const override { return live_; }
  /// Lines that are known again by their bytes, those that relabeling drops among them.
  [[nodiscard]] std::size_t remembered() const { return slots_.size() + dropped_.size(); }
  /// What the pages have said of their families, by name.
  [[nodiscard]] std::shared_ptr<const Families> families() const override { return families_; }

 private:
  /// A line of the last page.
  struct Expected {
    const char* text = nullptr;
    std::uint32_t size = 0;
    std::uint32_t slot = 0;
  };
  static constexpr std::uint32_t kNever = UINT32_MAX;
  static constexpr std::uint32_t kNone = UINT32_MAX;  ///< no slot
  /// What stands for a line that relabeling drops: this and its number.
  static constexpr std::uint32_t kDropped = 1U << 31;
  /// What is known of a slot.
  struct Slot {
    std::uint32_t valued = kNever;  ///< the number of the page that gave it a value last
    bool cached = false;            ///< the last good page had it, or a bad one since
    bool live = false;              ///< it has a sample that no stale marker follows
  };

  [[nodiscard]] std::string_view TextOf(std::uint32_t slot) const;
  [[nodiscard]] std::size_t dropped() const;
  /// Whether so many lines are too many for a page like the last: most of them are dead.
  [[nodiscard]] bool Crowded(std::size_t lines) const { return lines > 1'000 + 2 * order_.size(); }
  void Point();
  [[nodiscard]] std::uint32_t Find(std::string_view text) const;
  void Enter(std::uint32_t slot);
  void Index();
  void Grow(Page* page);
  void Follow(Page* page);
  void Renew();
  void KeepRespelled();
  model::TableBatch Untimed(Page* page);
  void Timed(Page* page, std::vector<model::TableBatch>* out) const;

  std::shared_ptr<const Table> table_;
  std::vector<Slot> slots_;
  std::size_t live_ = 0;  ///< slots that are
  std::vector<Expected> order_;
  Texts dropped_;  ///< lines that relabeling drops; they have no slot in the table
  Texts comments_;
  std::vector<std::uint32_t> index_;  ///< open addressing by hash of the text: slot + 1, 0 = free
  std::shared_ptr<const Families> families_;
  std::uint32_t number_ = 0;  ///< of the page that is read
  bool plain_ = false;        ///< the last page gave each slot one value without a time
  bool bad_since_ = false;    ///< a bad page came after the last good one
  Page* page_ = nullptr;
};

}  // namespace probe::prometheus
