// Text: an incident in words for people, as the messages have it, in English or Thai.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/incident.h"

namespace incident {

/// One "name: value" line of a message; an empty name is a heading or a sentence.
struct TextLine {
  std::string name;
  std::string value;
  bool operator==(const TextLine&) const = default;
};

/// A message in words. Everything is printable and bounded: outside text cannot make lines of its
/// own.
struct Words {
  std::string tag;      ///< "FIXED", "NOT FIXED", "ALERT", "DOWN", "APPROVE?", …
  std::string subject;  ///< "[FIXED] web1: Container was killed (SIGKILL)"
  std::vector<TextLine> lines;
  bool good = false;  ///< whether it is good news (the card's colour)
  /// Subject and lines as plain text.
  [[nodiscard]] std::string Text() const;
};

/// Writes the message for `event` ("opened", "approval", "ended", "test") in `language` ("th", else
/// English). Of the components whose cause was found in the incident each has: host IP, container
/// or service name, state found, particulars, result, state after, solve time or error.
Words Write(const model::Incident& incident, std::string_view event, std::string_view language);

/// The made-up incident of `raksa notify test`.
model::Incident TestIncident();

}  // namespace incident
