// Subtitles as values: cues read from SubRip (SRT) or WebVTT text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/time.h"

namespace studio {

struct Cue {
  TimeRange range;
  std::string text;     // literal, lines parted by \n; SubRip's <i>, <b>, <u>, <s>, <font> tags taken out
  bool italic = false;  // all of it was in <i>
  bool top = false;     // asked for the top by {\an7}, {\an8} or {\an9}
};

// Sorted by start. Numbers may be missing or wrong, lines may end in CRLF, cues may overlap.
// Errors: invalid_input (no cue at all, a time that cannot be read, with its line).
Result<std::vector<Cue>> parse_srt(std::string_view text, std::string_view origin);
Result<std::vector<Cue>> read_srt(const Path& path);
std::string to_srt(const std::vector<Cue>& cues);

}  // namespace studio
