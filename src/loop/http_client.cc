// HTTP requests by libcurl's socket interface on the loop.
#include "loop/http_client.h"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "loop/http_transfer.h"
#include "loop/plain_client.h"

namespace loop {
namespace {

namespace asio = boost::asio;

/// Kept connections of all hosts together.
constexpr long kMaxKept = 32;

/// One file descriptor of curl's, lent to Asio between CURL_POLL_IN/OUT and CURL_POLL_REMOVE.
struct Watch {
  explicit Watch(asio::io_context& io) : descriptor(io) {}
  ~Watch() {
    if (descriptor.is_open()) {
      descriptor.release();
    }
  }
  asio::posix::stream_descriptor descriptor;
  int want = 0;
  bool reading = false;
  bool writing = false;
  bool removed = false;
};

}  // namespace

/// The multi handle, its timer, its descriptors and its transfers. Frames of Send share it, so it
/// outlives the client while one is still being unwound.
struct HttpClient::State : std::enable_shared_from_this<HttpClient::State> {
  explicit State(Loop& l) : loop(l), io(l.io()), plain(l), timer(l.io()) {}
  ~State() {
    if (multi != nullptr) {
      TheCurl().multi_cleanup(multi);
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// Made at the first need; libcurl has to be loaded.
  CURLM* Multi() {
    if (multi != nullptr) {
      return multi;
    }
    multi = TheCurl().multi_init();
    if (multi == nullptr) {
      throw std::bad_alloc();
    }
    TheCurl().multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &State::OnSocket);
    TheCurl().multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
    TheCurl().multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &State::OnTimer);
    TheCurl().multi_setopt(multi, CURLMOPT_TIMERDATA, this);
    TheCurl().multi_setopt(multi, CURLMOPT_MAXCONNECTS, kMaxKept);
    return multi;
  }

  // The two callbacks only note what curl wants; they never call curl.
  static int OnTimer(CURLM*, long ms, void* user) {
    static_cast<State*>(user)->SetTimer(ms);
    return 0;
  }
  static int OnSocket(CURL*, curl_socket_t fd, int what, void* user, void*) {
    static_cast<State*>(user)->SetWatch(fd, what);
    return 0;
  }

  /// Curl keeps real time itself, so this timer is not on the freezable clock.
  void SetTimer(long ms) {
    timer.cancel();
    if (ms < 0) {
      return;
    }
    timer.expires_after(std::chrono::milliseconds(ms));
    timer.async_wait([weak = weak_from_this()](const boost::system::error_code& ec) {
      const auto self = weak.lock();
      if (!ec && self) {
        self->Act(CURL_SOCKET_TIMEOUT, 0);
      }
    });
  }

  void SetWatch(int fd, int what) {
    const auto at = watches.find(fd);
    if (what == CURL_POLL_REMOVE) {
      if (at != watches.end()) {
        at->second->removed = true;
        at->second->descriptor.release();  // at once: curl may close it and the number be reused
        watches.erase(at);
      }
      return;
    }
    std::shared_ptr<Watch> watch;
    if (at != watches.end()) {
      watch = at->second;
    } else {
      watch = std::make_shared<Watch>(io);
      boost::system::error_code ec;
      watch->descriptor.assign(fd, ec);
      if (ec) {
        return;  // the transfer then ends at its time-out
      }
      watches.emplace(fd, watch);
    }
    watch->want = what;
    Arm(fd, watch);
  }

  void Arm(int fd, const std::shared_ptr<Watch>& watch) {
    if ((watch->want & CURL_POLL_IN) != 0 && !watch->reading) {
      watch->reading = true;
      watch->descriptor.async_wait(asio::posix::descriptor_base::wait_read,
                                   [weak = weak_from_this(), fd, watch](const auto& ec) {
                                     watch->reading = false;
                                     Ready(weak, fd, watch, CURL_CSELECT_IN, ec);
                                   });
    }
    if ((watch->want & CURL_POLL_OUT) != 0 && !watch->writing) {
      watch->writing = true;
      watch->descriptor.async_wait(asio::posix::descriptor_base::wait_write,
                                   [weak = weak_from_this(), fd, watch](const auto& ec) {
                                     watch->writing = false;
                                     Ready(weak, fd, watch, CURL_CSELECT_OUT, ec);
                                   });
    }
  }

  static void Ready(const std::weak_ptr<State>& weak, int fd, const std::shared_ptr<Watch>& watch,
                    int event, const boost::system::error_code& ec) {
    const auto self = weak.lock();
    if (ec || !self || watch->removed) {
      return;
    }
    // Curl may have lost interest since this wait began.
    const int poll = event == CURL_CSELECT_IN ? CURL_POLL_IN : CURL_POLL_OUT;
    if ((watch->want & poll) != 0) {
      self->Act(fd, event);
    }
    if (!watch->removed) {
      self->Arm(fd, watch);
    }
  }

  void Act(curl_socket_t fd, int event) {
    int running = 0;
    TheCurl().multi_socket_action(multi, fd, event, &running);
    int left = 0;
    while (const CURLMsg* message = TheCurl().multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) {
        continue;
      }
      char* user = nullptr;
      const CURLcode code = message->data.result;
      TheCurl().easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
      auto* transfer = reinterpret_cast<Transfer*>(user);
      transfer->code = code;
      Take(transfer);
    }
  }

  static Task<base::Result<HttpResponse>> Send(std::shared_ptr<State> state, HttpRequest request);

  /// Takes a transfer out of curl and wakes its task.
  void Take(Transfer* transfer) {
    if (transfers.erase(transfer) > 0) {
      TheCurl().multi_remove_handle(multi, transfer->easy);
      transfer->finished = true;
      transfer->done.Notify();
    }
  }

  Loop& loop;
  asio::io_context& io;
  std::optional<PlainClient> plain;  ///< until the client goes
  asio::steady_timer timer;
  CURLM* multi = nullptr;
  std::unordered_map<int, std::shared_ptr<Watch>> watches;
  std::set<Transfer*> transfers;
};

HttpClient::HttpClient(Loop& loop) : state_(std::make_shared<State>(loop)) {}

HttpClient::~HttpClient() {
  state_->plain.reset();
  while (!state_->transfers.empty()) {
    Transfer* transfer = *state_->transfers.begin();
    transfer->cancelled = true;
    state_->Take(transfer);
  }
}

/// By libcurl.
Task<base::Result<HttpResponse>> HttpClient::State::Send(std::shared_ptr<State> state,
                                                         HttpRequest request) {
  /// Takes the transfer out of curl also when the task is cancelled or thrown away.
  struct Guard {
    std::shared_ptr<State> state;
    Transfer transfer;
    Guard(std::shared_ptr<State> s, Loop& loop) : state(std::move(s)), transfer(loop) {}
    ~Guard() {
      if (state->transfers.erase(&transfer) > 0) {
        TheCurl().multi_remove_handle(state->multi, transfer.easy);
      }
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
  };
  if (const auto& loaded = LoadCurl(); !loaded) {
    co_return base::Fail(loaded.error());
  }
  const auto guard = std::make_unique<Guard>(state, state->loop);
  Transfer& transfer = guard->transfer;
  transfer.request = std::move(request);
  Prepare(transfer);
  const CURLMcode added = TheCurl().multi_add_handle(guard->state->Multi(), transfer.easy);
  if (added != CURLM_OK) {
    co_return base::Fail(base::ErrorKind::kInternal, TheCurl().multi_strerror(added));
  }
  guard->state->transfers.insert(&transfer);
  while (!transfer.finished) {
    co_await transfer.done.Wait();
  }
  co_return Conclude(transfer);
}

Task<base::Result<HttpResponse>> HttpClient::Send(HttpRequest request) {
  const auto timeout = request.timeout;
  auto on_body = std::move(request.on_body);
  return Send(Plan(std::move(request)), timeout, std::move(on_body));
}

std::shared_ptr<const HttpPlan> HttpClient::Plan(HttpRequest request) {
  auto out = std::make_shared<HttpPlan>();
  out->request = std::move(request);
  out->request.on_body = nullptr;
  out->faults = Faults(out->request);
  if (out->faults.empty()) {
    out->route = PlainRouteOf(out->request);
  }
  return out;
}

Task<base::Result<HttpResponse>> HttpClient::Send(std::shared_ptr<const HttpPlan> plan,
                                                  base::Duration timeout, HttpTaker on_body) {
  if (!plan->faults.empty()) {
    co_return base::Fail(base::ErrorKind::kInvalid, plan->faults);
  }
  if (timeout <= base::Duration::zero()) {
    co_return base::Fail(base::ErrorKind::kDeadline, "no time is left for the request");
  }
  const auto state = state_;
  if (state->plain->Takes(*plan)) {
    const auto begin = std::chrono::steady_clock::now();  // real time, as all of this
    auto got = co_await state->plain->Send(plan.get(), timeout, &on_body);
    if (got) {
      co_return std::move(*got);
    }
    timeout -= std::chrono::steady_clock::now() - begin;  // real time
    if (timeout <= base::Duration::zero() || !state->plain) {
      co_return base::Fail(base::ErrorKind::kDeadline, "no time was left to ask again");
    }
  }
  auto request = plan->request;
  request.timeout = timeout;
  request.on_body = std::move(on_body);
  auto by_curl = State::Send(state, std::move(request));
  co_return co_await std::move(by_curl);
}

}  // namespace loop
