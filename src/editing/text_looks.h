// Are the plan's texts to be seen in a file? Each is drawn as planned, at full size and without an encoder,
// and the file is asked how much of that drawing it shows.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/progress.h"
#include "base/result.h"
#include "editing/evidence.h"
#include "timeline/plan.h"

namespace studio {

// A moment at which one decision of the plan should be seen.
struct TextMoment {
  std::string decision;
  double time_s = 0;  // output seconds
};

// What a text changes in a part of the picture, and what a file shows there: Y', Cb and Cr (BT.709) in
// 8-bit steps, three planes of width x height one after the other.
struct TextPatches {
  int width = 0, height = 0;
  std::vector<float> drawn, bare;  // the plan's picture with and without the text
  std::vector<float> file;
};

struct TextLook {
  bool reached = false;  // the file has a picture at that time
  bool drawn = false;    // the text changes the plan's picture there: else nobody can see it
  double amount = 0;     // of the drawing's edges that the file shows: 0 nothing, 1 as drawn
  double likeness = 0;   // correlation of what the file shows there with the drawing, -1..1
  double worst = 0;      // the lowest likeness of a part as large as a letter or two
  double contrast = 0;   // of the drawing against what lies under it, 8-bit steps
  // Mean of the file where the plan draws the letters in their own colour, R'G'B' 0..255; nothing where the
  // letters are too thin to have an inside.
  std::optional<std::array<double, 3>> letters = {};
  bool visible = false;  // something like it is there; whether all letters are right, tells `worst`
};

// The decision itself, on pictures that are at hand. Only edges count, so that plates, gradients and a
// brightness that is off as a whole neither hide a text nor stand for one.
TextLook judge_text(const TextPatches& patches);

// The same question about any other change: how much of it the file shows, in brightness and colour, not only
// in edges (a vignette has none). `worst` stays 0.
TextLook judge_change(const TextPatches& patches);

// One look for each moment, in the order given. Decodes only around the moments.
// Errors: those of compile_plan(), of the compositor and of the file's decoder; interrupted.
Result<std::vector<TextLook>> look_for_texts(const Path& file, const EditPlan& plan,
                                             std::span<const EditSource> sources,
                                             std::span<const TextMoment> moments, const Job& job = {});

// Effects, insets, transitions: what the plan's picture would be without that decision, against the file, at
// a size that shows changes of the whole. `decision` may be of any type without which the plan can be
// rendered.
Result<std::vector<TextLook>> look_for_changes(const Path& file, const EditPlan& plan,
                                               std::span<const EditSource> sources,
                                               std::span<const TextMoment> moments, const Job& job = {});

}  // namespace studio
