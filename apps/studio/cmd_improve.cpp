// studio improve PLAN EVALUATION -o PLAN2: a better plan from what was measured, or from a note.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "editing/improve.h"
#include "options.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  ModelChoice model;
  std::string plan, evaluation, output, note;
  std::uint64_t seed = 0;
};

std::string describe(const PlanPatch& patch) {
  std::string text;
  for (const PatchStep& step : patch.steps)
    text += fmt::format("  {} {}: {}\n", name_of(step.action),
                        step.target.empty() ? step.decision.id : step.target, step.reason);
  for (const RefusedStep& refused : patch.refused)
    text += fmt::format("  not done: {} {}: {}\n", name_of(refused.step.action), refused.step.target,
                        refused.why);
  for (const std::string& note : patch.notes) text += fmt::format("  note: {}\n", note);
  return text.empty() ? "  nothing is known that would make it better\n" : text;
}

Result<Outcome> run(const Options& options, std::stop_token stop) {
  const Job job = make_job(options.common, stop);
  TRY_ASSIGN(const EditPlan plan, read_plan(options.plan));
  Evaluation evaluation;
  if (!options.evaluation.empty()) {
    TRY_ASSIGN(evaluation, read_evaluation(options.evaluation));
  }
  TRY_ASSIGN(const auto sources, watch_sources(plan, {}, job));
  TRY_ASSIGN(const auto model, open_model(options.model));
  ImproveOptions improve;
  improve.model = model.get();
  improve.note = options.note;
  improve.seed = options.seed;
  TRY_ASSIGN(const PlanPatch patch, suggest_improvements(plan, evaluation, sources, improve, job));
  TRY_ASSIGN(const RepairedPlan better, apply_patch(plan, patch, sources));
  for (const Unmet& unmet : better.unmet)
    warn(fmt::format("cannot be met: {}: {}", unmet.wish, unmet.reason));
  const Json document = to_json(better.plan);
  TRY(write_json_file(options.output, document));
  if (options.output != "-") print(options.common, describe(patch));
  return Outcome::with(document);
}

}  // namespace

void add_improve(CLI::App& program, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("improve", "A better plan from an evaluation, or from your words");
  command->add_option("plan", options->plan, "The plan")->required()->type_name("PLAN");
  command->add_option("evaluation", options->evaluation, "What 'studio evaluate' measured")
      ->type_name("EVALUATION");
  command->add_option("-o,--output", options->output, "The better plan's file ('-': stdout)")
      ->required()
      ->type_name("PLAN2");
  command->add_option("--note", options->note, "Your own wish: \"shorter\", \"remove the title\"")
      ->type_name("TEXT");
  command->add_option("--seed", options->seed, "Same seed, same patch")->capture_default_str();
  add_model_options(*command, options->model);
  add_common_options(*command, options->common);
  command->footer(
      "Example: studio improve plan.json evaluation.json -o plan2.json --note \"slower, keep shot 3\"");
  command->callback([options, &chosen] {
    if (options->evaluation.empty() && options->note.empty())
      throw CLI::ValidationError("improve", "give an EVALUATION, a --note, or both");
    chosen.run = [options](std::stop_token stop) {
      return conclude(options->common, [&] { return run(*options, stop); });
    };
  });
}

}  // namespace studio::cli
