// The one decode of a clip: pictures and sound become features, in stages joined by short queues.
#pragma once

#include "analysis/features.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace studio {

struct WatchOptions {
  bool motion = true, composition = true, audio = true;
  int every = 0;    // composition is measured on each n-th frame; 0: about two a second, and after each jump
  int threads = 0;  // of the decoder; 0: one per core
};

// Everything but source.sha256. Errors: as VideoReader::open, unsupported for a file without a
// picture, invalid_input when no picture can be decoded, interrupted.
Result<ClipFeatures> watch(const Path& video, const WatchOptions& options = {}, const Job& job = {});

}  // namespace studio
