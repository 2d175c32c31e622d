// Outbound: every store that samples go out to.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "remote/sender.h"

namespace remote {

/// Belongs to the loop, but Put.
class Outbound {
 public:
  Outbound(loop::Loop& loop, loop::Worker& worker, loop::HttpClient& http);

  /// Takes these and no others: known names go on with their queues, new ones begin, the queues of
  /// those that are gone are removed. `dir` holds the queues.
  void Apply(const std::vector<WriteTo>& all, const std::string& dir);
  /// What is told of metrics from now on.
  void SetMetadata(const std::vector<Metadata>& metadata);
  /// Puts samples into every queue; from any thread.
  void Put(std::span<const model::Batch> batches, std::span<const model::TableBatch> tables = {});
  /// Ends all; what waits stays on disk.
  loop::Task<> Stop();
  [[nodiscard]] std::vector<SenderStats> stats() const;

 private:
  using Senders = std::vector<std::shared_ptr<Sender>>;
  [[nodiscard]] std::shared_ptr<const Senders> Current() const;
  void Set(Senders senders);
  static loop::Task<> Retire(std::shared_ptr<Sender> sender, std::string path);

  loop::Loop& loop_;
  loop::Worker& worker_;
  loop::HttpClient& http_;
  loop::Scope retired_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Senders> senders_ = std::make_shared<const Senders>();
};

}  // namespace remote
