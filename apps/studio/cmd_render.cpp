// studio render PLAN -o OUT: a plan, a timeline or an OpenTimelineIO file becomes a film.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "console.h"
#include "editing/compile.h"
#include "options.h"
#include "timeline/edl.h"
#include "timeline/otio.h"

namespace studio::cli {
namespace {

struct Options {
  CommonOptions common;
  EncodeChoice encode;
  std::string input, output, otio, edl;
};

struct Prepared {
  Timeline timeline;
  RenderSettings settings;
  std::vector<std::string> watched;  // sources whose pictures had to be looked at
};

// What the file is stands in the file, not in its name.
Result<Prepared> prepare(const Options& options, const Job& job) {
  TRY_ASSIGN(const Json document, read_json_file(options.input));
  Prepared prepared{{}, render_settings(options.encode), {}};
  const std::string schema = document.is_object() ? document.value("schema", "") : "";
  if (document.is_object() && document.contains("OTIO_SCHEMA")) {
    TRY_ASSIGN(auto imported, from_otio(document, options.input));
    for (const std::string& loss : imported.losses) warn(loss);
    prepared.timeline = std::move(imported.timeline);
    return prepared;
  }
  if (schema.starts_with("studio.timeline/")) {
    TRY_ASSIGN(prepared.timeline, timeline_from_json(document, options.input));
    return prepared;
  }
  TRY_ASSIGN(const EditPlan plan, plan_from_json(document, options.input));
  TRY_ASSIGN(CompiledEdit edit, compile_from_files(plan, {}, {}, job));
  for (const std::string& warning : edit.warnings) warn(warning);
  prepared.timeline = std::move(edit.timeline);
  prepared.watched.assign(edit.watched.begin(), edit.watched.end());
  if (!prepared.settings.loudness_lufs) prepared.settings.loudness_lufs = edit.settings.loudness_lufs;
  return prepared;
}

Json to_json(const RenderedFile& file, const std::vector<std::string>& watched) {
  return {{"schema", "studio.render/1"},
          {"output", file.path.string()},
          {"frames", file.frames},
          {"duration_s", file.duration.seconds()},
          {"width", file.width},
          {"height", file.height},
          {"frame_rate", file.frame_rate.to_string()},
          {"encoder", file.encoder},
          {"smart_cut", file.smart_cut},
          {"reencoded_frames", file.reencoded_frames},
          {"not_copied", file.not_copied},
          {"watched", watched},
          {"seconds", file.seconds},
          {"warnings", file.warnings}};
}

Result<Outcome> run(const Options& options, std::stop_token stop) {
  const Job job = make_job(options.common, stop);
  TRY_ASSIGN(const Prepared prepared, prepare(options, job));
  if (!options.otio.empty()) TRY(write_otio(options.otio, prepared.timeline));
  if (!options.edl.empty()) {
    TRY_ASSIGN(const auto losses, write_edl(options.edl, prepared.timeline));
    for (const std::string& loss : losses) warn(loss);
  }
  if (options.output.empty()) return Outcome::with(to_json(prepared.timeline));
  TRY_ASSIGN(const RenderedFile file, render(prepared.timeline, options.output, prepared.settings, job));
  for (const std::string& warning : file.warnings) warn(warning);
  print(
      options.common,
      fmt::format(
          "{}  {:.2f} s  {}x{}  {} frames  {}{}\n", file.path.string(), file.duration.seconds(), file.width,
          file.height, file.frames, file.encoder,
          file.smart_cut ? fmt::format("  smart cut, {} frames encoded again", file.reencoded_frames) : ""));
  return Outcome::with(to_json(file, prepared.watched));
}

}  // namespace

void add_render(CLI::App& program, Chosen& chosen) {
  auto options = std::make_shared<Options>();
  CLI::App* command = program.add_subcommand("render", "Turn a plan, timeline or OTIO file into a film");
  command->add_option("plan", options->input, "A plan, a timeline, or an .otio file")
      ->required()
      ->type_name("PLAN");
  CLI::Option* output =
      command->add_option("-o,--output", options->output, "The film's file")->type_name("OUT");
  command->add_option("--otio", options->otio, "Also write the edit as OpenTimelineIO")->type_name("FILE");
  command->add_option("--edl", options->edl, "Also write the edit as CMX 3600 EDL")->type_name("FILE");
  add_encode_options(*command, options->encode);
  add_common_options(*command, options->common);
  command->footer("Example: studio render plan.json -o out.mp4 --quality high");
  command->callback([options, output, &chosen] {
    if (output->empty() && options->otio.empty() && options->edl.empty())
      throw CLI::ValidationError("render", "say where the film goes: -o OUT (or --otio FILE, --edl FILE)");
    chosen.run = [options](std::stop_token stop) {
      return conclude(options->common, [&] { return run(*options, stop); });
    };
  });
}

}  // namespace studio::cli
