// Subtitles as a stream of their own, which players can switch on and off.
#pragma once

#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "render/subtitles.h"
#include "timeline/timeline.h"

namespace studio {

// Cues of all "subtitles" generators whose mode is "mux", in timeline time. Errors: those of read_srt();
// unsupported (ASS files, whose looks a text stream cannot keep).
Result<std::vector<Cue>> cues_to_mux(const Timeline& timeline);

// Adds a text stream to a finished file (mov_text in mp4 and mov, SubRip in Matroska, WebVTT in
// WebM): everything else is copied; the file is replaced only when all went well.
// Errors: unsupported (a container that holds no text), io, no_space.
Result<void> mux_subtitles(const Path& file, const std::vector<Cue>& cues);

}  // namespace studio
