// Helpers of the room's tests: a server on its own thread, and a client that sends raw bytes.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <future>
#include <map>
#include <string>
#include <thread>

#include "api/api.h"
#include "api/events.h"
#include "api/server.h"
#include "api/session.h"
#include "base/text.h"
#include "loop/process.h"

namespace api {

/// An answer as a client sees it; header names in lower case.
struct Reply {
  int status = 0;  ///< 0: the connection ended without one
  std::map<std::string, std::string> headers;
  std::string body;
};

/// A blocking socket that sends whatever it is told.
class RawClient {
 public:
  explicit RawClient(const std::string& address) {
    if (address.starts_with("unix:")) {
      fd_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
      sockaddr_un to{};
      to.sun_family = AF_UNIX;
      address.copy(to.sun_path, sizeof to.sun_path - 1, 5);
      Connect(reinterpret_cast<sockaddr*>(&to), sizeof to);
      return;
    }
    const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    if (address.starts_with('[')) {
      fd_ = ::socket(AF_INET6, SOCK_STREAM, 0);
      sockaddr_in6 to{};
      to.sin6_family = AF_INET6;
      to.sin6_port = htons(port);
      to.sin6_addr = in6addr_loopback;
      Connect(reinterpret_cast<sockaddr*>(&to), sizeof to);
    } else {
      fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port = htons(port);
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      Connect(reinterpret_cast<sockaddr*>(&to), sizeof to);
    }
  }
  ~RawClient() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }

  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) {
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Waits until the text holds `what` (from the bytes not consumed yet), or 3 s.
  bool WaitFor(std::string_view what) {
    while (!buffer_.contains(what)) {
      if (!More()) {
        return false;
      }
    }
    return true;
  }
  std::string Take() { return std::exchange(buffer_, {}); }
  /// True when the server closes within `ms` milliseconds.
  bool ClosedWithin(int ms) {
    const auto until = base::Clock::Steady() + std::chrono::milliseconds(ms);
    while (base::Clock::Steady() < until) {
      if (!More(50) && eof_) {
        return true;
      }
    }
    return eof_;
  }

  /// Reads one whole answer.
  Reply Read(bool head = false) {
    Reply out;
    if (!WaitFor("\r\n\r\n")) {
      return out;
    }
    const auto end = buffer_.find("\r\n\r\n");
    const auto text = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    out.status = std::stoi(text.substr(9, 3));
    for (std::size_t at = text.find("\r\n") + 2; at < text.size();) {
      const auto line_end = text.find("\r\n", at);
      const auto line = text.substr(at, line_end - at);
      at = line_end + 2;
      out.headers[base::LowerCase(line.substr(0, line.find(':')))] =
          line.substr(line.find(':') + 2);
    }
    if (head || out.status == 304 || out.status == 204) {
      return out;
    }
    if (out.headers.contains("content-length")) {
      const auto size = static_cast<std::size_t>(std::stoul(out.headers["content-length"]));
      while (buffer_.size() < size && More()) {
      }
      out.body = buffer_.substr(0, size);
      buffer_.erase(0, size);
    } else if (out.headers["transfer-encoding"] == "chunked") {
      ReadChunks(out.body);
    } else {
      while (More()) {
      }
      out.body = Take();
    }
    return out;
  }

 private:
  void Connect(const sockaddr* to, socklen_t size) { connected_ = ::connect(fd_, to, size) == 0; }
  bool More(int ms = 3000) {
    pollfd poll_fd{fd_, POLLIN, 0};
    if (::poll(&poll_fd, 1, ms) <= 0) {
      return false;
    }
    char data[65536];
    const auto got = ::recv(fd_, data, sizeof data, 0);
    if (got <= 0) {
      eof_ = true;
      return false;
    }
    buffer_.append(data, static_cast<std::size_t>(got));
    return true;
  }
  void ReadChunks(std::string& body) {
    while (WaitFor("\r\n")) {
      const auto line = buffer_.substr(0, buffer_.find("\r\n"));
      std::size_t size = 0;
      std::from_chars(line.data(), line.data() + line.size(), size, 16);
      while (buffer_.size() < line.size() + 4 + size && More()) {
      }
      body += buffer_.substr(line.size() + 2, size);
      buffer_.erase(0, line.size() + 4 + size);
      if (size == 0) {
        return;
      }
    }
  }

  int fd_ = -1;
  bool connected_ = false;
  bool eof_ = false;
  std::string buffer_;
};

/// Runs a program with some input; its outputs one after the other, and its exit status.
struct Ran {
  int status = -1;
  std::string said;
};
inline Ran RunTool(std::vector<std::string> argv, std::string input = "") {
  loop::Loop loop;
  loop::ProcessOptions options;
  options.input = std::move(input);
  auto result = loop.RunTask(loop::RunProcess(std::move(argv), std::move(options)));
  return result ? Ran{result->exit_status, result->out + result->err} : Ran{};
}

/// A server on a thread of its own, with `sources` behind every route.
class TestServer {
 public:
  explicit TestServer(ServerOptions options = {}, std::shared_ptr<Sources> sources = {})
      : sources_(sources ? std::move(sources) : std::make_shared<Sources>()),
        events_(loop_, "9.9", limits) {
    if (options.listen.empty()) {
      options.listen = {"127.0.0.1:0"};
    }
    sources_->events = &events_;
    worker_.emplace(loop_, "test", 2);
    sources_->worker = &*worker_;
    sources_->sessions = std::make_shared<Sessions>(sessions);
    options.auth.sessions = sources_->sessions;
    server_.emplace(loop_, std::move(options), MakeRouter(sources_));
    started = server_->Start();
    thread_ = std::thread([this] { loop_.Run(); });
  }
  ~TestServer() {
    On([this] { events_.Close(); });
    std::promise<void> done;
    loop_.Post([&] { loop_.Spawn("stop", StopAll(&*server_, &loop_, &done)); });
    thread_.join();
    worker_.reset();
    loop_.Drain();
    server_.reset();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  /// Runs `fn` on the loop and waits for it.
  void On(std::function<void()> fn) {
    std::promise<void> done;
    loop_.Post([&] {
      fn();
      done.set_value();
    });
    done.get_future().wait();
  }
  std::string address(std::size_t i = 0) { return server_->addresses().at(i); }
  EventHub& events() { return events_; }
  Server& server() { return *server_; }
  ServerStats stats() {
    ServerStats out;
    On([&] { out = server_->stats(); });
    return out;
  }

  /// One request on a connection of its own. `headers` are whole lines with their ends.
  Reply Ask(const std::string& method, const std::string& target, const std::string& headers = "",
            const std::string& body = "") {
    RawClient client(address());
    client.Send(method + " " + target + " HTTP/1.1\r\n" +
                (headers.contains("Host:") ? "" : "Host: localhost\r\n") + headers +
                (body.empty() ? "" : fmt::format("Content-Length: {}\r\n", body.size())) + "\r\n" +
                body);
    return client.Read(method == "HEAD");
  }
  Reply Get(const std::string& target, const std::string& headers = "") {
    return Ask("GET", target, headers);
  }

  base::Result<> started;
  static inline EventHub::Limits limits = {};
  static inline Sessions::Limits sessions = {};

 private:
  static loop::Task<> StopAll(Server* server, loop::Loop* loop, std::promise<void>*) {
    co_await server->Stop(std::chrono::milliseconds(200));
    loop->Stop();
  }

  loop::Loop loop_;
  std::shared_ptr<Sources> sources_;
  EventHub events_;
  std::optional<loop::Worker> worker_;
  std::optional<Server> server_;
  std::thread thread_;
};

}  // namespace api
