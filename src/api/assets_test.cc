// Tests of the page's files: caching, compression, deep links, a folder instead of the program.
#include "api/assets.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/gzip.h"
#include "api/server_testing.h"

namespace api {
namespace {

using ::testing::StartsWith;

TEST(Page, IsServedWithEtagGzipAndDeepLinks) {
  TestServer server;
  const auto plain = server.Get("/");
  ASSERT_EQ(plain.status, 200);
  EXPECT_THAT(plain.headers.at("content-type"), StartsWith("text/html"));
  const auto squeezed = server.Get("/", "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(squeezed.headers.at("content-encoding"), "gzip");
  EXPECT_EQ(Gunzip(squeezed.body, 1 << 20).value(), plain.body);
  const auto etag = plain.headers.at("etag");
  EXPECT_EQ(server.Get("/", "If-None-Match: " + etag + "\r\n").status, 304);
  EXPECT_EQ(server.Get("/incidents/01K").body, plain.body);
  EXPECT_EQ(server.Get("/missing.js").status, 404);
  EXPECT_EQ(server.Get("/api/v1/missing").headers.at("content-type"), "application/json");
}

TEST(Page, NamesWithAHash) {
  for (const char* name : {"/a-CB5WOFFX.js", "/assets/a-IZMAEPAF.css", "/a.4f3a91c2.js"}) {
    EXPECT_TRUE(HasHashedName(name)) << name;
  }
  for (const char* name : {"/index.html", "/a-something.js", "/a-ABC.js", "/a.min.js", "/a"}) {
    EXPECT_FALSE(HasHashedName(name)) << name;
  }
}

TEST(Page, FromDiskStaysInItsFolder) {
  const auto dir = fmt::format("/tmp/raksa-web-{}", ::getpid());
  ::mkdir(dir.c_str(), 0755);
  ASSERT_EQ(::symlink("/etc/passwd", (dir + "/out.txt").c_str()), 0);
  std::FILE* file = std::fopen((dir + "/index.html").c_str(), "w");
  std::fputs("<p>disk", file);
  std::fclose(file);
  auto sources = std::make_shared<Sources>();
  sources->web_dir = dir;
  {
    TestServer server({}, sources);
    EXPECT_EQ(server.Get("/").body, "<p>disk");
    EXPECT_EQ(server.Get("/host/web1").body, "<p>disk");
    EXPECT_EQ(server.Get("/out.txt").status, 404);
    EXPECT_EQ(server.Get("//etc/passwd").body, "<p>disk");
  }
  ::unlink((dir + "/out.txt").c_str());
  ::unlink((dir + "/index.html").c_str());
  ::rmdir(dir.c_str());
}

}  // namespace
}  // namespace api
