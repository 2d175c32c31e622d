// The loop, scopes, events and sleeping.
#include "loop/loop.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>

#include "base/log.h"

namespace loop {
namespace {

namespace asio = boost::asio;

/// Whether an exception only says that its task was cancelled.
bool IsCancellation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

std::string Describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "unknown exception";
  }
}

}  // namespace

Loop::Loop() : io_(std::make_unique<asio::io_context>(1)) {}
Loop::~Loop() = default;

void Loop::Run() {
  const auto guard = asio::make_work_guard(*io_);
  io_->restart();
  io_->run();
  if (failure_) {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

void Loop::Stop() { io_->stop(); }

void Loop::Spawn(std::string name, Task<> task) {
  asio::co_spawn(*io_, std::move(task), [this, name = std::move(name)](std::exception_ptr error) {
    if (error && !IsCancellation(error)) {
      Fail(name, error);
    }
  });
}

void Loop::Fail(const std::string& name, std::exception_ptr error) {
  base::Log(base::Level::kError, "BUG: a task ended by an exception",
            {{"task", name}, {"err", Describe(error)}});
  if (!failure_) {
    failure_ = error;
  }
  Stop();
}

void Loop::Post(std::function<void()> fn) { asio::post(*io_, std::move(fn)); }

void Loop::Drain() {
  io_->restart();
  while (io_->poll() > 0) {
  }
  if (failure_) {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

bool Loop::RunUntil(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  const auto guard = asio::make_work_guard(*io_);
  using RealClock = std::chrono::steady_clock;  // it bounds a test, also one on frozen time
  const auto end = RealClock::now() + limit;
  io_->restart();
  while (!done()) {
    if (RealClock::now() >= end || failure_) {
      break;
    }
    io_->run_one_for(std::chrono::milliseconds(20));
    if (io_->stopped()) {
      io_->restart();
    }
  }
  if (failure_) {
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
  return done();
}

void Loop::RunToEnd(Task<> task) {
  bool ended = false;
  std::exception_ptr error;
  asio::co_spawn(*io_, std::move(task), [&](std::exception_ptr e) {
    ended = true;
    error = e;
  });
  const auto guard = asio::make_work_guard(*io_);
  io_->restart();
  while (!ended) {
    io_->run_one();
    if (io_->stopped()) {
      if (failure_) {
        std::rethrow_exception(std::exchange(failure_, nullptr));
      }
      io_->restart();
    }
  }
  if (error) {
    std::rethrow_exception(error);
  }
}

struct Scope::State {
  explicit State(Loop& l) : loop(l), idle(l) {}
  Loop& loop;
  std::list<asio::cancellation_signal> signals;
  Event idle;
};

Scope::Scope(Loop& loop) : state_(std::make_shared<State>(loop)) {}
Scope::~Scope() { Cancel(); }

void Scope::Spawn(std::string name, Task<> task) {
  auto state = state_;
  const auto at = state->signals.emplace(state->signals.end());
  asio::co_spawn(state->loop.io(), std::move(task),
                 asio::bind_cancellation_slot(
                     at->slot(), [state, at, name = std::move(name)](std::exception_ptr error) {
                       if (error && !IsCancellation(error)) {
                         state->loop.Fail(name, error);
                       }
                       // The signal may be emitting right now: it goes when the loop comes round
                       // again.
                       asio::post(state->loop.io(), [state, at] {
                         state->signals.erase(at);
                         if (state->signals.empty()) {
                           state->idle.Notify();
                         }
                       });
                     }));
}

void Scope::Cancel() {
  for (auto& signal : state_->signals) {
    signal.emit(asio::cancellation_type::terminal);
  }
}

Task<> Scope::Join() {
  auto state = state_;
  while (!state->signals.empty()) {
    co_await state->idle.Wait();
  }
}

std::size_t Scope::running() const { return state_->signals.size(); }

Event::Event(Loop& loop) : timer_(std::make_shared<Timer>(loop.io(), base::Instant::max())) {}

void Event::Notify() {
  ++count_;
  timer_->cancel();
}

Task<> Event::Wait() {
  const auto timer = timer_;
  boost::system::error_code ec;
  co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
}

Task<bool> Event::WaitFor(base::Duration limit) {
  // The limit's timer and the event's meet in one: who comes first cancels the wait.
  const auto timer = timer_;
  const auto before = count_;
  const auto executor = co_await asio::this_coro::executor;
  const auto expired = std::make_shared<bool>(false);
  Timer deadline(executor, base::Clock::Steady() + limit);
  deadline.async_wait([timer, expired](const boost::system::error_code& ec) {
    if (!ec) {
      *expired = true;
      timer->cancel();
    }
  });
  while (count_ == before && !*expired) {
    co_await Wait();
  }
  co_return count_ != before;
}

Task<> Sleep(base::Duration d) {
  const auto until = base::Clock::Steady() + d;
  co_await SleepUntil(until);
}

Task<> SleepUntil(base::Instant until) {
  const auto executor = co_await asio::this_coro::executor;
  Timer timer(executor, until);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace loop
