// The kernel's page cache: reading a model's files into it before an engine needs them.
#pragma once

#include <stop_token>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// Reads the file into the page cache without copying it here; in steps, so that `stop` ends it soon.
Result<void> warm_file(const Path& file, std::stop_token stop = {});
// How much of the file is in the page cache, 0..1 (mincore). Errors: not_found, io.
Result<double> cached_share(const Path& file);

}  // namespace studio
