// The threads behind Worker.
#include "loop/worker.h"

#include <pthread.h>
#include <signal.h>

namespace loop {

Worker::Worker(Loop& loop, std::string name, int threads) : loop_(loop), name_(std::move(name)) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Main(); });
  }
}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) {
    thread.join();
  }
}

void Worker::Post(std::function<void()> fn) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(fn));
  }
  wake_.notify_one();
}

std::size_t Worker::backlog() const {
  const std::lock_guard lock(mutex_);
  return queue_.size() + busy_;
}

void Worker::Main() {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the loop's
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) {
      return;
    }
    auto fn = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.unlock();
    fn();
    fn = nullptr;
    lock.lock();
    --busy_;
  }
}

}  // namespace loop
