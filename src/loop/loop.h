// Loop: the one thread that owns the state of all rooms; Scope, Event and Queue for the tasks on
// it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "loop/task.h"

namespace loop {

/// The event loop. Everything but Post() belongs to its thread.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Runs until Stop(). Throws what a task threw that nobody expected (after logging its name): the
  /// daemon ends.
  void Run();
  void Stop();
  /// Starts a task that lives as long as the loop. An exception from it (other than its
  /// cancellation) ends the daemon.
  void Spawn(std::string name, Task<> task);
  /// Runs `fn` on the loop's thread; from any thread.
  void Post(std::function<void()> fn);
  [[nodiscard]] boost::asio::io_context& io() { return *io_; }

  /// Runs what is ready now and returns (tests).
  void Drain();
  /// Runs until `done()` or until `limit` of real time has gone; tells whether it was done (tests,
  /// one-shot commands).
  bool RunUntil(const std::function<bool()>& done, std::chrono::milliseconds limit);
  /// Runs one task to its end and returns its value; rethrows its exception (tests, one-shot
  /// commands).
  template <class T>
  T RunTask(Task<T> task);

  /// Remembers an exception that nobody expected and stops the loop. Used by Scope.
  void Fail(const std::string& name, std::exception_ptr error);

 private:
  template <class T>
  static Task<> Keep(Task<T> task, std::shared_ptr<std::optional<T>> out);
  void RunToEnd(Task<> task);

  std::unique_ptr<boost::asio::io_context> io_;
  std::exception_ptr failure_;
};

/// Tasks that end together. Cancel() asks all to end; Join() waits for it. Its owner must Join
/// before what the tasks point to goes away; the destructor only cancels.
class Scope {
 public:
  explicit Scope(Loop& loop);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  /// Starts a task. Its exception (other than its cancellation) ends the daemon.
  void Spawn(std::string name, Task<> task);
  void Cancel();
  Task<> Join();
  [[nodiscard]] std::size_t running() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// Something that tasks wait for. Notify() wakes all that wait now.
class Event {
 public:
  explicit Event(Loop& loop);
  void Notify();
  /// Waits for the next Notify.
  Task<> Wait();
  /// The same, at most `limit`; false when the time was over.
  Task<bool> WaitFor(base::Duration limit);

 private:
  std::shared_ptr<Timer> timer_;
  std::uint64_t count_ = 0;
};

/// A queue between tasks of the loop. Pop waits; Push never does.
template <class T>
class Queue {
 public:
  explicit Queue(Loop& loop) : event_(loop) {}
  void Push(T item) {
    items_.push_back(std::move(item));
    event_.Notify();
  }
  Task<T> Pop() {
    while (items_.empty()) {
      co_await event_.Wait();
    }
    T item = std::move(items_.front());
    items_.pop_front();
    co_return item;
  }
  [[nodiscard]] std::size_t size() const { return items_.size(); }

 private:
  Event event_;
  std::deque<T> items_;
};

/// Waits for a span of (possibly frozen) time.
Task<> Sleep(base::Duration d);
/// Waits until a moment; returns at once when it is past.
Task<> SleepUntil(base::Instant until);

template <class T>
Task<> Loop::Keep(Task<T> task, std::shared_ptr<std::optional<T>> out) {
  T value = co_await std::move(task);
  out->emplace(std::move(value));
}

template <class T>
T Loop::RunTask(Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    RunToEnd(std::move(task));
  } else {
    auto out = std::make_shared<std::optional<T>>();
    RunToEnd(Keep<T>(std::move(task), out));
    return std::move(out->value());
  }
}

}  // namespace loop
