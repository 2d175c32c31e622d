// Log: one line an event, a message and fields, as text for journald or as JSON.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace base {

enum class Level { kDebug, kInfo, kWarn, kError };

/// A field of a log line. Names as Prometheus uses them: target, probe, incident, err.
struct Field {
  std::string_view name;
  std::variant<std::string, std::int64_t, double, bool> value;

  Field(std::string_view n, std::string v) : name(n), value(std::move(v)) {}
  Field(std::string_view n, std::string_view v) : name(n), value(std::string(v)) {}
  Field(std::string_view n, const char* v) : name(n), value(std::string(v)) {}
  Field(std::string_view n, bool v) : name(n), value(v) {}
  Field(std::string_view n, double v) : name(n), value(v) {}
  template <class I>
    requires std::is_integral_v<I>
  Field(std::string_view n, I v) : name(n), value(static_cast<std::int64_t>(v)) {}
};

enum class LogFormat { kText, kJson };

/// Where and how lines are written; standard error as text at info until said otherwise.
/// Thread-safe.
void SetLog(LogFormat format, Level at_least);
/// For tests: every line goes to `sink` (nullptr gives standard error back).
void SetLogSink(std::function<void(std::string_view line)> sink);

/// Writes one line. Control characters and quotes in message and fields are escaped: nothing from
/// outside can forge a second line. Thread-safe.
void Log(Level level, std::string_view message, const std::vector<Field>& fields = {});

}  // namespace base
