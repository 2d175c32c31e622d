// Tests of the reader of plain HTTP answers: whole, in pieces, cut off and mutilated.
#include "loop/http_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "loop/peer_testing.h"

namespace loop {
namespace {

using ::testing::HasSubstr;
using testing::HttpAnswer;
using Next = HttpReader::Next;

struct Read {
  Next next = Next::kMore;
  HttpResponse response;
  bool keeps = false;
  base::Error error;
};

/// Reads an answer that comes in pieces of `piece` bytes; the peer closes after it if `closes`.
Read ReadIn(std::string_view text, std::size_t piece, bool closes = false, int redirects = 0) {
  HttpRequest request;
  request.max_redirects = redirects;
  Read out;
  HttpReader reader(&request, &request.on_body, &out.response);
  while (out.next == Next::kMore && !text.empty()) {
    out.next = reader.Feed(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
  }
  if (out.next == Next::kMore && closes) {
    out.next = reader.End();
  }
  out.keeps = reader.keeps();
  out.error = reader.error();
  return out;
}

/// The same whichever pieces it comes in.
Read ReadAnyhow(const std::string& text, bool closes = false, int redirects = 0) {
  const auto whole = ReadIn(text, text.size(), closes, redirects);
  for (std::size_t piece = 1; piece < std::min<std::size_t>(text.size(), 40); ++piece) {
    const auto parts = ReadIn(text, piece, closes, redirects);
    EXPECT_EQ(parts.next, whole.next) << piece << " in " << text;
    EXPECT_EQ(parts.response.body, whole.response.body) << piece << " in " << text;
    EXPECT_EQ(parts.error, whole.error) << piece << " in " << text;
  }
  return whole;
}

TEST(HttpReader, ReadsTheFramingsOfHttp1) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  auto got = ReadAnyhow(head + "Content-Length: 5\r\nX-A:  b \r\n\r\nhello");
  EXPECT_EQ(got.next, Next::kDone);
  EXPECT_EQ(got.response.body, "hello");
  EXPECT_EQ(got.response.Header("x-a"), "b");
  EXPECT_EQ(got.response.http_version, "1.1");
  EXPECT_TRUE(got.keeps);
  got = ReadAnyhow(
      head + "Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nT: 1\r\n\r\n");
  EXPECT_EQ(got.next, Next::kDone);
  EXPECT_EQ(got.response.body, "hello");
  EXPECT_TRUE(got.keeps);
  got = ReadAnyhow(head + "\r\nhello", true);
  EXPECT_EQ(got.next, Next::kDone);
  EXPECT_EQ(got.response.body, "hello");
  EXPECT_FALSE(got.keeps);
  got = ReadAnyhow("HTTP/1.0 200\nContent-Length: 2\n\nok");
  EXPECT_EQ(got.next, Next::kDone);
  EXPECT_FALSE(got.keeps) << "1.0 closes unless it says otherwise";
  EXPECT_TRUE(
      ReadIn("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 99).keeps);
  got = ReadAnyhow("HTTP/1.1 100 Continue\r\nA: 1\r\n\r\nHTTP/1.1 204 None\r\n\r\n");
  EXPECT_EQ(got.next, Next::kDone);
  EXPECT_EQ(got.response.status, 204);
  EXPECT_TRUE(got.response.headers.empty());
}

TEST(HttpReader, MoreThanTheAnswerIsNotKept) {
  const auto got = ReadIn("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK", 1'000);
  EXPECT_EQ(got.next, Next::kDone);
  EXPECT_EQ(got.response.body, "ok");
  EXPECT_FALSE(got.keeps);
  EXPECT_FALSE(
      ReadIn("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: a, Close\r\n\r\nok", 1'000)
          .keeps);
}

TEST(HttpReader, LeavesWhatIsUnusualToLibcurl) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  for (const std::string& text :
       {std::string("HTTP/2 200 OK\r\n"),
        std::string("HTTP/1.1 200OK\r\n"),
        std::string("HTTP/1.1 2000 OK\r\n"),
        std::string("HTTP/1.1 099 OK\r\n"),
        std::string("HTTP/1.1 101 Switching\r\n"),
        std::string("SSH-2.0-OpenSSH\r\n"),
        std::string("\r\n"),
        ok + " folded\r\n",
        ok + "no colon\r\n",
        ok + "a b: c\r\n",
        ok + "a : c\r\n",
        ok + ": c\r\n",
        ok + std::string("a: \0\r\n", 6),
        ok + "Content-Length: -1\r\n\r\n",
        ok + "Content-Length: 1a\r\n\r\n",
        ok + "Content-Length:\r\n\r\n",
        ok + "Content-Length: 99999999999999999999\r\n\r\n",
        ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ok + "Transfer-Encoding: gzip, chunked\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        std::string("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ok + "Content-Encoding: br\r\n\r\n",
        ok + "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n"}) {
    EXPECT_EQ(ReadAnyhow(text).next, Next::kElsewhere) << text;
  }
  const std::string redirect = "HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 2\r\n\r\nno";
  EXPECT_EQ(ReadAnyhow(redirect, false, 1).next, Next::kElsewhere);
  EXPECT_EQ(ReadAnyhow(redirect).response.body, "no");
}

TEST(HttpReader, WhatBreaksOffOrIsBrokenIsBad) {
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const auto bad = [](const std::string& text) {
    const auto got = ReadAnyhow(text, true);
    EXPECT_EQ(got.next, Next::kBad) << text;
    EXPECT_FALSE(got.keeps);
    return got.error;
  };
  EXPECT_EQ(bad("").message, "Empty reply from server");
  EXPECT_EQ(bad("HTTP/1.1").kind, base::ErrorKind::kUnavailable);
  EXPECT_EQ(bad(ok + "A: b\r\n").kind, base::ErrorKind::kUnavailable);
  EXPECT_EQ(bad(ok + "Content-Length: 5\r\n\r\nhel").message,
            "transfer closed with 2 bytes remaining to read");
  const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(bad(chunked + "3\r\nhel\r\n").kind, base::ErrorKind::kUnavailable);
  EXPECT_EQ(bad(chunked + "3\r\nhel\r\n0\r\n").kind, base::ErrorKind::kUnavailable);
  for (const char* text : {"x\r\n", "-1\r\n", "\r\n", "3\r\nhello\r\n", "1000000000000000\r\n",
                           "3 3\r\n", "0x3\r\n"}) {
    EXPECT_EQ(bad(chunked + text).kind, base::ErrorKind::kInvalid) << text;
  }
  EXPECT_EQ(bad(chunked + "3;" + std::string(2'000, 'a')).kind, base::ErrorKind::kInvalid);
  EXPECT_EQ(ReadIn(ok + std::string(300'000, 'a'), 1'000).error.message, kHeadersBad);
}

TEST(HttpReader, ManyTrailersAreCutOff) {
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 2'000; ++i) {
    text += "A: b\r\n";
  }
  EXPECT_EQ(ReadIn(text, 1'000).error.message, kHeadersBad);
}

TEST(HttpReader, MutilatedAnswersAreReadToSomeEnd) {
  std::mt19937 random(7);
  const std::string good =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
      "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
  for (int i = 0; i < 20'000; ++i) {
    auto text = good;
    for (int n = 0; n < 3; ++n) {
      const auto at = random() % text.size();
      if (random() % 3 == 0) {
        text.erase(at, 1 + random() % 8);
      } else {
        text[at] = static_cast<char>(random() % 256);
      }
    }
    EXPECT_NE(ReadIn(text, 1 + random() % 60, true).next, Next::kMore);
  }
}

}  // namespace
}  // namespace loop
