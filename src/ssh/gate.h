// Gate: lets only so many tasks through at a time.
#pragma once

#include <memory>

#include "loop/loop.h"

namespace ssh {

/// A counting semaphore for tasks of one loop, first come first served as far as the loop wakes
/// them so. Held by shared_ptr, so that a pass may outlive the gate's maker.
class Gate : public std::enable_shared_from_this<Gate> {
 public:
  Gate(loop::Loop& loop, int places) : freed_(loop), free_(places) {}

  /// A place taken; given back when it goes.
  class Pass {
   public:
    Pass() = default;
    explicit Pass(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
    Pass(Pass&&) = default;
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_) {
        ++gate_->free_;
        gate_->freed_.Notify();
      }
    }

   private:
    std::shared_ptr<Gate> gate_;
  };

  /// Waits for a place.
  loop::Task<Pass> Enter() {
    auto self = shared_from_this();
    while (free_ <= 0) {
      co_await freed_.Wait();
    }
    --free_;
    co_return Pass(std::move(self));
  }

 private:
  loop::Event freed_;
  int free_;
};

}  // namespace ssh
