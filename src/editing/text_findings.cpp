// Texts of the plan and of the goal, looked for in the file.
#include "editing/text_findings.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "editing/plan_cuts.h"
#include "editing/text_looks.h"
#include "editing/text_sight.h"
#include "render/subtitles.h"

namespace studio {
namespace {

// Subtitles come and go: their cues are met in the middle, a spread of them when there are many.
constexpr std::size_t kMostCues = 12;

std::vector<double> moments_of_subtitles(const Path& file, double duration_s) {
  std::vector<double> times;
  if (const auto cues = read_srt(file)) {
    for (const Cue& cue : *cues) {
      const double middle = (cue.range.start + cue.range.end()).seconds() / 2;
      if (middle < duration_s) times.push_back(middle);
    }
  } else {  // styled subtitles: often enough to meet some
    for (double t = 0.25; t < duration_s; t += std::max(0.5, duration_s / 40)) times.push_back(t);
    return times;
  }
  while (times.size() > kMostCues) {
    std::vector<double> fewer;
    for (std::size_t i = 0; i < times.size(); i += 2) fewer.push_back(times[i]);
    times = std::move(fewer);
  }
  return times;
}

std::vector<TextTask> texts_of_plan(const EditPlan& plan, double duration_s) {
  std::vector<TextTask> tasks;
  for (const Decision& d : plan.decisions) {
    if (d.type != DecisionType::text_overlay) continue;
    TextTask task;
    task.of_plan = true;
    task.finding.decision = d.id;
    const bool subtitles = text_param(d, "kind") == "subtitles";
    if (subtitles && text_param(d, "mode") == "mux") continue;
    task.finding.text = text_param(d, subtitles ? "path" : "text");
    if (task.finding.text.empty()) task.finding.text = text_param(d, subtitles ? "text" : "path");
    task.finding.from_s = std::max(0.0, number_param(d, "at_s", 0));
    const double length = number_param(d, "duration_s", subtitles ? duration_s : 2.5);
    task.finding.to_s = std::min(duration_s, task.finding.from_s + length);
    if (task.finding.to_s <= task.finding.from_s) task.finding.to_s = task.finding.from_s + 0.2;
    if (subtitles)
      task.look_at_s = moments_of_subtitles(task.finding.text, duration_s);
    else
      for (const double share : {0.15, 0.325, 0.5, 0.675, 0.85})
        task.look_at_s.push_back(task.finding.from_s + share * (task.finding.to_s - task.finding.from_s));
    tasks.push_back(std::move(task));
  }
  return tasks;
}

// Without a plan a quoted text may stand anywhere near its anchor.
TextTask text_of_brief(const TextWish& wish, double duration_s) {
  TextTask task;
  task.finding.text = wish.text;
  double from = 0, to = std::min(duration_s, 4.0);
  if (wish.anchor == Anchor::end) from = std::max(0.0, duration_s - 4), to = duration_s;
  if (wish.anchor == Anchor::at) from = wish.at_s.value_or(0), to = from + wish.duration_s.value_or(2);
  if (wish.anchor == Anchor::throughout) to = duration_s;
  const double step = wish.anchor == Anchor::throughout ? std::max(0.5, duration_s / 6) : 0.8;
  for (double t = from + 0.4; t < to - 0.05; t += step)
    task.look_at_s.push_back(std::min(t, duration_s - 0.05));
  if (task.look_at_s.empty()) task.look_at_s.push_back((from + to) / 2);
  return task;
}

const StillPicture* still_near(const std::vector<StillPicture>& stills, double time_s) {
  const StillPicture* best = nullptr;
  for (const StillPicture& still : stills)
    if (!best || std::abs(still.time_s - time_s) < std::abs(best->time_s - time_s)) best = &still;
  return best && std::abs(best->time_s - time_s) < 1e-3 ? best : nullptr;
}

void look_by_shape(TextTask& task, const std::vector<StillPicture>& stills,
                   const std::vector<SeenFrame>& seen, const Fingerprint& file,
                   std::span<const EditSource> sources) {
  double best = 0, first = 1e9, last = -1;
  for (const double t : task.look_at_s) {
    const StillPicture* still = still_near(stills, t);
    if (!still) continue;
    std::optional<StillPicture> bare;
    if (const std::size_t i = file.frame_at(t); i < seen.size() && seen[i].source >= 0)
      if (auto picture =
              still_at(sources[static_cast<std::size_t>(seen[i].source)].media.path, seen[i].source_s))
        bare = *std::move(picture);
    auto sight = text_by_shape(*still, nullptr, task.finding.text);
    if (bare && (!sight || !sight->visible))
      if (auto again = text_by_shape(*still, &*bare, task.finding.text);
          again && (!sight || again->visibility > sight->visibility))
        sight = again;
    if (!sight) continue;
    task.finding.judged = true;
    best = std::max(best, sight->visibility);
    if (sight->visible) {
      first = std::min(first, t), last = std::max(last, t);
      if (last - first > 0.3) break;  // seen twice: enough
    }
  }
  task.finding.visible = last >= 0;
  if (last >= 0)
    task.finding.from_s = first, task.finding.to_s = last;
  else if (!task.look_at_s.empty())
    task.finding.from_s = task.look_at_s.front(), task.finding.to_s = task.look_at_s.back();
  task.finding.evidence = fmt::format("its letters correlate by {:.2f} with the picture", best);
}

// A text that goes after half of its time was cut short; one look of five may fall on a flash or a cut.
constexpr double kLeastSeen = 0.7;

// Likeness of the worst part of a text in its best picture. Measured over some 1500 pictures of right texts
// in many sizes, fonts and encoders: nearly all over 0.85, faint ones over 0.68; one wrong letter: 0.65 to
// 0.84.
constexpr double kLetters = 0.8, kLettersFaint = 0.6, kFaint = 70;

void conclude(TextFinding& finding, std::span<const TextLook> looks) {
  std::size_t drawn = 0, seen = 0;
  double amount = 0, contrast = 0, worst = -1;
  std::array<double, 3> letters{};
  int coloured = 0;
  for (const TextLook& look : looks) {
    if (look.reached && !look.drawn) continue;
    ++drawn;
    seen += look.visible;
    amount += look.amount, contrast += look.contrast;
    if (look.visible) worst = std::max(worst, look.worst);
    if (!look.letters || !look.visible) continue;
    for (std::size_t k = 0; k < 3; ++k) letters[k] += (*look.letters)[k];
    ++coloured;
  }
  if (coloured > 0) {
    for (double& value : letters) value /= coloured;
    finding.letters = letters;
  }
  finding.judged = !looks.empty();
  if (drawn == 0) {
    finding.visible = false;
    finding.evidence = "it is drawn in the colour of what lies under it";
    return;
  }
  const double n = static_cast<double>(drawn);
  contrast /= n;
  finding.visible = seen > 0 && static_cast<double>(seen) >= kLeastSeen * n;
  finding.evidence = fmt::format("at {} of {} moments, {:.0f} % of its drawing is there, contrast {:.0f}",
                                 seen, drawn, 100 * std::clamp(amount / n, 0.0, 1.0), contrast);
  // A wrong letter is wrong in every picture; noise of the encoder or of what moves behind is not.
  if (finding.visible && worst < (contrast < kFaint ? kLettersFaint : kLetters)) {
    finding.visible = false;
    finding.evidence = fmt::format(
        "something like it is there, but not all of its letters (the worst part is alike by {:.2f})", worst);
  }
}

}  // namespace

std::vector<TextTask> texts_to_find(const EditPlan* plan, const Brief& brief, double duration_s) {
  std::vector<TextTask> texts = plan ? texts_of_plan(*plan, duration_s) : std::vector<TextTask>{};
  for (const TextWish& wish : brief.texts)
    if (std::none_of(texts.begin(), texts.end(),
                     [&](const TextTask& t) { return t.finding.text == wish.text; }))
      texts.push_back(text_of_brief(wish, duration_s));
  return texts;
}

std::vector<double> moments_without_plan(std::span<const TextTask> tasks) {
  std::set<double> times;
  for (const TextTask& task : tasks) times.insert(task.look_at_s.begin(), task.look_at_s.end());
  return {times.begin(), times.end()};
}

Result<void> find_in_place(std::span<TextTask> tasks, const Path& file, const EditPlan& plan,
                           std::span<const EditSource> sources, const Job& job) {
  std::vector<TextMoment> moments;
  for (const TextTask& task : tasks)
    if (task.of_plan)
      for (const double t : task.look_at_s) moments.push_back({task.finding.decision, t});
  TRY_ASSIGN(const auto looks, look_for_texts(file, plan, sources, moments, job));
  std::size_t at = 0;
  for (TextTask& task : tasks) {
    if (!task.of_plan) continue;
    conclude(task.finding, std::span(looks).subspan(at, task.look_at_s.size()));
    at += task.look_at_s.size();
  }
  return {};
}

void find_by_shape(std::span<TextTask> tasks, const std::vector<StillPicture>& stills,
                   const std::vector<SeenFrame>& seen, const Fingerprint& file,
                   std::span<const EditSource> sources, bool all) {
  for (TextTask& task : tasks)
    if (all || !task.of_plan) look_by_shape(task, stills, seen, file, sources);
}

Issue missing_title(const TextFinding& finding, const Fingerprint& file) {
  Issue issue;
  issue.kind = "missing_title";
  issue.first_frame = static_cast<std::int64_t>(file.frame_at(finding.from_s));
  issue.last_frame = static_cast<std::int64_t>(file.frame_at(std::max(finding.from_s, finding.to_s - 1e-3)));
  issue.severity = 0.9;
  issue.message = fmt::format("\"{}\" is not to be seen: {}", finding.text, finding.evidence);
  issue.suggestion = "draw the text again, in a colour and size that can be read";
  return issue;
}

}  // namespace studio
