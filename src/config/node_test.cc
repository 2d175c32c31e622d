// Tests of Document, Node and MapReader: places, problems, hostile files.
#include "config/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace config {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::shared_ptr<Document> Parse(std::string text) {
  return Document::Parse(std::move(text), "x.yaml");
}

std::vector<std::string> Said(const Document& document) {
  std::vector<std::string> out;
  for (const auto& problem : document.problems()) {
    out.push_back(problem.ToString());
  }
  return out;
}

/// The only problem that parsing `text` gives, as it is shown.
std::string Only(std::string text) {
  const auto document = Parse(std::move(text));
  const auto said = Said(*document);
  EXPECT_EQ(said.size(), 1U) << testing::PrintToString(said);
  return said.empty() ? "" : said[0];
}

TEST(Document, KnowsThePlacesOfKeysAndValues) {
  const auto document = Parse("a: 1\nb:\n  - x\n  - {c: รัก, d: y}\n");
  const auto entries = document->Root().Entries("root");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].key(), "a");
  EXPECT_EQ(entries[0].key_place(), (Place{"x.yaml", 1, 1}));
  EXPECT_EQ(entries[0].place(), (Place{"x.yaml", 1, 4}));
  const auto items = entries[1].Items("b");
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[0].place(), (Place{"x.yaml", 3, 5}));
  const auto inner = items[1].Entries("item");
  ASSERT_EQ(inner.size(), 2U);
  EXPECT_EQ(inner[1].key(), "d");
  // Columns count characters, not bytes.
  EXPECT_EQ(inner[1].key_place(), (Place{"x.yaml", 4, 14}));
  EXPECT_TRUE(document->ok());
}

TEST(Document, AnEmptyValueStandsAtItsKey) {
  const auto document = Parse("a:\n  b:\nc: 1\n");
  const auto b = document->Root().Entries("r")[0].Entries("a")[0];
  EXPECT_TRUE(b.IsNull());
  EXPECT_EQ(b.place(), (Place{"x.yaml", 2, 3}));
}

TEST(Document, DuplicateKeysAreMistakes) {
  EXPECT_EQ(Only("a: 1\nb: 2\na: 3\n"),
            "x.yaml:3:1: duplicate key \"a\"\n  a: 3\n  ^ it stands on line 1 already");
}

TEST(Document, SyntaxErrorsShowTheLineAndACaret) {
  EXPECT_EQ(Only("a: b: c\n"),
            "x.yaml:1:5: a ':' where none may stand\n  a: b: c\n      ^ a text that holds \": \" "
            "needs quotes; or the line before lacks its ':'");
  EXPECT_THAT(Only("a:\n\tb: 1\n"),
              HasSubstr("x.yaml:2:1: a tab in the indentation\n  \tb: 1\n  ^"));
  EXPECT_THAT(Only("a: 1\nb: [1, 2\nc: 3\n"), HasSubstr("x.yaml:2:4: a '[' is never closed"));
  EXPECT_THAT(Only("a: {b: 1\n"), HasSubstr("x.yaml:1:4: a '{' is never closed"));
  EXPECT_THAT(Only("a: \"b\nc: d\n"), HasSubstr("x.yaml:1:4: this quote is never closed"));
  EXPECT_THAT(Only("a: 'it''s\n"), HasSubstr("x.yaml:1:4: this quote is never closed"));
  EXPECT_THAT(Only("a: *b\n"), HasSubstr("x.yaml:1:4: an alias without its anchor"));
  EXPECT_THAT(Only("a:\n  b: 1\n c: 2\n"), HasSubstr("x.yaml:3:2: this line does not fit"));
  EXPECT_THAT(Only("a: !!binary AAA\n"), HasSubstr("a tag"));
  EXPECT_THAT(Only("a: 1\n---\nb: 2\n"), HasSubstr("a second document"));
  EXPECT_THAT(Only("{a: 1}: 2\n"), HasSubstr("a key must be a word"));
  EXPECT_THAT(Only("a: @b\n"), HasSubstr("needs quotes"));
}

TEST(Document, NothingIsReadAfterBadSyntax) {
  const auto document = Parse("a: [\n");
  EXPECT_FALSE(document->Root());
  MapReader map(document->Root(), "a file");
  EXPECT_FALSE(map.ok());
  EXPECT_FALSE(map.Required("b"));
  map.Finish();
  EXPECT_EQ(document->problems().size(), 1U);
}

TEST(Document, BytesThatAreNoTextAreToldPlainly) {
  EXPECT_THAT(Only(std::string("a: b\0c\n", 7)), HasSubstr("x.yaml:1:5: a NUL byte"));
  EXPECT_THAT(Only("a: \x01\n"), HasSubstr("a control character (0x01)"));
  EXPECT_THAT(Only("a: 1\nb: x\xFFy\n"), HasSubstr("x.yaml:2:5: a character that is not UTF-8"));
  EXPECT_THAT(Only("\xFF\xFE"
                   "a"),
              HasSubstr("UTF-16"));
  EXPECT_TRUE(Parse("\xEF\xBB\xBF"
                    "a: 1\r\nb: 2\r\n")
                  ->ok());
}

TEST(Document, AnchorsAndMergeKeys) {
  const auto document = Parse("x: &x {a: 1, b: 2}\ny: *x\nz: {<<: *x, b: 3, c: 4}\n");
  ASSERT_TRUE(document->ok());
  const auto entries = document->Root().Entries("r");
  EXPECT_EQ(entries[1].key(), "y");
  EXPECT_EQ(entries[1].place(), (Place{"x.yaml", 2, 4}));
  EXPECT_EQ(entries[1].Entries("y")[1].text(), "2");
  std::vector<std::string> merged;
  for (const auto& entry : entries[2].Entries("z")) {
    merged.push_back(entry.key() + "=" + entry.text());
  }
  EXPECT_THAT(merged, ElementsAre("b=3", "c=4", "a=1"));
}

TEST(Document, BombsAreRefused) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    laughs += fmt::format("a{0}: &a{0} [*a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}, *a{1}]\n",
                          i, i - 1);
  }
  EXPECT_THAT(Only(laughs), HasSubstr("counting what aliases repeat"));
  EXPECT_THAT(Only("a: &a [*a]\n"), HasSubstr("an alias inside of the value"));
  EXPECT_THAT(Only(std::string(100, '[') + std::string(100, ']')), HasSubstr("nested deeper"));
  EXPECT_FALSE(Only(std::string(100'000, '[')).empty());
  EXPECT_FALSE(Only(std::string(100'000, '{')).empty());
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    chain += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  }
  EXPECT_THAT(Only(chain), HasSubstr("nested deeper"));
  EXPECT_THAT(Only(std::string(5 * 1024 * 1024, 'a')), HasSubstr("larger than 4 MiB"));
}

TEST(Document, AnEmptyFileIsNothing) {
  for (const auto* text : {"", "# only words\n", "\n\n", "---\n"}) {
    const auto document = Parse(text);
    EXPECT_TRUE(document->ok()) << text;
    EXPECT_TRUE(document->Root().IsNull()) << text;
  }
}

TEST(Document, UnreadableFilesAreErrors) {
  const auto missing = Document::Load("/nonexistent/raksa.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, base::ErrorKind::kNotFound);
  EXPECT_FALSE(Document::Load("/"));
}

TEST(Node, Integers) {
  const auto document = Parse("[80, -1, 010, 0x10, 1.5, 70000, abc, {}, 99999999999999999999]");
  const auto items = document->Root().Items("ports");
  EXPECT_EQ(items[0].Integer(1, 65535), 80);
  for (std::size_t i = 1; i < items.size(); ++i) {
    EXPECT_FALSE(items[i].Integer(1, 65535)) << i;
  }
  EXPECT_EQ(document->problems().size(), 8U);
  EXPECT_THAT(document->problems()[1].ToString(), HasSubstr("begins with a zero"));
  EXPECT_THAT(document->problems()[4].hint, "expected 1 to 65535");
}

TEST(Node, BoolsAreTrueAndFalseOnly) {
  const auto document = Parse("[true, false, yes, off, \"true\", 2]");
  const auto items = document->Root().Items("x");
  EXPECT_EQ(items[0].Bool(), true);
  EXPECT_EQ(items[1].Bool(), false);
  EXPECT_FALSE(items[2].Bool() || items[3].Bool() || items[4].Bool() || items[5].Bool());
  EXPECT_EQ(document->problems()[0].hint, "did you mean true?");
  EXPECT_EQ(document->problems()[1].hint, "did you mean false?");
}

TEST(Node, NumbersAndSpans) {
  const auto document = Parse("[0.5, nan, inf, 1e3, 5s, 5, 2d, x]");
  const auto items = document->Root().Items("x");
  EXPECT_EQ(items[0].Number(0, 1), 0.5);
  EXPECT_FALSE(items[1].Number(0, 1) || items[2].Number(0, 1) || items[3].Number(0, 1));
  EXPECT_EQ(items[4].Span(seconds(1), seconds(60)), seconds(5));
  EXPECT_FALSE(items[5].Span(seconds(1), seconds(60)));
  EXPECT_FALSE(items[6].Span(seconds(1), seconds(60)));
  EXPECT_FALSE(items[7].Span(seconds(1), seconds(60)));
  EXPECT_EQ(document->problems()[3].hint, "did you mean \"5s\"?");
  EXPECT_EQ(document->problems()[4].hint, "expected 1s to 1m");
}

TEST(Node, WordsAreProposed) {
  static constexpr std::string_view kModes[] = {"observe", "approve", "auto"};
  const auto document = Parse("[auto, obsrve, banana]");
  const auto items = document->Root().Items("x");
  EXPECT_EQ(items[0].Word(kModes), "auto");
  EXPECT_FALSE(items[1].Word(kModes) || items[2].Word(kModes));
  EXPECT_EQ(document->problems()[0].hint, "did you mean \"observe\"?");
  EXPECT_EQ(document->problems()[1].hint, "expected one of observe, approve, auto");
}

TEST(MapReader, UnknownKeysAreNamedWithTheNearest) {
  const auto document = Parse("name: x\nintervall: 5s\nbanana: 1\n");
  MapReader map(document->Root(), "a target");
  EXPECT_TRUE(map.Required("name"));
  EXPECT_FALSE(map.Optional("interval"));
  map.Finish();
  EXPECT_THAT(Said(*document),
              ElementsAre("x.yaml:2:1: a target knows no key \"intervall\"\n  intervall: 5s\n  ^ "
                          "did you mean \"interval\"?",
                          "x.yaml:3:1: a target knows no key \"banana\"\n  banana: 1\n  ^ known "
                          "here: interval, name"));
}

TEST(MapReader, AMisspeltRequiredKeyIsOneProblem) {
  const auto document = Parse("nmae: x\n");
  MapReader map(document->Root(), "a target");
  EXPECT_FALSE(map.Required("name"));
  map.Finish();
  ASSERT_EQ(document->problems().size(), 1U);
  EXPECT_EQ(document->problems()[0].hint, "did you mean \"name\"?");
}

TEST(MapReader, MissingKeysAndEmptyValues) {
  const auto document = Parse("a:\nb: 1\n");
  MapReader map(document->Root(), "a target");
  EXPECT_FALSE(map.Required("a"));
  EXPECT_FALSE(map.Required("c"));
  EXPECT_TRUE(map.Optional("b"));
  map.Finish();
  EXPECT_EQ(document->problems().size(), 2U);
}

TEST(Problem, SecretsAreNotShown) {
  const auto document = Parse("snmp: {community: hush-hush, version: 2c}\n");
  MapReader map(document->Root().Entries("r")[0], "snmp");
  map.Finish();
  for (const auto& said : Said(*document)) {
    EXPECT_THAT(said, testing::Not(HasSubstr("hush")));
    EXPECT_THAT(said, HasSubstr("community: ***      , version"));
  }
}

TEST(Problem, PasswordsInUrlsAreNotShown) {
  const auto document = Parse("hook: https://me:hush@a.example/x\n");
  MapReader map(document->Root(), "it");
  map.Finish();
  EXPECT_THAT(Said(*document)[0], HasSubstr("hook: https://*******@a.example/x"));
}

TEST(Problem, LongLinesAreCut) {
  const auto document = Parse("{" + std::string(300, ' ') + "x: 1," + std::string(300, ' ') + "}");
  MapReader map(document->Root(), "it");
  map.Finish();
  ASSERT_EQ(document->problems().size(), 1U);
  EXPECT_LT(document->problems()[0].ToString().size(), 400U);
  EXPECT_THAT(document->problems()[0].ToString(), HasSubstr("…"));
}

TEST(Problem, WideAndCombiningCharactersKeepTheCaretInPlace) {
  const auto document = Parse("{ที่: 1, x: 2}");
  MapReader map(document->Root(), "it");
  (void)map.Optional("ที่");
  map.Finish();
  EXPECT_EQ(Said(*document)[0],
            "x.yaml:1:10: it knows no key \"x\"\n  {ที่: 1, x: 2}\n         ^ known here: ที่");
}

TEST(Document, ManyMistakesAreCounted) {
  std::string text;
  for (int i = 0; i < 2000; ++i) {
    text += fmt::format("key{}: 1\n", i);
  }
  const auto document = Parse(text);
  MapReader map(document->Root(), "it");
  map.Finish();
  EXPECT_EQ(document->problems().size(), 501U);
  EXPECT_THAT(document->problems().back().message, HasSubstr("more than 500 mistakes"));
}

TEST(Path, IsTakenFromTheFilesFolder) {
  EXPECT_EQ(ResolvePath("/etc/raksa/raksa.yaml", "rules/a.yaml"), "/etc/raksa/rules/a.yaml");
  EXPECT_EQ(ResolvePath("/etc/raksa/raksa.yaml", "../x"), "/etc/x");
  EXPECT_EQ(ResolvePath("/etc/raksa.yaml", "/var/x"), "/var/x");
  EXPECT_EQ(ResolvePath("raksa.yaml", "x"), "x");
}

}  // namespace
}  // namespace config
