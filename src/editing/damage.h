// What is wrong with a file, named at its frames: held against a reference (the plan as it should look,
// or the sources it was cut from), or against nothing but itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/analysis.h"
#include "editing/alignment.h"
#include "editing/fingerprint.h"

namespace studio {

// What the file is held against.
//   plan     the reference is the plan itself, rendered small: frame at t should be the reference's at t
//   sources  the reference is the sources, one after the other: pieces may come from anywhere in it
//   nothing  no reference: only what no edit would want is named (black in the middle, standing picture)
enum class ComparedWith { nothing, sources, plan };
std::string_view name_of(ComparedWith kind);

// Which part of a concatenated reference is which source.
struct SourceSpan {
  std::string id;
  double start_s = 0, end_s = 0;  // on the reference's clock
};

struct Comparison {
  ComparedWith kind = ComparedWith::nothing;
  const Fingerprint* reference = nullptr;  // borrowed; null with nothing
  std::vector<SourceSpan> sources;         // with ComparedWith::sources
  Alignment alignment;
  std::vector<AlignedRun> runs;
  // By frame of the file: the reference frame it shows (path) and the one it should show (home); -1 unknown.
  std::vector<std::int64_t> path, home;
};

// `reference` must outlive the result.
Comparison compare_with_plan(const Fingerprint& file, const Fingerprint& reference);
Comparison compare_with_sources(const Fingerprint& file, const Fingerprint& reference,
                                std::vector<SourceSpan> sources);
Comparison compare_with_nothing(const Fingerprint& file);

// Several sources as one film, with a gap between them that nothing matches.
Fingerprint concatenate(const std::vector<const Fingerprint*>& prints, std::vector<SourceSpan>& spans,
                        const std::vector<std::string>& ids);

// What the goal allows that would otherwise be called damage when only sources are known.
struct Allowances {
  bool speed = false, reorder = false, silence = false, dark = false, effects = false;
};

// All of the below, sorted by frame.
std::vector<Issue> find_damage(const Fingerprint& file, const Comparison& comparison,
                               const Allowances& allowed = {});

std::vector<Issue> find_black(const Fingerprint& file, const Comparison& comparison);
// freeze, stutter, duplicate: pictures that stand while they should move.
std::vector<Issue> find_standing(const Fingerprint& file, const Comparison& comparison);
std::vector<Issue> find_flicker(const Fingerprint& file, const Comparison& comparison);
// dark, overexposed, color, blur, noise against the reference.
std::vector<Issue> find_degraded(const Fingerprint& file, const Comparison& comparison);
// order, speed, jump, length, and frames out of step (stutter).
std::vector<Issue> find_displaced(const Fingerprint& file, const Comparison& comparison,
                                  const Allowances& allowed);
// dropped_audio, silence, clipping, loudness, desync.
std::vector<Issue> find_sound_damage(const Fingerprint& file, const Comparison& comparison,
                                     const Allowances& allowed);

}  // namespace studio
