// Load as a transient unit.
#include "drill/load.h"

namespace drill {

Argv Load(const std::string& script) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kSpan).count();
  return {"systemd-run",
          "--quiet",
          "--collect",
          "--unit=raksa-drill-load",
          "--property=Nice=19",
          "--property=OOMScoreAdjust=1000",
          "--property=RuntimeMaxSec=" + std::to_string(seconds),
          "--",
          "perl",
          "-e",
          script};
}

Argv EndLoad() { return {"systemctl", "stop", "raksa-drill-load.service"}; }

}  // namespace drill
