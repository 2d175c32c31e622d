// TestSshd: a real sshd on loopback with a host key and a user key of its own, for tests.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "model/target.h"

namespace ssh {

/// Starts `sshd -D` as the current user. As root it gets a mount namespace of its own with the user
/// `sshd` and /run/sshd, so that the machine need not have them.
class TestSshd {
 public:
  /// The sshd of openssh-server, installed or unpacked below build/tools; "" when there is none.
  static std::string Program() {
    for (const std::string& path :
         {std::string(RAKSA_SOURCE_DIR "/build/tools/openssh-server/usr/sbin/sshd"),
          std::string("/usr/sbin/sshd")}) {
      if (::access(path.c_str(), X_OK) == 0) {
        return path;
      }
    }
    return "";
  }

  TestSshd() {
    std::string pattern = "/tmp/raksa-sshd-XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
    NewHostKey();
    Sh("ssh-keygen -q -t ed25519 -N '' -C '' -f " + dir_ + "/id");
    Sh("cp " + dir_ + "/id.pub " + dir_ + "/authorized_keys");
  }
  ~TestSshd() {
    Stop();
    std::filesystem::remove_all(dir_);
  }
  TestSshd(const TestSshd&) = delete;
  TestSshd& operator=(const TestSshd&) = delete;

  void NewHostKey() {
    Sh("rm -f " + dir_ + "/host*; ssh-keygen -q -t ed25519 -N '' -C '' -f " + dir_ + "/host");
  }

  /// Starts on a free port of 127.0.0.1; false when it does not come up.
  bool Start(const std::string& more_config = "") {
    for (int i = 0; i < 5; ++i) {
      if (port_ == 0 || i > 0) {
        port_ = static_cast<std::uint16_t>(20000 + (::getpid() * 7 + Next() * 131) % 12000);
      }
      if (StartOnce(more_config)) {
        return true;
      }
      Stop();
    }
    return false;
  }
  /// Ends sshd and everybody logged in.
  void Stop() {
    if (pid_ > 0) {
      ::kill(-pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

  /// A target that logs in here.
  [[nodiscard]] model::Target Target() const {
    model::Target target;
    target.name = "here";
    target.address = "127.0.0.1";
    model::SshCredential ssh;
    ssh.name = "test";
    const char* user = std::getenv("USER");
    ssh.user = ::getuid() == 0 ? "root" : (user != nullptr ? user : "");
    ssh.port = port_;
    ssh.key_file = dir_ + "/id";
    ssh.known_hosts = dir_ + "/known_hosts";
    target.ssh = ssh;
    return target;
  }
  [[nodiscard]] const std::string& dir() const { return dir_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Runs a line of the test's own making in sh; its exit status.
  static int Sh(const std::string& line) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static int Next() {
    static int n = 0;
    return ++n;
  }

  bool StartOnce(const std::string& more_config) {
    std::ofstream config(dir_ + "/sshd_config");
    config << "Port " << port_ << "\nListenAddress 127.0.0.1\nHostKey " << dir_
           << "/host\nAuthorizedKeysFile " << dir_
           << "/authorized_keys\nPidFile none\nStrictModes no\nUsePAM no\n"
              "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
              "PermitRootLogin yes\nAcceptEnv LC_*\n"
           // What the user's own ~/.bashrc does and prints is no part of a test.
           << "SetEnv HOME=" << dir_ << "\n"
           << more_config;
    config.close();
    std::string run =
        "exec " + Program() + " -D -e -f " + dir_ + "/sshd_config 2>>" + dir_ + "/log";
    if (::getuid() == 0) {
      const std::string users = dir_ + "/passwd";
      Sh("cp /etc/passwd " + users + "; grep -q ^sshd: " + users +
         " || echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' >>" + users);
      run = "unshare -m --propagation private sh -c \"mount --bind " + users +
            " /etc/passwd && mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && " + run + "\"";
      run = "exec " + run;
    }
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::execl("/bin/sh", "sh", "-c", run.c_str(), nullptr);
      ::_exit(127);
    }
    ::setpgid(pid_, pid_);
    const std::string scan = "ssh-keyscan -t ed25519 -T 1 -p " + std::to_string(port_) +
                             " 127.0.0.1 2>/dev/null | grep -q ssh-ed25519";
    for (int i = 0; i < 60; ++i) {
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = -1;
        return false;
      }
      if (Sh(scan) == 0) {
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  std::string dir_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace ssh
