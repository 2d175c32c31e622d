// The contract of every kind of component: what the page, the messages and recovery rely on.
#include "diagnosis/kind.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/text.h"

namespace diagnosis {
namespace {

std::string Read(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

bool HasThai(std::string_view text) {
  // U+0E00 to U+0E7F: E0 B8 80 to E0 B9 BF.
  return text.find("\xE0\xB8") != std::string_view::npos ||
         text.find("\xE0\xB9") != std::string_view::npos;
}

TEST(Catalogue, HasTheComponentsOfTheSourceAndMore) {
  for (const std::string_view name :
       {"firewall", "nginx", "docker", "service", "container", "host", "command"}) {
    EXPECT_NE(Find(name), nullptr) << name;
  }
  EXPECT_EQ(Find("nonsense"), nullptr);
  EXPECT_EQ(FindCause("nonsense"), nullptr);
}

TEST(Catalogue, EveryKindIsWhole) {
  for (const Kind* kind : Catalogue()) {
    const std::string name(kind->spec.name);
    EXPECT_FALSE(kind->spec.title.empty()) << name;
    EXPECT_NE(kind->examine, nullptr) << name;
    EXPECT_FALSE(kind->causes.empty()) << name;
    const auto folder = std::string(RAKSA_SOURCE_DIR) + "/src/diagnosis/" + name;
    EXPECT_TRUE(std::filesystem::exists(folder + "/example.yaml")) << name;
    const auto readme = Read(folder + "/README.md");
    for (const std::string_view part : {"**What.**", "**Why.**", "**How.**"}) {
      EXPECT_NE(readme.find(part), std::string::npos) << name << " " << part;
    }
    for (const auto& cause : kind->causes) {
      EXPECT_NE(readme.find(cause.id), std::string::npos) << cause.id << " is not in its README";
    }
  }
}

TEST(Catalogue, EveryCauseIsWholeAndUnique) {
  std::set<std::string_view> ids;
  for (const Kind* kind : Catalogue()) {
    for (const auto& cause : kind->causes) {
      EXPECT_TRUE(ids.insert(cause.id).second) << cause.id << " stands twice";
      EXPECT_EQ(FindCause(cause.id), &cause);
      EXPECT_FALSE(cause.title.empty()) << cause.id;
      EXPECT_TRUE(HasThai(cause.title_th)) << cause.id;
      EXPECT_TRUE(base::IsPrintable(cause.title_th)) << cause.id;
      EXPECT_FALSE(cause.detected_by.empty()) << cause.id;
      EXPECT_EQ(cause.cause_class == model::CauseClass::kRepair, !cause.remedy.empty()) << cause.id;
      EXPECT_TRUE(std::all_of(cause.id.begin(), cause.id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || c == '-';
      })) << cause.id;
    }
  }
  EXPECT_GE(ids.size(), 38u);
}

}  // namespace
}  // namespace diagnosis
