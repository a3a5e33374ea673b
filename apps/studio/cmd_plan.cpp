// studio plan VIDEO... --goal TEXT -o PLAN: decide the edit, render nothing.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "editing/planner.h"
#include "options.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  ModelChoice model;
  std::vector<std::string> videos;
  std::string goal, output, style;
  std::uint64_t seed = 0;
};

std::string describe(const EditPlan& plan) {
  std::string text = fmt::format("{} decisions, planned by {}\n", plan.decisions.size(), plan.origin);
  for (const Decision& decision : plan.decisions)
    text += fmt::format("  {:<5} {:<13} {}\n", decision.id, name_of(decision.type), decision.reason);
  for (const Repair& repair : plan.repairs)
    text += fmt::format("  repaired {}: {} ({})\n", repair.decision.empty() ? "plan" : repair.decision,
                        repair.what, repair.why);
  return text;
}

Result<Outcome> run(const Options& options, std::stop_token stop) {
  const Job job = make_job(options.common, stop);
  const std::vector<Path> paths(options.videos.begin(), options.videos.end());
  TRY_ASSIGN(const auto sources, watch_sources(paths, {}, job));
  TRY_ASSIGN(const auto model, open_model(options.model));
  PlannerOptions planner;
  planner.mode = planner_mode(options.model);
  planner.seed = options.seed;
  planner.style = options.style;
  TRY_ASSIGN(PlannedEdit planned, create_edit_plan(options.goal, sources, model.get(), planner, job));
  for (const std::string& note : planned.notes) warn(note);
  for (const Unmet& unmet : planned.unmet)
    warn(fmt::format("cannot be met: {}: {}", unmet.wish, unmet.reason));
  const Json document = to_json(planned.plan);
  if (!options.output.empty()) TRY(write_json_file(options.output, document));
  if (options.output != "-") print(options.common, describe(planned.plan));
  return Outcome::with(document);
}

}  // namespace

void add_plan(CLI::App& program, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("plan", "Decide the edit and write it down, with reasons");
  command->add_option("videos", options->videos, "The clips")->required()->type_name("VIDEO...");
  command->add_option("--goal", options->goal, "What you want, in plain words")
      ->required()
      ->type_name("TEXT");
  command->add_option("-o,--output", options->output, "The plan's file ('-': stdout)")->type_name("PLAN");
  command->add_option("--style", options->style, "A style of 'studio list styles'")->type_name("STYLE");
  command->add_option("--seed", options->seed, "Same seed, same plan")->capture_default_str();
  add_model_options(*command, options->model);
  add_common_options(*command, options->common);
  command->footer("Example: studio plan clip.mp4 --goal \"calm, 20 s, black and white\" -o plan.json");
  command->callback([options, &chosen] {
    chosen.run = [options](std::stop_token stop) {
      return conclude(options->common, [&] { return run(*options, stop); });
    };
  });
}

}  // namespace studio::cli
