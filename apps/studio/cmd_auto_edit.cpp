// studio auto-edit and studio parody: the whole loop, from clip and wish to a measured film.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "editing/auto_edit.h"
#include "options.h"

namespace studio::cli {
namespace {

struct LoopChoice {
  CommonOptions common;
  ModelChoice model;
  EncodeChoice encode;
  std::vector<std::string> videos;
  std::string output, run_folder, style;
  double threshold = 0.8;
  int max_iterations = 3;
  std::uint64_t seed = 0;
  bool dry_run = false, no_report = false, no_cache = false;
};

struct AutoEditChoice : LoopChoice {
  std::string goal;
};

struct ParodyChoice : LoopChoice {
  double intensity = 0.6, duration = 0;
};

void fill(LoopOptions& loop, const LoopChoice& choice, ChatModel* model) {
  loop.inputs.assign(choice.videos.begin(), choice.videos.end());
  loop.output = choice.output;
  loop.run_folder = choice.run_folder;
  loop.quality_threshold = choice.threshold;
  loop.max_iterations = choice.max_iterations;
  loop.seed = choice.seed;
  loop.planner = planner_mode(choice.model);
  loop.model = model;
  loop.style = choice.style;
  loop.dry_run = choice.dry_run;
  loop.report = !choice.no_report;
  loop.analysis.use_cache = !choice.no_cache;
  loop.render = render_settings(choice.encode);
}

std::string describe(const EditRun& run) {
  std::string text;
  for (std::size_t i = 0; i < run.iterations.size(); ++i)
    text +=
        fmt::format("iteration {}: score {:.2f}, {:.1f} s{}\n", i + 1, run.iterations[i].evaluation.score,
                    run.iterations[i].seconds, i == run.best && run.iterations.size() > 1 ? "  (best)" : "");
  for (const Unmet& unmet : run.unmet) text += fmt::format("not met: {}: {}\n", unmet.wish, unmet.reason);
  if (!run.output.empty()) text += fmt::format("film:   {}\n", run.output.string());
  if (!run.report.empty()) text += fmt::format("report: {}\n", run.report.string());
  if (!run.run_folder.empty())
    text += fmt::format("plans and scores of each iteration: {}\n", run.run_folder.string());
  return text;
}

Outcome outcome_of(const CommonOptions& common, const EditRun& run, bool dry_run) {
  for (const std::string& warning : run.warnings) warn(warning);
  print(common, describe(run));
  Json document = to_json(run);
  if (dry_run || run.passed) return Outcome::with(std::move(document));
  return Outcome::below_threshold(
      std::move(document),
      fmt::format("the best score {:.2f} did not reach the threshold {:.2f}; the best file is delivered",
                  run.score, run.threshold));
}

void add_loop_options(CLI::App& command, LoopChoice& choice) {
  command.add_option("videos", choice.videos, "The clips")->required()->type_name("VIDEO...");
  command.add_option("-o,--output", choice.output, "The film's file")->required()->type_name("OUT");
  command.add_option("--quality-threshold", choice.threshold, "Measured score to reach, 0..1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--max-iterations", choice.max_iterations, "At most this many renders")
      ->check(CLI::Range(1, 20))
      ->capture_default_str();
  command.add_option("--seed", choice.seed, "Same seed, same film")->capture_default_str();
  command.add_option("--run-folder", choice.run_folder, "Where each iteration is kept (default: OUT.studio)")
      ->type_name("DIR");
  command.add_flag("--no-report", choice.no_report, "Write no HTML report");
  command.add_flag("--no-cache", choice.no_cache, "Watch the clips afresh");
  add_model_options(command, choice.model);
  add_encode_options(command, choice.encode);
  add_common_options(command, choice.common);
}

Result<Outcome> run_auto_edit(const AutoEditChoice& choice, std::stop_token stop) {
  TRY_ASSIGN(const auto model, open_model(choice.model));
  AutoEditOptions options;
  fill(options, choice, model.get());
  options.goal = choice.goal;
  TRY_ASSIGN(const EditRun run, auto_edit(options, make_job(choice.common, stop)));
  return outcome_of(choice.common, run, choice.dry_run);
}

Result<Outcome> run_parody(const ParodyChoice& choice, std::stop_token stop) {
  TRY_ASSIGN(const auto model, open_model(choice.model));
  ParodyRunOptions options;
  fill(options, choice, model.get());
  options.intensity = choice.intensity;
  if (choice.duration > 0) options.duration_s = choice.duration;
  TRY_ASSIGN(const EditRun run, parody(options, make_job(choice.common, stop)));
  return outcome_of(choice.common, run, choice.dry_run);
}

}  // namespace

void add_auto_edit(CLI::App& program, Chosen& chosen) {
  auto choice = std::make_shared<AutoEditChoice>();
  CLI::App* command =
      program.add_subcommand("auto-edit", "Watch, plan, render, measure, improve: the whole loop");
  add_loop_options(*command, *choice);
  command->add_option("--goal", choice->goal, "What you want, in plain words (English, Italian)")
      ->required()
      ->type_name("TEXT");
  command->add_option("--style", choice->style, "A style of 'studio list styles'")->type_name("STYLE");
  command->add_flag("--dry-run", choice->dry_run, "Plan only; render nothing");
  command->footer("Example: studio auto-edit clip.mp4 --goal \"funny 15 s highlight reel\" -o out.mp4");
  command->callback([choice, &chosen] {
    chosen.run = [choice](std::stop_token stop) {
      return conclude(choice->common, [&] { return run_auto_edit(*choice, stop); });
    };
  });
}

void add_parody(CLI::App& program, Chosen& chosen) {
  auto choice = std::make_shared<ParodyChoice>();
  choice->style = "dramatic";
  CLI::App* command =
      program.add_subcommand("parody", "Retell a clip as dramatic, chaotic, wholesome or your own style");
  add_loop_options(*command, *choice);
  command
      ->add_option("--style", choice->style, "dramatic, chaotic, wholesome, or one of 'studio list styles'")
      ->capture_default_str()
      ->type_name("STYLE");
  command->add_option("--duration", choice->duration, "Length in seconds (default: the style's own)")
      ->check(CLI::Range(0.1, 86400.0));
  command->add_option("--intensity", choice->intensity, "How much of it, 0..1")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->footer("Example: studio parody clip.mp4 --style chaotic --intensity 0.8 -o parody.mp4");
  command->callback([choice, &chosen] {
    chosen.run = [choice](std::stop_token stop) {
      return conclude(choice->common, [&] { return run_parody(*choice, stop); });
    };
  });
}

}  // namespace studio::cli
