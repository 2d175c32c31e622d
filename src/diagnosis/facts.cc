// The facts script.
#include "diagnosis/facts.h"

namespace diagnosis {
namespace {

// clang-format off
constexpr std::string_view kScript = R"sh(echo "machine $(cat /etc/machine-id)"
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "from ${SSH_CONNECTION%% *}"
echo "now $(date +%s)"
echo "uptime $(cat /proc/uptime)"
for f in /etc/raksa.hold /run/raksa.hold; do
  if [ -e "$f" ]; then echo "hold $f $(head -n 1 "$f" | head -c 100)"; fi
done
pgrep -lx 'dpkg|apt|apt-get|aptitude|rpm|dnf|yum|zypper|apk|pacman' | sed 's/^/packager /'
who -u | sed 's/^/who /'
exit 0)sh";
// clang-format on

}  // namespace

ssh::Command FactsCommand() {
  ssh::Command command;
  command.argv = {"sh", "-c", std::string(kScript)};
  return command;
}

loop::Task<base::Result<parse::HostFacts>> GatherFacts(ssh::Shell* shell) {
  auto command = FactsCommand();
  const auto answer = co_await shell->Run(std::move(command));
  if (!answer) {
    co_return base::Fail(answer.error());
  }
  co_return parse::ReadFacts(answer->output);
}

}  // namespace diagnosis
