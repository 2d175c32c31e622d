// The names of an incident's states and outcomes, as the journal, the API and the page have them.
#include "model/incident.h"

#include <array>

namespace model {
namespace {

constexpr std::array<std::string_view, 11> kStates = {
    "open",     "confirming", "diagnosing", "planned",  "awaiting approval", "acting",
    "settling", "verifying",  "holding",    "resolved", "needs human"};
constexpr std::array<std::string_view, 7> kOutcomes = {
    "", "fixed", "not fixed", "healed by itself", "fixed then recurred", "made worse", "reported"};

template <class E, std::size_t N>
std::optional<E> Find(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) {
      return static_cast<E>(i);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view ToString(IncidentState state) {
  return kStates.at(static_cast<std::size_t>(state));
}
std::string_view ToString(Outcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}
std::optional<IncidentState> ParseIncidentState(std::string_view text) {
  return Find<IncidentState>(kStates, text);
}
std::optional<Outcome> ParseOutcome(std::string_view text) {
  return Find<Outcome>(kOutcomes, text);
}

}  // namespace model
