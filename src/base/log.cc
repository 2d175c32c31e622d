// Log lines over one spdlog sink: fields and escaping are ours, spdlog has neither.
#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/text.h"

namespace base {
namespace {

struct State {
  std::mutex mutex;
  std::function<void(std::string_view)> sink;
  std::shared_ptr<spdlog::logger> logger = [] {
    auto made = std::make_shared<spdlog::logger>("raksa",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  std::atomic<LogFormat> format{LogFormat::kText};
  std::atomic<Level> at_least{Level::kInfo};
};

State& TheState() {
  static auto* state = new State;  // lives as long as any thread may log
  return *state;
}

constexpr std::string_view kNames[] = {"debug", "info", "warn", "error"};

std::string ValueText(const Field& field, bool json) {
  if (const auto* text = std::get_if<std::string>(&field.value)) {
    const bool plain = !json && !text->empty() &&
                       text->find_first_of(" =\"\\") == std::string::npos && IsPrintable(*text);
    return plain ? *text : JsonQuote(*text);
  }
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
    return fmt::format("{}", *number);
  }
  if (const auto* number = std::get_if<double>(&field.value)) {
    return fmt::format("{}", *number);
  }
  return std::get<bool>(field.value) ? "true" : "false";
}

}  // namespace

void SetLog(LogFormat format, Level at_least) {
  TheState().format = format;
  TheState().at_least = at_least;
}

void SetLogSink(std::function<void(std::string_view)> sink) {
  const std::lock_guard lock(TheState().mutex);
  TheState().sink = std::move(sink);
}

void Log(Level level, std::string_view message, const std::vector<Field>& fields) {
  auto& state = TheState();
  if (level < state.at_least.load()) {
    return;
  }
  const bool json = state.format.load() == LogFormat::kJson;
  const auto name = kNames[static_cast<int>(level)];
  std::string line;
  if (json) {
    line = fmt::format(R"({{"ts":"{}","level":"{}","msg":{})", FormatRfc3339(Clock::Now()), name,
                       JsonQuote(message));
    for (const auto& field : fields) {
      line += fmt::format(",{}:{}", JsonQuote(field.name), ValueText(field, true));
    }
    line += '}';
  } else {
    line = fmt::format("{} {:<5} {}", FormatRfc3339(Clock::Now()), name,
                       IsPrintable(message) ? std::string(message) : JsonQuote(message));
    for (const auto& field : fields) {
      line += fmt::format(" {}={}", field.name, ValueText(field, false));
    }
  }
  const std::lock_guard lock(state.mutex);
  if (state.sink) {
    state.sink(line);
  } else {
    state.logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
}

}  // namespace base
