// A port held by a stray process: perl, which Debian and Ubuntu always have.
#include "drill/hold.h"

namespace drill {
namespace {

/// While this file is there the port is held.
constexpr const char* kFlag = "/run/raksa-drill-hold";

// Arguments: port, seconds, the flag's file.
constexpr const char* kHolder =
    R"pl(use Socket; my ($port, $span, $flag) = @ARGV; my $end = time + $span; )pl"
    R"pl(open STDIN, "<", "/dev/null"; open STDOUT, ">", "/dev/null"; )pl"
    R"pl(open STDERR, ">", "/dev/null"; socket S, PF_INET, SOCK_STREAM, 6; )pl"
    R"pl(setsockopt S, SOL_SOCKET, SO_REUSEADDR, 1; )pl"
    R"pl(until (bind S, sockaddr_in($port, INADDR_ANY)) )pl"
    R"pl({ exit if time > $end or ! -e $flag; select undef, undef, undef, 0.02 } )pl"
    R"pl(listen S, 5; select undef, undef, undef, 0.1 while time < $end and -e $flag)pl";

}  // namespace

std::vector<Argv> HoldPort(const Place& place) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(kSpan).count();
  return {{"touch", kFlag},
          {"setsid", "--fork", "perl", "-e", kHolder, place.port, std::to_string(seconds), kFlag}};
}

Argv LetGo() { return {"rm", "-f", kFlag}; }

}  // namespace drill
