// Pieces made ahead, and their stream.
#include "api/answer_stream.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace api {
namespace {

constexpr std::size_t kAhead = 3;   // pieces that wait or are being made
constexpr std::size_t kMakers = 2;  // threads

}  // namespace

void StepBack() {
  [[maybe_unused]] static thread_local const bool kDone = [] {
    constexpr int kBehind = 5;
    const auto id = static_cast<id_t>(gettid());  // Linux takes a thread's number here
    const int policy = sched_getscheduler(0);
    sched_param real_time{};
    if ((policy == SCHED_RR || policy == SCHED_FIFO) && sched_getparam(0, &real_time) == 0) {
      real_time.sched_priority = std::max(1, real_time.sched_priority - 1);
      return sched_setscheduler(0, policy, &real_time) == 0;
    }
    return setpriority(PRIO_PROCESS, id, getpriority(PRIO_PROCESS, id) + kBehind) == 0;
  }();
}

AnswerPieces::AnswerPieces(std::unique_ptr<ValueWriter> writer, bool gzip)
    : writer_(std::move(writer)), gzip_(gzip ? std::make_unique<GzipStream>() : nullptr) {}

void AnswerPieces::Make(Lock& lock) {
  const std::size_t number = next_++;
  ++making_;
  lock.unlock();
  std::string text;
  std::exception_ptr error;
  try {
    text = writer_->Piece(number);
    if (gzip_) {
      text = gzip_->Write(text, number + 1 == writer_->pieces());
    }
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  --making_;
  if (error) {
    error_ = error;
  } else {
    ready_.emplace(number, std::move(text));
  }
  made_.notify_all();
}

void AnswerPieces::MakeAhead() {
  Lock lock(mutex_);
  if (!error_ && next_ < writer_->pieces() && next_ - taken_ < kAhead &&
      making_ < (gzip_ ? 1 : kMakers)) {
    Make(lock);
  }
}

std::optional<std::string> AnswerPieces::Ready() {
  const auto at = ready_.find(taken_);
  if (at == ready_.end()) {
    return std::nullopt;
  }
  auto out = std::move(at->second);
  ready_.erase(at);
  ++taken_;
  return out;
}

std::optional<std::string> AnswerPieces::Take() {
  Lock lock(mutex_);
  while (taken_ < writer_->pieces()) {
    if (auto piece = Ready()) {
      return piece;
    }
    if (error_) {
      std::rethrow_exception(error_);
    }
    if (next_ == taken_) {
      Make(lock);
    } else {
      made_.wait(lock);
    }
  }
  return std::nullopt;
}

std::optional<std::optional<std::string>> AnswerPieces::TryTake() {
  const Lock lock(mutex_);
  if (taken_ == writer_->pieces()) {
    return std::optional<std::string>();
  }
  if (auto piece = Ready()) {
    return std::optional<std::optional<std::string>>(std::in_place, std::move(piece));
  }
  return std::nullopt;
}

AnswerStream::AnswerStream(loop::Worker* worker, std::shared_ptr<AnswerPieces> pieces)
    : worker_(worker), pieces_(std::move(pieces)) {
  for (std::size_t i = 0; worker_ != nullptr && i < kMakers; ++i) {
    Post();
  }
}

void AnswerStream::Post() {
  worker_->Post([pieces = pieces_] {
    StepBack();
    pieces->MakeAhead();
  });
}

loop::Task<std::optional<std::string>> AnswerStream::Next() {
  if (worker_ == nullptr) {
    co_return pieces_->Take();
  }
  std::optional<std::string> piece;
  if (auto ready = pieces_->TryTake()) {
    piece = std::move(*ready);
  } else {
    piece = co_await worker_->Run([pieces = pieces_] {
      StepBack();
      return pieces->Take();
    });
  }
  if (piece) {
    Post();
  }
  co_return std::move(piece);
}

}  // namespace api
