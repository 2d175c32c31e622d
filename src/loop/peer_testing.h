// A small server on loopback for tests: one thread a connection, each doing what the test says.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace loop::testing {

/// Accepts on 127.0.0.1 (or ::1) at a port of the system's choice until it goes out of scope; every
/// connection is served by `serve(fd)` on a thread of its own and closed when that returns.
class Peer {
 public:
  explicit Peer(std::function<void(int fd)> serve, int family = AF_INET)
      : serve_(std::move(serve)), listener_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage at{};
    socklen_t size = sizeof(sockaddr_in);
    if (family == AF_INET) {
      auto* in = reinterpret_cast<sockaddr_in*>(&at);
      in->sin_family = AF_INET;
      in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
      auto* in = reinterpret_cast<sockaddr_in6*>(&at);
      in->sin6_family = AF_INET6;
      in->sin6_addr = in6addr_loopback;
      size = sizeof(sockaddr_in6);
    }
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&at), size) != 0 ||
        ::listen(listener_, 128) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
      throw std::runtime_error("a test's server cannot listen on loopback");
    }
    port_ = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&at)->sin_port
                                    : reinterpret_cast<sockaddr_in6*>(&at)->sin6_port);
    thread_ = std::thread([this] { Accept(); });
  }
  ~Peer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    {
      const std::scoped_lock lock(mutex_);
      for (const int fd : open_) {
        ::shutdown(fd, SHUT_RDWR);
      }
    }
    for (auto& thread : serving_) {
      thread.join();
    }
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// Connections accepted so far.
  [[nodiscard]] int accepted() const { return accepted_; }
  /// "http://127.0.0.1:PORT" + path.
  [[nodiscard]] std::string Url(const std::string& path = "/",
                                const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port_) + path;
  }

 private:
  void Accept() {
    while (!stopping_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) {
        continue;
      }
      ++accepted_;
      const std::scoped_lock lock(mutex_);
      open_.push_back(fd);
      serving_.emplace_back([this, fd] {
        serve_(fd);
        const std::scoped_lock inner(mutex_);
        std::erase(open_, fd);
        ::close(fd);
      });
    }
  }

  std::function<void(int)> serve_;
  int listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::thread> serving_;
  std::thread thread_;
};

/// Writes everything; false when the other side has gone.
inline bool SendAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n <= 0) {
      return false;
    }
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Reads up to the empty line that ends an HTTP request's head.
inline std::string ReadHead(int fd) {
  std::string out;
  char c = 0;
  while (!out.ends_with("\r\n\r\n") && ::recv(fd, &c, 1, 0) == 1) {
    out += c;
  }
  return out;
}

/// Reads and drops until the other side closes.
inline void Linger(int fd) {
  char buffer[4096];
  while (::recv(fd, buffer, sizeof(buffer), 0) > 0) {
  }
}

/// Makes the close that follows a reset.
inline void ResetOnClose(int fd) {
  const linger hard{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

/// A whole HTTP/1.1 answer.
inline std::string HttpAnswer(int status, std::string_view body, std::string_view headers = "") {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers) +
         "\r\n" + std::string(body);
}

/// A self-signed certificate for 127.0.0.1 that ends `valid_seconds` from now (negative: it has
/// ended), and its TLS context.
class TlsIdentity {
 public:
  explicit TlsIdentity(long valid_seconds = 86'400) {
    key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    cert_ = X509_new();
    X509_set_version(cert_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert_), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert_), -172'800);
    X509_gmtime_adj(X509_getm_notAfter(cert_), valid_seconds);
    X509_set_pubkey(cert_, key_);
    X509_NAME* name = X509_get_subject_name(cert_);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("raksa test"), -1, -1, 0);
    X509_set_issuer_name(cert_, name);
    X509_EXTENSION* san =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(cert_, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(cert_, key_, EVP_sha256());
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context_, cert_);
    SSL_CTX_use_PrivateKey(context_, key_);
  }
  ~TlsIdentity() {
    SSL_CTX_free(context_);
    X509_free(cert_);
    EVP_PKEY_free(key_);
  }
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  /// Writes the certificate as PEM, for a client's `ca_file`.
  void WritePem(const std::string& path) const {
    BIO* out = BIO_new_file(path.c_str(), "w");
    PEM_write_bio_X509(out, cert_);
    BIO_free(out);
  }
  /// Does the handshake, reads one request's head and writes `answer`.
  void Serve(int fd, const std::string& answer) const {
    SSL* ssl = SSL_new(context_);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
      std::string head;
      char c = 0;
      while (!head.ends_with("\r\n\r\n") && SSL_read(ssl, &c, 1) == 1) {
        head += c;
      }
      SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
      SSL_shutdown(ssl);
    }
    SSL_free(ssl);
  }

 private:
  EVP_PKEY* key_ = nullptr;
  X509* cert_ = nullptr;
  SSL_CTX* context_ = nullptr;
};

}  // namespace loop::testing
