// Readings to samples, and the markers of series that end.
#include "probe/series.h"

#include "base/text.h"

namespace probe {
namespace {

constexpr std::size_t kMaxLabelValue = 1'024;

std::string KeyOf(const Reading& reading) {
  std::string key = reading.name;
  for (const auto& [name, value] : reading.labels) {
    key += '\xff';
    key += name;
    key += '\xfe';
    key += value;
  }
  return key;
}

}  // namespace

/// Whether the series are those of the last round; their samples are then in `out`.
bool Series::Same(Lists lists, std::vector<model::Sample>* out) const {
  auto at = last_.begin();
  for (const auto readings : lists) {
    for (const auto& reading : readings) {
      if (at == last_.end() || at->name != reading.name || at->labels != reading.labels) {
        return false;
      }
      out->push_back({at->full, reading.value});
      ++at;
    }
  }
  return at == last_.end();
}

std::vector<model::Sample> Series::Take(Lists lists) {
  std::vector<model::Sample> out;
  out.reserve(live_.size());
  if (Same(lists, &out)) {
    return out;
  }
  out.clear();
  last_.clear();
  ++round_;
  for (const auto readings : lists) {
    for (const auto& reading : readings) {
      auto& live = live_[KeyOf(reading)];
      if (live.seen == round_) {
        continue;
      }
      live.seen = round_;
      if (!live.labels) {
        live.labels = LabelsOf(reading);
      }
      out.push_back({live.labels, reading.value});
      last_.push_back({reading.name, reading.labels, live.labels});
    }
  }
  for (auto at = live_.begin(); at != live_.end();) {
    if (at->second.seen == round_) {
      ++at;
      continue;
    }
    out.push_back({at->second.labels, model::StaleNaN()});
    at = live_.erase(at);
  }
  return out;
}

std::shared_ptr<const model::Labels> Series::LabelsOf(const Reading& reading) const {
  model::Labels labels = *base_;
  for (const auto& [name, value] : reading.labels) {
    labels.Set(name, base::Printable(value.substr(0, kMaxLabelValue)));
  }
  labels.Set(model::kName, reading.name);
  return std::make_shared<const model::Labels>(std::move(labels));
}

std::vector<model::Sample> Series::End() {
  std::vector<model::Sample> out;
  out.reserve(live_.size());
  for (const auto& [key, live] : live_) {
    out.push_back({live.labels, model::StaleNaN()});
  }
  live_.clear();
  last_.clear();
  return out;
}

}  // namespace probe
