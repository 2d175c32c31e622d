// Fuzzes the reading of configurations: any bytes give targets or problems, never harm.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "app/settings.h"
#include "config/node.h"
#include "target/target.h"

namespace {

/// Visits every value, as a program does that reads the whole file.
std::size_t Walk(const config::Node& node) {
  std::size_t seen = 1;
  if (node.IsMap()) {
    for (const auto& entry : node.Entries("it")) {
      (void)entry.key_place();
      seen += Walk(entry);
    }
  } else if (node.IsList()) {
    for (const auto& item : node.Items("it")) {
      seen += Walk(item);
    }
  } else if (node.IsScalar()) {
    (void)node.place();
    (void)node.text();
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document =
      config::Document::Parse(std::string(reinterpret_cast<const char*>(data), size), "fuzz.yaml");
  if (Walk(document->Root()) > 1'000'000) {
    std::abort();
  }
  if (document->Root().IsMap()) {
    // Only the keys that name no other file: a fuzzer must not read what it makes up.
    config::MapReader map(document->Root(), "the configuration");
    static const auto kKinds = app::ConfiguredKinds();
    (void)target::ReadTargets(map.Optional("defaults"), config::Node(), map.Optional("targets"),
                              kKinds);
    map.Finish();
  }
  for (const auto& problem : document->problems()) {
    if (problem.ToString().size() > 20'000) {
      std::abort();
    }
  }
  return 0;
}
