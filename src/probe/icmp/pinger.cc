// ICMP echo over a datagram or raw socket. A reply belongs to a request when its sequence, its
// sender and sixteen random bytes of its payload say so; the kernel rewrites the id of datagram
// sockets (RFC 792, RFC 4443, icmp(7)).
#include "probe/icmp/pinger.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/text.h"

namespace probe::icmp {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kHeader = 8;
constexpr std::size_t kCookie = 16;
using Cookie = std::array<std::uint8_t, kCookie>;

std::string Sentence(int error) { return std::generic_category().message(error); }

std::uint16_t Checksum(const std::vector<std::uint8_t>& data) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < data.size(); i += 2) {
    sum += static_cast<std::uint32_t>(data[i]) << 8U;
    sum += i + 1 < data.size() ? data[i + 1] : 0U;
  }
  while ((sum >> 16U) != 0) {
    sum = (sum & 0xFFFFU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(~sum);
}

void Put16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8U);
  at[1] = static_cast<std::uint8_t>(value);
}
std::uint16_t Get16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>((at[0] << 8U) | at[1]);
}

/// What an ICMP error says, for a person.
std::string ErrorSentence(const sock_extended_err& error) {
  const auto text = Sentence(static_cast<int>(error.ee_errno));
  if (error.ee_origin == SO_EE_ORIGIN_ICMP && error.ee_type == ICMP_TIME_EXCEEDED) {
    return "time to live exceeded on the way";
  }
  if (error.ee_origin == SO_EE_ORIGIN_ICMP6 && error.ee_type == ICMP6_TIME_EXCEEDED) {
    return "hop limit exceeded on the way";
  }
  if (error.ee_origin == SO_EE_ORIGIN_ICMP && error.ee_type == ICMP_DEST_UNREACH &&
      (error.ee_code == ICMP_PKT_FILTERED || error.ee_code == ICMP_HOST_ANO)) {
    return "administratively prohibited";
  }
  std::string out = text;
  if (!out.empty()) {
    out[0] = base::LowerCase(out[0]);
  }
  return out;
}

asio::ip::address AddressOf(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    return asio::ip::address_v4(
        ntohl(reinterpret_cast<const sockaddr_in*>(&from)->sin_addr.s_addr));
  }
  if (from.ss_family == AF_INET6) {
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(&from)->sin6_addr,
                bytes.size());
    return asio::ip::address_v6(bytes);
  }
  return {};
}

/// Whether two addresses are the same but for the scope, which a reply may name differently.
bool SameAddress(const asio::ip::address& a, const asio::ip::address& b) {
  if (a.is_v6() && b.is_v6()) {
    return a.to_v6().to_bytes() == b.to_v6().to_bytes();
  }
  return a == b;
}

socklen_t FillAddress(const asio::ip::address& to, sockaddr_storage& out) {
  std::memset(&out, 0, sizeof(out));
  if (to.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&out);
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(to.to_v4().to_uint());
    return sizeof(sockaddr_in);
  }
  auto* in = reinterpret_cast<sockaddr_in6*>(&out);
  in->sin6_family = AF_INET6;
  const auto bytes = to.to_v6().to_bytes();
  std::memcpy(&in->sin6_addr, bytes.data(), bytes.size());
  in->sin6_scope_id = static_cast<std::uint32_t>(to.to_v6().scope_id());
  return sizeof(sockaddr_in6);
}

/// A raw socket sees the host's whole ICMP traffic unless told what to leave out.
void FilterRaw(int fd, bool v6) {
  if (v6) {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    ::setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
  } else {
    icmp_filter filter{};
    filter.data = ~(1U << ICMP_ECHOREPLY);
    ::setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));
  }
}

}  // namespace

/// A socket with its echoes on their way, by sequence.
struct Pinger::Socket {
  struct Waiting {
    Round* round = nullptr;
    std::size_t index = 0;
    Cookie cookie{};
  };
  explicit Socket(asio::io_context& io) : descriptor(io) {}

  /// The round's echo that this packet (from its ICMP header on) belongs to.
  Waiting* Match(const std::uint8_t* packet, std::size_t size, bool must_hold_cookie) {
    if (size < kHeader || (raw && Get16(packet + 4) != id)) {
      return nullptr;
    }
    const auto at = waiting.find(Get16(packet + 6));
    if (at == waiting.end()) {
      return nullptr;
    }
    const bool holds = size >= kHeader + kCookie;
    if (holds ? std::memcmp(packet + kHeader, at->second.cookie.data(), kCookie) != 0
              : must_hold_cookie) {
      return nullptr;
    }
    return &at->second;
  }

  asio::posix::stream_descriptor descriptor;
  bool v6 = false;
  bool raw = false;
  std::uint16_t id = 0;
  std::uint16_t next = 0;
  std::unordered_map<std::uint16_t, Waiting> waiting;
};

asio::execution_context::id Pinger::id;

Pinger::Pinger(asio::execution_context& context)
    : asio::execution_context::service(context), io_(static_cast<asio::io_context&>(context)) {
  // Asio's own services must exist before this one, so that they are shut down after it.
  const asio::posix::stream_descriptor probe(io_);
}
Pinger::~Pinger() = default;

void Pinger::shutdown() {
  v4_.reset();
  v6_.reset();
}

std::size_t Pinger::waiting() const {
  return (v4_ ? v4_->waiting.size() : 0) + (v6_ ? v6_->waiting.size() : 0);
}

base::Result<std::string> Pinger::Open(bool v6) {
  auto& slot = v6 ? v6_ : v4_;
  const auto name = [&] {
    return fmt::format("{} ICMPv{} socket", slot->raw ? "raw" : "unprivileged", v6 ? 6 : 4);
  };
  if (slot) {
    return name();
  }
  const int family = v6 ? AF_INET6 : AF_INET;
  const int protocol = v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  constexpr int kFlags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  int fd = ::socket(family, SOCK_DGRAM | kFlags, protocol);
  const int first = errno;
  const bool raw = fd < 0;
  if (raw) {
    fd = ::socket(family, SOCK_RAW | kFlags, protocol);
  }
  if (fd < 0) {
    const int second = errno;
    if (second != EPERM && second != EACCES) {
      return base::Fail(base::ErrorKind::kUnavailable,
                        fmt::format("no ICMPv{} socket: {}", v6 ? 6 : 4, Sentence(second)));
    }
    return base::Fail(
        base::ErrorKind::kDenied,
        fmt::format("pinging is not allowed here: unprivileged socket: {}; raw socket: {}. Either "
                    "put this process's group into the sysctl net.ipv4.ping_group_range, or give "
                    "it CAP_NET_RAW (systemd: AmbientCapabilities=CAP_NET_RAW)",
                    Sentence(first), Sentence(second)));
  }
  const int on = 1;
  const int buffer = 1 << 20;
  ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
  ::setsockopt(fd, v6 ? static_cast<int>(IPPROTO_IPV6) : static_cast<int>(IPPROTO_IP),
               v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof(on));
  if (raw) {
    FilterRaw(fd, v6);
  }
  slot = std::make_shared<Socket>(io_);
  slot->descriptor.assign(fd);
  slot->v6 = v6;
  slot->raw = raw;
  static_cast<void>(::getrandom(&slot->id, sizeof(slot->id), 0));
  static_cast<void>(::getrandom(&slot->next, sizeof(slot->next), 0));
  Listen(slot);
  return name();
}

void Pinger::Listen(const std::shared_ptr<Socket>& socket) {
  socket->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                [this, weak = std::weak_ptr<Socket>(socket)](const auto& ec) {
                                  const auto self = weak.lock();
                                  if (ec || !self) {
                                    return;
                                  }
                                  while (ReceiveError(*self)) {
                                  }
                                  Receive(*self);
                                  Listen(self);
                                });
}

void Pinger::Receive(Socket& socket) {
  std::array<std::uint8_t, 16'384> buffer;
  for (int i = 0; i < 1'000; ++i) {  // then the loop's other tasks have their turn
    sockaddr_storage from{};
    socklen_t from_size = sizeof(from);
    const auto got = ::recvfrom(socket.descriptor.native_handle(), buffer.data(), buffer.size(), 0,
                                reinterpret_cast<sockaddr*>(&from), &from_size);
    if (got < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR && ReceiveError(socket)) {
        continue;
      }
      return;
    }
    const std::uint8_t* packet = buffer.data();
    auto size = static_cast<std::size_t>(got);
    if (socket.raw && !socket.v6) {  // the IP header comes along
      const std::size_t header = size > 0 ? (packet[0] & 0x0FU) * 4U : 0;
      if (header < 20 || size < header) {
        continue;
      }
      packet += header;
      size -= header;
    }
    const int reply = socket.v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
    if (size < kHeader || packet[0] != reply) {
      continue;
    }
    Socket::Waiting* found = socket.Match(packet, size, true);
    if (found == nullptr || !SameAddress(AddressOf(from), found->round->to)) {
      continue;
    }
    Echo& echo = found->round->echoes[found->index];
    if (!echo.rtt) {
      echo.rtt = std::max(base::Duration::zero(), base::Clock::Steady() - echo.sent);
      echo.error.clear();
      found->round->progress.Notify();
    }
  }
}

bool Pinger::ReceiveError(Socket& socket) {
  std::array<std::uint8_t, 1'024> buffer;
  alignas(cmsghdr) std::array<char, 512> control;
  sockaddr_storage to{};
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof(to);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const auto got =
      ::recvmsg(socket.descriptor.native_handle(), &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  if (got < 0) {
    return false;
  }
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool mine = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                      (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
    if (!mine || c->cmsg_len < CMSG_LEN(sizeof(sock_extended_err))) {
      continue;
    }
    sock_extended_err error{};
    std::memcpy(&error, CMSG_DATA(c), sizeof(error));
    // A router need not quote more than the ICMP header, so the address decides then.
    Socket::Waiting* found = socket.Match(buffer.data(), static_cast<std::size_t>(got), false);
    if (found == nullptr || !SameAddress(AddressOf(to), found->round->to)) {
      continue;
    }
    Echo& echo = found->round->echoes[found->index];
    if (!echo.decided()) {
      echo.error = ErrorSentence(error);
      found->round->progress.Notify();
    }
  }
  return true;
}

void Pinger::Send(const std::shared_ptr<Round>& round, std::size_t index) {
  Echo& echo = round->echoes[index];
  echo.sent = base::Clock::Steady();
  const auto socket = round->to.is_v6() ? v6_ : v4_;
  if (!socket || socket->waiting.size() > 60'000) {
    echo.error = "too many pings are on their way";
    return;
  }
  while (socket->waiting.contains(socket->next)) {
    ++socket->next;
  }
  const std::uint16_t sequence = socket->next++;
  Cookie cookie;
  static_cast<void>(::getrandom(cookie.data(), cookie.size(), 0));
  std::vector<std::uint8_t> packet(kHeader + std::max(round->size, kCookie));
  packet[0] = socket->v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
  Put16(&packet[4], socket->id);
  Put16(&packet[6], sequence);
  std::copy(cookie.begin(), cookie.end(), packet.begin() + kHeader);
  if (!socket->v6) {  // the kernel does it for ICMPv6, which has the addresses in it
    Put16(&packet[2], Checksum(packet));
  }
  sockaddr_storage to{};
  const socklen_t size = FillAddress(round->to, to);
  round->socket_ = socket;
  round->sequences_.push_back(sequence);
  socket->waiting[sequence] = {round.get(), index, cookie};
  // An error that another host's packet left behind comes out of the next call: take it, try again.
  for (int i = 0; i < 16; ++i) {
    if (::sendto(socket->descriptor.native_handle(), packet.data(), packet.size(), 0,
                 reinterpret_cast<const sockaddr*>(&to), size) >= 0) {
      return;
    }
    const int error = errno;
    if (!ReceiveError(*socket) && error != EINTR) {
      std::string text = Sentence(error);
      text[0] = base::LowerCase(text[0]);
      echo.error = text;
      return;
    }
  }
}

Round::~Round() {
  const auto socket = socket_.lock();
  for (const auto sequence : sequences_) {
    if (socket) {
      socket->waiting.erase(sequence);
    }
  }
}

}  // namespace probe::icmp
