// A small HTTP server on loopback for the notify tests: it records requests and answers by script.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace notify::testing {

struct Seen {
  std::string line;                            ///< "POST /v2/bot/message/push HTTP/1.1"
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// What to answer; with status 0 the connection is closed without an answer, with -1 nothing is
/// ever sent.
struct Answer {
  int status = 200;
  std::string body = "{}";
  std::string headers = "";  ///< "Retry-After: 3\r\n"
};

/// Serves one connection after another on a thread of its own until it goes away. Requests beyond
/// the script get 200.
class Server {
 public:
  Server();
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  void Script(std::deque<Answer> answers);
  [[nodiscard]] std::vector<Seen> seen() const;
  [[nodiscard]] std::string url() const;

 private:
  void Serve();
  void Handle(int fd);
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::deque<Answer> script_;
  std::vector<Seen> seen_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace notify::testing
