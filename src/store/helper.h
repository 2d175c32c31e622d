// Helper: a second thread for the length of a long read; not for other rooms.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <system_error>
#include <thread>

namespace store {

// Runs a function on a thread of its own, which has the niceness and the signals of the one that
// starts it. At most one at a time for one `busy`.
class Helper {
 public:
  explicit Helper(std::atomic<bool>* busy) : busy_(*busy) {}
  ~Helper() { End(); }
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;

  // False when there is no such thread to be had; `work` does not run then.
  bool Start(std::function<void()> work) {
    if (thread_.joinable() || busy_.exchange(true)) {
      return false;
    }
    try {
      thread_ = std::thread([this, work = std::move(work)] {
        try {
          work();
        } catch (...) {
          error_ = std::current_exception();
        }
      });
    } catch (const std::system_error&) {
      busy_ = false;
      return false;
    }
    return true;
  }
  // Waits for its end; throws what it threw.
  void Join() {
    End();
    if (error_) {
      std::rethrow_exception(error_);
    }
  }

 private:
  void End() {
    if (thread_.joinable()) {
      thread_.join();
      busy_ = false;
    }
  }

  std::atomic<bool>& busy_;
  std::exception_ptr error_;
  std::thread thread_;
};

}  // namespace store
