// A plan becomes a timeline, layer by layer: film, transitions, looks, texts, insets, sound.
#include "editing/compile.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "editing/compile_layers.h"
#include "editing/plan_cuts.h"
#include "editing/reframe.h"
#include "timeline/verbs_layers.h"
#include "timeline/verbs_time.h"

namespace studio {
namespace {

int even(double value) {
  return std::max(2, 2 * static_cast<int>(std::lround(value / 2)));
}

const Decision* frame_decision(const EditPlan& plan) {
  for (const Decision& d : plan.decisions)
    if (d.type == DecisionType::composite && text_param(d, "layout") == "frame") return &d;
  return nullptr;
}

// The rate of the first clip when people use it; odd nominal rates of variable-rate files become 30.
Rational output_rate(const EditSource& first, double wanted_fps) {
  static const Rational common[] = {{24000, 1001}, {24, 1}, {25, 1},       {30000, 1001}, {30, 1},
                                    {48, 1},       {50, 1}, {60000, 1001}, {60, 1}};
  if (wanted_fps > 0) {
    for (const Rational& rate : common)
      if (std::abs(rate.to_double() - wanted_fps) < 0.011) return rate;
    return Rational::reduced(std::llround(wanted_fps * 1000), 1000);
  }
  Rational rate = first.media.frame_rate;
  double fps = rate.to_double();
  if (!rate.positive() || fps < 1 || fps > 120) return {30, 1};
  for (const Rational& known : common)
    if (std::abs(known.to_double() - fps) < 0.002) return known;
  if (first.analysis.source.variable_frame_rate) return fps < 26 ? Rational{25, 1} : Rational{30, 1};
  return rate;
}

struct Canvas {
  int width = 1280, height = 720;
};

// A frame of the asked shape, no larger than the film gives sharpness for: a wider shape keeps the
// width, a taller one makes the film's shorter side its width (1280x720 becomes 720x1280).
Canvas output_canvas(const EditSource& first, const Decision* frame) {
  Canvas canvas{std::max(2, first.media.width), std::max(2, first.media.height)};
  if (!frame) return {even(canvas.width), even(canvas.height)};
  double width = canvas.width, height = canvas.height;
  int w = 0, h = 0;
  if (std::sscanf(text_param(*frame, "aspect").c_str(), "%d:%d", &w, &h) == 2 && w > 0 && h > 0) {
    double aspect = static_cast<double>(w) / h, own = width / height;
    double shorter = std::min(width, height);
    if (std::abs(aspect / own - 1) > 0.002) {
      if (aspect >= own)
        height = width / aspect;
      else if (aspect < 1)
        width = shorter, height = width / aspect;
      else
        width = height * aspect;
    }
    // Exact shapes: 9:16 of 576 is 576x1024, not a pixel more.
    double unit = std::max(1.0, std::round(std::min(width / w, height / h) / 2) * 2);
    if (w <= 64 && h <= 64 && std::abs(unit * w / width - 1) < 0.1) width = unit * w, height = unit * h;
  }
  double asked_w = number_param(*frame, "width", 0), asked_h = number_param(*frame, "height", 0);
  if (asked_w > 0 && asked_h > 0) {
    width = asked_w, height = asked_h;
  } else if (asked_h > 0) {  // "1080p" names the shorter side
    double scale = asked_h / std::min(width, height);
    if (width >= height) scale = asked_h / height;
    width *= scale, height *= scale;
  } else if (asked_w > 0) {
    height *= asked_w / width, width = asked_w;
  }
  return {std::min(8192, even(width)), std::min(8192, even(height))};
}

class Compiler {
 public:
  Compiler(const EditPlan& plan, std::span<const EditSource> sources, const CompileOptions& options)
      : plan_(plan), sources_(sources), options_(options) {}

  Result<CompiledEdit> run() {
    TRY(check_plan(plan_, sources_));
    const Decision* frame = frame_decision(plan_);
    auto cuts = cuts_in_order(plan_);
    const EditSource* first = find_source(sources_, cuts.front().source);
    out_.timeline.name = plan_.goal.substr(0, 80);
    rate_ = output_rate(*first, frame ? number_param(*frame, "fps", 0) : 0);
    out_.timeline.frame_rate = rate_;
    Canvas canvas = output_canvas(*first, frame);
    if (options_.max_height > 0 && std::min(canvas.width, canvas.height) > options_.max_height) {
      double scale = static_cast<double>(options_.max_height) / std::min(canvas.width, canvas.height);
      canvas = {even(canvas.width * scale), even(canvas.height * scale)};
    }
    out_.timeline.width = canvas.width;
    out_.timeline.height = canvas.height;
    reframe_ = frame ? text_param(*frame, "reframe", "subject") : "fit";
    out_.timeline.tracks.push_back({.id = "V1", .kind = TrackKind::video, .items = {}, .effects = {}});
    for (const CutView& cut : cuts) TRY(add_cut(cut));
    if (out_.timeline.tracks[0].items.empty())
      return fail(ErrorKind::invalid_input, "compile the plan: no piece is as long as one frame",
                  "make the cuts longer");
    transitions();
    LayerContext context{plan_, sources_, out_, rate_, clips_of_cut_};
    TRY(add_looks(context));
    TRY(add_insets(context));
    TRY(add_texts(context));
    TRY(add_sound(context));
    if (auto valid = validate(out_.timeline); !valid)
      return std::unexpected(with_context(valid.error(), "compile the plan"));
    return std::move(out_);
  }

 private:
  // First frame of the source shown at or after the time, exactly.
  Time frame_time(const EditSource& source, double seconds) const {
    const auto& times = source.analysis.curves.time_s;
    Time start = source.media.available.start;
    if (times.size() > 1 && source.analysis.source.variable_frame_rate) {
      auto it = std::ranges::lower_bound(times, seconds - 0.002);
      if (it == times.end()) --it;
      return Time::from_seconds(*it);
    }
    Rational rate = source.media.frame_rate.positive() ? source.media.frame_rate : Rational{25, 1};
    std::int64_t n = (Time::from_seconds(seconds) - start).to_frames(rate, Rounding::nearest);
    return start + Time::frames(std::max<std::int64_t>(0, n), rate);
  }

  // Frames of the output between here and the ideal end, so that rounding never adds up.
  std::int64_t take_frames(double length_s) {
    ideal_s_ += length_s;
    std::int64_t end = std::llround(ideal_s_ * rate_.to_double());
    std::int64_t n = end - frames_;
    frames_ = end;
    return n;
  }

  Result<void> add_cut(const CutView& cut) {
    const EditSource* source = find_source(sources_, cut.source);
    double from = 0;
    for (const auto& [at, hold] : cut.freezes) {
      add_piece(cut, *source, from, at);
      add_hold(cut, *source, at, hold);
      from = at;
    }
    add_piece(cut, *source, from, cut.played_s());
    return {};
  }

  double source_at(const CutView& cut, double played) const {
    double share = cut.played_s() > 0 ? played / cut.played_s() : 0;
    return cut.reverse ? cut.end_s - share * cut.source_s() : cut.start_s + share * cut.source_s();
  }

  Clip base_clip(const CutView& cut, const EditSource& source) {
    Clip clip;
    auto& parts = clips_of_cut_[cut.id];
    clip.id = parts.empty() ? cut.id : fmt::format("{}_{}", cut.id, parts.size() + 1);
    clip.name = cut.shot.empty() ? cut.id : fmt::format("{} {}", cut.source, cut.shot);
    clip.source = source.media;
    clip.metadata["decision"] = cut.id;
    if (!cut.shot.empty()) clip.metadata["shot"] = cut.shot;
    clip.sound = source.media.has_audio;
    return clip;
  }

  void add_piece(const CutView& cut, const EditSource& source, double from, double to) {
    if (to - from < 1e-6) return;
    std::int64_t n = take_frames(to - from);
    if (n <= 0) return;
    double a = source_at(cut, from), b = source_at(cut, to);
    Clip clip = base_clip(cut, source);
    clip.retime.reverse = cut.reverse;
    clip.retime.keep_pitch = cut.keep_pitch;
    Time wanted = Time::frames(n, rate_);
    Time start = frame_time(source, std::min(a, b));
    TimeRange available = source.media.available;
    if (cut.ramp.empty() || from > 0 || to < cut.played_s() - 1e-6) {
      double factor = cut.ramp.empty() ? cut.factor : std::abs(b - a) / (to - from);
      clip.retime.speed = Rational::reduced(std::max<std::int64_t>(1, std::llround(factor * 1e6)), 1'000'000);
      Time length = wanted * clip.retime.speed;
      place(clip, start, length, available);
    } else {
      for (const auto& [at, speed] : cut.ramp) clip.retime.ramp.push_back({Time::from_seconds(at), speed});
      clip.source_range = {start, Time::from_seconds(cut.source_s())};
      fit_ramp(clip, wanted, available);
    }
    push(cut, clip, a, b);
  }

  // Rounding up may ask for a frame that the file has not: then the piece begins a frame earlier,
  // and only if that is not there either it is shorter.
  void place(Clip& clip, Time start, Time length, const TimeRange& available) const {
    if (start + length > available.end()) start = std::max(available.start, available.end() - length);
    if (start + length > available.end()) length = available.end() - start;
    clip.source_range = {start, length};
  }

  // The length of source that plays for exactly `wanted` through the ramp.
  void fit_ramp(Clip& clip, Time wanted, const TimeRange& available) const {
    double low = 0, high = (available.end() - clip.source_range.start).seconds();
    for (int i = 0; i < 60; ++i) {
      double middle = (low + high) / 2;
      clip.source_range.duration = Time::from_seconds(middle);
      (duration_of(clip) < wanted ? low : high) = middle;
    }
    clip.source_range.duration =
        std::min(Time::from_seconds(high), available.end() - clip.source_range.start);
  }

  void add_hold(const CutView& cut, const EditSource& source, double at, double hold) {
    std::int64_t n = take_frames(hold);
    if (n <= 0) return;
    Rational rate = source.media.frame_rate.positive() ? source.media.frame_rate : Rational{25, 1};
    Time frame = Time::frames(1, rate);
    double shown = source_at(cut, at);
    // The last picture before the hold, not the first after it.
    bool back = (at > 1e-6) != cut.reverse;
    Time start = frame_time(source, shown);
    if (back) start = start - frame;
    start = std::clamp(start, source.media.available.start,
                       std::max(source.media.available.start, source.media.available.end() - frame));
    Clip clip = base_clip(cut, source);
    clip.retime.freeze = true;
    clip.retime.freeze_duration = Time::frames(n, rate_);
    clip.source_range = {start, frame};
    clip.sound = false;
    push(cut, clip, shown, shown);
  }

  void push(const CutView& cut, Clip& clip, double a, double b) {
    const EditSource* source = find_source(sources_, cut.source);
    shape(clip, *source);
    Time length = duration_of(clip);
    Piece piece{cut.id,
                cut.source,
                cut.shot,
                std::min(a, b),
                std::max(a, b),
                at_.seconds(),
                (at_ + length).seconds(),
                1,
                cut.reverse,
                clip.retime.freeze};
    if (!clip.retime.freeze) {
      piece.start_s = clip.source_range.start.seconds();
      piece.end_s = clip.source_range.end().seconds();
      piece.factor = (piece.end_s - piece.start_s) / std::max(1e-9, length.seconds());
    } else {
      piece.factor = 0;
    }
    out_.pieces.push_back(piece);
    clips_of_cut_[cut.id].push_back({clip.id, at_, length});
    at_ += length;
    out_.timeline.tracks[0].items.push_back(std::move(clip));
  }

  // Film of another shape than the output: cropped around the subject, or with bars.
  void shape(Clip& clip, const EditSource& source) {
    double own = static_cast<double>(source.media.width) / std::max(1, source.media.height);
    double wanted = static_cast<double>(out_.timeline.width) / out_.timeline.height;
    if (std::abs(own / wanted - 1) < 0.01) return;
    if (reframe_ == "fit" || reframe_ == "blur") {
      if (reframe_ == "blur") clip.effects.push_back({"fit", {{"mode", std::string("blur")}}, {}});
      return;
    }
    Effect effect{"reframe", {}, {}};
    if (reframe_ == "subject") {
      if (!source.watched) out_.to_watch.insert(source.id);
      SubjectPath path = subject_path(source, clip);
      effect.params["x"] = path.x.size() == 1 ? Parameter{path.x[0].value} : Parameter{path.x};
      effect.params["y"] = path.y.size() == 1 ? Parameter{path.y[0].value} : Parameter{path.y};
    }
    clip.effects.push_back(std::move(effect));
  }

  void transitions() {
    for (const Decision& d : plan_.decisions) {
      if (d.type != DecisionType::transition) continue;
      std::string where = text_param(d, "where", "between");
      if (where == "start" || where == "end") continue;  // a fade of the whole: add_looks
      auto parts = clips_of_cut_.find(text_param(d, "after"));
      if (parts == clips_of_cut_.end() || parts->second.empty()) continue;
      const std::string& clip = parts->second.back().id;
      double wanted = number_param(d, "duration_s", 0.5);
      Time duration =
          Time::frames(std::max<std::int64_t>(2, std::llround(wanted * rate_.to_double())), rate_);
      auto longest = longest_transition(out_.timeline, clip);
      if (!longest || *longest < Time::frames(2, rate_)) {
        out_.warnings.push_back(
            fmt::format("{}: no film beyond the cut for a {}", d.id, text_param(d, "kind", "crossfade")));
        continue;
      }
      if (duration > *longest) {
        duration = Time::frames(longest->to_frames(rate_, Rounding::down), rate_);
        out_.warnings.push_back(fmt::format("{}: shortened to {:.2f} s, there is no more film beyond the cut",
                                            d.id, duration.seconds()));
      }
      auto made = add_transition(out_.timeline, clip, text_param(d, "kind", "crossfade"), duration);
      if (made)
        out_.timeline = *std::move(made);
      else
        out_.warnings.push_back(fmt::format("{}: {}", d.id, made.error().message));
    }
  }

  const EditPlan& plan_;
  std::span<const EditSource> sources_;
  CompileOptions options_;
  CompiledEdit out_;
  Rational rate_;
  std::string reframe_;
  double ideal_s_ = 0;
  std::int64_t frames_ = 0;
  Time at_;
  std::map<std::string, std::vector<PlacedClip>> clips_of_cut_;
};

}  // namespace

Result<CompiledEdit> compile_plan(const EditPlan& plan, std::span<const EditSource> sources,
                                  const CompileOptions& options) {
  return Compiler(plan, sources, options).run();
}

}  // namespace studio
