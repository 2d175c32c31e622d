// Tests of the configuration as it is shown: complete, in order, without secrets.
#include "app/settings_shown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace app {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr const char* kText = R"(listen: [127.0.0.1:8001, "unix:/run/raksa"]
credentials:
  public: {snmp: {version: 2c, community: hush-community}}
  deep: {snmp: {version: 3, auth: {protocol: SHA, password_file: /etc/raksa/auth}}}
targets:
  - name: web1
    url: "http://who:hush-user@web1/path?key=hush-query"
    labels: {"bad: \"key\"": "<b>"}
    probes:
      - http: {headers: {Authorization: Bearer hush-header, X: hush-x}, body: "user=hush-body"}
notify:
  - webhook: {url: "https://hooks.example/services/hush-path", secret_file: /etc/raksa/hook}
  - line: {token_file: /etc/raksa/line, to: C01, base_url: "http://127.0.0.1:1/v2"}
recovery: {}
rules: []
)";

TEST(ShownSettings, HoldEveryValueButNoSecret) {
  const auto document = config::Document::Parse(kText, "raksa.yaml");
  ASSERT_TRUE(document->ok());
  const auto shown = ShowSettings(*document);
  for (const auto& [path, value] : std::vector<std::pair<std::string, std::string>>{
           {"listen[1]", "unix:/run/raksa"},
           {"credentials.public.snmp.community", "***"},
           {"credentials.deep.snmp.auth.password_file", "/etc/raksa/auth"},
           {"targets[0].name", "web1"},
           {"targets[0].url", "http://***@web1/path?***"},
           {"targets[0].probes[0].http.headers.Authorization", "***"},
           {"targets[0].probes[0].http.headers.X", "***"},
           {"targets[0].probes[0].http.body", "***"},
           {"notify[0].webhook.url", "https://hooks.example/***"},
           {"notify[0].webhook.secret_file", "/etc/raksa/hook"},
           {"notify[1].line.to", "C01"},
           {"notify[1].line.base_url", "http://127.0.0.1:1/v2"},
           {"recovery", "{}"},
           {"rules", "[]"}}) {
    EXPECT_THAT(shown.lines, Contains(Pair(path, value))) << path;
  }
  EXPECT_EQ(shown.lines.front().first, "listen[0]");
  for (const auto& [path, value] : shown.lines) {
    EXPECT_THAT(value, Not(HasSubstr("hush"))) << path;
  }
  EXPECT_THAT(shown.yaml, Not(HasSubstr("hush")));
  // The YAML says the same again.
  const auto again = config::Document::Parse(shown.yaml, "shown.yaml");
  ASSERT_TRUE(again->ok()) << shown.yaml << again->problems().front().ToString();
  EXPECT_EQ(ShowSettings(*again).lines, shown.lines) << shown.yaml;
}

TEST(ShownSettings, SecretsInCommands) {
  EXPECT_EQ(ShownValue({"application", "", "check"}, "DB_PASSWORD=hush"), "DB_PASSWORD=***");
  EXPECT_EQ(ShownValue({"application", "", "check"}, "a=b"), "a=b");
  EXPECT_EQ(ShownValue({"auth", "token_file"}, "/etc/raksa/tokens"), "/etc/raksa/tokens");
}

}  // namespace
}  // namespace app
