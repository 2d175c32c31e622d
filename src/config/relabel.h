// Reads lists of relabeling rules: metric_relabel_configs, relabel_configs, write_relabel_configs.
#pragma once

#include <vector>

#include "config/node.h"
#include "model/relabel.h"

namespace config {

/// The rules of a list, checked as Prometheus checks them and compiled; mistakes are reported and
/// their rules left out.
std::vector<model::RelabelRule> ReadRelabeling(const Node& list);

}  // namespace config
