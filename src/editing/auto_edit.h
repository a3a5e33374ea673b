// The whole loop: watch, understand, plan, render, measure, improve; the best file is delivered.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "analysis/analysis.h"
#include "base/files.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/result.h"
#include "editing/evaluate.h"
#include "editing/planner.h"
#include "render/render.h"
#include "timeline/plan.h"

namespace studio {

class ChatModel;

struct LoopOptions {
  std::vector<Path> inputs;
  Path output;      // the best iteration's file ends here, whole or not at all
  Path run_folder;  // plans, files and scores of each iteration; empty: OUTPUT.studio
  double quality_threshold = 0.8;
  int max_iterations = 3;
  std::uint64_t seed = 0;
  PlannerMode planner = PlannerMode::automatic;
  ChatModel* model = nullptr;  // borrowed; null: rules plan and judge, and are named
  std::string style;           // parody: "dramatic" when empty
  bool dry_run = false;        // plan only: nothing is rendered, `output` stays untouched
  bool report = true;          // run_folder/report.html
  AnalysisOptions analysis;
  RenderSettings render;
};

struct AutoEditOptions : LoopOptions {
  std::string goal;
};

struct ParodyRunOptions : LoopOptions {
  double intensity = 0.6;            // 0..1
  std::optional<double> duration_s;  // none: as long as the material carries
};

struct StageTime {
  std::string stage;  // "analyze", "understand", "plan", "render", "evaluate", "improve", "report", "deliver"
  double seconds = 0;
};

struct Iteration {
  EditPlan plan;
  Path plan_file, output, evaluation_file;
  Evaluation evaluation;
  Json patch = nullptr;  // what led here from the iteration before
  double seconds = 0;
  std::vector<std::string> render_warnings;
};

struct EditRun {
  std::string goal;
  Path output, run_folder, report;  // output is empty after a dry run
  double score = 0, threshold = 0.8;
  bool passed = false;
  std::size_t best = 0;               // index into iterations
  EditPlan plan;                      // the best one
  std::vector<Iteration> iterations;  // empty after a dry run
  std::vector<StageTime> timing;
  double seconds = 0;
  std::vector<Unmet> unmet;
  std::vector<std::string> warnings;  // fallbacks taken, glyphs missing, ...: for stderr
};

// Errors: those of analyze, make_plan, render and evaluate; wrong_usage (no input, output equals an
// input); io and no_space; interrupted (no file at `output`; finished iterations stay in run_folder).
// Not reaching the threshold is no error: `passed` is false and the best file is delivered.
Result<EditRun> auto_edit(const AutoEditOptions& options, const Job& job = {});
Result<EditRun> parody(const ParodyRunOptions& options, const Job& job = {});

// "studio.run/1"
Json to_json(const EditRun& run);

}  // namespace studio
