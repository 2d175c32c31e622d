// The test server: blocking sockets, one request a connection.
#include "notify/server_testing.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "base/text.h"

namespace notify::testing {

Server::Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    throw std::runtime_error("the test's server cannot listen");
  }
  port_ = ntohs(at.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

Server::~Server() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void Server::Script(std::deque<Answer> answers) {
  const std::scoped_lock lock(mutex_);
  script_ = std::move(answers);
}

std::vector<Seen> Server::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

std::string Server::url() const { return fmt::format("http://127.0.0.1:{}", port_); }

void Server::Serve() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) {
        if (fd >= 0) {
          ::close(fd);
        }
        return;
      }
    }
    if (fd >= 0) {
      Handle(fd);
      ::close(fd);
    }
  }
}

void Server::Handle(int fd) {
  std::string text;
  std::size_t body_at = std::string::npos;
  std::size_t want = 0;
  Seen seen;
  char buffer[65536];
  while (body_at == std::string::npos || text.size() < body_at + want) {
    const auto got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got <= 0) {
      return;
    }
    text.append(buffer, static_cast<std::size_t>(got));
    const auto end = text.find("\r\n\r\n");
    if (body_at != std::string::npos || end == std::string::npos) {
      continue;
    }
    body_at = end + 4;
    std::size_t at = text.find("\r\n");
    seen.line = text.substr(0, at);
    while (at < end) {
      const auto next = text.find("\r\n", at + 2);
      const auto line = text.substr(at + 2, next - at - 2);
      const auto colon = line.find(": ");
      const auto name = base::LowerCase(line.substr(0, colon));
      seen.headers[name] = colon == std::string::npos ? "" : line.substr(colon + 2);
      at = next;
    }
    want = seen.headers.contains("content-length")
               ? static_cast<std::size_t>(std::stoul(seen.headers["content-length"]))
               : 0;
  }
  seen.body = text.substr(body_at, want);
  Answer answer;
  {
    const std::scoped_lock lock(mutex_);
    seen_.push_back(seen);
    if (!script_.empty()) {
      answer = script_.front();
      script_.pop_front();
    }
  }
  if (answer.status < 0) {  // until the client has enough of it
    pollfd waiting{fd, POLLIN, 0};
    ::poll(&waiting, 1, 5000);
    return;
  }
  if (answer.status == 0) {
    return;
  }
  const auto out =
      fmt::format("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n{}\r\n{}",
                  answer.status, answer.body.size(), answer.headers, answer.body);
  (void)::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
}

}  // namespace notify::testing
