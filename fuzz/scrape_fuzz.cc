// Feeds pages one after the other to a scraper that remembers the ones before and to one that does
// not: what is remembered must not change what a page says. A line "%" parts pages; the first byte
// chooses limits and relabeling.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "probe/prometheus/scraper.h"

namespace {

using probe::prometheus::Counts;
using probe::prometheus::Format;
using probe::prometheus::Scraper;
using probe::prometheus::Taking;

void Require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

/// What a page came to.
struct Taken {
  bool good = false;
  Counts counts;
  /// Time and labels to values; several where relabeling makes two lines one series.
  std::map<std::string, std::multiset<std::string>> samples;
  std::set<std::string> ended;  ///< series with a stale marker
};

void Take(const std::vector<model::TableBatch>& batches, Taken* out) {
  for (const auto& batch : batches) {
    for (std::size_t i = 0; i < batch.values.size(); ++i) {
      const auto slot = batch.slots.empty() ? static_cast<std::uint32_t>(i) : batch.slots[i];
      Require(slot < batch.table->size());
      const auto labels = batch.table->LabelsOf(slot);
      Require(labels.Has(model::kName));
      if (model::IsStale(batch.values[i])) {
        out->ended.insert(labels.ToString());
      } else {
        out->samples[std::to_string(batch.t) + labels.ToString()].insert(
            std::to_string(batch.values[i]));
      }
    }
  }
}

Taken Read(Scraper* scraper, const Taking& taking, Format format, std::string_view text) {
  Taken out;
  {
    Scraper::Page page(scraper, &taking);
    probe::prometheus::Parser parser(format, &page);
    out.good = parser.Feed(text) && parser.Finish() && page.refusal().empty();
    out.counts = page.counts();
    if (out.good) {
      Take(scraper->Commit(&page, "t", 1), &out);
    }
  }
  if (!out.good) {
    Take(scraper->End("t", 1), &out);
  }
  return out;
}

std::vector<model::RelabelRule> Rules(unsigned choice) {
  using Action = model::RelabelAction;
  std::vector<model::RelabelRule> out;
  if ((choice & 1U) != 0) {
    out.push_back({.action = Action::kDrop, .source_labels = {"__name__"}, .regex = "[b-m].*"});
  }
  if ((choice & 2U) != 0) {
    out.push_back({.action = Action::kLabelDrop, .regex = "[a-f].*"});
  }
  if ((choice & 4U) != 0) {
    out.push_back({.source_labels = {"x", "__name__"},
                   .target_label = "__name__",
                   .regex = "(.*);(.)(.*)",
                   .replacement = "$1$3"});
  }
  for (auto& rule : out) {
    Require(rule.Compile().has_value());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const unsigned choice = data[0];
  Taking taking;
  taking.joining.target = model::Labels{{"job", "j"}, {"x", "y"}};
  taking.joining.honor_labels = (choice & 8U) != 0;
  taking.joining.relabeling = Rules(choice);
  taking.limits.samples = (choice & 16U) != 0 ? 3 : 1'000;
  const auto format = (choice & 32U) != 0 ? Format::kOpenMetrics : Format::kText;
  const std::string_view all(reinterpret_cast<const char*>(data) + 1, size - 1);
  Scraper remembers;
  for (std::size_t at = 0; at <= all.size();) {
    const auto end = std::min(all.find("%\n", at), all.size());
    const auto text = all.substr(at, end - at);
    at = end + 2;
    Scraper fresh;
    const auto want = Read(&fresh, taking, format, text);
    const auto got = Read(&remembers, taking, format, text);
    Require(got.good == want.good && got.counts.scraped == want.counts.scraped &&
            got.counts.kept == want.counts.kept && got.counts.added <= want.counts.added);
    Require(got.samples == want.samples);
    Require(remembers.size() == fresh.size());
  }
  return 0;
}
