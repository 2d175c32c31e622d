// prometheus: scrapes the metrics page of an exporter, as Prometheus does.
#pragma once

#include "probe/kind.h"

namespace probe::prometheus {

extern const Kind kKind;

}  // namespace probe::prometheus
