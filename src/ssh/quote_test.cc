// QuoteArgv against a real sh: whatever the bytes, the arguments arrive as they were.
#include "ssh/quote.h"

#include <gtest/gtest.h>

#include <random>

#include "loop/process.h"

namespace ssh {
namespace {

std::string ThroughShell(const std::vector<std::string>& arguments, const std::string& shell) {
  std::vector<std::string> argv = {"printf", "%s\\0"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const auto line = QuoteArgv(argv);
  EXPECT_TRUE(line) << line.error().message;
  loop::Loop loop;
  const auto result = loop.RunTask(loop::RunProcess({shell, "-c", *line}));
  EXPECT_TRUE(result);
  EXPECT_EQ(result->err, "");
  return result->out;
}

std::string Joined(const std::vector<std::string>& arguments) {
  std::string out;
  for (const auto& argument : arguments) {
    out += argument;
    out += '\0';
  }
  return out;
}

TEST(QuoteArgv, LeavesPlainWordsAlone) {
  EXPECT_EQ(QuoteArgv({"systemctl", "show", "nginx.service", "-p", "A,B"}).value(),
            "systemctl show nginx.service -p A,B");
  EXPECT_EQ(QuoteArgv({"echo", "", "a b", "it's"}).value(), "echo '' 'a b' 'it'\\''s'");
}

TEST(QuoteArgv, RefusesWhatNoShellCanTake) {
  EXPECT_FALSE(QuoteArgv({}));
  EXPECT_FALSE(QuoteArgv({""}));
  EXPECT_FALSE(QuoteArgv({"-c", "x"}));
  EXPECT_FALSE(QuoteArgv({"echo", std::string("a\0b", 3)}));
  EXPECT_FALSE(QuoteArgv({"echo", std::string(200000, 'x')}));
}

TEST(QuoteArgv, NothingOfKnownAttacksReachesTheShell) {
  const std::vector<std::string> arguments = {"$(touch /tmp/raksa-was-here)",
                                              "`id`",
                                              "; rm -rf /",
                                              "&& id",
                                              "| id",
                                              "> /etc/passwd",
                                              "'",
                                              "''",
                                              "'\\''",
                                              "\\",
                                              "\"",
                                              "$HOME",
                                              "~",
                                              "*",
                                              "?",
                                              "[a]",
                                              "{a,b}",
                                              "a\nb",
                                              "\n",
                                              "\t",
                                              " ",
                                              "!history",
                                              "#comment",
                                              "=x",
                                              "a=b",
                                              "--",
                                              "-rf",
                                              "%s%n",
                                              "\x01\x7f\xff\xfe",
                                              "ก"};
  for (const std::string shell : {"/bin/sh", "/bin/bash"}) {
    EXPECT_EQ(ThroughShell(arguments, shell), Joined(arguments)) << shell;
  }
}

TEST(QuoteArgv, RandomBytesArriveAsTheyWere) {
  std::mt19937 random(20260901);
  std::uniform_int_distribution<int> byte(1, 255);
  std::uniform_int_distribution<int> length(0, 40);
  const std::string nasty = "'\"\\$`!;&|<>(){}[]*?~# \n\t=%";
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> arguments;
    for (int i = 0; i < 50; ++i) {
      std::string word;
      for (int n = length(random); n > 0; --n) {
        const int b = byte(random);
        word +=
            b % 2 == 0 ? nasty[static_cast<std::size_t>(b) % nasty.size()] : static_cast<char>(b);
      }
      arguments.push_back(word);
    }
    ASSERT_EQ(ThroughShell(arguments, "/bin/sh"), Joined(arguments));
  }
}

TEST(ShowArgv, IsPrintable) { EXPECT_EQ(ShowArgv({"a\x1b", "b c"}), "'a\xEF\xBF\xBD' 'b c'"); }

}  // namespace
}  // namespace ssh
