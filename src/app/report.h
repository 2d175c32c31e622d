// An incident as a report for people (Markdown, HTML) and for programs (JSON).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/sources.h"
#include "model/incident.h"

namespace app {

/// One piece of a report. `label` is ours, `text` may come from outside: the writers let neither
/// leave its place.
struct ReportBlock {
  enum class Kind {
    kHeading,  ///< level 1 to 3, `label`, then `text`
    kItem,     ///< of a list, `level` 0 and deeper: `label`, `text`, `note`
    kCode      ///< `text` as lines
  };
  Kind kind = Kind::kItem;
  int level = 0;
  std::string label;
  std::string text;
  std::string note;
};

/// How long one phase of the incident took, from the timeline's changes of state.
struct ReportPhase {
  std::string state;
  base::Time from{};
  base::Duration took{};
};

/// What happened in one sentence.
std::string ReportSentence(const model::Incident& incident);
/// The phases in their order; an open incident's last one lasts until now.
std::vector<ReportPhase> ReportPhases(const model::Incident& incident);
/// Sentence, phases, causes as a tree with the evidence, steps, every command, messages, timeline.
std::vector<ReportBlock> ReportBlocks(const model::Incident& incident,
                                      const std::vector<api::MessageView>& messages);

/// The report in a format: "md", "html" (one file, no script, nothing from elsewhere) or "json".
std::string WriteReport(const model::Incident& incident,
                        const std::vector<api::MessageView>& messages, std::string_view format);

/// Blocks as Markdown: outside text stands in code spans or fences that it cannot leave.
std::string MarkdownOf(const std::vector<ReportBlock>& blocks);
/// Blocks as a page of its own.
std::string HtmlOf(const std::vector<ReportBlock>& blocks);

}  // namespace app
