// Connections that stay known to the event loop, and the requests on them: one send, and what comes
// is read at once.
#include "loop/plain_client.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <set>

#include "loop/http_reader.h"
#include "loop/plain_pool.h"

namespace loop {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using RealClock = std::chrono::steady_clock;  // libcurl keeps real time, too

/// Reads in a row before others on the loop have their turn.
constexpr int kReadsInARow = 8;
constexpr std::size_t kMaxElsewhere = 1'000;

bool HasProxy() {
  static const bool has = [] {
    return std::ranges::any_of(std::array{"http_proxy", "all_proxy", "ALL_PROXY"},
                               [](const char* name) {
                                 const char* value = std::getenv(name);
                                 return value != nullptr && *value != '\0';
                               });
  }();
  return has;
}

double Seconds(RealClock::time_point from, RealClock::time_point to) {
  return from == RealClock::time_point{} || to < from
             ? 0
             : std::chrono::duration<double>(to - from).count();
}

error_code LastError() { return {errno, boost::system::system_category()}; }

}  // namespace

/// One request.
struct PlainClient::Job {
  Job(const HttpPlan* plan, const HttpTaker* t)
      : request(plan->request), route(*plan->route), taker(t) {
    Renew();
  }
  void Renew() { reader.emplace(&request, taker, &response); }

  const HttpRequest& request;
  const PlainRoute& route;
  const HttpTaker* taker;
  HttpResponse response;
  std::optional<HttpReader> reader;
  std::shared_ptr<PlainConnection<Job>> connection;
  std::size_t first_endpoint = 0;  ///< that is tried
  std::size_t tried = 0;           ///< of the endpoints
  std::size_t sent = 0;
  std::size_t received = 0;
  bool reused = false;
  RealClock::time_point begin;
  RealClock::time_point connected;
  RealClock::time_point asked;
  RealClock::time_point answered;
  RealClock::time_point due;                       ///< of what goes on now
  RealClock::time_point end;                       ///< of everything
  std::move_only_function<void(error_code)> wake;  ///< the task, when it waits
  asio::cancellation_slot slot;
  std::optional<HttpReader::Next> how;  ///< it ended
  base::Error error;                    ///< of kBad
};

/// Frames of Send share it, so it outlives the client while one is still being unwound.
struct PlainClient::State : std::enable_shared_from_this<State> {
  using Next = HttpReader::Next;
  using Connection = PlainConnection<Job>;
  using ConnectionPtr = std::shared_ptr<Connection>;

  explicit State(asio::io_context& i) : io(i), timer(i) {}

  // Requests.

  void Start(Job* job, base::Duration timeout) {
    jobs.insert(job);
    job->begin = RealClock::now();  // real time
    job->end = job->begin + std::chrono::ceil<std::chrono::milliseconds>(timeout);
    job->due = job->end;
    if (const auto connection = pool.Take(job->route.site, job->route.endpoints, job->begin)) {
      job->reused = true;
      Attach(job, connection);
      Write(job);
    } else {
      Connect(job);
    }
    SetTimer();
  }

  void Attach(Job* job, const ConnectionPtr& connection) {
    job->connection = connection;
    connection->job = job;
  }

  /// Closes the connection of a job that does not go on with it.
  static void Detach(Job* job) {
    if (const auto connection = std::exchange(job->connection, nullptr)) {
      connection->job = nullptr;
      connection->Close();
    }
  }

  /// Ends a job and, if its task waits, runs it: nothing of the job may be touched after.
  void Finish(Job* job, Next how, base::Error error = {}) {
    if (jobs.erase(job) == 0) {
      return;
    }
    job->how = how;
    job->error = std::move(error);
    if (job->connection) {
      job->response.remote_address = job->connection->address;
    }
    if (how == Next::kDone && job->reader->keeps() && job->sent == job->route.head.size()) {
      Keep(job);
    } else {
      Detach(job);
    }
    if (jobs.empty()) {
      timer.cancel();
      timer_due = RealClock::time_point::max();
    }
    if (job->wake) {
      job->slot.clear();
      const auto self = shared_from_this();
      std::exchange(job->wake, nullptr)(error_code());
    }
  }

  void Fail(Job* job, std::string_view what, const error_code& ec) {
    if (job->reused && job->received == 0) {  // it had been closed meanwhile
      Detach(job);
      job->reused = false;
      job->sent = 0;
      job->Renew();
      Connect(job);
      return;
    }
    Finish(job, Next::kBad,
           {base::ErrorKind::kUnavailable, fmt::format("{}: {}", what, ec.message())});
  }

  /// The task is cancelled or thrown away.
  void Drop(Job* job) {
    jobs.erase(job);
    Detach(job);
  }

  /// Wakes a waiting task soon, with an error: it may be in the midst of something now.
  void WakeLater(Job* job, const error_code& ec) {
    if (job->wake) {
      asio::post(io, [wake = std::exchange(job->wake, nullptr), slot = job->slot, ec]() mutable {
        slot.clear();
        std::move(wake)(ec);
      });
    }
  }

  // Connections.

  /// Keeps the connection of a job that is done.
  void Keep(Job* job) {
    const auto connection = std::exchange(job->connection, nullptr);
    connection->job = nullptr;
    connection->site = job->route.site;
    if (connection->buffer) {
      spare = std::move(connection->buffer);
    }
    pool.Put(connection, RealClock::now());  // real time
    Read(connection);
  }

  void Connect(Job* job) {
    const auto& endpoints = job->route.endpoints;
    if (job->tried == 0 && endpoints.size() > 1) {  // the one that was good goes first
      const auto good = std::ranges::find_if(endpoints, [&](const Tcp::endpoint& endpoint) {
        return good_endpoints.contains(endpoint);
      });
      job->first_endpoint = static_cast<std::size_t>(good - endpoints.begin()) % endpoints.size();
    }
    if (job->tried >= endpoints.size()) {
      Finish(job, Next::kBad, job->error);
      return;
    }
    const auto& endpoint = endpoints[(job->first_endpoint + job->tried++) % endpoints.size()];
    const auto connection = std::make_shared<Connection>(io, endpoint);
    const int fd = ::socket(endpoint.protocol().family(),
                            SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    error_code ec = fd < 0 ? LastError() : error_code();
    if (!ec) {
      connection->socket.assign(endpoint.protocol(), fd, ec);
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    if (ec) {
      Finish(job, Next::kBad, {base::ErrorKind::kUnavailable, "no socket: " + ec.message()});
      return;
    }
    Attach(job, connection);
    const auto now = RealClock::now();  // real time
    const auto left = static_cast<RealClock::rep>(endpoints.size() - job->tried + 1);
    job->due = now + (job->end - now) / left;
    SetTimer();
    connection->socket.async_connect(
        endpoint, [weak = weak_from_this(), connection](const error_code& failed) {
          const auto self = weak.lock();
          if (self && connection->job != nullptr && connection->socket.is_open()) {
            self->OnConnect(connection->job, failed);
          }
        });
  }

  void OnConnect(Job* job, const error_code& ec) {
    const auto connection = job->connection;
    const auto& endpoint = connection->endpoint;
    if (ec) {
      job->error = {base::ErrorKind::kUnavailable,
                    fmt::format("Failed to connect to {} port {}: {}", connection->address,
                                endpoint.port(), ec.message())};
      Detach(job);
      good_endpoints.erase(endpoint);
      Connect(job);
      return;
    }
    if (job->route.endpoints.size() > 1) {
      if (good_endpoints.size() >= kMaxElsewhere) {
        good_endpoints.clear();
      }
      good_endpoints.insert(endpoint);
    }
    connection->connected = true;
    job->connected = RealClock::now();  // real time
    job->due = job->end;
    Read(connection);
    Write(job);
  }

  // Bytes.

  void Write(Job* job) {
    auto& socket = job->connection->socket;
    const auto rest = std::string_view(job->route.head).substr(job->sent);
    const auto n =
        ::send(socket.native_handle(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      Fail(job, "Send failure", LastError());
      return;
    }
    job->sent += n > 0 ? static_cast<std::size_t>(n) : 0;
    job->asked = RealClock::now();  // real time
    if (job->sent < job->route.head.size()) {
      socket.async_wait(
          Tcp::socket::wait_write,
          [weak = weak_from_this(), connection = job->connection](const error_code& ec) {
            const auto self = weak.lock();
            if (self && !ec && connection->job != nullptr && connection->socket.is_open()) {
              self->Write(connection->job);
            }
          });
    }
  }

  void Read(const ConnectionPtr& connection) {
    const auto into =
        connection->buffer ? asio::buffer(*connection->buffer) : asio::buffer(connection->first);
    connection->socket.async_read_some(
        into, [weak = weak_from_this(), connection](const error_code& ec, std::size_t n) {
          const auto self = weak.lock();
          if (self && connection->socket.is_open()) {
            self->OnRead(connection, ec, n);
          }
        });
  }

  void OnRead(const ConnectionPtr& connection, const error_code& ec, std::size_t n) {
    Job* job = connection->job;
    if (job == nullptr) {
      pool.Forget(connection);  // it was closed, or said something
      return;
    }
    const bool first = connection->buffer == nullptr;
    const char* from = first ? connection->first.data() : connection->buffer->data();
    if (!Take(job, ec, {from, n})) {
      return;
    }
    if (first) {
      connection->buffer =
          spare ? std::move(spare) : std::make_unique_for_overwrite<Connection::Buffer>();
    }
    // What is there is read now. Nothing is lost when this stops early: Read() looks first.
    const std::size_t asked = first ? Connection::kFirst : Connection::kBuffer;
    bool more = n == asked;
    for (int i = 0; more && i < kReadsInARow; ++i) {
      const auto got = ::recv(connection->socket.native_handle(), connection->buffer->data(),
                              Connection::kBuffer, MSG_DONTWAIT);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        break;
      }
      const auto failed = got < 0    ? LastError()
                          : got == 0 ? error_code(asio::error::eof)
                                     : error_code();
      const auto bytes = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
      if (!Take(job, failed, {connection->buffer->data(), bytes})) {
        return;
      }
      more = bytes == Connection::kBuffer;
    }
    Read(connection);
  }

  /// True: the job goes on reading on this connection.
  bool Take(Job* job, const error_code& ec, std::string_view bytes) {
    if (ec && ec != asio::error::eof) {
      Fail(job, "Recv failure", ec);
      return false;
    }
    if (ec && job->received == 0 && job->reused) {
      Fail(job, "Recv failure", ec);
      return false;
    }
    if (job->received == 0) {
      job->answered = RealClock::now();  // real time
    }
    job->received += bytes.size();
    const auto next = ec ? job->reader->End() : job->reader->Feed(bytes);
    if (next == Next::kMore) {
      return true;
    }
    Finish(job, next, job->reader->error());
    return false;
  }

  // Time.

  /// One timer serves all; it is left alone when it is early enough.
  void SetTimer() {
    auto due = RealClock::time_point::max();
    for (const Job* job : jobs) {
      due = std::min(due, job->due);
    }
    if (due >= timer_due) {
      return;
    }
    timer_due = due;
    timer.expires_at(due);
    timer.async_wait([weak = weak_from_this()](const error_code& ec) {
      const auto self = weak.lock();
      if (!ec && self) {
        self->OnTimer();
      }
    });
  }

  void OnTimer() {
    timer_due = RealClock::time_point::max();
    const auto now = RealClock::now();  // real time
    std::vector<Job*> late;
    std::ranges::copy_if(jobs, std::back_inserter(late),
                         [now](const Job* job) { return job->due <= now; });
    for (Job* job : late) {
      if (!jobs.contains(job)) {
        continue;
      }
      const auto& endpoints = job->route.endpoints;
      if (job->connection && !job->connection->connected && job->tried < endpoints.size()) {
        Detach(job);
        Connect(job);
        continue;
      }
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - job->begin);
      Finish(job, Next::kBad,
             {base::ErrorKind::kDeadline,
              fmt::format("Operation timed out after {} milliseconds with {} bytes received",
                          ms.count(), job->received)});
    }
    SetTimer();
  }

  asio::io_context& io;
  asio::steady_timer timer;
  RealClock::time_point timer_due = RealClock::time_point::max();
  std::set<Job*> jobs;
  PlainPool<Job> pool;
  std::set<Tcp::endpoint> good_endpoints;  ///< of names that have several
  std::set<std::string> elsewhere;         ///< URLs whose answers only libcurl reads
  std::unique_ptr<Connection::Buffer> spare;
};

PlainClient::PlainClient(Loop& loop) : state_(std::make_shared<State>(loop.io())) {}

PlainClient::~PlainClient() {
  auto& state = *state_;
  for (Job* job : std::exchange(state.jobs, {})) {
    job->how = HttpReader::Next::kBad;
    job->error = {base::ErrorKind::kCancelled, "the HTTP client is shutting down"};
    State::Detach(job);
    state.WakeLater(job, {});
  }
  state.timer.cancel();
  state.pool.Clear();
}

bool PlainClient::Takes(const HttpPlan& plan) const {
  return plan.route && !HasProxy() && !state_->elsewhere.contains(plan.request.url);
}

Task<std::optional<base::Result<HttpResponse>>> PlainClient::Send(const HttpPlan* plan,
                                                                  base::Duration timeout,
                                                                  const HttpTaker* taker) {
  /// Takes the job out also when the task is cancelled or thrown away.
  struct Guard {
    std::shared_ptr<State> state;
    Job job;
    Guard(std::shared_ptr<State> s, const HttpPlan* p, const HttpTaker* t)
        : state(std::move(s)), job(p, t) {}
    ~Guard() { state->Drop(&job); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
  };
  const auto guard = std::make_unique<Guard>(state_, plan, taker);
  auto* state = guard->state.get();
  Job* job = &guard->job;
  state->Start(job, timeout);
  if (!job->how) {
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(error_code)>(
        [state, job](auto handler) {
          job->slot = asio::get_associated_cancellation_slot(handler);
          if (job->slot.is_connected()) {
            job->slot.assign([state, job](asio::cancellation_type) {
              state->WakeLater(job, asio::error::operation_aborted);
            });
          }
          job->wake = std::move(handler);
        },
        asio::use_awaitable);
  }
  if (*job->how == HttpReader::Next::kElsewhere) {
    if (state->elsewhere.size() >= kMaxElsewhere) {
      state->elsewhere.clear();
    }
    state->elsewhere.insert(plan->request.url);
    co_return std::nullopt;
  }
  if (*job->how == HttpReader::Next::kBad) {
    co_return base::Result<HttpResponse>(base::Fail(std::move(job->error)));
  }
  auto& out = job->response;
  const auto now = RealClock::now();  // real time
  out.final_url = plan->request.url;
  out.phases.connect = Seconds(job->begin, job->connected);
  out.phases.processing = Seconds(job->asked, job->answered);
  out.phases.transfer = Seconds(job->answered, now);
  out.total_seconds = Seconds(job->begin, now);
  co_return base::Result<HttpResponse>(std::move(out));
}

}  // namespace loop
