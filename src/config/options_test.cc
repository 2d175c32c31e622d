// Tests of reading a kind's options, and of the checks of names, hosts and URLs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "config/check.h"
#include "config/node.h"

namespace config {
namespace {

using model::OptionSpec;
using model::OptionType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kColours[] = {"red", "green"};
const std::vector<OptionSpec> kSpecs = {
    {.name = "text", .help = "", .fallback = "hello"},
    {.name = "count",
     .type = OptionType::kInteger,
     .help = "",
     .fallback = "3",
     .min = 1,
     .max = 9},
    {.name = "share", .type = OptionType::kNumber, .help = "", .fallback = "0.5"},
    {.name = "flag", .type = OptionType::kBool, .help = "", .fallback = "true"},
    {.name = "wait",
     .type = OptionType::kDuration,
     .help = "",
     .fallback = "200ms",
     .min = 0.1,
     .max = 5},
    {.name = "url", .type = OptionType::kUrl, .help = ""},
    {.name = "match", .type = OptionType::kRegex, .help = ""},
    {.name = "file", .type = OptionType::kFile, .help = ""},
    {.name = "key_file", .type = OptionType::kSecretFile, .help = ""},
    {.name = "words", .type = OptionType::kStrings, .help = "", .fallback = "[a, b]"},
    {.name = "numbers", .type = OptionType::kIntegers, .help = "", .min = 100, .max = 599},
    {.name = "headers", .type = OptionType::kMap, .help = ""},
    {.name = "colour", .help = "", .fallback = "red", .choices = kColours},
};

TEST(Options, EveryTypeIsRead) {
  const std::string dir = testing::TempDir() + fmt::format("raksa_options_{}", getpid());
  std::filesystem::create_directories(dir);
  std::ofstream(dir + "/secret") << "  hush \n";
  chmod((dir + "/secret").c_str(), 0600);
  const auto document = Document::Parse(
      "{text: x, count: 4, share: 0.25, flag: false, wait: 1s, url: \"https://a.example/\", "
      "match: \"^ok$\", file: f/x, key_file: secret, words: [c], numbers: [200, 404], "
      "headers: {Host: a}, colour: green}",
      dir + "/c.yaml");
  const auto options = ReadOptions(document->Root(), kSpecs, "a thing");
  EXPECT_TRUE(document->ok()) << document->problems()[0].ToString();
  EXPECT_EQ(options.Get<std::string>("text"), "x");
  EXPECT_EQ(options.Get<std::int64_t>("count"), 4);
  EXPECT_EQ(options.Get<double>("share"), 0.25);
  EXPECT_FALSE(options.Get<bool>("flag", true));
  EXPECT_EQ(options.Get<base::Duration>("wait"), std::chrono::seconds(1));
  EXPECT_EQ(options.Get<std::string>("file"), dir + "/f/x");
  EXPECT_EQ(options.Get<base::Secret>("key_file").Reveal(), "hush");
  EXPECT_THAT(options.Get<std::vector<std::string>>("words"), ElementsAre("c"));
  EXPECT_THAT(options.Get<std::vector<std::int64_t>>("numbers"), ElementsAre(200, 404));
  EXPECT_EQ((options.Get<std::map<std::string, std::string>>("headers").at("Host")), "a");
  EXPECT_EQ(options.Get<std::string>("colour"), "green");
  std::filesystem::remove_all(dir);
}

TEST(Options, FallbacksFillIn) {
  const auto options = DefaultOptions(kSpecs);
  EXPECT_EQ(options.Get<std::string>("text"), "hello");
  EXPECT_EQ(options.Get<base::Duration>("wait"), std::chrono::milliseconds(200));
  EXPECT_THAT(options.Get<std::vector<std::string>>("words"), ElementsAre("a", "b"));
  EXPECT_FALSE(options.Has("url"));
  const auto document = Document::Parse("a:\n", "x.yaml");
  EXPECT_EQ(ReadOptions(document->Root().Entries("r")[0], kSpecs, "a thing"), options);
}

TEST(Options, EveryMistakeIsTold) {
  const auto document = Document::Parse(
      "text: [a]\ncount: 10\nshare: x\nflag: yes\nwait: 1m\nurl: ftp://x/\nmatch: \"(\"\n"
      "file: \nkey_file: /nonexistent/key\nwords: a\nnumbers: [99]\nheaders: [a]\ncolour: gren\n"
      "colr: red\n",
      "x.yaml");
  (void)ReadOptions(document->Root(), kSpecs, "a thing");
  std::vector<int> lines;
  for (const auto& problem : document->problems()) {
    lines.push_back(problem.place.line);
  }
  EXPECT_THAT(lines, ElementsAre(1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14));
}

TEST(Options, RequiredOnesAreAskedFor) {
  const std::vector<OptionSpec> specs = {
      {.name = "url", .type = OptionType::kUrl, .help = "", .required = true}};
  const auto document = Document::Parse("a:\nb: {}\n", "x.yaml");
  for (const auto& entry : document->Root().Entries("r")) {
    (void)ReadOptions(entry, specs, "a hook");
  }
  ASSERT_EQ(document->problems().size(), 2U);
  EXPECT_EQ(document->problems()[0].message, "a hook needs the key \"url\"");
}

TEST(Check, Hosts) {
  for (const auto* good : {"a", "web-1.example.org", "192.0.2.11", "::1", "fe80::1%eth0",
                           "2001:db8::1", "a_b.c", "example.org."}) {
    EXPECT_THAT(CheckHost(good), IsEmpty()) << good;
  }
  for (const auto* bad : {"", "-a", "a..b", "192.0.2.256", "192.0.2", "http://x/", "a b", "a:80",
                          "[::1]", ":::", "fe80::1%", "10.0.0.0/8", "a;b", "$(x)"}) {
    EXPECT_FALSE(CheckHost(bad).empty()) << bad;
  }
}

TEST(Check, Urls) {
  for (const auto* good :
       {"http://a/", "https://192.0.2.1:8443/x?y=z", "http://[::1]:80/", "http://a", "http://a?q#f",
        "http://a/%E0%B8%81?x=1", "https://a-b.example:65535/x@y"}) {
    EXPECT_THAT(CheckUrl(good), IsEmpty()) << good;
  }
  for (const auto* bad : {"",
                          "a",
                          "ftp://a/",
                          "http://",
                          "http:///x",
                          "http://u:p@a/",
                          "http://u@a/",
                          "http://a:0/",
                          "http://a:70000/",
                          "http://a b/",
                          "file:///etc/passwd",
                          "ht:}",
                          "http://a/%zz",
                          "http://a/#x#y",
                          "http://[::1/",
                          "http://[::1]x/",
                          "http://a:/",
                          "http://a/รัก",
                          "http://a\\b/",
                          "http://$(x)/"}) {
    EXPECT_FALSE(CheckUrl(bad).empty()) << bad;
  }
}

TEST(Check, HostPorts) {
  EXPECT_THAT(CheckHostPort("127.0.0.1:8001"), IsEmpty());
  EXPECT_THAT(CheckHostPort("[::1]:8001"), IsEmpty());
  EXPECT_THAT(CheckHostPort("127.0.0.1:0", true), IsEmpty());
  for (const auto* bad : {"127.0.0.1", "::1:80", "a:", "a:70000", ":80", "a:-1", "a:0", "8001"}) {
    EXPECT_FALSE(CheckHostPort(bad).empty()) << bad;
  }
  EXPECT_TRUE(IsLoopback("127.9.9.9:1") && IsLoopback("[::1]:1") && IsLoopback("localhost:1"));
  EXPECT_FALSE(IsLoopback("0.0.0.0:1") || IsLoopback("[::]:1") || IsLoopback("example.org:1"));
}

TEST(Check, Names) {
  EXPECT_THAT(CheckName("web-1.a_B"), IsEmpty());
  for (const auto& bad : {std::string(""), std::string("a b"), std::string("-a"),
                          std::string("../x"), std::string(64, 'a'), std::string("เว็บ")}) {
    EXPECT_FALSE(CheckName(bad).empty()) << bad;
  }
}

}  // namespace
}  // namespace config
