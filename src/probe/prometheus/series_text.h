// Series text: the steps that both formats share: names, labels in braces, escapes, UTF-8. For
// exposition.cc only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "probe/prometheus/exposition.h"

namespace probe::prometheus {

inline bool IsBlank(char c) { return c == ' ' || c == '\t'; }

/// The end of the name at `at`; `at` itself when none begins there. A metric's may have colons.
const char* NameEnd(const char* at, bool metric);
/// Resolves \\ and \n, and \" when `quotes`; another escape stays as it is.
std::string Unescape(std::string_view raw, bool quotes);

/// Goes over `name{label="value",…}` in a line that ends in a newline.
class SeriesScan {
 public:
  explicit SeriesScan(Format format) : open_(format == Format::kOpenMetrics) {}

  /// Calls `label(name, raw value)` for each label. The end of the series; nullptr: it is bad, see
  /// at() and message().
  template <class F>
  const char* Scan(const char* at, F&& label) {
    const char* const end = NameEnd(at, true);
    if (end == at) {
      return Bad(at, "expected a metric's name");
    }
    name_ = std::string_view(at, static_cast<std::size_t>(end - at));
    const char* brace = Skip(end);
    return *brace == '{' ? ScanLabels(brace, std::forward<F>(label)) : end;
  }

  /// The same from the brace on.
  template <class F>
  const char* ScanLabels(const char* at, F&& label) {
    at = Skip(at + 1);
    names_.clear();
    while (*at != '}') {
      std::string_view name;
      std::string_view value;
      at = Label(at, &name, &value);
      if (at == nullptr) {
        return nullptr;
      }
      label(name, value);
    }
    return at + 1;
  }

  [[nodiscard]] std::string_view name() const { return name_; }
  [[nodiscard]] const char* at() const { return at_; }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  const char* Label(const char* at, std::string_view* name, std::string_view* value);
  const char* Quoted(const char* at, std::string_view* value);
  [[nodiscard]] const char* Skip(const char* at) const {
    while (!open_ && IsBlank(*at)) {
      ++at;
    }
    return at;
  }
  const char* Bad(const char* at, std::string message) {
    at_ = at;
    message_ = std::move(message);
    return nullptr;
  }

  bool open_;
  std::string_view name_;
  std::vector<std::string_view> names_;  ///< of the labels so far
  const char* at_ = nullptr;
  std::string message_;
};

}  // namespace probe::prometheus
