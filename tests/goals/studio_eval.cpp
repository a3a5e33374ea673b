// The goal suite: plans, renders and measures every goal of goals.yaml, independently of the evaluator.
// The generated clips carry the number of each source frame in their pixels, so that order, speed,
// direction, kept and avoided film are read back from the finished file.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include "analysis/analysis.h"
#include "editing/compile.h"
#include "editing/planner.h"
#include "goals/eval_clips.h"
#include "goals/eval_letters.h"
#include "llm/chat.h"
#include "media/audio_reader.h"
#include "media/video_reader.h"
#include "render/render.h"
#include "support/generated.h"

using namespace studio;

namespace {

// ---- what is measured in a file ----

struct Seen {
  double at_s = 0;
  int number = -1;
  double luma = 0, chroma = 0;  // mean luma, mean distance from gray
  double change = 0;            // mean difference of sampled pixels to the frame before
};

struct Measured {
  std::vector<Seen> frames;
  double rate = 25, duration_s = 0;
  int width = 0, height = 0;
  bool has_audio = false;
  std::vector<double> rms;  // of each 0.1 s
};

// Into `seen`: brightness, colourfulness, and the change since the picture whose samples are in `before`.
void measure_picture(const FramePlanes& picture, std::vector<std::uint8_t>& before, Seen& seen) {
  const PlaneView& plane = picture.plane[0];
  double luma = 0, chroma = 0, change = 0;
  int n = 0;
  std::vector<std::uint8_t> samples;
  for (int y = 0; y < picture.height; y += 4)
    for (int x = 0; x < picture.width; x += 4, ++n) {
      const std::uint8_t* p = plane.data + static_cast<std::ptrdiff_t>(y) * plane.stride + 3 * x;
      int high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]});
      luma += (p[0] + p[1] + p[2]) / 3.0;
      chroma += high - low;
      samples.push_back(p[1]);
    }
  for (std::size_t i = 0; i < samples.size() && before.size() == samples.size(); ++i)
    change += std::abs(samples[i] - before[i]);
  before = std::move(samples);
  seen.change = change / std::max(1, n);
  seen.luma = luma / std::max(1, n);
  seen.chroma = chroma / std::max(1, n);
}

Result<Measured> measure(const Path& file) {
  Measured m;
  TRY_ASSIGN(auto reader, VideoReader::open(file, {.format = "bgr24"}));
  TRY_ASSIGN(auto numbers_reader, VideoReader::open(file, {.format = "gray"}));
  std::vector<std::uint8_t> before;
  m.rate = reader.stream().frame_rate.to_double();
  m.width = reader.stream().width;
  m.height = reader.stream().height;
  while (true) {
    TRY_ASSIGN(const auto frame, reader.next());
    if (!frame) break;
    TRY_ASSIGN(const auto gray, numbers_reader.next());
    if (!gray) break;
    Seen seen;
    seen.at_s = frame->pts.seconds();
    if (auto number = generated::read_number(gray->picture, kCode)) seen.number = *number;
    measure_picture(frame->picture, before, seen);
    m.frames.push_back(seen);
    m.duration_s = seen.at_s + (m.rate > 0 ? 1 / m.rate : 0.04);
  }
  auto audio = AudioReader::open(file, {.sample_rate = 8000, .channels = 1});
  m.has_audio = audio.has_value();
  if (!audio) return m;
  std::vector<float> all;
  while (true) {
    auto block = audio->next();
    if (!block || !*block) break;
    all.insert(all.end(), (*block)->samples.begin(), (*block)->samples.end());
  }
  for (std::size_t i = 0; i + 800 <= all.size(); i += 800) {
    double sum = 0;
    for (std::size_t k = i; k < i + 800; ++k)
      sum += static_cast<double>(all[k]) * static_cast<double>(all[k]);
    m.rms.push_back(std::sqrt(sum / 800));
  }
  return m;
}

// ---- checks ----

struct Subject {
  const EditPlan& plan;
  const std::vector<EditSource>& sources;
  const Measured& file;
  const Path& rendered;
  const Path& folder;
};

bool fail_with(std::string& why, std::string text) {
  why = std::move(text);
  return false;
}

// Source second of a coded frame, or below 0.
double source_s(int number, const std::string& source) {
  bool second = number >= kSecondClip;
  if (number < 0 || second != (source == "s2")) return -1;
  return (second ? number - kSecondClip : number) / 25.0;
}

std::vector<double> range_of(const YAML::Node& node) {
  return node.as<std::vector<double>>();
}

// The plan's film once more, without some of its decisions.
Result<Path> rendered_without(const Subject& s, const std::string& type, const std::string& effect) {
  EditPlan plain = s.plan;
  std::erase_if(plain.decisions, [&](const Decision& d) {
    return name_of(d.type) == type &&
           (effect.empty() || d.params.value("effect", "") == effect ||
            d.params.value("layout", "") == effect || d.params.value("text", "") == effect);
  });
  TRY_ASSIGN(auto compiled, compile_plan(plain, s.sources));
  compiled.settings.quality = Quality::draft;
  Path other = s.folder / "without.mp4";
  TRY_ASSIGN(auto made, render(compiled.timeline, other, compiled.settings));
  return other;
}

// Mean absolute difference of the picture between the file and one rendered without some decisions.
// Differences up to `noise` are the coder's: two encodes of one picture are never the same.
Result<std::vector<double>> difference_without(const Subject& s, const std::string& type,
                                               const std::string& effect, int noise) {
  TRY_ASSIGN(const Path other, rendered_without(s, type, effect));
  TRY_ASSIGN(auto a, VideoReader::open(s.rendered, {.format = "gray"}));
  TRY_ASSIGN(auto b, VideoReader::open(other, {.format = "gray"}));
  std::vector<double> out;
  while (true) {
    TRY_ASSIGN(auto fa, a.next());
    TRY_ASSIGN(auto fb, b.next());
    if (!fa || !fb) break;
    double sum = 0;
    for (int y = 0; y < fa->picture.height; ++y)
      for (int x = 0; x < fa->picture.width; ++x)
        sum += std::max(
            0,
            std::abs(
                fa->picture.plane[0].data[static_cast<std::ptrdiff_t>(y) * fa->picture.plane[0].stride + x] -
                fb->picture.plane[0].data[static_cast<std::ptrdiff_t>(y) * fb->picture.plane[0].stride + x]) -
                noise);
    out.push_back(sum / (fa->picture.width * fa->picture.height));
  }
  return out;
}

// Steps of the coded number from frame to frame, where both are readable.
struct Run {
  std::size_t first = 0, last = 0;
  double step = 0;  // source frames a output frame, mean
};

std::vector<Run> runs_of(const Measured& m) {
  std::vector<Run> runs;
  std::size_t i = 0;
  while (i < m.frames.size() && m.frames[i].number < 0) ++i;
  while (i < m.frames.size()) {
    Run run{i, i, 0};
    std::size_t j = i + 1;
    for (; j < m.frames.size(); ++j) {
      int here = m.frames[j].number, before = m.frames[run.last].number;
      if (here < 0) continue;
      double gap = static_cast<double>(j - run.last);
      // A jump of more than six source frames an output frame is a cut, as is a change of clip.
      if (std::abs(here - before) > 6 * gap + 2) break;
      run.last = j;
    }
    run.step = run.last > run.first
                   ? static_cast<double>(m.frames[run.last].number - m.frames[run.first].number) /
                         static_cast<double>(run.last - run.first)
                   : 0;
    runs.push_back(run);
    i = j;
  }
  return runs;
}

bool check(const std::string& kind, const YAML::Node& want, const Subject& s, std::string& why) {
  const Measured& m = s.file;
  auto within = [&](double value, double low, double high) {
    return value >= low && value <= high ? true : fail_with(why, fmt::format("{:.2f}", value));
  };
  if (kind == "duration") {
    auto r = range_of(want);
    return r.size() == 1 ? within(m.duration_s, r[0] - 0.25, r[0] + 0.25) : within(m.duration_s, r[0], r[1]);
  }
  if (kind == "aspect")
    return within(static_cast<double>(m.width) / m.height / (want[0].as<double>() / want[1].as<double>()),
                  0.99, 1.01);
  if (kind == "height") return within(m.height, want.as<double>(), want.as<double>());
  if (kind == "rate") return within(m.rate, want.as<double>() - 0.05, want.as<double>() + 0.05);
  if (kind == "silent" || kind == "audible") {
    double from = 0, to = 1e9;
    if (want.IsSequence()) from = want[0].as<double>(), to = want[1].as<double>();
    if (from < 0) from += m.duration_s;
    double most = 0, least = 1;
    for (std::size_t i = 0; i < m.rms.size(); ++i) {
      double t = 0.1 * static_cast<double>(i);
      if (t < from + 0.05 || t + 0.1 > std::min(to, m.duration_s) - 0.05) continue;
      most = std::max(most, m.rms[i]);
      least = std::min(least, m.rms[i]);
    }
    if (m.rms.empty()) least = 0;
    return kind == "silent" ? within(most, 0, 0.002) : within(most, 0.003, 1e9);
  }
  if (kind == "fades_out") {
    if (m.rms.size() < 10) return fail_with(why, "no sound");
    return within(m.rms[m.rms.size() - 2] / std::max(1e-6, m.rms[m.rms.size() / 2]), 0, 0.35);
  }
  if (kind == "loudness") {
    auto a = analyze(s.rendered, {.use_cache = false});
    if (!a || !a->audio) return fail_with(why, "no sound");
    return within(a->audio->integrated_lufs, want.as<double>() - 1, want.as<double>() + 1);
  }
  if (kind == "shows" || kind == "hides") {
    std::string source = want["source"].as<std::string>("s1");
    double from = want["from"].as<double>(), to = want["to"].as<double>(),
           least = want["least"].as<double>(0.9);
    std::vector<bool> seen(static_cast<std::size_t>(std::lround((to - from) * 25)), false);
    for (const Seen& f : m.frames) {
      double t = source_s(f.number, source);
      auto i = std::lround((t - from) * 25);
      if (t >= 0 && i >= 0 && i < static_cast<long>(seen.size())) seen[static_cast<std::size_t>(i)] = true;
    }
    double share = static_cast<double>(std::ranges::count(seen, true)) /
                   static_cast<double>(std::max<std::size_t>(1, seen.size()));
    return kind == "shows" ? within(share, least, 1) : within(share, 0, 0.011);
  }
  if (kind == "opens" || kind == "ends") {
    std::string source = want["source"].as<std::string>("s1");
    std::vector<Seen> readable;
    for (const Seen& f : m.frames)
      if (f.number >= 0) readable.push_back(f);
    if (readable.empty()) return fail_with(why, "no readable frame");
    double t = source_s(kind == "opens" ? readable.front().number : readable.back().number, source);
    return within(t, want["from"].as<double>() - 0.05, want["to"].as<double>() + 0.05);
  }
  if (kind == "order") {
    std::vector<int> starts;
    for (const Run& run : runs_of(m)) starts.push_back(m.frames[run.first].number);
    if (starts.size() < 2) return fail_with(why, "one piece");
    bool up = std::ranges::is_sorted(starts), down = std::ranges::is_sorted(starts, std::ranges::greater{});
    std::string order = want.as<std::string>();
    bool met = order == "chronological" ? up : order == "reversed" ? down : !up;
    return met ? true : fail_with(why, up ? "chronological" : down ? "reversed" : "mixed");
  }
  if (kind == "listed") {
    std::vector<int> shots;
    for (const Run& run : runs_of(m)) {
      int shot = m.frames[run.first].number / 125 + 1;
      if (shots.empty() || shots.back() != shot) shots.push_back(shot);
    }
    auto wanted = want.as<std::vector<int>>();
    return shots == wanted ? true
                           : fail_with(why, fmt::format("{} pieces, first {}", shots.size(),
                                                        shots.empty() ? 0 : shots[0]));
  }
  if (kind == "pieces") {
    auto runs = runs_of(m);
    return within(static_cast<double>(runs.size()), want[0].as<double>(), want[1].as<double>());
  }
  if (kind == "speed") {  // of the film between two source times, or of the last output seconds
    double factor = want["factor"].as<double>(), from = want["from"].as<double>(0),
           to = want["to"].as<double>(1e9);
    double last = want["last_s"].as<double>(1e9);
    std::vector<double> steps;
    for (const Run& run : runs_of(m)) {
      std::size_t a = run.first, b = run.last;
      while (a < b && (m.frames[a].number < 0 || source_s(m.frames[a].number, "s1") < from ||
                       m.frames[a].at_s < m.duration_s - last))
        ++a;
      while (b > a && (m.frames[b].number < 0 || source_s(m.frames[b].number, "s1") >= to)) --b;
      if (b > a + 8)
        steps.push_back(std::abs(static_cast<double>(m.frames[b].number - m.frames[a].number)) /
                        static_cast<double>(b - a));
    }
    if (steps.empty()) return fail_with(why, "not seen");
    for (double step : steps)
      if (std::abs(step / factor - 1) > 0.08) return fail_with(why, fmt::format("{:.2f}", step));
    return true;
  }
  if (kind == "reversed") {
    for (const Run& run : runs_of(m))
      if (run.last > run.first + 5 && run.step >= 0)
        return fail_with(why, fmt::format("step {:.2f}", run.step));
    return true;
  }
  if (kind == "freeze") {
    int longest = 0, here = 1;
    for (std::size_t i = 1; i < m.frames.size(); ++i) {
      here = m.frames[i].number >= 0 && m.frames[i].number == m.frames[i - 1].number ? here + 1 : 1;
      longest = std::max(longest, here);
    }
    return within(longest / m.rate, want.as<double>() - 0.12, want.as<double>() + 0.12);
  }
  if (kind == "held_end" || kind == "held_start") {  // the very last (first) picture stands for so long
    int run = 1, n = static_cast<int>(m.frames.size());
    auto at = [&](int i) {
      return m.frames[static_cast<std::size_t>(kind == "held_end" ? n - 1 - i : i)].number;
    };
    while (run < n && at(run) >= 0 && at(run) == at(0)) ++run;
    return within(run / m.rate, want.as<double>() - 0.12, want.as<double>() + 0.12);
  }
  if (kind == "on_clicks") {  // every cut within a frame of a click
    for (std::size_t i = 1; const Run& run : runs_of(m)) {
      if (i++ == 1) continue;
      double t = m.frames[run.first].at_s, n = std::round((t - kClickFirst) / kClickEvery);
      if (std::abs(t - kClickFirst - n * kClickEvery) > 1.05 / m.rate)
        return fail_with(why, fmt::format("a cut at {:.2f} s", t));
    }
    return runs_of(m).size() > 2 ? true : fail_with(why, "no cuts");
  }
  if (kind == "between") {  // runs of frames that a render without the transitions shows otherwise
    auto difference = difference_without(s, "transition", "", 10);
    if (!difference) return fail_with(why, difference.error().message);
    int joins = 0, changed = 0;
    bool before = false;
    for (double d : *difference) {
      bool here = d > 1;
      changed += here;
      joins += here && !before;
      before = here;
    }
    int least = want["joins"][0].as<int>(), most = want["joins"][1].as<int>();
    if (joins < least || joins > most) return fail_with(why, fmt::format("{} transitions", joins));
    double length = want["length"].as<double>();
    return within(changed / m.rate / joins, 0.6 * length, 1.2 * length);
  }
  if (kind == "ramp") {
    double fastest = 0, slowest = 100;
    for (std::size_t i = 5; i < m.frames.size(); ++i) {
      if (m.frames[i].number < 0 || m.frames[i - 5].number < 0) continue;
      double step = (m.frames[i].number - m.frames[i - 5].number) / 5.0;
      if (step <= 0 || step > 8) continue;
      fastest = std::max(fastest, step);
      slowest = std::min(slowest, step);
    }
    return within(fastest / slowest, 1.8, 100);
  }
  if (kind == "gray" || kind == "color") {
    double from = want.IsSequence() ? want[0].as<double>() : 0,
           to = want.IsSequence() ? want[1].as<double>() : 1e9, most = 0, sum = 0;
    int n = 0;
    for (const Seen& f : m.frames)
      if (f.at_s >= from + 0.05 && f.at_s < to - 0.05) most = std::max(most, f.chroma), sum += f.chroma, ++n;
    return kind == "gray" ? within(most, 0, 8) : within(n > 0 ? sum / n : 0, 12, 255);
  }
  if (kind == "black_at_end") return within(m.frames.empty() ? 255 : m.frames.back().luma, 0, 40);
  if (kind == "white_at_end") return within(m.frames.empty() ? 0 : m.frames.back().luma, 200, 255);
  if (kind == "white_at_start") return within(m.frames.empty() ? 0 : m.frames.front().luma, 200, 255);
  if (kind == "width") return within(m.width, want.as<double>(), want.as<double>());
  if (kind == "motion") {  // against the first source's own, as a ratio: a time lapse changes faster
    double inside = 0;
    for (std::size_t i = 1; i < m.frames.size(); ++i) inside += m.frames[i].change;
    auto source = measure(s.sources.front().analysis.source.path);
    if (!source || source->frames.size() < 2) return fail_with(why, "the source was not measured");
    double own = 0;
    for (const Seen& f : source->frames) own += f.change;
    return within(inside / static_cast<double>(m.frames.size()) /
                      std::max(1e-6, own / static_cast<double>(source->frames.size())),
                  want[0].as<double>(), want[1].as<double>());
  }
  if (kind == "black_at_start") return within(m.frames.empty() ? 255 : m.frames.front().luma, 0, 40);
  if (kind == "letters") {
    auto plain = rendered_without(s, "text_overlay", want["of"].as<std::string>());
    if (!plain) return fail_with(why, plain.error().message);
    auto share = coloured_share(s.rendered, *plain, want["color"].as<std::string>());
    if (!share) return fail_with(why, share.error().message);
    return within(*share, 0.5, 1);
  }
  if (kind == "text" || kind == "look") {
    auto difference =
        difference_without(s, kind == "text" ? "text_overlay" : want["type"].as<std::string>("effect"),
                           want["of"].as<std::string>(""), kind == "text" ? 24 : 0);
    if (!difference) return fail_with(why, difference.error().message);
    double from = want["from"].as<double>(), to = want["to"].as<double>();
    if (from < 0) from += m.duration_s;
    if (to <= 0) to += m.duration_s;
    to = std::min(to, m.duration_s);
    double inside = 0, outside = 0;
    int n_in = 0, n_out = 0;
    for (std::size_t i = 0; i < difference->size(); ++i) {
      double t = static_cast<double>(i) / m.rate;
      if (t >= from + 0.3 && t < to - 0.3)
        inside += (*difference)[i], ++n_in;
      else if (t < from - 0.2 || t > to + 0.2)
        outside += (*difference)[i], ++n_out;
    }
    inside /= std::max(1, n_in);
    outside /= std::max(1, n_out);
    bool alone = want["alone"].as<bool>(true);
    return inside > (kind == "text" ? 0.2 : 0.35) && (!alone || outside < 0.5 * inside)
               ? true
               : fail_with(why, fmt::format("{:.2f} inside, {:.2f} outside", inside, outside));
  }
  return fail_with(why, "there is no such check: " + kind);
}

struct Tally {
  int held = 0, total = 0;
};

struct Options {
  std::string goals, planner = "auto", url, model = "qwen2.5-coder-0.5b", only, json;
  bool alone = true;
  Path folder;
};

// Renders and checks one plan; every check that could not even be rendered counts as not held.
void try_plan(const EditPlan& plan, const std::vector<EditSource>& sources, const YAML::Node& checks,
              const Path& folder, const std::string& id, Tally& tally, bool loud, Json& rows) {
  tally.total += static_cast<int>(checks.size());
  auto say = [&](const std::string& text) {
    if (loud) std::printf("  %s\n", text.c_str());
  };
  auto compiled = compile_plan(plan, sources);
  if (!compiled) return say("compile: " + compiled.error().message);
  compiled->settings.quality = Quality::draft;
  Path file = folder / (id + (loud ? ".mp4" : ".alone.mp4"));
  auto made = render(compiled->timeline, file, compiled->settings);
  if (!made) return say("render: " + made.error().message);
  auto measured = measure(file);
  if (!measured) return say("measure: " + measured.error().message);
  Subject subject{plan, sources, *measured, file, folder};
  for (const auto& entry : checks)
    for (const auto& pair : entry) {
      std::string kind = pair.first.as<std::string>(), why;
      bool held = check(kind, pair.second, subject, why);
      tally.held += held;
      if (loud) rows.push_back({{"check", kind}, {"held", held}, {"measured", why}});
      if (!held) say(fmt::format("{} not held: {}", kind, why));
    }
}

Result<int> run(const Options& options) {
  std::unique_ptr<ChatModel> model;
  if (options.planner != "rules") {
    ChatModelOptions chat;
    chat.url = options.url;
    if (chat.url.empty()) chat.model = options.model;
    auto opened = open_chat_model(chat);
    if (opened)
      model = *std::move(opened);
    else if (options.planner == "model")
      return std::unexpected(opened.error());
    else
      std::fprintf(stderr, "studio_eval: planning by rules: %s\n", opened.error().message.c_str());
  }
  YAML::Node suite = YAML::LoadFile(options.goals);
  Tally all, alone;
  Json report = Json::array();
  std::map<std::string, std::vector<EditSource>> watched;
  for (const auto& goal : suite["goals"]) {
    std::string id = goal["id"].as<std::string>(), text = goal["goal"].as<std::string>();
    if (!options.only.empty() && id != options.only) continue;
    if (auto at = text.find("clicks.wav"); at != std::string::npos) {
      Path clicks = options.folder / "clicks.wav";
      TRY(write_clicks(clicks));
      text.replace(at, 10, fmt::format("\"{}\"", clicks.string()));
    }
    std::vector<Path> paths;
    std::string key;
    for (const auto& clip : goal["clips"]) {
      TRY_ASSIGN(Path path, clip_path(clip.as<std::string>(), options.folder));
      paths.push_back(path);
      key += path.string() + "\n";
    }
    if (!watched.contains(key)) {
      TRY_ASSIGN(auto sources, watch_sources(paths));
      watched.emplace(key, std::move(sources));
    }
    const auto& sources = watched.at(key);
    PlannerOptions planner;
    planner.mode = planner_mode_from(options.planner).value_or(PlannerMode::automatic);
    planner.seed = 1;
    auto planned = create_edit_plan(text, sources, model.get(), planner);
    Tally mine;
    Json rows = Json::array();
    std::printf("%s  %s\n", id.c_str(), text.c_str());
    if (!planned) {
      std::printf("  plan: %s\n", planned.error().message.c_str());
      mine.total = static_cast<int>(goal["checks"].size());
    } else {
      for (const Unmet& unmet : planned->unmet)
        std::printf("  unmet: %s: %s\n", unmet.wish.c_str(), unmet.reason.c_str());
      try_plan(planned->plan, sources, goal["checks"], options.folder, id, mine, true, rows);
      if (options.alone && model && planned->plan.origin == "model")
        try_plan(planned->proposed, sources, goal["checks"], options.folder, id, alone, false, rows);
    }
    if (goal["unmet"]) {  // as many wishes as said must be named as impossible, no more
      ++mine.total;
      auto named = planned ? planned->unmet.size() : 0;
      bool right = planned && named == goal["unmet"].as<std::size_t>();
      mine.held += right;
      if (!right) std::printf("  unmet not held: %zu named\n", named);
    }
    std::printf(
        "  %d of %d hold%s\n", mine.held, mine.total,
        planned
            ? fmt::format(" ({}, {:.1f} s of model)", planned->plan.origin, planned->model_seconds).c_str()
            : "");
    std::fflush(stdout);
    report.push_back(
        {{"id", id}, {"goal", text}, {"held", mine.held}, {"total", mine.total}, {"checks", rows}});
    all.held += mine.held;
    all.total += mine.total;
  }
  double share = all.total > 0 ? 100.0 * all.held / all.total : 0;
  std::printf("\n%zu goals, %d explicit constraints: %d hold (%.1f %%)\n", report.size(), all.total, all.held,
              share);
  if (alone.total > 0)
    std::printf("the model alone, before code read the goal and repaired: %d of %d (%.1f %%)\n", alone.held,
                alone.total, 100.0 * alone.held / alone.total);
  if (!options.json.empty())
    TRY(write_json_file(options.json, {{"goals", report},
                                       {"held", all.held},
                                       {"total", all.total},
                                       {"alone_held", alone.held},
                                       {"alone_total", alone.total}}));
  return share >= 95 ? 0 : 4;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    if (word == "--no-alone")
      options.alone = false;
    else if (word == "--planner")
      options.planner = value, ++i;
    else if (word == "--model")
      options.model = value, ++i;
    else if (word == "--url")
      options.url = value, ++i;
    else if (word == "--only")
      options.only = value, ++i;
    else if (word == "--json")
      options.json = value, ++i;
    else if (word == "--folder")
      options.folder = value, ++i;
    else if (!word.starts_with("-"))
      options.goals = word;
    else
      return std::fprintf(stderr,
                          "studio_eval GOALS.yaml [--planner auto|model|rules] [--model ID | --url URL] "
                          "[--only ID] [--folder DIR] [--json FILE] [--no-alone]\n"),
             2;
  }
  if (options.goals.empty()) return std::fprintf(stderr, "studio_eval: no goal file was given\n"), 2;
  auto scratch = ScratchFolder::create("studio-eval");
  if (!scratch) return std::fprintf(stderr, "studio_eval: %s\n", scratch.error().message.c_str()), 1;
  if (options.folder.empty()) options.folder = scratch->path();
  try {
    auto code = run(options);
    if (code) return *code;
    std::fprintf(stderr, "studio_eval: %s\n", code.error().message.c_str());
    return exit_code(code.error().kind);
  } catch (const YAML::Exception& e) {
    std::fprintf(stderr, "studio_eval: %s: %s\n", options.goals.c_str(), e.what());
    return 1;
  }
}
