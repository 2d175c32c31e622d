// Agents for tests: a real snmpd on loopback, and a scripted one that answers whatever the test
// says.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace probe::snmp::testing {

/// A free UDP port of loopback, at this moment.
inline std::uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  ::bind(fd, reinterpret_cast<sockaddr*>(&at), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(fd);
  return ntohs(at.sin_port);
}

/// Debian's snmpd, from the system or as `tools/install` unpacks it; started with some users.
class Snmpd {
 public:
  Snmpd() {
    const std::vector<std::string> places = {
        std::string(RAKSA_SOURCE_DIR) + "/build/tools/snmpd/usr/sbin/snmpd", "/usr/sbin/snmpd"};
    for (const auto& place : places) {
      program_ = program_.empty() && ::access(place.c_str(), X_OK) == 0 ? place : program_;
    }
    if (program_.empty()) {
      return;
    }
    folder_ =
        std::filesystem::temp_directory_path() / ("raksa_snmpd_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    port_ = FreePort();
    std::ofstream(folder_ / "snmpd.conf")
        << "agentaddress udp:127.0.0.1:" << port_ << "\nrocommunity public\n"
        << "createUser sha SHA \"authpass1\" AES \"privpass1\"\nrouser sha authpriv\n"
        << "createUser sha256 SHA-256 \"authpass1\" AES-192 \"privpass1\"\nrouser sha256 authpriv\n"
        << "createUser sha512 SHA-512 \"authpass1\" AES-256 \"privpass1\"\nrouser sha512 authpriv\n"
        << "createUser nopriv SHA-224 \"authpass1\"\nrouser nopriv auth\n"
        << "disk / 1%\n";
    const std::string state = "SNMP_PERSISTENT_DIR=" + (folder_ / "state").string();
    const std::string conf = (folder_ / "snmpd.conf").string();
    char* argv[] = {program_.data(),
                    const_cast<char*>("-f"),
                    const_cast<char*>("-Ln"),
                    const_cast<char*>("-C"),
                    const_cast<char*>("-c"),
                    const_cast<char*>(conf.c_str()),
                    nullptr};
    char* env[] = {const_cast<char*>(state.c_str()), const_cast<char*>("MIBS="), nullptr};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    if (::posix_spawn(&pid_, program_.c_str(), &files, nullptr, argv, env) != 0) {
      pid_ = -1;
    }
    posix_spawn_file_actions_destroy(&files);
  }
  ~Snmpd() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (!folder_.empty()) {
      std::filesystem::remove_all(folder_);
    }
  }
  Snmpd(const Snmpd&) = delete;
  Snmpd& operator=(const Snmpd&) = delete;
  [[nodiscard]] bool there() const { return pid_ > 0; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  std::string program_;
  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

using Packet = std::vector<std::uint8_t>;

/// Answers each datagram with what `answer` makes of it, as often as it says.
class Scripted {
 public:
  explicit Scripted(std::function<std::vector<Packet>(const Packet&)> answer)
      : answer_(std::move(answer)), fd_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&at), size);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Scripted() {
    stopping_ = true;
    thread_.join();
    ::close(fd_);
  }
  Scripted(const Scripted&) = delete;
  Scripted& operator=(const Scripted&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int received() const { return received_; }

 private:
  void Serve() {
    while (!stopping_) {
      pollfd ready{fd_, POLLIN, 0};
      if (::poll(&ready, 1, 20) != 1) {
        continue;
      }
      Packet packet(65'536);
      sockaddr_in from{};
      socklen_t size = sizeof(from);
      const auto got = ::recvfrom(fd_, packet.data(), packet.size(), 0,
                                  reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) {
        continue;
      }
      ++received_;
      packet.resize(static_cast<std::size_t>(got));
      for (const auto& out : answer_(packet)) {
        ::sendto(fd_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
      }
    }
  }

  std::function<std::vector<Packet>(const Packet&)> answer_;
  int fd_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> received_{0};
  std::thread thread_;
};

}  // namespace probe::snmp::testing
