// studio analyze VIDEO: watch a clip and say what is in it.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "analysis/analysis.h"
#include "analysis/report.h"
#include "commands.h"
#include "console.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  std::string video, html, keyframes, contact_sheet;
  std::vector<std::string> only;
  bool no_cache = false, curves = false;
  std::string detector = "best";
  AnalysisOptions analysis;
};

void apply_only(const std::vector<std::string>& only, AnalysisOptions& options) {
  if (only.empty()) return;
  const auto asked = [&](std::string_view name) {
    return std::find(only.begin(), only.end(), name) != only.end();
  };
  options.shots = asked("shots");
  options.composition = asked("composition");
  options.camera = asked("camera");
  options.coherence = asked("coherence");
  options.audio = asked("audio");
}

Result<Outcome> run(Options& options, std::stop_token stop) {
  AnalysisOptions& analysis = options.analysis;
  analysis.use_cache = !options.no_cache;
  analysis.detector = options.detector == "content"    ? ShotDetector::content
                      : options.detector == "adaptive" ? ShotDetector::adaptive
                                                       : ShotDetector::best;
  apply_only(options.only, analysis);
  const Job job = make_job(options.common, stop);
  TRY_ASSIGN(const Analysis found, analyze(options.video, analysis, job));
  if (!options.keyframes.empty()) {
    TRY_ASSIGN(const std::vector<Path> written, write_keyframes(found, options.keyframes, job));
    say(options.common, fmt::format("{} keyframes in {}", written.size(), options.keyframes));
  }
  if (!options.contact_sheet.empty()) {
    TRY(write_contact_sheet(found, options.contact_sheet, {}, job));
    say(options.common, fmt::format("contact sheet: {}", options.contact_sheet));
  }
  if (!options.html.empty()) {
    TRY_ASSIGN(const std::string page, html_report(found, {}, job));
    TRY(write_file_atomic(options.html, page));
    say(options.common, fmt::format("report: {}", options.html));
  }
  print(options.common, human_summary(found));
  return Outcome::with(to_json(found, options.curves));
}

}  // namespace

void add_analyze(CLI::App& program, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      program.add_subcommand("analyze", "Watch a clip: shots, composition, camera, coherence, sound");
  command->add_option("video", options->video, "The clip; any file FFmpeg reads")
      ->required()
      ->type_name("VIDEO");
  command
      ->add_option("--only", options->only, "Judge only these: shots, composition, camera, coherence, audio")
      ->delimiter(',')
      ->check(CLI::IsMember({"shots", "composition", "camera", "coherence", "audio"}))
      ->type_name("LIST");
  command
      ->add_option("--every", options->analysis.every,
                   "Judge composition on each n-th frame (default: about two a second)")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command->add_option("--detector", options->detector, "Shot detector: best, content or adaptive")
      ->check(CLI::IsMember({"best", "content", "adaptive"}))
      ->capture_default_str();
  command
      ->add_option("--threshold", options->analysis.threshold,
                   "Detector threshold: content is a mean HSV difference (0..255, default 27), adaptive a "
                   "ratio (default 3)")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--min-shot", options->analysis.min_shot_s, "Shortest shot, in seconds")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  command->add_option("--html", options->html, "Write a report that stands alone")->type_name("FILE");
  command->add_option("--keyframes", options->keyframes, "Write one picture a shot into this folder")
      ->type_name("DIR");
  command
      ->add_option("--contact-sheet", options->contact_sheet,
                   "Write all keyframes as one picture (.jpg, .png)")
      ->type_name("FILE");
  command->add_flag("--curves", options->curves, "Include the per-frame curves in the JSON");
  command->add_flag("--no-cache", options->no_cache, "Measure afresh, even when this file was seen before");
  command->add_option("--threads", options->analysis.threads, "Decoder threads (0: all)")
      ->check(CLI::Range(0, 256));
  add_common_options(*command, options->common);
  command->footer("Example: studio analyze clip.mp4 --html report.html --json analysis.json");
  command->callback([options, &chosen] {
    chosen.run = [options](std::stop_token stop) {
      return conclude(options->common, [&] { return run(*options, stop); });
    };
  });
}

}  // namespace studio::cli
