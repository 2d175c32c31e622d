// AnswerStream: a long answer, written (and compressed) piece by piece on the query threads.
#pragma once

#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/gzip.h"
#include "api/http.h"
#include "api/value_writer.h"
#include "loop/worker.h"

namespace api {

/// Makes the thread that it runs on (and those it starts) step back for the loop, whose probes must
/// not wait for a query; once a thread.
void StepBack();

/// The pieces of an answer in their order. A few are made ahead of the one that is sent, by two
/// threads at a time; with gzip by one, since each piece needs the one before. Thread-safe.
class AnswerPieces {
 public:
  AnswerPieces(std::unique_ptr<ValueWriter> writer, bool gzip);
  /// Makes the next piece that nobody has begun, unless enough are ready.
  void MakeAhead();
  /// The next piece, nullopt after the last. Makes it, or waits for it. Throws what making it
  /// threw.
  std::optional<std::string> Take();
  /// The same when it need not wait; else the outer nullopt.
  std::optional<std::optional<std::string>> TryTake();

 private:
  using Lock = std::unique_lock<std::mutex>;
  void Make(Lock& lock);
  std::optional<std::string> Ready();

  std::unique_ptr<ValueWriter> writer_;
  std::unique_ptr<GzipStream> gzip_;
  std::mutex mutex_;
  std::condition_variable made_;
  std::size_t next_ = 0;    ///< the first that nobody has begun
  std::size_t taken_ = 0;   ///< how many were taken
  std::size_t making_ = 0;  ///< how many are being made now
  std::map<std::size_t, std::string> ready_;
  std::exception_ptr error_;
};

/// Streams them. The pieces belong to whoever works on them, so that a client that goes away leaves
/// nothing dangling.
class AnswerStream final : public BodyStream {
 public:
  /// `worker` may be nullptr: they are made when they are wanted then. Else two jobs begin at once.
  AnswerStream(loop::Worker* worker, std::shared_ptr<AnswerPieces> pieces);
  loop::Task<std::optional<std::string>> Next() override;

 private:
  void Post();

  loop::Worker* worker_;
  std::shared_ptr<AnswerPieces> pieces_;
};

}  // namespace api
