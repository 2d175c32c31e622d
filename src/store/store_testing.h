// What the store's tests share: a directory that goes away, short ways to write batches and
// matchers.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/head_log.h"
#include "store/store.h"

namespace store::testing {

/// A directory of its own below the temporary one, removed at the end.
class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "raksa_store_XXXXXX").string();
    path_ = mkdtemp(name.data()) == nullptr ? "" : name;
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string database() const { return path_ + "/samples.db"; }
  /// Of the head log, oldest first.
  [[nodiscard]] std::vector<std::string> segments() const {
    std::vector<std::string> out;
    const auto found = ReadSegments(path_);
    for (std::size_t i = 0; found && i < found->size(); ++i) {
      out.push_back((*found)[i].path);
    }
    return out;
  }

 private:
  std::string path_;
};

using LabelsPtr = std::shared_ptr<const model::Labels>;

inline LabelsPtr MakeLabels(std::vector<model::Labels::Pair> pairs) {
  return std::make_shared<const model::Labels>(std::move(pairs));
}

inline model::Batch MakeBatch(std::string target, model::Timestamp t,
                              std::vector<std::pair<std::string, double>> values) {
  model::Batch out{.target = target, .t = t, .samples = {}};
  for (const auto& [name, v] : values) {
    out.samples.push_back({MakeLabels({{"__name__", name}, {"target", target}}), v});
  }
  return out;
}

/// The bytes of a file.
inline std::string FileBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Writes over a part of a file that is there.
inline void Overwrite(const std::string& path, std::size_t at, std::string_view bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file << bytes;
}

inline std::unique_ptr<Store> MustOpen(StoreOptions options) {
  auto opened = Store::Open(std::move(options));
  if (!opened) {
    ADD_FAILURE() << opened.error().message;
    std::abort();
  }
  return std::move(*opened);
}

inline Matcher Match(std::string name, std::string value, Matcher::Op op = Matcher::Op::kEqual) {
  return MakeMatcher(op, std::move(name), std::move(value)).value();
}

inline std::vector<SeriesData> MustSelect(const Store& store, std::vector<Matcher> matchers,
                                          model::Timestamp from = 0,
                                          model::Timestamp to = INT64_MAX) {
  auto found = store.Select(matchers, from, to);
  EXPECT_TRUE(found.has_value()) << found.error().message;
  return found ? std::move(*found) : std::vector<SeriesData>{};
}

}  // namespace store::testing
