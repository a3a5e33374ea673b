// The rules that turn features into issues, by what they look at. find_issues() joins them.
#pragma once

#include <span>
#include <vector>

#include "analysis/coherence.h"
#include "analysis/features.h"
#include "analysis/judgements.h"

namespace studio {

// Of the whole clip: black, dark, overexposed (what a frame shows by itself).
void find_exposure_issues(const ClipFeatures& clip, std::span<const Shot> shots, std::vector<Issue>& issues);

// Of one shot's clear part, whose cadence is known.
void find_blur(const ClipFeatures& clip, FrameSpan span, std::vector<Issue>& issues);
void find_flicker_issues(const ClipFeatures& clip, FrameSpan span, std::vector<Issue>& issues);
void find_freezes(const ClipFeatures& clip, FrameSpan span, const CadenceFound& cadence,
                  std::vector<Issue>& issues);
void find_duplicates(const ClipFeatures& clip, const CadenceFound& cadence, std::vector<Issue>& issues);
void find_jumps_and_drops(const ClipFeatures& clip, FrameSpan span, const CadenceFound& cadence,
                          std::vector<Issue>& issues);

// Of the file: gaps in time, sound, a truncated end.
void find_file_issues(const ClipFeatures& clip, std::vector<Issue>& issues);

bool is_black(const FrameFeatures& frame);
// True where a frame repeats the one before, pixel for pixel but for the encoder's touch.
bool repeats_previous(const FrameFeatures& frame);

std::string clock_of(const ClipFeatures& clip, std::int64_t frame);                  // "0:07.250"
double seconds_of(const ClipFeatures& clip, std::int64_t first, std::int64_t last);  // first..last shown

}  // namespace studio
