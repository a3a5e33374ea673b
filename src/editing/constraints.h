// Each wish of the goal held against the rendered file: what was wanted, what was measured, met or not.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/analysis.h"
#include "editing/brief.h"
#include "editing/damage.h"
#include "editing/evaluate.h"
#include "editing/evidence.h"
#include "editing/fingerprint.h"
#include "editing/repair.h"
#include "timeline/plan.h"
#include "timeline/timeline.h"

namespace studio {

// Which source frame each frame of the file shows.
struct SeenFrame {
  int source = -1;          // index into the sources; -1: none that is known
  double source_s = 0;      // in the source's own time, from its first frame
  bool by_picture = false;  // found by its picture, not only told by the plan
};

// A text that should be seen, and what was found.
struct TextFinding {
  std::string decision;  // of the plan; empty for a wish of the goal
  std::string text;
  double from_s = 0, to_s = 0;  // output seconds
  bool judged = false, visible = false;
  std::string evidence;
  // Mean of the file where the letters lie, R'G'B' 0..255; nothing where it was not measured.
  std::optional<std::array<double, 3>> letters = {};
};

// A change of the picture that a decision of the plan makes (effect, inset, transition), and what was found.
struct ChangeFinding {
  std::string decision;
  bool judged = false, visible = false;
  std::string evidence;
};

// Everything measured that constraints are checked against.
struct Measured {
  const Fingerprint* file = nullptr;
  const Analysis* analysis = nullptr;      // of the file; may be null
  const Comparison* comparison = nullptr;  // never null
  std::span<const EditSource> sources;
  std::span<const Fingerprint> prints;  // of the sources; empty: not taken
  const EditPlan* plan = nullptr;
  std::vector<SeenFrame> seen;  // one for each frame of the file
  std::vector<TextFinding> texts;
  std::vector<ChangeFinding> changes;  // of the plan's effects, insets and transitions that are wished for
  std::vector<Piece> pieces;           // of the plan
  double plan_agreement = 0;           // 0..1 of frames that look as the plan's reference
  double source_match = 0;             // 0..1 of frames found in the sources by their picture
  int subtitle_streams = 0;
};

// By the plan's timeline (its lowest video track), each frame checked against the source's own picture; by
// pictures alone without a plan.
std::vector<SeenFrame> seen_by_plan(const Fingerprint& file, const Comparison& with_plan,
                                    const Timeline& timeline, std::span<const EditSource> sources,
                                    const std::vector<Fingerprint>& prints);
std::vector<SeenFrame> seen_by_picture(const Fingerprint& file, const Comparison& with_sources);

std::vector<ConstraintCheck> check_constraints(const std::vector<Constraint>& wishes,
                                               const Measured& measured);

}  // namespace studio
