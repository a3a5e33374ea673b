// studio evaluate FILE: measure a film, against its plan and goal when they are given.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "editing/evaluate.h"
#include "options.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  ModelChoice model;
  std::string file, plan, goal, output, weights;
  std::vector<std::string> sources;
  double threshold = -1;
  bool no_cache = false;
};

Result<Outcome> run(const Options& options, std::stop_token stop) {
  const Job job = make_job(options.common, stop);
  EvaluationRequest request;
  request.file = options.file;
  request.goal = options.goal;
  EditPlan plan;
  if (!options.plan.empty()) {
    TRY_ASSIGN(plan, read_plan(options.plan));
    request.plan = &plan;
  }
  std::vector<EditSource> sources;
  if (!options.sources.empty()) {
    const std::vector<Path> paths(options.sources.begin(), options.sources.end());
    TRY_ASSIGN(sources, watch_sources(paths, {}, job));
    request.sources = sources;
  }
  TRY_ASSIGN(const auto model, open_model(options.model, "judging"));
  EvaluationOptions evaluation;
  evaluation.threshold = options.threshold;
  evaluation.model = model.get();
  evaluation.use_cache = !options.no_cache;
  evaluation.weights = options.weights;
  TRY_ASSIGN(const Evaluation found, evaluate_edit_quality(request, evaluation, job));
  const Json document = to_json(found);
  if (!options.output.empty()) TRY(write_json_file(options.output, document));
  if (options.output != "-") print(options.common, summary_of(found));
  if (!found.passed)
    return Outcome::below_threshold(document, fmt::format("{}: score {:.2f} is below the threshold {:.2f}",
                                                          options.file, found.score, found.threshold));
  return Outcome::with(document);
}

}  // namespace

void add_evaluate(CLI::App& program, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  options->model.planner = "auto";
  CLI::App* command = program.add_subcommand(
      "evaluate", "Measure a film: scores with evidence, unmet wishes, faults at their frames");
  command->add_option("file", options->file, "Any film, also one made elsewhere")
      ->required()
      ->type_name("FILE");
  command->add_option("--plan", options->plan, "The plan it was made from")->type_name("PLAN");
  command->add_option("--goal", options->goal, "What was wanted, in plain words")->type_name("TEXT");
  command->add_option("--source", options->sources, "The clips it was made from")->type_name("VIDEO...");
  command->add_option("-o,--output", options->output, "Write the evaluation here ('-': stdout)")
      ->type_name("FILE");
  command
      ->add_option("--quality-threshold", options->threshold,
                   "Score to reach, 0..1 (default: configs/evaluation.yaml)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--weights", options->weights, "Other weights than configs/evaluation.yaml")
      ->type_name("FILE");
  command->add_flag("--no-cache", options->no_cache, "Measure afresh");
  add_model_options(*command, options->model);
  add_common_options(*command, options->common);
  command->footer("Example: studio evaluate out.mp4 --plan plan.json --json evaluation.json");
  command->callback([options, &chosen] {
    chosen.run = [options](std::stop_token stop) {
      return conclude(options->common, [&] { return run(*options, stop); });
    };
  });
}

}  // namespace studio::cli
