// The lease's two scripts; no word of them comes from outside, values are their arguments.
#include "recovery/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace recovery {
namespace {

constexpr int kOtherMachine = 70;
constexpr int kHeld = 75;

// Leases are never longer than ten minutes; one that claims more is from a clock that was wrong.
constexpr std::string_view kTake = R"sh(lease=$4/raksa.lease
id=$(cat "$5")
if [ "$id" != "$1" ]; then echo "$id"; exit 70; fi
now=$(date +%s)
old=$(readlink "$lease")
if [ -n "$old" ]; then
  end=${old##*,}
  case $end in *[!0-9]*|'') end=0 ;; esac
  if [ "${old%,*}" != "$2" ] && [ "$end" -gt "$now" ] && [ "$((end - now))" -le 600 ]; then
    echo "${old%,*} for $((end - now)) s more"
    exit 75
  fi
  rm -f "$lease" || exit 76
fi
ln -s "$2,$((now + $3))" "$lease" || exit 76
echo taken)sh";

constexpr std::string_view kRelease = R"sh(lease=$2/raksa.lease
old=$(readlink "$lease")
if [ "${old%,*}" = "$1" ]; then rm -f "$lease"; fi)sh";

ssh::Command UnderFlock(std::string_view script, const std::string& directory,
                        std::vector<std::string> arguments) {
  ssh::Command command;
  command.argv = {
      "flock", "-w", "3", "-E", std::to_string(kHeld), directory, "sh", "-c", std::string(script),
      "sh"};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return command;
}

/// A command that did not run, as a record.
model::CommandRecord Unrun(std::vector<std::string> argv, const base::Error& error) {
  model::CommandRecord record;
  record.argv = std::move(argv);
  record.started = base::Clock::Now();
  record.error = error.message;
  return record;
}

/// The time in "OWNER for N s more"; zero when there is none.
base::Duration HeldFor(std::string_view said) {
  constexpr std::string_view kFor = " for ";
  const auto at = said.rfind(kFor);
  int seconds = 0;
  if (at != std::string_view::npos) {
    std::from_chars(said.data() + at + kFor.size(), said.data() + said.size(), seconds);
  }
  return std::chrono::seconds(std::clamp(seconds, 0, 600));
}

}  // namespace

loop::Task<base::Result<>> TakeLease(ssh::Shell* shell, std::string machine, std::string owner,
                                     base::Duration time,
                                     std::vector<model::CommandRecord>* records, LeasePlace place,
                                     base::Duration* held) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
  std::vector<std::string> arguments = {std::move(machine), std::move(owner),
                                        std::to_string(seconds), place.directory,
                                        place.machine_file};
  auto command = UnderFlock(kTake, place.directory, std::move(arguments));
  const auto argv = command.argv;
  const auto answer = co_await shell->Run(std::move(command));
  if (!answer) {
    records->push_back(Unrun(argv, answer.error()));
    co_return base::Fail(answer.error());
  }
  records->push_back(*answer);
  const auto said = base::Printable(base::Trim(answer->output).substr(0, 200));
  switch (answer->exit_status) {
    case 0:
      co_return base::Result<>{};
    case kOtherMachine:
      co_return base::Fail(base::ErrorKind::kDenied,
                           "this is another machine than the one that was met first: its "
                           "machine-id is " +
                               said);
    case kHeld:
      if (held != nullptr) {
        *held = HeldFor(answer->output);
      }
      co_return base::Fail(base::ErrorKind::kRefused,
                           "the host's lock is held" + (said.empty() ? "" : " by " + said));
    default:
      co_return base::Fail(
          base::ErrorKind::kUnavailable,
          fmt::format("the host's lock could not be taken ({}): {}", answer->exit_status, said));
  }
}

loop::Task<> ReleaseLease(ssh::Shell* shell, std::string owner,
                          std::vector<model::CommandRecord>* records, LeasePlace place) {
  std::vector<std::string> arguments = {std::move(owner), place.directory};
  auto command = UnderFlock(kRelease, place.directory, std::move(arguments));
  const auto argv = command.argv;
  const auto answer = co_await shell->Run(std::move(command));
  records->push_back(answer ? *answer : Unrun(argv, answer.error()));
}

std::string OwnerName(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 100)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '@';
    out += plain ? c : '-';
  }
  return out.empty() ? "raksa" : out;
}

}  // namespace recovery
