// Which texts a file should show, when to look for each, and what was found. Internal to editing/.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "editing/brief.h"
#include "editing/constraints.h"
#include "editing/fingerprint.h"
#include "timeline/plan.h"

namespace studio {

struct TextTask {
  TextFinding finding;
  std::vector<double> look_at_s;  // output seconds
  bool of_plan = false;
};

// The plan's texts, and those of the brief that no decision draws. `plan` may be null. Subtitles that lie in
// a stream of their own draw nothing and are left out.
std::vector<TextTask> texts_to_find(const EditPlan* plan, const Brief& brief, double duration_s);

// When small whole pictures of the file are needed to find_by_shape(); sorted.
std::vector<double> moments_without_plan(std::span<const TextTask> tasks);

// Where the plan is known: against its own drawing, see text_looks.h.
Result<void> find_in_place(std::span<TextTask> tasks, const Path& file, const EditPlan& plan,
                           std::span<const EditSource> sources, const Job& job);

// Where it is not (all tasks with `all`, else those of the brief): by the shape of the letters.
void find_by_shape(std::span<TextTask> tasks, const std::vector<StillPicture>& stills,
                   const std::vector<SeenFrame>& seen, const Fingerprint& file,
                   std::span<const EditSource> sources, bool all);

Issue missing_title(const TextFinding& finding, const Fingerprint& file);

}  // namespace studio
