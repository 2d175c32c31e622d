// State values and their comparison.
#include "probe/flip.h"

#include <algorithm>

namespace probe {

StateValues StateOf(const Kind& kind, const Outcome& outcome) {
  StateValues out;
  for (const auto& reading : outcome.readings) {
    if (std::find(kind.state_metrics.begin(), kind.state_metrics.end(), reading.name) !=
        kind.state_metrics.end()) {
      out[reading.name + reading.labels.ToString()] = reading.value;
    }
  }
  return out;
}

bool Differs(const StateValues& a, const StateValues& b) {
  return std::any_of(a.begin(), a.end(), [&](const auto& pair) {
    const auto at = b.find(pair.first);
    return at != b.end() && at->second != pair.second;
  });
}

bool NeedsOwnLabel(const model::Target& target, std::size_t index) {
  const auto& mine = target.probes[index];
  const auto same = [&](const model::ProbeSpec& other, const char* option) {
    const auto& a = mine.options.values();
    const auto& b = other.options.values();
    const auto at = a.find(option);
    const auto bt = b.find(option);
    return (at == a.end() && bt == b.end()) ||
           (at != a.end() && bt != b.end() && at->second == bt->second);
  };
  const auto url = [&](const model::ProbeSpec& spec) {  // the target's own when the probe has none
    const auto at = spec.options.values().find("url");
    const auto* text =
        at != spec.options.values().end() ? std::get_if<std::string>(&at->second) : nullptr;
    return text == nullptr || text->empty() ? target.url : *text;
  };
  for (std::size_t i = 0; i < index; ++i) {
    const auto& other = target.probes[i];
    if (other.kind == mine.kind && same(other, "port") && url(other) == url(mine)) {
      return true;
    }
  }
  return false;
}

}  // namespace probe
