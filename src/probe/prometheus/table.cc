// Texts in a few long pieces, and labels made of them at need.
#include "probe/prometheus/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "probe/prometheus/exposition.h"

namespace probe::prometheus {
namespace {

/// Gives labels that the target also has the name exported_NAME, the shortest name first, until
/// nobody has it (Prometheus: resolveConflictingExposedLabels).
void Export(const SeriesText& series, const model::Labels& target, model::Labels* out) {
  std::vector<std::pair<std::string, std::string_view>> conflicts;
  for (const auto& [name, value] : series.labels) {
    if (!value.empty() && target.Has(name)) {
      conflicts.emplace_back(name, value);
    }
  }
  std::ranges::stable_sort(conflicts, {}, [](const auto& pair) { return pair.first.size(); });
  const auto on_page = [&](std::string_view name) {
    return std::ranges::any_of(series.labels, [&](const auto& pair) { return pair.first == name; });
  };
  for (auto& [name, value] : conflicts) {
    do {
      name.insert(0, "exported_");
    } while (on_page(name) || target.Has(name) || out->Has(name));
    out->Set(name, value);
  }
}

}  // namespace

base::Result<model::Labels> Join(std::string_view series, const Joining& joining) {
  const auto read = ReadSeries(series, Format::kText);
  if (!read) {
    return base::Fail(read.error());
  }
  std::vector<model::Labels::Pair> own;
  own.reserve(read->labels.size() + joining.target.size() + 1);
  own.emplace_back(model::kName, read->name);
  const auto on_page = [&](std::string_view name) {
    return std::ranges::any_of(read->labels, [&](const auto& pair) { return pair.first == name; });
  };
  bool conflict = false;
  for (const auto& [name, value] : joining.target) {
    const bool both = on_page(name);
    conflict = conflict || both;
    if (!both || !joining.honor_labels) {
      own.emplace_back(name, value);
    }
  }
  for (const auto& [name, value] : read->labels) {
    if (joining.honor_labels || !conflict || !joining.target.Has(name)) {
      own.emplace_back(name, value);
    }
  }
  model::Labels out(std::move(own));
  if (conflict && !joining.honor_labels) {
    Export(*read, joining.target, &out);
  }
  if (joining.relabeling.empty()) {
    return out;
  }
  if (!model::Relabel(joining.relabeling, &out)) {
    return model::Labels();
  }
  if (const auto name = out.Get(model::kName); !out.empty() && !model::IsMetricName(name)) {
    return base::Fail(base::ErrorKind::kInvalid,
                      fmt::format("relabeling makes {} of the metric's name {}",
                                  name.empty() ? "nothing" : model::QuoteValue(name.substr(0, 60)),
                                  read->name.substr(0, 60)));
  }
  return out;
}

void Texts::Add(std::string_view text) {
  bytes += text;
  ends.push_back(static_cast<std::uint32_t>(bytes.size()));
}

std::string_view Texts::At(std::size_t i) const {
  const std::size_t begin = i == 0 ? 0 : ends[i - 1];
  return std::string_view(bytes).substr(begin, ends[i] - begin);
}

Table::Table(Joining joining) : joining_(std::make_shared<const Joining>(std::move(joining))) {}

std::shared_ptr<const Table> Table::Grown(Texts fresh) const {
  std::shared_ptr<Table> out(new Table(joining_));
  out->parts_ = parts_;
  out->size_ = size_ + static_cast<std::uint32_t>(fresh.size());
  Part last{size_, nullptr};
  while (!out->parts_.empty() && out->parts_.back().texts->size() <= 2 * fresh.size()) {
    const Part& before = out->parts_.back();
    Texts both = *before.texts;
    for (std::size_t i = 0; i < fresh.size(); ++i) {
      both.Add(fresh.At(i));
    }
    last.first = before.first;
    fresh = std::move(both);
    out->parts_.pop_back();
  }
  fresh.bytes.shrink_to_fit();
  fresh.ends.shrink_to_fit();
  last.texts = std::make_shared<const Texts>(std::move(fresh));
  out->parts_.push_back(std::move(last));
  return out;
}

std::string_view Table::TextOf(std::uint32_t slot) const {
  const auto after = std::ranges::upper_bound(parts_, slot, {}, &Part::first);
  const Part& part = *std::prev(after);
  return part.texts->At(slot - part.first);
}

model::Labels Table::LabelsOf(std::uint32_t slot) const {
  auto labels = Join(TextOf(slot), *joining_);
  return labels ? std::move(*labels) : model::Labels();
}

}  // namespace probe::prometheus
