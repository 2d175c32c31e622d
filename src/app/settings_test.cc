// Tests of reading whole configurations: every file of tests/config gives exactly what stands
// beside it, the shipped files are good, and no damaged file does harm.
#include "app/settings.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "app/check_command.h"

namespace app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kSource = RAKSA_SOURCE_DIR;

std::string Slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// The files NAME.yaml of a folder of tests/config, as check shall be given them.
std::vector<std::string> Files(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(kSource / "tests/config" / folder)) {
    if (entry.path().extension() == ".yaml") {
      out.push_back(folder + "/" + entry.path().filename().string());
    }
  }
  std::ranges::sort(out);
  return out;
}

std::string Expected(const std::string& file) {
  return Slurp(kSource / "tests/config" / fs::path(file).replace_extension(".expect"));
}

/// A folder of its own that is gone afterwards; the paths in messages are relative to
/// tests/config.
class SettingsTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(dir_);
    fs::current_path(kSource / "tests/config");
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(dir_);
  }
  /// Writes a file of this folder, fit for secrets; gives its path.
  std::string Write(const std::string& name, const std::string& text) {
    const fs::path path = dir_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    chmod(path.c_str(), 0600);
    return path;
  }

  fs::path dir_ = fs::path(testing::TempDir()) / fmt::format("raksa_settings_{}", getpid());
  fs::path before_ = fs::current_path();
};

TEST_F(SettingsTest, EveryBadFileSaysWhatIsExpected) {
  const auto files = Files("bad");
  ASSERT_GE(files.size(), 50U);
  for (const auto& file : files) {
    std::ostringstream out;
    EXPECT_EQ(RunCheck(file, false, out), 1) << file;
    EXPECT_EQ(out.str(), Expected(file)) << file;
  }
}

TEST_F(SettingsTest, EveryGoodFileIsGood) {
  const auto files = Files("good");
  ASSERT_GE(files.size(), 4U);
  for (const auto& file : files) {
    std::ostringstream out;
    EXPECT_EQ(RunCheck(file, false, out), 0) << file;
    EXPECT_EQ(out.str(), Expected(file)) << file;
  }
}

TEST_F(SettingsTest, NoExpectationIsLeftWithoutItsFile) {
  for (const auto* folder : {"bad", "good"}) {
    for (const auto& entry : fs::directory_iterator(kSource / "tests/config" / folder)) {
      if (entry.path().extension() == ".expect") {
        EXPECT_TRUE(fs::exists(fs::path(entry.path()).replace_extension(".yaml"))) << entry.path();
      }
    }
  }
}

TEST_F(SettingsTest, JsonForPrograms) {
  std::ostringstream bad;
  EXPECT_EQ(RunCheck("bad/port-out-of-range.yaml", true, bad), 1);
  const auto account = boost::json::parse(bad.str());
  EXPECT_FALSE(account.at("ok").as_bool());
  EXPECT_EQ(account.at("problems").as_array().size(), 1U);
  EXPECT_EQ(account.at("problems").at(0).at("line").as_int64(), 6);
  EXPECT_EQ(account.at("problems").at(0).at("column").as_int64(), 17);

  std::ostringstream good;
  EXPECT_EQ(RunCheck("good/smallest.yaml", true, good), 0);
  EXPECT_EQ(boost::json::parse(good.str()).at("targets").to_number<int>(), 1);

  std::ostringstream missing;
  EXPECT_EQ(RunCheck("no-such-file.yaml", true, missing), 2);
  EXPECT_THAT(missing.str(), HasSubstr("No such file"));
}

TEST_F(SettingsTest, ValuesArriveWhereTheyBelong) {
  const auto loaded = LoadSettings("good/every-key-without-files.yaml");
  ASSERT_TRUE(loaded.settings);
  const auto& s = *loaded.settings;
  EXPECT_THAT(s.listen,
              testing::ElementsAre("127.0.0.1:8001", "[::1]:8001", "unix:/run/raksa/raksa.sock"));
  EXPECT_EQ(s.shs_listen, "127.0.0.1:8082");
  EXPECT_EQ(s.data_dir, "data");
  EXPECT_EQ(s.retention.age, std::chrono::hours(24 * 30));
  EXPECT_EQ(s.retention.size, 3ULL << 29U);
  EXPECT_EQ(s.confirm.probes, 5);
  EXPECT_EQ(s.language, "th");
  EXPECT_EQ(s.log_format, base::LogFormat::kJson);
  EXPECT_EQ(s.log_level, base::Level::kWarn);
  EXPECT_EQ(s.external_url, "https://raksa.example.org/");
  ASSERT_EQ(s.targets.size(), 3U);
  EXPECT_TRUE(s.targets[0].drill);
  EXPECT_EQ(s.targets[0].recovery_mode, "approve");
  EXPECT_EQ(s.targets[0].labels.Get("fleet"), "one");
  EXPECT_EQ(s.targets[0].snmp->port, 1161);
  EXPECT_EQ(s.targets[1].ssh->jump, "gate@gate.example.org");
}

TEST_F(SettingsTest, DefaultsWhenTheFileSaysLittle) {
  const auto loaded = LoadSettings("good/smallest.yaml");
  ASSERT_TRUE(loaded.settings);
  const auto& s = *loaded.settings;
  EXPECT_THAT(s.listen, testing::ElementsAre("127.0.0.1:8001"));
  EXPECT_EQ(s.data_dir, "good/data");
  EXPECT_EQ(s.retention, Retention{});
  EXPECT_EQ(s.targets[0].probes[0].interval, std::chrono::seconds(5));
  EXPECT_EQ(s.targets[0].probes[0].timeout, std::chrono::seconds(1));
  EXPECT_EQ(s.language, "en");
  EXPECT_TRUE(s.auth.auth.tokens.empty());
}

TEST_F(SettingsTest, OtherAddressesNeedTokens) {
  const std::string rest = "data_dir: data\nrules: []\ntargets: [{name: a, address: a}]\n";
  const auto exposed = Write("a.yaml", "listen: 0.0.0.0:8001\n" + rest);
  ASSERT_EQ(LoadSettings(exposed).problems.size(), 1U);
  Write("tokens", api::TokenLine("me", api::Role::kOperate, api::NewToken()) + "\n");
  const auto guarded = Write("b.yaml", "listen: 0.0.0.0:8001\nauth: {token_file: tokens}\n" + rest);
  const auto loaded = LoadSettings(guarded);
  ASSERT_TRUE(loaded.settings) << loaded.problems.at(0).ToString();
  EXPECT_EQ(loaded.settings->auth.auth.tokens.size(), 1U);
  Write("tokens", "# nobody\n");
  EXPECT_THAT(LoadSettings(guarded).problems.at(0).message, HasSubstr("token"));
}

TEST_F(SettingsTest, QuickstartIsGood) {
  const auto loaded = LoadSettings(kSource / "config/quickstart.yaml");
  EXPECT_THAT(loaded.problems, IsEmpty()) << loaded.problems.at(0).ToString();
}

TEST_F(SettingsTest, ExampleIsGoodOnceItsFilesAreThere) {
  std::string text = Slurp(kSource / "config/example.yaml");
  for (auto at = text.find("/etc/raksa"); at != std::string::npos; at = text.find("/etc/raksa")) {
    text.replace(at, 10, "secrets");
  }
  for (const auto* name : {"community", "snmp_auth", "snmp_priv", "line_token", "hook_secret"}) {
    Write(std::string("secrets/") + name, "a-long-enough-secret\n");
  }
  Write("rules/default.yaml", Slurp(kSource / "rules/default.yaml"));
  const auto loaded = LoadSettings(Write("example.yaml", text));
  EXPECT_THAT(loaded.problems, IsEmpty()) << loaded.problems.at(0).ToString();
}

/// Damages a text: bytes, lines and pieces deleted, doubled, swapped, replaced.
std::string Damage(std::string text, std::mt19937_64& random) {
  static const std::vector<std::string> kPieces = {"\t",    ":",
                                                   "- ",    "{",
                                                   "}",     "[",
                                                   "]",     "\"",
                                                   "'",     "&a ",
                                                   "*a",    "<<: ",
                                                   "!!x ",  "|\n",
                                                   ">\n",   "#",
                                                   "\n",    "\r",
                                                   "\xFF",  std::string(1, '\0'),
                                                   "---\n", "...\n",
                                                   "? ",    "~",
                                                   "null",  "99999999999999999999",
                                                   "-1",    "1e309",
                                                   "0x7f",  "%",
                                                   "@",     "`",
                                                   "รัก",    "\xE2\x80\xAE",
                                                   ","};
  const auto below = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  for (auto n = 1 + below(6); n > 0; --n) {
    const auto at = below(text.size() + 1);
    const auto length = below(std::min<std::size_t>(text.size() - at, 40) + 1);
    switch (below(5)) {
      case 0:
        text.erase(at, length);
        break;
      case 1:
        text.insert(at, text.substr(below(text.size() + 1), below(60)));
        break;
      case 2:
        text.insert(at, kPieces[below(kPieces.size())]);
        break;
      case 3:
        text.replace(at, length, kPieces[below(kPieces.size())]);
        break;
      default:
        if (at < text.size()) {
          text[at] = static_cast<char>(random());
        }
    }
  }
  return text;
}

TEST_F(SettingsTest, DamagedFilesGiveProblemsAndNoHarm) {
  std::mt19937_64 random(20'260'901);
  std::vector<std::string> seeds;
  for (const auto& file : Files("good")) {
    seeds.push_back(Slurp(file));
  }
  const auto path = dir_ / "damaged.yaml";
  int good = 0;
  for (int i = 0; i < 600; ++i) {
    Write("damaged.yaml", Damage(seeds[random() % seeds.size()], random));
    std::ostringstream out;
    const int status = RunCheck(path, false, out);
    ASSERT_TRUE(status == 0 || status == 1) << out.str();
    ASSERT_LT(out.str().size(), 1'000'000U);
    good += status == 0 ? 1 : 0;
  }
  // Some damage lands in comments and texts; most must be found.
  EXPECT_LT(good, 300);
}

TEST_F(SettingsTest, AThousandTargetsAreReadQuickly) {
  std::string text = "data_dir: data\nrules: []\ntargets:\n";
  for (int i = 0; i < 1000; ++i) {
    text += fmt::format(
        "  - name: web{0}\n    address: 10.0.{1}.{2}\n    url: http://10.0.{1}.{2}/\n"
        "    ports: [80, 443]\n    snmp: public\n    labels: {{site: s{0}}}\n",
        i, i / 250, i % 250);
  }
  const auto started = std::chrono::steady_clock::now();
  const auto loaded = LoadSettings(Write("many.yaml", text));
  ASSERT_TRUE(loaded.settings);
  EXPECT_EQ(loaded.settings->targets.size(), 1000U);
  EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(20));
}

}  // namespace
}  // namespace app
