// The clips of the goal suite: every frame carries its number in the pixels.
#pragma once

#include <string>

#include "base/files.h"
#include "base/result.h"
#include "support/generated.h"

namespace studio {

inline constexpr int kSecondClip = 2000;  // frame numbers of the second generated clip begin here

// Small: a strip that flickers over a third of the picture hides the cuts from shot detection.
inline constexpr generated::CodeBox kCode{0.3, 0.03, 0.4, 0.13};

// The click track "clicks.wav" of goals that name it: 120 beats a minute from 0.25 s on.
inline constexpr double kClickFirst = 0.25, kClickEvery = 0.5;

// The file of a goal's clip: a path as it is, or a generated one, made in `folder` when it is not there.
Result<Path> clip_path(const std::string& name, const Path& folder);

Result<void> write_clicks(const Path& path);

}  // namespace studio
