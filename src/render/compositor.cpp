// Tracks from the bottom up: one item or a transition between two, then effects.
#include "render/compositor.h"

#include <algorithm>

#include <fmt/format.h>

#include "render/raster_of.h"

namespace studio {

namespace {

// One video track with what is open on it.
struct Layer {
  PlacedTrack placed;
  bool overlay = false;
  PictureEffects effects;
  std::map<std::size_t, std::unique_ptr<ClipPicture>> open;  // by index of placed item
  std::size_t cursor = 0;                                    // first item that may still be shown
  std::size_t transition_cursor = 0;
  std::optional<PictureTransition> transition;
  const Transition* transition_of = nullptr;
};

bool shows_picture(const Item& item) {
  const auto* clip = std::get_if<Clip>(&item);
  if (clip == nullptr || !clip->picture) return false;
  const auto* generator = std::get_if<Generator>(&clip->source);
  return generator == nullptr || makes_picture(*generator);
}

}  // namespace

struct Compositor::State {
  const Timeline* timeline = nullptr;
  Canvas canvas;
  ReaderPool pool;
  std::int64_t frames = 0;
  std::vector<Layer> layers;
  std::optional<PictureEffects> effects;
  Frame black;
  std::vector<std::string> warnings;

  State(int threads, std::stop_token stop) : pool(threads, std::move(stop)) {}
  Time item_time(const PlacedItem& item, std::int64_t n) const {
    return n >= item.first ? Time::frames(n - item.first, canvas.frame_rate)
                           : -Time::frames(item.first - n, canvas.frame_rate);
  }
  void close_finished(Layer& layer, std::int64_t n);
  Result<Frame> item_over(Layer& layer, std::size_t index, Frame base, std::int64_t n, bool keep_alpha);
  Result<Frame> transition_over(Layer& layer, const PlacedTransition& placed, Frame base, std::int64_t n,
                                bool keep_alpha);
  Result<Frame> content_over(Layer& layer, Frame base, std::int64_t n, bool keep_alpha);
  Result<Frame> layer_over(Layer& layer, Frame base, std::int64_t n);
};

Compositor::Compositor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Compositor::Compositor(Compositor&&) noexcept = default;
Compositor& Compositor::operator=(Compositor&&) noexcept = default;
Compositor::~Compositor() = default;

std::int64_t Compositor::frames() const {
  return state_->frames;
}
const std::vector<std::string>& Compositor::warnings() const {
  return state_->warnings;
}

Result<Compositor> Compositor::create(const Timeline& timeline, const std::string& working_format,
                                      int decoder_threads, std::stop_token stop) {
  auto state = std::make_unique<State>(decoder_threads, std::move(stop));
  State& s = *state;
  s.timeline = &timeline;
  s.canvas = {timeline.width, timeline.height, timeline.frame_rate, working_format};
  s.frames = frames_of(timeline);
  EffectStage stage{timeline.width,      timeline.height,       timeline.width, timeline.height,
                    timeline.frame_rate, duration_of(timeline), false};
  for (const Track& track : timeline.tracks) {
    if (track.kind != TrackKind::video) continue;
    stage.overlay = !s.layers.empty();
    TRY_ASSIGN(auto effects, PictureEffects::create(track.effects, stage));
    s.layers.push_back(
        {place(track, timeline.frame_rate), stage.overlay, std::move(effects), {}, 0, 0, {}, nullptr});
  }
  stage.overlay = false;
  TRY_ASSIGN(auto effects, PictureEffects::create(timeline.effects, stage));
  s.effects.emplace(std::move(effects));
  s.black = blank_picture(timeline.width, timeline.height, working_format);
  if (!s.black)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("make a canvas of {}x{}: out of memory", timeline.width, timeline.height));
  return Compositor(std::move(state));
}

void Compositor::State::close_finished(Layer& layer, std::int64_t n) {
  std::erase_if(layer.open,
                [&](const auto& entry) { return layer.placed.items[entry.first].shown_end <= n; });
  const auto& items = layer.placed.items;
  while (layer.cursor < items.size() && items[layer.cursor].shown_end <= n) ++layer.cursor;
  const auto& transitions = layer.placed.transitions;
  while (layer.transition_cursor < transitions.size() && transitions[layer.transition_cursor].end <= n)
    ++layer.transition_cursor;
}

Result<Frame> Compositor::State::item_over(Layer& layer, std::size_t index, Frame base, std::int64_t n,
                                           bool keep_alpha) {
  const PlacedItem& placed = layer.placed.items[index];
  if (!shows_picture(*placed.item)) return base;
  const Clip& clip = std::get<Clip>(*placed.item);
  auto& open = layer.open[index];
  if (!open) {
    auto opened = ClipPicture::open(clip, canvas, layer.overlay, pool, warnings);
    if (!opened)
      return std::unexpected(with_context(std::move(opened).error(), fmt::format("clip '{}'", clip.id)));
    open = *std::move(opened);
  }
  auto frame = open->over(std::move(base), item_time(placed, n), keep_alpha);
  if (!frame)
    return std::unexpected(with_context(std::move(frame).error(), fmt::format("clip '{}'", clip.id)));
  return frame;
}

// Both pictures stand alone on canvases of their own; on upper tracks with alpha, so that what lies
// below shows through gaps and titles.
Result<Frame> Compositor::State::transition_over(Layer& layer, const PlacedTransition& placed, Frame base,
                                                 std::int64_t n, bool keep_alpha) {
  const bool alpha = layer.overlay || keep_alpha;
  const auto alone = [&](std::size_t index) -> Result<Frame> {
    TRY_ASSIGN(Frame frame, item_over(layer, index, Frame{}, n, alpha));
    if (!frame)
      frame = alpha ? blank_picture(canvas.width, canvas.height, with_alpha(canvas.format, true)) : black;
    return frame;
  };
  TRY_ASSIGN(const Frame from, alone(placed.from));
  TRY_ASSIGN(const Frame to, alone(placed.to));
  if (layer.transition_of != placed.transition) {
    TRY_ASSIGN(auto transition, PictureTransition::create(placed.transition->kind));
    layer.transition.emplace(std::move(transition));
    layer.transition_of = placed.transition;
  }
  Frame mixed = Frame::make_picture(canvas.width, canvas.height, with_alpha(canvas.format, alpha));
  if (!mixed) return fail(ErrorKind::limit_exceeded, "mix a transition: out of memory");
  const double progress =
      (static_cast<double>(n - placed.first) + 0.5) / static_cast<double>(placed.end - placed.first);
  layer.transition->apply(raster_of(from), raster_of(to), raster_of(mixed), progress);
  if (!layer.overlay || !base) return mixed;
  Frame below = std::move(base).unshared();
  if (!below) return fail(ErrorKind::limit_exceeded, "mix a transition: out of memory");
  blend(raster_of(below), raster_of(mixed), 0, 0);
  return below;
}

Result<Frame> Compositor::State::content_over(Layer& layer, Frame base, std::int64_t n, bool keep_alpha) {
  const auto& transitions = layer.placed.transitions;
  if (layer.transition_cursor < transitions.size() && n >= transitions[layer.transition_cursor].first)
    return transition_over(layer, transitions[layer.transition_cursor], std::move(base), n, keep_alpha);
  const auto& items = layer.placed.items;
  for (std::size_t i = layer.cursor; i < items.size() && items[i].shown_first <= n; ++i)
    if (n >= items[i].first && n < items[i].end) return item_over(layer, i, std::move(base), n, keep_alpha);
  return base;
}

Result<Frame> Compositor::State::layer_over(Layer& layer, Frame base, std::int64_t n) {
  close_finished(layer, n);
  const Time at = Time::frames(n, canvas.frame_rate);
  if (!layer.effects.acts_at(at)) return content_over(layer, std::move(base), n, false);
  // Effects of an upper track act on its own pictures only.
  TRY_ASSIGN(Frame own, content_over(layer, Frame{}, n, layer.overlay));
  if (!own && layer.overlay) return base;
  Frame changed = own ? std::move(own).unshared() : blank_picture(canvas.width, canvas.height, canvas.format);
  if (!changed) return fail(ErrorKind::limit_exceeded, "apply the effects of a track: out of memory");
  layer.effects.apply(raster_of(changed), at);
  if (!layer.overlay || !base) return changed;
  Frame below = std::move(base).unshared();
  if (!below) return fail(ErrorKind::limit_exceeded, "apply the effects of a track: out of memory");
  blend(raster_of(below), raster_of(changed), 0, 0);
  return below;
}

Result<Frame> Compositor::frame(std::int64_t n) {
  State& s = *state_;
  Frame picture;
  for (Layer& layer : s.layers) {
    if (!picture && layer.overlay) picture = s.black;
    TRY_ASSIGN(picture, s.layer_over(layer, std::move(picture), n));
  }
  if (!picture) picture = s.black;
  const Time at = Time::frames(n, s.canvas.frame_rate);
  if (!s.effects->acts_at(at)) return picture;
  picture = std::move(picture).unshared();
  if (!picture) return fail(ErrorKind::limit_exceeded, "apply the effects of the timeline: out of memory");
  s.effects->apply(raster_of(picture), at);
  return picture;
}

}  // namespace studio
