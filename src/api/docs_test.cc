// Holds docs/api.md against the routers: whoever adds a route writes it down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>

#include "api/api.h"
#include "store/querier.h"

namespace api {
namespace {

/// The routes that need a store are there only when there is one.
class NoSeries : public store::Querier {
 public:
  base::Result<std::vector<store::SeriesData>> Select(const std::vector<store::Matcher>&,
                                                      model::Timestamp,
                                                      model::Timestamp) const override {
    return std::vector<store::SeriesData>();
  }
  base::Result<std::vector<std::shared_ptr<const model::Labels>>> Series(
      const std::vector<store::Matcher>&, model::Timestamp, model::Timestamp) const override {
    return std::vector<std::shared_ptr<const model::Labels>>();
  }
  base::Result<std::vector<std::string>> LabelNames(const std::vector<store::Matcher>&,
                                                    model::Timestamp,
                                                    model::Timestamp) const override {
    return std::vector<std::string>();
  }
  base::Result<std::vector<std::string>> LabelValues(const std::string&,
                                                     const std::vector<store::Matcher>&,
                                                     model::Timestamp,
                                                     model::Timestamp) const override {
    return std::vector<std::string>();
  }
};

/// "METHOD … PATH" on one line, a word in capitals for each part that stands for any.
std::regex Written(const Route& route) {
  std::string path;
  for (const char c : route.pattern) {
    path += c == '*' ? "[A-Z]+" : c == '.' ? "\\." : std::string(1, c);
  }
  return std::regex("\\b" + route.method + "\\b[^\\n]*[` ]" + path + "(?![A-Za-z0-9/_-])");
}

TEST(Docs, EveryRouteIsWrittenDown) {
  std::ifstream in(RAKSA_SOURCE_DIR "/docs/api.md");
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ASSERT_THAT(text, testing::HasSubstr("# The HTTP API"));
  const NoSeries none;
  auto sources = std::make_shared<Sources>();
  sources->querier = &none;
  const auto main = MakeRouter(sources);
  const auto open = MakePublicRouter(sources);
  EXPECT_GT(main.routes().size(), 50U);
  for (const auto* router : {&main, &open}) {
    for (const auto& route : router->routes()) {
      EXPECT_TRUE(std::regex_search(text, Written(route)))
          << route.method << " " << route.pattern << " is not in docs/api.md";
    }
  }
}

}  // namespace
}  // namespace api
