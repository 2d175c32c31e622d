// Tests of reports: complete, and nothing of the host's text gets out of its place.
#include "app/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "app/readmes.h"
#include "diagnosis/kind.h"
#include "notify/kind.h"
#include "probe/kind.h"
#include "recovery/step/kind.h"

namespace app {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

const base::Time kOpened(std::chrono::hours(500'000));
constexpr const char* kHostile =
    "``` \n# heading\n</pre><script>alert(1)</script> `code` ![x](http://evil) <img src=x>";

model::Incident Example() {
  model::Incident out;
  out.id = "01K41ZV8Q0M3J5T6W7X8Y9Z0AB";
  out.target = "web1";
  out.title = std::string("web1: http_code 500 ") + kHostile;
  out.state = model::IncidentState::kResolved;
  out.outcome = model::Outcome::kFixed;
  out.opened = kOpened;
  out.acted = kOpened + seconds(2);
  out.verified = kOpened + seconds(5);
  out.closed = kOpened + seconds(60);
  model::Finding cause;
  cause.component = "container:web-database";
  cause.cause = "container-killed";
  cause.title = "Container was killed (SIGKILL)";
  cause.evidence = kHostile;
  cause.commands.push_back({.argv = {"docker", "inspect", kHostile},
                            .exit_status = 0,
                            .output = kHostile,
                            .took = std::chrono::milliseconds(83)});
  model::Finding above;
  above.component = "nginx";
  above.cause = "nginx-upstream";
  above.title = "No answer from behind";
  above.consequence_of = cause.component;
  model::Finding well;
  well.component = "firewall";
  out.findings = {well, above, cause};
  out.cause = "container-killed";
  model::StepOutcome step;
  step.step = "container-start";
  step.component = cause.component;
  step.done = true;
  step.state_after = "Running true";
  step.started = out.acted;
  step.finished = out.acted + seconds(1);
  step.commands.push_back({.argv = {"docker", "start"}, .exit_status = 0, .changes = true});
  out.steps.push_back(step);
  out.timeline = {{1, kOpened, "state", "open", R"({"from":"","to":"open"})"},
                  {2, kOpened + seconds(1), "note", kHostile, "{}"},
                  {3, kOpened + seconds(2), "state", "acting", R"({"from":"open","to":"acting"})"}};
  out.cause = "container-killed";
  return out;
}

std::vector<api::MessageView> Messages() {
  return {{.id = "m1",
           .channel = "line",
           .event = "ended",
           .state = "delivered",
           .at = kOpened,
           .attempts = 1,
           .text = kHostile}};
}

TEST(Report, SentenceAndPhases) {
  auto incident = Example();
  incident.title = "web1: http_code 500";
  EXPECT_EQ(ReportSentence(incident),
            "web1: http_code 500: Container was killed (SIGKILL) (container:web-database); "
            "container-start was run on container:web-database; verified from outside 5.0 s after "
            "the alarm; fixed.");
  const auto phases = ReportPhases(incident);
  ASSERT_EQ(phases.size(), 2U);
  EXPECT_EQ(phases[0].state, "open");
  EXPECT_EQ(phases[0].took, seconds(2));
  EXPECT_EQ(phases[1].took, seconds(58));
}

TEST(Report, TheTreeHasTheCauseAboveItsConsequences) {
  const auto text = WriteReport(Example(), Messages(), "md");
  EXPECT_THAT(text, HasSubstr("\n- cause: `container:web-database`, Container was killed (SIGKILL) "
                              "(container-killed)\n"));
  EXPECT_THAT(text, HasSubstr("\n  - consequence: `nginx`, No answer from behind"));
  EXPECT_THAT(text, HasSubstr("\n- well: `firewall`\n"));
  for (const char* part : {"## Repair", "### container-start: `container:web-database`",
                           "- change: `docker start`", "## Messages", "## Timeline"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(Report, MarkdownKeepsHostileTextInItsPlace) {
  const auto text = WriteReport(Example(), Messages(), "md");
  bool fenced = false;
  std::string fence;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = text.find('\n', begin);
    const auto line = text.substr(begin, end - begin);
    begin = end == std::string::npos ? text.size() : end + 1;
    if (!fenced && line.starts_with("```")) {
      fenced = true;
      fence = line.substr(0, line.find_first_not_of('`'));
      EXPECT_GT(fence.size(), 3U) << "longer than the run in the text";
    } else if (fenced && line == fence) {
      fenced = false;
    } else if (!fenced) {
      EXPECT_THAT(line, Not(testing::StartsWith("# heading")));
      // Outside of code spans nothing of it is left.
      std::string bare;
      bool code = false;
      for (const char c : line) {
        code = c == '`' ? !code : code;
        bare += code ? ' ' : c;
      }
      EXPECT_FALSE(code) << line;
      EXPECT_THAT(bare, Not(HasSubstr("<"))) << line;
      EXPECT_THAT(bare, Not(HasSubstr("!["))) << line;
    }
  }
  EXPECT_FALSE(fenced);
}

TEST(Report, HtmlHasNoScriptAndNothingFromElsewhere) {
  const auto text = WriteReport(Example(), Messages(), "html");
  EXPECT_THAT(text, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  for (const char* part : {"<script", "<img", "src=", "href=", "javascript:", "onerror=\""}) {
    auto rest = text;
    EXPECT_THAT(rest,
                testing::AnyOf(Not(HasSubstr(part)), HasSubstr(std::string("&lt;img ") + part)))
        << part;
  }
  EXPECT_THAT(text, HasSubstr("default-src 'none'; style-src 'sha256-"));
  EXPECT_EQ(text.find("<ul>") == std::string::npos, false);
  const auto count = [&](std::string_view what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
      ++n;
    }
    return n;
  };
  EXPECT_EQ(count("<ul>"), count("</ul>"));
}

TEST(Report, JsonHoldsIncidentPhasesAndMessages) {
  const auto value = boost::json::parse(WriteReport(Example(), Messages(), "json"));
  EXPECT_EQ(value.at("incident").at("id").as_string(), "01K41ZV8Q0M3J5T6W7X8Y9Z0AB");
  EXPECT_EQ(value.at("phases").as_array().size(), 2U);
  EXPECT_EQ(value.at("messages").at(0).at("channel").as_string(), "line");
}

TEST(Readmes, EveryKindHasItsPage) {
  const auto pages = Readmes();
  const auto has = [&](std::string_view room, std::string_view kind) {
    return std::ranges::any_of(pages, [&](const api::ReadmeView& page) {
      return page.room == room && page.kind == kind && page.markdown.contains("#");
    });
  };
  for (const auto* kind : probe::Catalogue()) {
    EXPECT_TRUE(has("probe", kind->spec.name)) << kind->spec.name;
  }
  for (const auto* kind : diagnosis::Catalogue()) {
    EXPECT_TRUE(has("component", kind->spec.name)) << kind->spec.name;
  }
  for (const auto* kind : recovery::step::Catalogue()) {
    EXPECT_TRUE(has("step", kind->spec.name)) << kind->spec.name;
  }
  for (const auto* kind : notify::Catalogue()) {
    EXPECT_TRUE(has("channel", kind->spec.name)) << kind->spec.name;
  }
}

}  // namespace
}  // namespace app
