// Look: one examination being made: asks the host, keeps what was asked, writes findings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnosis/kind.h"

namespace diagnosis {

/// The cause id of a component that could not be looked at.
inline constexpr std::string_view kNotExamined = "not-examined";

/// Runs read-only commands for one component and gathers the evidence. Lives in the frame of the
/// kind's examine function.
class Look {
 public:
  explicit Look(const Request& request) : request_(request) {}

  /// Runs a read-only command. Errors as Shell::Run's. The record goes to the findings, shortened.
  loop::Task<base::Result<model::CommandRecord>> Ask(
      std::vector<std::string> argv, bool sudo, std::size_t max_output = 64 * 1024,
      base::Duration limit = std::chrono::seconds(10));

  /// The same as the account itself and, only when that is denied, as root.
  loop::Task<base::Result<model::CommandRecord>> AskPlainly(std::vector<std::string> argv);

  /// Takes the output of the newest command out of the record: it may hold secrets.
  void HideOutput();

  /// The component is well.
  [[nodiscard]] model::Finding Well(std::string state, std::string evidence);
  /// A cause of the catalogue, with its titles, class and remedy filled in.
  [[nodiscard]] model::Finding Found(std::string_view cause, std::string state,
                                     std::string evidence);
  /// It could not be looked at, and why.
  [[nodiscard]] model::Finding Blind(std::string reason);

  [[nodiscard]] const Request& request() const { return request_; }

 private:
  model::Finding Plain();

  const Request& request_;
  std::vector<model::CommandRecord> records_;
};

/// The one finding of an examination that ended early.
std::vector<model::Finding> Only(model::Finding finding);
/// The last line of a text that is not empty, printable, at most 300 bytes.
std::string LastLine(std::string_view text);

}  // namespace diagnosis
