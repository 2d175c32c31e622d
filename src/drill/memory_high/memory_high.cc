// The drill memory-high.
#include "drill/memory_high/memory_high.h"

#include "drill/load.h"

namespace drill::memory_high {
namespace {

// Takes 64 MiB at a time until 84 % are used; ends at once when less than 8 % or 512 MiB are left.
constexpr const char* kTaker =
    R"pl(use strict; my @held; while (1) { my %m; open F, "<", "/proc/meminfo"; )pl"
    R"pl(while (<F>) { $m{$1} = $2 if /^(\w+):\s+(\d+)/ } )pl"
    R"pl(my $keep = $m{MemTotal} * 8 / 100; $keep = 524288 if $keep < 524288; )pl"
    R"pl(exit if $m{MemAvailable} < $keep; my $used = $m{MemTotal} - $m{MemFree} - $m{Buffers} )pl"
    R"pl(- $m{Cached} - $m{SReclaimable}; if ($used < $m{MemTotal} * 84 / 100 and )pl"
    R"pl($m{MemAvailable} - 65536 > $keep) { my $i = @held; $held[$i] = ""; )pl"
    R"pl(vec($held[$i], (64 << 20) - 1, 8) = 1 } else { select undef, undef, undef, 0.2 } })pl";

bool Fits(const model::ComponentSpec& component) { return component.kind == "host"; }

Plan MakePlan(const Place&) { return {.cause = {Load(kTaker)}, .undo = {EndLoad()}}; }

}  // namespace

const Kind kKind = {
    .spec = {.name = "memory-high",
             .title = "Memory is used up to 84 %, and let go before it runs short"},
    .repaired = false,
    .needs_port = false,
    .cause = "host-memory-high",
    .remedy = "",
    .subject = "mem_percent",
    .fits = &Fits,
    .plan = &MakePlan,
};

}  // namespace drill::memory_high
