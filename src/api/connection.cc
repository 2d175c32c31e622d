// Connection: Beast parses requests; answers are written by hand, since every byte of them is ours.
#include "api/connection.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_suffix.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "api/answer_head.h"
#include "api/gzip.h"
#include "base/log.h"
#include "base/text.h"

namespace api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::size_t kWorthGzip = 1400;  // one packet

/// Lower-case names, values trimmed by the parser. Nullopt when a header that may stand once stands
/// twice.
bool ReadHeaders(const Parser& parser, Request& request) {
  for (const auto& field : parser.get()) {
    auto name =
        base::LowerCase(std::string_view(field.name_string().data(), field.name_string().size()));
    const bool once = name == "host" || name == "authorization" || name == "content-type" ||
                      name == "origin" || name == "cookie" || name == "x-csrf-token";
    if (once && !request.Header(name).empty()) {
      return false;
    }
    request.headers.emplace_back(std::move(name),
                                 std::string(field.value().data(), field.value().size()));
  }
  return true;
}

int StatusOf(const error_code& ec) {
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
    return 431;
  }
  if (ec == http::error::body_limit) {
    return 413;
  }
  return 400;
}

/// Ends the watch for a client's hanging up.
struct Unwatch {
  Connection* connection;
  ~Unwatch() { connection->gone = nullptr; }
};

/// The talk with one client over a plain or a TLS stream.
template <class Stream>
class Talk {
 public:
  Talk(std::shared_ptr<ServerShared> shared, std::shared_ptr<Connection> connection, Stream& stream)
      : shared_(std::move(shared)),
        connection_(std::move(connection)),
        stream_(stream),
        buffer_(shared_->options.max_header + kPiece) {}

  loop::Task<> Run() {
    bool more = true;
    while (more && !shared_->stopping) {
      more = co_await One();
    }
    if (unread_) {
      co_await Drain();
    }
  }

 private:
  void Within(base::Duration limit) { connection_->deadline = base::Clock::Steady() + limit; }
  void Unbounded() { connection_->deadline = base::Instant::max(); }

  /// One request and its answer; false when the connection is to be closed.
  loop::Task<bool> One() {
    if (buffer_.size() == 0) {
      const bool came = co_await FirstBytes();
      if (!came) {
        co_return false;
      }
    }
    connection_->idle = false;
    Within(shared_->options.header_time);
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(shared_->options.max_header));
    parser.body_limit(shared_->options.max_body);
    error_code ec;
    co_await http::async_read_header(stream_, buffer_, parser,
                                     asio::redirect_error(asio::use_awaitable, ec));
    if (ec) {
      const bool again = co_await Broken(ec);
      co_return again;
    }
    Framing framing;
    framing.head = parser.get().method() == http::verb::head;
    framing.old = parser.get().version() < 11;
    framing.tls = connection_->tls;
    framing.keep_alive = parser.keep_alive() && !shared_->stopping;
    Request request;
    const Route* route = nullptr;
    auto refusal = Admit(parser, request, route);
    framing.gzip = AcceptsGzip(request.Header("accept-encoding"));
    if (refusal) {
      // Its body was not read; only a request without one leaves the stream at a known place.
      unread_ = !parser.is_done();
      framing.keep_alive = framing.keep_alive && parser.is_done();
      const bool again = co_await Send(std::move(*refusal), framing);
      co_return again;
    }
    const bool read = co_await ReadBody(parser, request);
    if (!read) {
      co_return false;
    }
    auto response = co_await Answer(route, std::move(request));
    const bool again = co_await Send(std::move(response), framing);
    co_return again;
  }

  loop::Task<bool> FirstBytes() {
    connection_->idle = true;
    Within(shared_->options.idle_time);
    error_code ec;
    const auto got = co_await stream_.async_read_some(
        buffer_.prepare(4096), asio::redirect_error(asio::use_awaitable, ec));
    if (ec || got == 0) {
      co_return false;
    }
    buffer_.commit(got);
    co_return true;
  }

  /// What is no HTTP gets a short answer and an end.
  loop::Task<bool> Broken(error_code ec) {
    const bool gone = ec == http::error::end_of_stream || ec == http::error::partial_message ||
                      ec.category() != http::make_error_code(http::error::bad_method).category();
    if (!gone) {
      ++shared_->stats.errors;
      unread_ = true;
      Framing framing;
      framing.tls = connection_->tls;
      co_await Send(Text(StatusOf(ec), "not a valid HTTP request: " + ec.message() + "\n"),
                    framing);
    }
    co_return false;
  }

  /// Reads for a moment what the client still sends: closing with unread bytes would make the
  /// system reset the connection, and the client might never see the answer.
  loop::Task<> Drain() {
    error_code ec;
    connection_->socket.shutdown(Connection::Socket::shutdown_send, ec);
    Within(std::chrono::seconds(1));
    std::size_t left = 1 << 20;
    std::string bin(kPiece, '\0');
    while (!ec && left > 0) {
      const auto got = co_await connection_->socket.async_read_some(
          asio::buffer(bin), asio::redirect_error(asio::use_awaitable, ec));
      left -= std::min(left, got);
    }
  }

  /// Fills in the request from its headers and finds its route; an answer when it is not admitted.
  std::optional<Response> Admit(Parser& parser, Request& request, const Route*& route) {
    const auto& message = parser.get();
    const bool head = message.method() == http::verb::head;
    request.method = head ? "GET" : std::string(message.method_string());
    request.target = std::string(message.target());
    request.peer = connection_->peer;
    request.tls = connection_->tls;
    if (!ReadHeaders(parser, request)) {
      return Text(400, "a header stands twice\n");
    }
    if (message.version() >= 11 && request.Header("host").empty()) {
      return Text(400, "the Host header is missing\n");
    }
    auto target = ParseTarget(request.target);
    if (!target) {
      return Error(request, 400, "bad_data", target.error().message);
    }
    request.path = std::move(target->path);
    request.query = std::move(target->query);
    auto match = shared_->router.Find(request.method, request.path);
    if (match.route == nullptr && match.allow.empty()) {
      return Error(request, 404, "not_found", "there is no such path");
    }
    if (match.route == nullptr) {
      auto out = Error(request, 405, "bad_data", "the method is not allowed here");
      out.headers.emplace_back("Allow", match.allow);
      return out;
    }
    const auto packing = request.Header("content-encoding");
    const bool plain = packing.empty() || packing == "identity";
    if (!plain && !(packing == "snappy" && match.route->snappy)) {
      return Error(request, 415, "bad_data", "Content-Encoding is not supported here");
    }
    route = match.route;
    request.captures = std::move(match.captures);
    return shared_->options.auth.Check(request, route->needs, connection_->trusted,
                                       connection_->unix_socket);
  }

  static Response Error(const Request& request, int status, std::string_view type,
                        const std::string& message) {
    return request.target.starts_with("/api/") ? JsonError(status, type, message)
                                               : Text(status, message + "\n");
  }

  /// Reads the body, and the form in it. False when the connection is over.
  loop::Task<bool> ReadBody(Parser& parser, Request& request) {
    error_code ec;
    Within(shared_->options.body_time);
    if (!parser.is_done()) {
      if (base::EqualIgnoringCase(request.Header("expect"), "100-continue")) {
        static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream_, asio::buffer(kContinue),
                                   asio::redirect_error(asio::use_awaitable, ec));
      }
      if (!ec) {
        co_await http::async_read(stream_, buffer_, parser,
                                  asio::redirect_error(asio::use_awaitable, ec));
      }
    }
    if (ec) {
      co_await Broken(ec);
      co_return false;
    }
    request.body = std::move(parser.get().body());
    co_return true;
  }

  loop::Task<Response> Answer(const Route* route, Request request) {
    Unbounded();
    const auto type = request.Header("content-type");
    if (base::LowerCase(type).starts_with("application/x-www-form-urlencoded")) {
      auto form = ParseForm(request.body);
      if (!form) {
        co_return Error(request, 400, "bad_data", form.error().In("form").message);
      }
      // The body's values come before the address's, as in Go's Request.Form.
      for (const auto& [name, value] : request.query.pairs()) {
        form->Add(name, value);
      }
      request.query = std::move(*form);
    }
    const auto path = request.path;
    std::string what;
    connection_->gone = request.gone = std::make_shared<std::atomic<bool>>(false);
    const Unwatch unwatch{connection_.get()};
    try {
      co_return co_await route->handler(std::move(request));
    } catch (const boost::system::system_error& error) {
      if (error.code() == asio::error::operation_aborted) {
        throw;
      }
      what = error.what();
    } catch (const std::exception& error) {
      what = error.what();
    }
    base::Log(base::Level::kError, "a request failed by a fault of ours",
              {{"path", path}, {"err", what}});
    co_return JsonError(500, "internal", "a fault of ours; the log has the particulars");
  }

  /// Sends a whole answer; false when the connection is to be closed.
  loop::Task<bool> Send(Response response, Framing framing) {
    ++shared_->stats.responses[std::clamp(response.status / 100, 0, 5)];
    framing.keep_alive = framing.keep_alive && !response.close;
    const bool bodiless = response.status == 204 || response.status == 304;
    const bool squeeze = framing.gzip && !response.gzipped && !response.live &&
                         Compressible(response.content_type) &&
                         (response.stream || response.body.size() >= kWorthGzip);
    if (response.stream || (squeeze && response.body.size() > kPiece)) {
      const bool again = co_await SendStream(std::move(response), framing, squeeze);
      co_return again;
    }
    if (squeeze) {
      response.body = Gzip(response.body);
    }
    auto out = WriteHead(response, framing, squeeze, response.body.size());
    if (framing.head || bodiless) {
      response.body.clear();
    }
    const bool sent = co_await Write(&out, {}, response.body);
    co_return sent&& framing.keep_alive;
  }

  /// Sends piece by piece: chunks, or until the end of the connection for HTTP/1.0.
  loop::Task<bool> SendStream(Response response, Framing framing, bool squeeze) {
    framing.keep_alive = framing.keep_alive && !framing.old;
    auto out = WriteHead(response, framing, squeeze, std::nullopt);
    bool sent = co_await Write(&out);
    if (framing.head || !sent) {
      co_return sent&& framing.keep_alive;
    }
    GzipStream gzip;
    std::size_t at = 0;
    while (sent) {
      std::optional<std::string> piece;
      Unbounded();
      if (response.stream) {
        piece = co_await response.stream->Next();
      } else if (at < response.body.size()) {
        piece = response.body.substr(at, kPiece);
        at += kPiece;
      }
      const bool last = !piece;
      const std::string data = squeeze             ? gzip.Write(piece.value_or(""), last)
                               : piece.has_value() ? std::move(*piece)
                                                   : std::string();
      std::string before;
      std::string_view after;
      if (!framing.old) {
        before = data.empty() ? "" : fmt::format("{:x}\r\n", data.size());
        after = data.empty() ? (last ? "0\r\n\r\n" : "") : (last ? "\r\n0\r\n\r\n" : "\r\n");
      }
      sent = co_await Write(&data, before, after);
      if (last) {
        break;
      }
    }
    co_return sent&& framing.keep_alive;
  }

  /// Sends `before`, the data and `after`; the limit of time begins anew after every kPiece bytes.
  loop::Task<bool> Write(const std::string* data, std::string_view before = {},
                         std::string_view after = {}) {
    const std::array all = {asio::buffer(before), asio::buffer(*data), asio::buffer(after)};
    boost::beast::buffers_suffix rest(all);
    for (std::size_t since = kPiece; asio::buffer_size(rest) > 0;) {
      if (since >= kPiece) {
        Within(shared_->options.write_time);
        since = 0;
      }
      error_code ec;
      const auto sent =
          co_await stream_.async_write_some(rest, asio::redirect_error(asio::use_awaitable, ec));
      if (ec) {
        co_return false;
      }
      rest.consume(sent);
      since += sent;
    }
    co_return true;
  }

  std::shared_ptr<ServerShared> shared_;
  std::shared_ptr<Connection> connection_;
  Stream& stream_;
  boost::beast::flat_buffer buffer_;
  bool unread_ = false;  ///< the client may still be sending what we did not want
};

}  // namespace

void Connection::Close() {
  error_code ec;
  socket.shutdown(Socket::shutdown_both, ec);
  socket.close(ec);
}

bool Connection::HungUp() {
  pollfd waiting{socket.native_handle(), POLLRDHUP, 0};
  return ::poll(&waiting, 1, 0) > 0 && (waiting.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

loop::Task<> ServeConnection(std::shared_ptr<ServerShared> shared,
                             std::shared_ptr<Connection> connection) {
  if (connection->tls) {
    asio::ssl::stream<Connection::Socket&> stream(connection->socket, *shared->tls);
    connection->deadline = base::Clock::Steady() + shared->options.header_time;
    error_code ec;
    co_await stream.async_handshake(asio::ssl::stream_base::server,
                                    asio::redirect_error(asio::use_awaitable, ec));
    if (ec) {
      ++shared->stats.errors;
    } else {
      Talk talk(shared, connection, stream);
      co_await talk.Run();
      connection->deadline = base::Clock::Steady() + std::chrono::seconds(1);
      co_await stream.async_shutdown(asio::redirect_error(asio::use_awaitable, ec));
    }
  } else {
    Talk talk(shared, connection, connection->socket);
    co_await talk.Run();
  }
  connection->Close();
}

}  // namespace api
