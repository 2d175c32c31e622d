// What every kind of channel must keep: names, options, README and an example that reads.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "notify/channel.h"

namespace notify {
namespace {

std::string Slurp(const std::string& path) {
  std::ifstream in(path);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(NotifyContract, EveryKindIsWhole) {
  std::set<std::string_view> names;
  ASSERT_FALSE(Catalogue().empty());
  for (const auto* kind : Catalogue()) {
    SCOPED_TRACE(kind->spec.name);
    EXPECT_TRUE(std::regex_match(std::string(kind->spec.name), std::regex("[a-z][a-z0-9]*")));
    EXPECT_TRUE(names.insert(kind->spec.name).second);
    EXPECT_FALSE(kind->spec.title.empty());
    EXPECT_NE(kind->send, nullptr);
    EXPECT_EQ(Find(kind->spec.name), kind);
    const auto folder = fmt::format("{}/src/notify/{}", RAKSA_SOURCE_DIR, kind->spec.name);
    const auto readme = Slurp(folder + "/README.md");
    EXPECT_TRUE(readme.starts_with(fmt::format("# {}", kind->spec.name)));
    std::set<std::string_view> options;
    for (const auto& option : kind->spec.options) {
      EXPECT_TRUE(options.insert(option.name).second) << option.name;
      EXPECT_FALSE(option.help.empty()) << option.name;
      EXPECT_NE(readme.find(fmt::format("`{}`", option.name)), std::string::npos) << option.name;
      EXPECT_TRUE(option.name != "name" && option.name != "language" && option.name != "backup");
    }
  }
  EXPECT_EQ(Find("pigeon"), nullptr);
}

TEST(NotifyContract, EveryExampleReads) {
  const auto folder = std::filesystem::temp_directory_path() / "raksa-notify-contract";
  std::filesystem::create_directories(folder);
  const auto token = folder / "line_token";
  std::ofstream(token) << "secret\n";
  std::filesystem::permissions(
      token, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  for (const auto* kind : Catalogue()) {
    SCOPED_TRACE(kind->spec.name);
    const auto text =
        Slurp(fmt::format("{}/src/notify/{}/example.yaml", RAKSA_SOURCE_DIR, kind->spec.name));
    std::string list = "- ";
    for (const char c : text) {
      list += c == '\n' ? "\n  " : std::string(1, c);
    }
    const auto document = config::Document::Parse(list, (folder / "example.yaml").string());
    const auto channels = ReadChannels(document->Root());
    for (const auto& problem : document->problems()) {
      ADD_FAILURE() << problem.ToString();
    }
    ASSERT_EQ(channels.size(), 1U);
    EXPECT_EQ(channels[0].name, kind->spec.name);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace notify
