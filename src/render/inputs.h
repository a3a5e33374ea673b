// The files a timeline reads, looked at once before anything is rendered.
#pragma once

#include <map>
#include <string>

#include "base/files.h"
#include "base/result.h"
#include "media/probe.h"
#include "timeline/timeline.h"

namespace studio {

struct TimelineInputs {
  std::map<std::string, MediaFacts> files;  // by path as the timeline writes it
  bool has_audio(const std::string& path) const;
};

// Probes each file once and checks what only the files can tell: that they are there, hold what
// the clips want of them, are not the output, and reach as far as the clips do.
// Errors: not_found, invalid_input, unsupported (sound only where a picture is wanted).
Result<TimelineInputs> look_at_inputs(const Timeline& timeline, const Path& output);

}  // namespace studio
