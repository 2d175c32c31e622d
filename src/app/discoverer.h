// Discoverer: looks for the targets that files and web servers name, and says when they change.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loop/http_client.h"
#include "loop/loop.h"
#include "loop/worker.h"
#include "target/discovery.h"

namespace app {

/// Belongs to the loop. Whatever cannot be read leaves the targets found before as they are.
class Discoverer {
 public:
  /// `changed` is called on the loop after found() has changed. Files are read on `worker`.
  Discoverer(loop::Loop& loop, loop::Worker& worker, loop::HttpClient& http,
             std::function<void()> changed);
  /// Takes entries. What was found for those that stay the same stays.
  void Configure(std::vector<target::Discovery> entries);
  /// The targets of each entry.
  [[nodiscard]] std::vector<std::vector<model::Target>> found() const;
  /// Ends the looking.
  loop::Task<> Stop();

 private:
  /// A source as it was when it was read last.
  struct Source {
    std::string stamp;  ///< of a file: time of change and size
    std::vector<model::Target> targets;
    std::string problem;
  };
  struct Entry {
    target::Discovery discovery;
    std::map<std::string, Source> sources;  ///< by file or URL
    bool removed = false;
  };
  using Sources = std::map<std::string, Source>;

  static Sources LookAtFiles(const target::Discovery& discovery, Sources before);
  static Source Read(const std::shared_ptr<config::Document>& document,
                     const target::Discovery& discovery, const Source& before);
  loop::Task<> Look(std::shared_ptr<Entry> entry);
  loop::Task<> Ask(std::shared_ptr<Entry> entry);
  loop::Task<> Run(std::shared_ptr<Entry> entry);
  void Take(Entry& entry, Sources sources);

  loop::Worker& worker_;
  loop::HttpClient& http_;
  std::function<void()> changed_;
  std::vector<std::shared_ptr<Entry>> entries_;
  loop::Scope scope_;
};

}  // namespace app
