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

std::vector<model::Sample> Series::Take(std::initializer_list<std::span<const Reading>> lists) {
  ++round_;
  std::vector<model::Sample> out;
  out.reserve(live_.size());
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
  return out;
}

}  // namespace probe
