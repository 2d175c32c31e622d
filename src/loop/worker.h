// Worker: named threads for what blocks (SQLite, net-snmp, name look-ups, long queries); results
// hop back to the loop.
#pragma once

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "loop/loop.h"

namespace loop {

/// Threads that run functions in the order given (with one thread: strictly one after another).
class Worker {
 public:
  /// `name` is the threads' name (at most 15 characters show in ps).
  Worker(Loop& loop, std::string name, int threads = 1);
  /// Runs what is queued to its end, then joins.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Queues `fn`; from any thread. It must not throw.
  void Post(std::function<void()> fn);

  /// Runs `fn` on a thread of this worker and gives its value (or throws its exception) on the
  /// loop. When the caller is cancelled it goes on at once; `fn` still runs to its end, so it must
  /// own what it touches.
  template <class F>
  Task<std::invoke_result_t<F>> Run(F fn);

  /// Functions that wait or run now.
  [[nodiscard]] std::size_t backlog() const;

 private:
  void Main();

  Loop& loop_;
  std::string name_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::size_t busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

namespace internal {
template <class R>
struct WorkerCall {
  explicit WorkerCall(Loop& loop) : done(loop) {}
  Event done;
  bool finished = false;
  std::optional<R> value;
  std::exception_ptr error;
};
struct WorkerVoid {};
}  // namespace internal

template <class F>
Task<std::invoke_result_t<F>> Worker::Run(F fn) {
  using R = std::invoke_result_t<F>;
  using Kept = std::conditional_t<std::is_void_v<R>, internal::WorkerVoid, R>;
  auto call = std::make_shared<internal::WorkerCall<Kept>>(loop_);
  auto* loop = &loop_;
  std::function<void()> job = [call, loop, work = std::make_shared<F>(std::move(fn))]() mutable {
    try {
      if constexpr (std::is_void_v<R>) {
        (*work)();
        call->value.emplace();
      } else {
        call->value.emplace((*work)());
      }
    } catch (...) {
      call->error = std::current_exception();
    }
    work.reset();
    loop->Post([call] {
      call->finished = true;
      call->done.Notify();
    });
  };
  Post(std::move(job));
  while (!call->finished) {
    co_await call->done.Wait();
  }
  if (call->error) {
    std::rethrow_exception(call->error);
  }
  if constexpr (!std::is_void_v<R>) {
    co_return std::move(*call->value);
  }
}

}  // namespace loop
