// Judging the sound of a clip in one pass: loudness, silence, rhythm, speech or music.
#pragma once

#include <optional>

#include "analysis/analysis.h"
#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"

namespace studio {

// Nothing when the file has no sound. All times are in the file's own time: sound that starts 0.2 s
// after the picture has its first onset at 0.2 s or later. Errors: as AudioReader, interrupted.
Result<std::optional<AudioJudgement>> measure_audio(const Path& file, const Job& job = {});

}  // namespace studio
