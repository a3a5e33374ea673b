// The colour of what a text changes in a film.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// Of the pixels that differ much between two films of one size and not dark in the first, the share that has
// that colour there: red, yellow, green or blue.
Result<double> coloured_share(const Path& titled, const Path& plain, const std::string& color);

}  // namespace studio
