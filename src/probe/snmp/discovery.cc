// The discovery message by hand: a dozen BER fields out, and as many read back with every length
// checked (RFC 3412 6, RFC 3414 2.4, X.690 8.1).
#include "probe/snmp/discovery.h"

#include <sys/random.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "probe/common.h"

namespace probe::snmp {
namespace {

namespace asio = boost::asio;
using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kOctets = 0x04;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kGetRequest = 0xA0;
constexpr std::uint8_t kReport = 0xA8;

/// Tag, length (short form: every part here is below 128 bytes) and content.
Bytes Tlv(std::uint8_t tag, const Bytes& content) {
  Bytes out = {tag, static_cast<std::uint8_t>(content.size())};
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

Bytes Integer(std::uint32_t value) {
  return Tlv(kInteger,
             {static_cast<std::uint8_t>(value >> 24U), static_cast<std::uint8_t>(value >> 16U),
              static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)});
}

Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const auto& part : parts) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

/// Reads BER from the front of a span.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> data) : data_(data) {}

  std::optional<std::span<const std::uint8_t>> Take(std::uint8_t tag) {
    if (data_.size() < 2 || data_[0] != tag) {
      return std::nullopt;
    }
    std::size_t length = data_[1];
    std::size_t head = 2;
    if (length >= 0x80) {
      const std::size_t count = length & 0x7FU;
      if (count < 1 || count > 3 || data_.size() < 2 + count) {
        return std::nullopt;
      }
      length = 0;
      for (std::size_t i = 0; i < count; ++i) {
        length = (length << 8U) | data_[2 + i];
      }
      head += count;
    }
    if (data_.size() - head < length) {
      return std::nullopt;
    }
    const auto content = data_.subspan(head, length);
    data_ = data_.subspan(head + length);
    return content;
  }

  /// An integer from 0 to 2^31 - 1, the range of every field here.
  std::optional<std::uint32_t> TakeInteger() {
    const auto content = Take(kInteger);
    if (!content || content->empty() || content->size() > 5) {
      return std::nullopt;
    }
    std::uint64_t value = 0;
    for (const auto byte : *content) {
      value = (value << 8U) | byte;
    }
    if (((*content)[0] & 0x80U) != 0 || value > 0x7FFFFFFFU) {
      return std::nullopt;
    }
    return static_cast<std::uint32_t>(value);
  }

 private:
  std::span<const std::uint8_t> data_;
};

}  // namespace

Bytes DiscoveryRequest(std::uint32_t message_id) {
  const Bytes empty = Tlv(kOctets, {});
  const Bytes header = Tlv(
      kSequence, Joined({Integer(message_id), Integer(65'507), Tlv(kOctets, {0x04}), Integer(3)}));
  const Bytes security =
      Tlv(kOctets, Tlv(kSequence, Joined({empty, Integer(0), Integer(0), empty, empty, empty})));
  const Bytes pdu =
      Tlv(kGetRequest, Joined({Integer(message_id), Integer(0), Integer(0), Tlv(kSequence, {})}));
  const Bytes scoped = Tlv(kSequence, Joined({empty, empty, pdu}));
  return Tlv(kSequence, Joined({Integer(3), header, security, scoped}));
}

std::optional<Engine> ParseReport(std::span<const std::uint8_t> packet, std::uint32_t message_id) {
  Reader outer(packet);
  const auto message = outer.Take(kSequence);
  if (!message) {
    return std::nullopt;
  }
  Reader fields(*message);
  const auto version = fields.TakeInteger();
  const auto header = fields.Take(kSequence);
  const auto security = fields.Take(kOctets);
  const auto scoped = fields.Take(kSequence);
  if (version != 3U || !header || !security || !scoped ||
      Reader(*header).TakeInteger() != message_id) {
    return std::nullopt;
  }
  const auto parameters = Reader(*security).Take(kSequence);
  if (!parameters) {
    return std::nullopt;
  }
  Reader usm(*parameters);
  const auto id = usm.Take(kOctets);
  const auto boots = usm.TakeInteger();
  const auto time = usm.TakeInteger();
  Reader inner(*scoped);
  const bool report = inner.Take(kOctets) && inner.Take(kOctets) && inner.Take(kReport);
  if (!id || id->size() < 5 || id->size() > 32 || !boots || !time || !report) {
    return std::nullopt;
  }
  return Engine{Bytes(id->begin(), id->end()), *boots, *time};
}

loop::Task<base::Result<Engine>> Discover(loop::Loop* loop, asio::ip::address address,
                                          std::uint16_t port, base::Instant deadline,
                                          base::Duration resend) {
  const auto socket = std::make_shared<asio::ip::udp::socket>(loop->io());
  const asio::ip::udp::endpoint to(address, port);
  boost::system::error_code ec;
  socket->connect(to, ec);  // so that a refusal is heard and strangers are not
  std::uint32_t id = 0;
  static_cast<void>(::getrandom(&id, sizeof(id), 0));
  id &= 0x7FFFFFFFU;
  const auto request = DiscoveryRequest(id);
  loop::Timer timer(loop->io());
  base::Instant next = base::Clock::Steady();
  std::array<std::uint8_t, 2048> buffer;
  while (!ec && base::Clock::Steady() < deadline) {
    if (base::Clock::Steady() >= next) {
      socket->send(asio::buffer(request), 0, ec);
      next = base::Clock::Steady() + resend;
      if (ec) {
        break;
      }
    }
    timer.expires_at(std::min(next, deadline));
    timer.async_wait([socket](const boost::system::error_code& e) {
      if (!e) {
        socket->cancel();
      }
    });
    const auto size = co_await socket->async_receive(asio::buffer(buffer),
                                                     asio::redirect_error(asio::use_awaitable, ec));
    if (ec == asio::error::operation_aborted) {
      ec.clear();  // time to ask again (or our own end, which the next wait tells)
      continue;
    }
    timer.cancel();
    const auto engine = ParseReport(std::span(buffer.data(), size), id);
    if (!ec && engine) {
      co_return *engine;
    }
  }
  if (ec) {
    co_return base::Fail(base::ErrorKind::kUnavailable, Reason(ec));
  }
  co_return base::Fail(base::ErrorKind::kDeadline, "no answer to the engine discovery");
}

}  // namespace probe::snmp
