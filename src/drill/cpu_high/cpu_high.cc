// The drill cpu-high.
#include "drill/cpu_high/cpu_high.h"

#include "drill/load.h"

namespace drill::cpu_high {
namespace {

bool Fits(const model::ComponentSpec& component) { return component.kind == "host"; }

Plan MakePlan(const Place&) {
  return {.cause = {Load("use strict; open F, \"<\", \"/proc/cpuinfo\"; "
                         "my $n = grep /^processor/, <F>; "
                         "for (2 .. $n) { fork or last } 1 while 1")},
          .undo = {EndLoad()}};
}

}  // namespace

const Kind kKind = {
    .spec = {.name = "cpu-high", .title = "All processors are busy, at the lowest priority"},
    .repaired = false,
    .needs_port = false,
    .cause = "host-cpu-high",
    .remedy = "",
    .subject = "cpu_percent",
    .fits = &Fits,
    .plan = &MakePlan,
};

}  // namespace drill::cpu_high
