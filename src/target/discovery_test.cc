// Target groups: what their labels mean, what is wrong with them, and the names that targets get.
#include "target/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace target {
namespace {

using ::testing::HasSubstr;

const model::KindSpec& Scrape() {
  static const model::KindSpec kind = {
      .name = "prometheus",
      .title = "scrape",
      .options = {{.name = "url", .type = model::OptionType::kUrl, .help = "", .required = true},
                  {.name = "params", .type = model::OptionType::kMap, .help = ""},
                  {.name = "instance", .help = ""},
                  {.name = "job", .help = "", .fallback = "prometheus"}},
      .metrics = {}};
  return kind;
}

std::vector<Discovery> Entries(const std::string& yaml, std::string* problems = nullptr) {
  const auto document = config::Document::Parse(yaml, "raksa.yaml");
  auto out = ReadDiscovery(document->Root(), {}, {{&Scrape()}, {}});
  for (const auto& problem : document->problems()) {
    EXPECT_NE(problems, nullptr) << problem.ToString();
    if (problems != nullptr) {
      *problems += problem.ToString() + "\n";
    }
  }
  return out;
}

std::vector<model::Target> Groups(const std::string& text, const Discovery& discovery,
                                  std::string* problems = nullptr) {
  const auto document = config::Document::Parse(text, "groups.json");
  auto out = ReadGroups(*document, discovery);
  for (const auto& problem : document->problems()) {
    EXPECT_NE(problems, nullptr) << problem.ToString();
    if (problems != nullptr) {
      *problems += problem.ToString() + "\n";
    }
  }
  return out;
}

std::string Option(const model::Target& target, const char* name) {
  return target.probes.at(0).options.Get<std::string>(name);
}

TEST(Discovery, IsReadFromTheConfiguration) {
  const auto entries = Entries(
      "- {file_sd: [t/*.yaml, /a.json], refresh: 5s, interval: 10s, prometheus: {job: node}}\n"
      "- {http_sd: 'http://192.0.2.1/sd', labels: {site: bkk}}\n");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].files, (std::vector<std::string>{"t/*.yaml", "/a.json"}));
  EXPECT_EQ(entries[0].refresh, std::chrono::seconds(5));
  EXPECT_EQ(entries[0].probe.interval, std::chrono::seconds(10));
  EXPECT_EQ(entries[0].probe.options.Get<std::string>("job"), "node");
  EXPECT_EQ(entries[1].url, "http://192.0.2.1/sd");
  EXPECT_EQ(entries[1].labels.Get("site"), "bkk");
}

TEST(Discovery, SaysWhatIsWrongWithAnEntry) {
  std::string problems;
  Entries(
      "- {refresh: 5s}\n- {file_sd: [a], http_sd: 'http://b/'}\n- {http_sd: 'ftp://b/'}\n"
      "- {file_sd: a, prometheus: {url: 'http://c/'}}\n",
      &problems);
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:1:3: a discovery needs file_sd or http_sd"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:2:3: only one of file_sd and http_sd"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:3:"));
  EXPECT_THAT(problems, HasSubstr("raksa.yaml:4:"));
}

TEST(Discovery, TakesGroupsAsPrometheusHasThem) {
  const auto entry = Entries("[{file_sd: a, labels: {site: bkk}, prometheus: {job: node}}]")[0];
  const auto targets = Groups(
      R"([{"targets": ["192.0.2.1:9100", "[2001:db8::1]:9100"], "labels": {"rack": "7"}},
          {"targets": ["web.example"], "labels": {"__scheme__": "https", "__metrics_path__": "/m",
           "__param_module": "x", "__meta_dc": "y", "job": "own", "instance": "w"}}])",
      entry);
  ASSERT_EQ(targets.size(), 3U);
  EXPECT_EQ(targets[0].name, "node-192.0.2.1-9100");
  EXPECT_EQ(targets[0].address, "192.0.2.1");
  EXPECT_EQ(targets[0].labels, (model::Labels{{"rack", "7"}, {"site", "bkk"}}));
  EXPECT_EQ(Option(targets[0], "url"), "http://192.0.2.1:9100/metrics");
  EXPECT_EQ(targets[1].address, "2001:db8::1");
  EXPECT_EQ(targets[1].name, "node--2001-db8--1--9100");
  EXPECT_EQ(Option(targets[2], "url"), "https://web.example/m");
  EXPECT_EQ(Option(targets[2], "job"), "own");
  EXPECT_EQ(Option(targets[2], "instance"), "w");
  EXPECT_EQ(targets[2].labels, (model::Labels{{"site", "bkk"}}));
  EXPECT_EQ((targets[2].probes[0].options.Get<std::map<std::string, std::string>>("params")),
            (std::map<std::string, std::string>{{"module", "x"}}));
}

TEST(Discovery, RelabelsWhatIsFound) {
  const auto entry = Entries(R"(
- file_sd: a
  labels: {site: bkk}
  prometheus: {job: node, params: {module: x}}
  relabel_configs:
    - {source_labels: [__meta_state], regex: stopped, action: drop}
    - {source_labels: [__address__], regex: '([^:]+)', target_label: __address__, replacement: '$1:9100'}
    - {source_labels: [__meta_name, site], separator: '.', target_label: instance}
    - {regex: '__meta_tag_(.+)', action: labelmap}
    - {source_labels: [__meta_tls], regex: 'yes', target_label: __scheme__, replacement: https}
    - {source_labels: [__param_module], target_label: module}
    - {target_label: __param_module, replacement: ''}
    - {source_labels: [__meta_filepath], target_label: file}
)")[0];
  const auto targets = Groups(
      R"([{"targets": ["192.0.2.1", "192.0.2.2:9200"],
           "labels": {"__meta_name": "web", "__meta_tag_rack": "7", "__meta_tls": "yes"}},
          {"targets": ["192.0.2.3"], "labels": {"__meta_state": "stopped"}}])",
      entry);
  ASSERT_EQ(targets.size(), 2U);
  EXPECT_EQ(Option(targets[0], "url"), "https://192.0.2.1:9100/metrics");
  EXPECT_EQ(targets[0].address, "192.0.2.1");
  EXPECT_EQ(targets[0].name, "node-192.0.2.1-9100");
  EXPECT_EQ(Option(targets[0], "instance"), "web.bkk");
  EXPECT_EQ(
      targets[0].labels,
      (model::Labels{{"file", "groups.json"}, {"module", "x"}, {"rack", "7"}, {"site", "bkk"}}));
  EXPECT_TRUE(
      (targets[0].probes[0].options.Get<std::map<std::string, std::string>>("params").empty()));
  EXPECT_EQ(Option(targets[1], "url"), "https://192.0.2.2:9200/metrics");
}

TEST(Discovery, RelabelingCannotMakeATargetImpossible) {
  for (const auto& [rule, wrong] : std::map<std::string, std::string>{
           {"{target_label: __address__, replacement: ''}", "leaves no __address__"},
           {"{target_label: __address__, replacement: 'a/b'}", "an address is host:port"},
           {"{target_label: __scheme__, replacement: 'ftp'}", "makes the scheme \"ftp\""},
           {"{target_label: __metrics_path__, replacement: 'm'}", "a path begins with /"},
           {"{target_label: target, replacement: 'x'}",
            "the label \"target\", which is reserved"}}) {
    std::string problems;
    const auto entry = Entries("[{file_sd: a, relabel_configs: [" + rule + "]}]")[0];
    EXPECT_TRUE(Groups("- targets: [b:1]", entry, &problems).empty());
    EXPECT_THAT(problems, HasSubstr("groups.json:1:13: "));
    EXPECT_THAT(problems, HasSubstr(wrong));
  }
  std::string problems;
  Entries("[{file_sd: a, relabel_configs: [{action: dorp}]}]", &problems);
  EXPECT_THAT(problems, HasSubstr("did you mean \"drop\"?"));
}

TEST(Discovery, SaysWhatIsWrongWithAGroup) {
  const auto entry = Entries("[{file_sd: a}]")[0];
  std::string problems;
  Groups("- targets: ['http://a:1/x']\n  lables: {}\n- labels: {target: b, 'c-d': e}\n- 5\n", entry,
         &problems);
  EXPECT_THAT(problems, HasSubstr("groups.json:1:13"));
  EXPECT_THAT(problems, HasSubstr("groups.json:2:3"));
  EXPECT_THAT(problems, HasSubstr("the label \"target\" is reserved"));
  EXPECT_THAT(problems, HasSubstr("\"c-d\" cannot name a label"));
  EXPECT_THAT(problems, HasSubstr("groups.json:4:3"));
}

TEST(Discovery, NamesAreUniqueAndEqualTargetsOne) {
  const auto entry = Entries("[{file_sd: a}]")[0];
  const auto found = Groups(
      "- {targets: ['a:1', 'a:1']}\n- {targets: ['a:1'], labels: {x: y}}\n- {targets: ['b:1']}\n",
      entry);
  model::Target own;
  own.name = "prometheus-b-1";
  const auto all = Joined({own}, {found});
  ASSERT_EQ(all.size(), 5U);
  std::set<std::string> names;
  for (const auto& target : all) {
    EXPECT_TRUE(names.insert(target.name).second) << target.name;
  }
  EXPECT_TRUE(names.contains("prometheus-a-1"));
}

}  // namespace
}  // namespace target
