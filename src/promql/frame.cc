// Joining, checking and trimming of frames.
#include "promql/frame.h"

#include <algorithm>
#include <unordered_map>

namespace promql {
namespace {

base::Result<Frame> SameLabels() {
  return base::Fail(base::ErrorKind::kInvalid,
                    "vector cannot contain metrics with the same labelset");
}

struct PointeeHash {
  std::size_t operator()(const model::Labels* labels) const { return labels->Fingerprint(); }
};
struct PointeeEqual {
  bool operator()(const model::Labels* a, const model::Labels* b) const { return *a == *b; }
};
using ByLabels = std::unordered_map<const model::Labels*, std::size_t, PointeeHash, PointeeEqual>;

}  // namespace

LabelsPtr WithoutName(const LabelsPtr& labels) {
  if (!labels->Has(model::kName)) {
    return labels;
  }
  auto out = std::make_shared<model::Labels>(*labels);
  out->Remove(model::kName);
  return out;
}

LabelsPtr NoLabels() {
  static const LabelsPtr none = std::make_shared<model::Labels>();
  return none;
}

void DropEmpty(Frame& frame) {
  std::erase_if(frame,
                [](const Column& column) { return std::ranges::all_of(column.v, IsAbsent); });
}

base::Result<Frame> Joined(Frame frame) {
  DropEmpty(frame);
  ByLabels seen;
  Frame out;
  out.reserve(frame.size());
  for (Column& column : frame) {
    const auto [at, fresh] = seen.try_emplace(column.labels.get(), out.size());
    if (fresh) {
      out.push_back(std::move(column));
      continue;
    }
    std::vector<double>& into = out[at->second].v;
    for (std::size_t i = 0; i < into.size(); ++i) {
      if (IsAbsent(column.v[i])) {
        continue;
      }
      if (IsPresent(into[i])) {
        return SameLabels();
      }
      into[i] = column.v[i];
    }
  }
  return out;
}

base::Result<Frame> Distinct(Frame frame) {
  DropEmpty(frame);
  ByLabels seen;
  for (const Column& column : frame) {
    if (!seen.try_emplace(column.labels.get(), 0).second) {
      return SameLabels();
    }
  }
  return frame;
}

}  // namespace promql
