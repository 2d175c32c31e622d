// Grouping pushed samples into batches.
#include "remote/push.h"

#include <utility>

namespace remote {
namespace {

constexpr std::size_t kMaxTarget = 200;

std::string TargetOf(const model::Labels& labels) {
  const auto job = labels.Get("job");
  const auto instance = labels.Get("instance");
  if ((job.empty() && instance.empty()) || job.size() + instance.size() > kMaxTarget) {
    return ":push";
  }
  return ":push/" + std::string(job) + "/" + std::string(instance);
}

}  // namespace

std::vector<model::Batch> ToBatches(const WriteRequest& request) {
  std::vector<model::Batch> out;
  std::map<std::string, std::map<model::Timestamp, std::size_t>> at;
  for (const auto& series : request.series) {
    const auto target = TargetOf(*series.labels);
    auto& times = at[target];
    for (const auto& point : series.points) {
      const auto [found, fresh] = times.try_emplace(point.t, out.size());
      if (fresh) {
        out.push_back({target, point.t, {}});
      }
      out[found->second].samples.push_back({series.labels, point.v});
    }
  }
  return out;
}

void MetadataBook::Learn(std::vector<Metadata> metadata) {
  for (auto& one : metadata) {
    const auto found = known_.find(one.name);
    if (found != known_.end()) {
      found->second = std::move(one);
    } else if (known_.size() < kMax) {
      auto name = one.name;
      known_.emplace(std::move(name), std::move(one));
    }
  }
}

}  // namespace remote
