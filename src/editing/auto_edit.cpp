// The loop: watch, plan, render, measure, improve, until it is good or nothing helps; deliver the best.
#include "editing/auto_edit.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "editing/compile.h"
#include "editing/evidence.h"
#include "editing/improve.h"
#include "editing/parody.h"
#include "editing/repair.h"
#include "editing/run_report.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Adds what passes between its making and its end to a stage of the run.
class StageTimer {
 public:
  StageTimer(EditRun& run, std::string stage) : run_(run), stage_(std::move(stage)), start_(Clock::now()) {}
  ~StageTimer() {
    for (StageTime& t : run_.timing)
      if (t.stage == stage_) {
        t.seconds += seconds_since(start_);
        return;
      }
    run_.timing.push_back({stage_, seconds_since(start_)});
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  EditRun& run_;
  std::string stage_;
  Clock::time_point start_;
};

// What can be refused before any work is done.
Result<void> check_options(const LoopOptions& options) {
  if (options.inputs.empty())
    return fail(ErrorKind::wrong_usage, "edit: no input clip was given", "name one or more video files");
  if (options.max_iterations < 1)
    return fail(ErrorKind::wrong_usage, "edit: --max-iterations must be at least 1", "give 1 or more");
  if (!(options.quality_threshold >= 0 && options.quality_threshold <= 1))
    return fail(ErrorKind::wrong_usage, "edit: the quality threshold lies between 0 and 1");
  if (options.dry_run) return {};
  if (options.output.empty())
    return fail(ErrorKind::wrong_usage, "edit: no output file was given", "use -o FILE");
  for (const Path& input : options.inputs)
    if (same_file(input, options.output))
      return fail(ErrorKind::invalid_input,
                  fmt::format("edit: the output {} is an input", options.output.string()),
                  "give another name for the output");
  // A folder that cannot be written is better found now than after the render. Nothing stays behind.
  auto probe_write = PendingFile::create(options.output);
  if (!probe_write) return std::unexpected(with_context(probe_write.error(), "edit"));
  return {};
}

Result<Path> prepare_run_folder(const LoopOptions& options) {
  const Path folder =
      options.run_folder.empty() ? Path(options.output.string() + ".studio") : options.run_folder;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(ErrorKind::io, fmt::format("make the run folder {}: {}", folder.string(), error.message()));
  // What an earlier run left under our own names would mix with this one's.
  for (int n = 1; n <= 1000; ++n) {
    const Path old = folder / fmt::format("iteration{}", n);
    if (!std::filesystem::exists(old, error)) break;
    std::filesystem::remove_all(old, error);
  }
  std::filesystem::remove(folder / "run.json", error);
  std::filesystem::remove(folder / "report.html", error);
  return folder;
}

struct Loop {
  const LoopOptions& options;
  const Job& job;
  std::vector<EditSource> sources;
  ChatModel* judge = nullptr;
};

Result<Iteration> try_plan(const Loop& loop, EditRun& run, EditPlan plan, const Brief& brief,
                           std::size_t number) {
  const auto start = Clock::now();
  Iteration iteration;
  const Path folder = run.run_folder / fmt::format("iteration{}", number);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorKind::io, fmt::format("make {}: {}", folder.string(), error.message()));
  iteration.plan_file = folder / "plan.json";
  iteration.evaluation_file = folder / "evaluation.json";
  iteration.output = folder / ("out" + loop.options.output.extension().string());
  TRY(write_json_file(iteration.plan_file, to_json(plan)));

  {
    StageTimer timer(run, "render");
    TRY_ASSIGN(const CompiledEdit edit, compile_plan(plan, loop.sources));
    RenderSettings settings = loop.options.render;
    // What the plan asks for (loudness) wins over the command's defaults, quality is the command's.
    if (edit.settings.loudness_lufs) settings.loudness_lufs = edit.settings.loudness_lufs;
    TRY_ASSIGN(const RenderedFile file, render(edit.timeline, iteration.output, settings, loop.job));
    iteration.render_warnings = edit.warnings;
    iteration.render_warnings.insert(iteration.render_warnings.end(), file.warnings.begin(),
                                     file.warnings.end());
  }
  {
    StageTimer timer(run, "evaluate");
    EvaluationRequest request;
    request.file = iteration.output;
    request.plan = &plan;
    request.brief = &brief;
    request.sources = loop.sources;
    EvaluationOptions judging;
    judging.threshold = loop.options.quality_threshold;
    judging.model = loop.judge;
    judging.use_cache = loop.options.analysis.use_cache;
    TRY_ASSIGN(iteration.evaluation, evaluate_edit_quality(request, judging, loop.job));
    TRY(write_json_file(iteration.evaluation_file, to_json(iteration.evaluation)));
  }
  iteration.plan = std::move(plan);
  iteration.seconds = seconds_since(start);
  return iteration;
}

bool same_decisions(const EditPlan& a, const EditPlan& b) {
  if (a.decisions.size() != b.decisions.size()) return false;
  for (std::size_t i = 0; i < a.decisions.size(); ++i)
    if (a.decisions[i].type != b.decisions[i].type || a.decisions[i].params != b.decisions[i].params)
      return false;
  return true;
}

// The next plan, or nothing when no step is known that changes anything.
Result<std::optional<RepairedPlan>> improved(const Loop& loop, EditRun& run, const Iteration& from,
                                             Json& patch_json) {
  StageTimer timer(run, "improve");
  ImproveOptions improving;
  improving.model = loop.judge;
  improving.seed = loop.options.seed;
  TRY_ASSIGN(const PlanPatch patch,
             suggest_improvements(from.plan, from.evaluation, loop.sources, improving, loop.job));
  patch_json = to_json(patch);
  if (patch.empty()) return std::optional<RepairedPlan>();
  auto next = apply_patch(from.plan, patch, loop.sources);
  if (!next) {
    run.warnings.push_back("an improvement was dropped: " + next.error().message);
    return std::optional<RepairedPlan>();
  }
  if (same_decisions(next->plan, from.plan)) return std::optional<RepairedPlan>();
  return std::optional<RepairedPlan>(*std::move(next));
}

// Copied beside the output and renamed over it: whole or not at all.
Result<void> deliver(const Path& best, const Path& output) {
  TRY_ASSIGN(PendingFile pending, PendingFile::create(output));
  std::error_code error;
  std::filesystem::copy_file(best, pending.temporary(), std::filesystem::copy_options::overwrite_existing,
                             error);
  if (error)
    return fail(error == std::errc::no_space_on_device ? ErrorKind::no_space : ErrorKind::io,
                fmt::format("write {}: {}", output.string(), error.message()),
                "the iterations are kept beside it");
  return pending.commit();
}

void collect_unmet(EditRun& run, const std::vector<Unmet>& known) {
  run.unmet = known;
  const auto told = [&](const std::string& wish) {
    return std::any_of(run.unmet.begin(), run.unmet.end(), [&](const Unmet& u) { return u.wish == wish; });
  };
  for (const ConstraintCheck& c : run.iterations[run.best].evaluation.constraints) {
    if (!c.explicit_wish || !c.met || *c.met) continue;
    if (c.kind == "unmet" ? told(c.wanted) : false) continue;
    run.unmet.push_back({c.kind == "unmet" ? c.wanted : c.kind + ": " + c.wanted, c.measured});
  }
}

Result<EditRun> run_loop(const Loop& loop, EditRun run, PlannedEdit planned, Clock::time_point began) {
  const LoopOptions& options = loop.options;
  run.goal = planned.plan.goal;
  run.threshold = options.quality_threshold;
  run.plan = planned.plan;
  run.warnings.insert(run.warnings.end(), planned.notes.begin(), planned.notes.end());
  if (options.dry_run) {
    run.unmet = planned.unmet;
    run.seconds = seconds_since(began);
    return run;
  }
  run.output = options.output;
  TRY_ASSIGN(run.run_folder, prepare_run_folder(options));

  std::vector<std::vector<Unmet>> unmet_of{planned.unmet};
  EditPlan plan = planned.plan;
  Brief brief = planned.brief;
  Json patch = nullptr;
  constexpr double kGain = 0.003;  // less is noise of the measurement
  for (int number = 1;; ++number) {
    if (loop.job.cancelled())
      return fail(ErrorKind::interrupted, "edit: stopped",
                  "finished iterations are kept in " + run.run_folder.string());
    loop.job.report({.stage = "iteration",
                     .done = static_cast<double>(number - 1),
                     .total = static_cast<double>(options.max_iterations),
                     .unit = "iterations"});
    auto iteration = try_plan(loop, run, plan, brief, static_cast<std::size_t>(number));
    if (!iteration) {
      // A later plan that cannot be rendered does not cost the earlier ones.
      if (run.iterations.empty() || iteration.error().kind == ErrorKind::interrupted)
        return std::unexpected(iteration.error());
      run.warnings.push_back(fmt::format("iteration {} failed: {}", number, iteration.error().message));
      break;
    }
    iteration->patch = patch;
    run.iterations.push_back(*std::move(iteration));
    const std::size_t last = run.iterations.size() - 1;
    const double before = run.iterations[run.best].evaluation.score;
    const bool better = last == 0 || run.iterations[last].evaluation.score > before + kGain;
    if (better) run.best = last;
    if (run.iterations[run.best].evaluation.passed && unmet_of[run.best].empty()) break;
    if (number >= options.max_iterations || (!better && last > 0)) break;
    TRY_ASSIGN(auto next, improved(loop, run, run.iterations[last], patch));
    if (!next) {
      // Said in the run, so that nobody wonders why there are fewer iterations than asked for.
      run.warnings.push_back("no further step is known that would help");
      break;
    }
    plan = std::move(next->plan);
    unmet_of.push_back(next->unmet);
  }

  const Iteration& best = run.iterations[run.best];
  run.plan = best.plan;
  run.score = best.evaluation.score;
  collect_unmet(run, unmet_of[std::min(run.best, unmet_of.size() - 1)]);
  run.passed = best.evaluation.passed && run.unmet.empty();
  for (const std::string& warning : best.render_warnings) run.warnings.push_back(warning);
  {
    StageTimer timer(run, "deliver");
    TRY(deliver(best.output, options.output));
  }
  if (options.report) {
    StageTimer timer(run, "report");
    const Path file = run.run_folder / "report.html";
    auto html = run_report_html(run, loop.job);
    auto written = html ? write_file_atomic(file, *html) : Result<void>(std::unexpected(html.error()));
    if (written)
      run.report = file;
    else
      run.warnings.push_back("the report was not written: " + written.error().message);
  }
  run.seconds = seconds_since(began);
  TRY(write_json_file(run.run_folder / "run.json", to_json(run)));
  return run;
}

// The planner's own clock is split off, so that `timing` tells model from code.
PlannerOptions planner_options(const LoopOptions& options) {
  PlannerOptions planning;
  planning.mode = options.planner;
  planning.seed = options.seed;
  planning.style = options.style;
  return planning;
}

}  // namespace

Result<EditRun> auto_edit(const AutoEditOptions& options, const Job& job) {
  const auto began = Clock::now();
  TRY(check_options(options));
  EditRun run;
  Loop loop{options, job, {}, options.planner == PlannerMode::rules ? nullptr : options.model};
  {
    StageTimer timer(run, "analyze");
    TRY_ASSIGN(loop.sources, watch_sources(options.inputs, options.analysis, job));
  }
  PlannedEdit planned;
  {
    StageTimer timer(run, "plan");
    TRY_ASSIGN(planned,
               create_edit_plan(options.goal, loop.sources, options.model, planner_options(options), job));
  }
  return run_loop(loop, std::move(run), std::move(planned), began);
}

Result<EditRun> parody(const ParodyRunOptions& options, const Job& job) {
  const auto began = Clock::now();
  TRY(check_options(options));
  EditRun run;
  Loop loop{options, job, {}, options.planner == PlannerMode::rules ? nullptr : options.model};
  {
    StageTimer timer(run, "analyze");
    TRY_ASSIGN(loop.sources, watch_sources(options.inputs, options.analysis, job));
  }
  PlannedEdit planned;
  {
    StageTimer timer(run, "plan");
    ParodyOptions style;
    if (!options.style.empty()) style.style = options.style;
    style.duration_s = options.duration_s.value_or(0);
    style.intensity = options.intensity;
    style.seed = options.seed;
    TRY_ASSIGN(planned, plan_parody(loop.sources, style));
  }
  return run_loop(loop, std::move(run), std::move(planned), began);
}

Json to_json(const EditRun& run) {
  Json json;
  json["schema"] = "studio.run/1";
  json["goal"] = run.goal;
  json["output"] = run.output.empty() ? Json(nullptr) : Json(run.output.string());
  json["run_folder"] = run.run_folder.empty() ? Json(nullptr) : Json(run.run_folder.string());
  json["report"] = run.report.empty() ? Json(nullptr) : Json(run.report.string());
  json["score"] = run.iterations.empty() ? Json(nullptr) : Json(run.score);
  json["threshold"] = run.threshold;
  json["passed"] = run.passed;
  json["best"] = run.iterations.empty() ? Json(nullptr) : Json(run.best + 1);
  json["plan"] = to_json(run.plan);
  json["evaluation"] = run.iterations.empty() ? Json(nullptr) : to_json(run.iterations[run.best].evaluation);
  json["iterations"] = Json::array();
  for (const Iteration& i : run.iterations) {
    Json item;
    item["plan"] = to_json(i.plan);
    item["output"] = i.output.string();
    item["evaluation"] = to_json(i.evaluation);
    item["seconds"] = i.seconds;
    item["score"] = i.evaluation.score;
    item["plan_file"] = i.plan_file.string();
    item["evaluation_file"] = i.evaluation_file.string();
    if (!i.patch.is_null()) item["patch"] = i.patch;
    json["iterations"].push_back(std::move(item));
  }
  json["timing"] = Json::object();
  for (const StageTime& t : run.timing) json["timing"][t.stage] = t.seconds;
  json["timing"]["total"] = run.seconds;
  json["unmet"] = Json::array();
  for (const Unmet& u : run.unmet) json["unmet"].push_back({{"wish", u.wish}, {"reason", u.reason}});
  json["warnings"] = run.warnings;
  return json;
}

}  // namespace studio
