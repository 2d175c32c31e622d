// Privileges: what is covered and how sudoers says it.
#include "ssh/privilege.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ssh {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Privilege, CoversItsOwnWordsAndNumbersOnly) {
  const Privilege exe{.argv = {"readlink", {"/proc/", 7, "/exe"}}, .why = "w"};
  EXPECT_TRUE(Covers(exe, {"readlink", "/proc/4711/exe"}));
  for (const char* other : {"/proc//exe", "/proc/0/exe", "/proc/012/exe", "/proc/12345678/exe",
                            "/proc/1 /etc/shadow /exe", "/proc/self/exe", "/proc/1/exe/..",
                            "/proc/-1/exe", "/proc/1exe", "/exe", ""}) {
    EXPECT_FALSE(Covers(exe, {"readlink", other})) << other;
  }
  EXPECT_FALSE(Covers(exe, {"readlink"}));
  EXPECT_FALSE(Covers(exe, {"readlink", "/proc/1/exe", "/proc/2/exe"}));
  EXPECT_FALSE(Covers(exe, {"cat", "/proc/1/exe"}));
}

TEST(Privilege, SudoersNamesEveryArgument) {
  EXPECT_THAT(SudoersCommands(Fixed({"nginx", "-t"}, "w")), ElementsAre("/usr/sbin/nginx -t"));
  EXPECT_THAT(SudoersCommands(Fixed({"/opt/fix it"}, "w")), ElementsAre("/opt/fix\\ it \"\""))
      << "no arguments means exactly none";
  EXPECT_THAT(SudoersCommands({.argv = {"kill", "-TERM", {"", 3}}, .why = "w"}),
              ElementsAre("/usr/bin/kill -TERM [1-9]", "/usr/bin/kill -TERM [1-9][0-9]",
                          "/usr/bin/kill -TERM [1-9][0-9][0-9]"));
  EXPECT_THAT(SudoersCommands(Fixed({"x", "a=b,c:d*?[e]\\"}, "w")),
              ElementsAre("/usr/bin/x a\\=b\\,c\\:d\\*\\?\\[e\\]\\\\\\\\"));
}

TEST(Privilege, AFileSaysEachCommandOnceAndWhy) {
  const auto file = SudoersFile("ops", {"For web1."},
                                {Fixed({"nginx", "-t"}, "nginx"), Fixed({"nginx", "-t"}, "again"),
                                 Fixed({"x", "a\nops ALL=(ALL) ALL"}, "hostile\nALL")});
  EXPECT_EQ(file, "# For web1.\n\n# nginx\nops ALL=(root) NOPASSWD: /usr/sbin/nginx -t\n");
  EXPECT_THAT(file, Not(HasSubstr("hostile")));
}

}  // namespace
}  // namespace ssh
