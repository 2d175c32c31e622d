// Finding a target by its name for the commands, with help when the name is wrong.
#pragma once

#include "app/commands.h"
#include "app/settings.h"
#include "base/result.h"
#include "model/target.h"

namespace app {

/// The settings of a configuration file. Errors: kInvalid with every mistake as `raksa check`
/// prints it.
base::Result<Settings> NeedSettings(const std::string& path);

/// A target of the configuration. Errors: kNotFound with the nearest name; those of NeedSettings.
base::Result<model::Target> FindTarget(const Common& common, const std::string& name);

/// The same, or, when no configuration has it and `name` is a URL, an address or a host name with a
/// dot, a target made for it: pinged, and asked by HTTP when it is a URL.
base::Result<model::Target> FindOrMakeTarget(const Common& common, const std::string& name);

}  // namespace app
