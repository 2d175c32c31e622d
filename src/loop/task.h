// Task: the coroutine type of the whole program, and the timer on our own clock.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>

#include "base/clock.h"

namespace loop {

/// A coroutine on the loop. Cancelled tasks end by the exception boost::system::system_error with
/// operation_aborted at their next (or current) co_await.
template <class T = void>
using Task = boost::asio::awaitable<T>;

/// Asio's customisation point: how long to wait for a moment on base::SteadyClock. While the clock
/// is frozen a timer that is not due looks again after a millisecond, so that a test which moves
/// the clock wakes it.
struct FreezableWait {
  static base::Duration to_wait_duration(const base::Duration& d) {
    if (d <= base::Duration::zero()) {
      return base::Duration::zero();
    }
    return base::Clock::Frozen() ? base::Duration(std::chrono::milliseconds(1)) : d;
  }
  static base::Duration to_wait_duration(const base::Instant& t) {
    return to_wait_duration(t - base::Clock::Steady());
  }
};

using Timer = boost::asio::basic_waitable_timer<base::SteadyClock, FreezableWait>;

}  // namespace loop
