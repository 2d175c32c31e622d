// Sender: brings samples to one other store by Prometheus's remote write (Remote-Write 1.0), from
// its queue on disk, in order for each series, until they arrive.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loop/http_client.h"
#include "loop/worker.h"
#include "model/labels.h"
#include "model/relabel.h"
#include "remote/endpoint.h"
#include "remote/queue.h"

namespace remote {

/// One entry of `remote_write:`.
struct WriteTo {
  std::string name;  ///< of the queue's file and in metrics
  Endpoint endpoint;
  model::Labels labels;                        ///< put into every series that has none of that name
  std::vector<model::RelabelRule> relabeling;  ///< of what goes out, labels put in already
  std::uint64_t queue_bytes = 512ULL << 20U;
  base::Duration queue_age = std::chrono::hours(24);
  base::Duration resend = std::chrono::seconds(10);  ///< QueueOptions::hold
  std::uint32_t batch = 2000;                        ///< samples of a request
  std::uint32_t shards = 4;                          ///< requests at the same time, at most
  base::Duration min_backoff = std::chrono::milliseconds(30);
  base::Duration max_backoff = std::chrono::seconds(5);
  base::Duration metadata = std::chrono::minutes(1);  ///< between sendings; 0 = never
  bool operator==(const WriteTo&) const = default;
};

/// For raksa_remote_write_*.
struct SenderStats {
  std::string name;
  std::string url;
  QueueStats queue;
  std::uint64_t sent = 0;      ///< samples that arrived
  std::uint64_t refused = 0;   ///< samples that the receiver did not want (4xx)
  std::uint64_t unwanted = 0;  ///< samples that relabeling dropped
  std::uint64_t known = 0;     ///< samples sent again that the receiver had already
  std::uint64_t requests = 0;  ///< that were answered with success
  std::uint64_t retries = 0;   ///< requests that have to be made again
  std::uint64_t bytes = 0;     ///< of bodies that arrived
  std::uint64_t metadata = 0;  ///< metrics whose metadata arrived
  std::size_t shards = 0;      ///< in use now
  std::string error;           ///< what the last try met; "" = it went well
};

/// What an answer means for the request.
enum class Verdict { kArrived, kAgain, kKnown, kRefused };
/// `again`: the request may have arrived before. 2xx arrived; 429, 5xx and no answer at all are
/// tried again; another status is final. A receiver that keeps order refuses as out of order or
/// duplicate what it has (Prometheus); of a request sent again that is as good as success.
Verdict Judge(const base::Result<loop::HttpResponse>& answer, bool again);
/// Retry-After in seconds (RFC 9110 10.2.3), at most 5 minutes; zero when there is none.
base::Duration RetryAfter(const loop::HttpResponse& answer);

/// Belongs to the loop, but Enqueue.
class Sender : public std::enable_shared_from_this<Sender> {
 public:
  Sender(loop::Loop& loop, loop::Worker& worker, loop::HttpClient& http);
  /// Opens the queue in `dir`. Errors: as Queue::Open.
  base::Result<> Open(WriteTo to, const std::string& dir);
  /// Takes other options of the same name.
  void Configure(WriteTo to);
  /// What is told of metrics from now on.
  void SetMetadata(std::vector<Metadata> metadata) { metadata_ = std::move(metadata); }
  /// Adds samples to the queue; from any thread. What the disk does not take is counted.
  void Enqueue(std::span<const model::Batch> batches, std::span<const model::TableBatch> tables);
  void Start();
  /// Ends its tasks; what waits stays in the queue.
  loop::Task<> Stop();
  [[nodiscard]] SenderStats stats() const;
  [[nodiscard]] const WriteTo& to() const { return to_; }

 private:
  struct Packed;
  struct Job;

  loop::Task<> Run();
  loop::Task<bool> Send(std::shared_ptr<Job> job);
  loop::Task<> Shard(std::shared_ptr<Job> job, std::size_t shard);
  loop::Task<> SendOne(std::shared_ptr<Job> job, Packed* packed);
  loop::Task<> SendMetadata();
  loop::Task<base::Result<loop::HttpResponse>> Post(std::string body);
  loop::Task<> LostTouch(std::shared_ptr<Job> job);
  [[nodiscard]] Cut NextCut() const;
  void Note(const base::Result<loop::HttpResponse>& answer, bool good);

  loop::Loop& loop_;
  loop::Worker& worker_;
  loop::HttpClient& http_;
  loop::Event work_;
  loop::Event done_;
  loop::Scope scope_;
  WriteTo to_;
  std::shared_ptr<Queue> queue_;
  std::atomic<bool> told_ = false;  ///< a wake-up is on its way to the loop
  std::vector<Metadata> metadata_;
  base::Instant metadata_due_{};
  base::Instant arrived_{};  ///< when the last request did
  std::size_t running_ = 0;
  SenderStats stats_;
  std::string logged_;
  std::string last_queue_error_;
};

}  // namespace remote
