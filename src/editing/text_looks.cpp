// Draws single frames of the plan with and without a text, cuts the changed box out of both and the file.
#include "editing/text_looks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "editing/compile.h"
#include "editing/plan_cuts.h"
#include "media/probe.h"
#include "media/video_reader.h"
#include "render/compositor.h"
#include "render/effect_registry.h"

namespace studio {
namespace {

struct PatchBox {
  int x = 0, y = 0, width = 0, height = 0;
  bool empty() const { return width <= 0 || height <= 0; }
};

// Above this the pictures are compared at this height: letters are large enough by then.
constexpr int kTallest = 1080;
constexpr int kTallestChange = 360;

// Steps of a sample below which two renderings count as the same.
constexpr int kSameSample = 2;

// The box of luma samples in which two working pictures (planar 8-bit 4:2:0) differ.
PatchBox changed_box(const FramePlanes& a, const FramePlanes& b) {
  int left = a.width, right = -1, top = a.height, bottom = -1;
  for (int p = 0; p < 3; ++p) {
    const PlaneView &pa = a.plane[static_cast<std::size_t>(p)], &pb = b.plane[static_cast<std::size_t>(p)];
    const int sx = p ? a.chroma_shift_x : 0, sy = p ? a.chroma_shift_y : 0;
    for (int y = 0; y < pa.height; ++y) {
      const std::uint8_t* ra = pa.data + static_cast<std::ptrdiff_t>(y) * pa.stride;
      const std::uint8_t* rb = pb.data + static_cast<std::ptrdiff_t>(y) * pb.stride;
      if (std::equal(ra, ra + pa.width, rb)) continue;
      for (int x = 0; x < pa.width; ++x) {
        if (std::abs(ra[x] - rb[x]) <= kSameSample) continue;
        left = std::min(left, x << sx);
        right = std::max(right, ((x + 1) << sx) - 1);
        top = std::min(top, y << sy);
        bottom = std::max(bottom, ((y + 1) << sy) - 1);
      }
    }
  }
  if (right < 0) return {};
  return {left, top, std::min(right, a.width - 1) - left + 1, std::min(bottom, a.height - 1) - top + 1};
}

PatchBox grown(const PatchBox& box, int by, int width, int height) {
  const int x = std::max(0, box.x - by), y = std::max(0, box.y - by);
  return {x, y, std::min(width, box.x + box.width + by) - x, std::min(height, box.y + box.height + by) - y};
}

// Limited-range planes to full-range values around 0 for chroma.
std::vector<float> cut_of_planes(const FramePlanes& picture, const PatchBox& box) {
  std::vector<float> out;
  out.reserve(3 * static_cast<std::size_t>(box.width) * static_cast<std::size_t>(box.height));
  for (int p = 0; p < 3; ++p) {
    const PlaneView& plane = picture.plane[static_cast<std::size_t>(p)];
    const int sx = p ? picture.chroma_shift_x : 0, sy = p ? picture.chroma_shift_y : 0;
    const float zero = p ? 128.f : 16.f, scale = p ? 255.f / 224.f : 255.f / 219.f;
    for (int y = box.y; y < box.y + box.height; ++y) {
      const std::uint8_t* row =
          plane.data + static_cast<std::ptrdiff_t>(std::min(y >> sy, plane.height - 1)) * plane.stride;
      for (int x = box.x; x < box.x + box.width; ++x)
        out.push_back((static_cast<float>(row[std::min(x >> sx, plane.width - 1)]) - zero) * scale);
    }
  }
  return out;
}

std::vector<float> cut_of_rgb(const FramePlanes& picture, const PatchBox& box) {
  const std::size_t area = static_cast<std::size_t>(box.width) * static_cast<std::size_t>(box.height);
  std::vector<float> out(3 * area);
  std::size_t i = 0;
  for (int y = box.y; y < box.y + box.height; ++y) {
    const std::uint8_t* pixel =
        picture.plane[0].data + static_cast<std::ptrdiff_t>(y) * picture.plane[0].stride + 3 * box.x;
    for (int x = 0; x < box.width; ++x, pixel += 3, ++i) {
      const float r = pixel[0], g = pixel[1], b = pixel[2];
      const float luma = 0.2126f * r + 0.7152f * g + 0.0722f * b;  // ITU-R BT.709
      out[i] = luma;
      out[area + i] = (b - luma) / 1.8556f;
      out[2 * area + i] = (r - luma) / 1.5748f;
    }
  }
  return out;
}

// Mean over (2 radius + 1)^2 neighbours, fewer at the border, taken off in place: edges remain.
void keep_edges(std::span<float> plane, int width, int height, int radius) {
  std::vector<float> rows(plane.size());
  std::vector<double> sums(static_cast<std::size_t>(std::max(width, height)) + 1);
  const auto mean = [&](int i, int length) {
    const int a = std::max(0, i - radius), b = std::min(length, i + radius + 1);
    return static_cast<float>((sums[static_cast<std::size_t>(b)] - sums[static_cast<std::size_t>(a)]) /
                              (b - a));
  };
  const auto at = [&](int x, int y) {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
  };
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x)
      sums[static_cast<std::size_t>(x) + 1] = sums[static_cast<std::size_t>(x)] + plane[at(x, y)];
    for (int x = 0; x < width; ++x) rows[at(x, y)] = mean(x, width);
  }
  for (int x = 0; x < width; ++x) {
    for (int y = 0; y < height; ++y)
      sums[static_cast<std::size_t>(y) + 1] = sums[static_cast<std::size_t>(y)] + rows[at(x, y)];
    for (int y = 0; y < height; ++y) plane[at(x, y)] -= mean(y, height);
  }
}

struct Likeness {
  double tt = 0, ts = 0, ss = 0;  // energy of the drawing, of both together, of what is shown
  double amount() const { return tt > 0 ? ts / tt : 0; }
  double correlation() const { return tt > 0 && ss > 0 ? ts / std::sqrt(tt * ss) : 0; }
};

Likeness likeness_in(const std::vector<float>& text, const std::vector<float>& shown, int width, int height,
                     const PatchBox& box) {
  Likeness sums;
  const std::size_t area = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  for (std::size_t plane = 0; plane < 3; ++plane)
    for (int y = box.y; y < box.y + box.height; ++y) {
      std::size_t i = plane * area + static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                      static_cast<std::size_t>(box.x);
      for (int x = 0; x < box.width; ++x, ++i) {
        const double t = text[i], s = shown[i];
        sums.tt += t * t, sums.ts += t * s, sums.ss += s * s;
      }
    }
  return sums;
}

}  // namespace

TextLook judge_text(const TextPatches& p) {
  TextLook look;
  look.reached = true;
  const std::size_t area = static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height);
  if (area == 0 || p.drawn.size() != 3 * area || p.bare.size() != 3 * area || p.file.size() != 3 * area)
    return look;
  std::vector<float> text(3 * area), shown(3 * area);
  double change = 0;
  std::size_t changed = 0;
  for (std::size_t i = 0; i < 3 * area; ++i) {
    text[i] = p.drawn[i] - p.bare[i];
    shown[i] = p.file[i] - p.bare[i];
  }
  for (std::size_t i = 0; i < area; ++i) {
    const double step = std::hypot(text[i], text[area + i], text[2 * area + i]);
    if (step < 8) continue;
    change += step;
    ++changed;
  }
  if (changed < 8) return look;
  look.drawn = true;
  look.contrast = change / static_cast<double>(changed);
  const int radius = std::clamp(p.height / 4, 3, 16);
  for (std::size_t plane = 0; plane < 3; ++plane) {
    keep_edges(std::span(text).subspan(plane * area, area), p.width, p.height, radius);
    keep_edges(std::span(shown).subspan(plane * area, area), p.width, p.height, radius);
  }
  const Likeness whole = likeness_in(text, shown, p.width, p.height, {0, 0, p.width, p.height});
  if (whole.tt <= 0) return look;
  look.amount = whole.amount();
  look.likeness = whole.correlation();
  look.worst = look.likeness;
  const int side = std::clamp(p.height / 2, 12, 64), step = side / 2;
  const double density = whole.tt / static_cast<double>(area);
  for (int y = 0; y < p.height; y += step)
    for (int x = 0; x < p.width; x += step) {
      const PatchBox tile{x, y, std::min(side, p.width - x), std::min(side, p.height - y)};
      if (2 * tile.width < side || 2 * tile.height < side) continue;
      const Likeness part = likeness_in(text, shown, p.width, p.height, tile);
      if (part.tt < 0.5 * density * tile.width * tile.height) continue;
      look.worst = std::min(look.worst, part.correlation());
    }
  look.visible = look.amount > 0.5 && look.likeness > 0.7;
  return look;
}

TextLook judge_change(const TextPatches& p) {
  TextLook look;
  look.reached = true;
  const std::size_t area = static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height);
  if (area == 0 || p.drawn.size() != 3 * area || p.bare.size() != 3 * area || p.file.size() != 3 * area)
    return look;
  double change = 0;
  Likeness whole;
  for (std::size_t i = 0; i < 3 * area; ++i) {
    const double t = p.drawn[i] - p.bare[i], s = p.file[i] - p.bare[i];
    whole.tt += t * t, whole.ts += t * s, whole.ss += s * s;
    change += std::abs(t);
  }
  look.contrast = change / static_cast<double>(area);
  // A change of less than a step on average drowns in the encoder's noise.
  if (look.contrast < 1) return look;
  look.drawn = true;
  look.amount = whole.amount();
  look.likeness = whole.correlation();
  look.visible = look.amount > 0.5 && look.likeness > 0.6;
  return look;
}

namespace {

// The plan, or the plan without some of its decisions, one frame after the other. The timeline lies on the
// heap, because the compositor refers to it.
struct Drawing {
  std::unique_ptr<Timeline> timeline;
  std::optional<Compositor> compositor;
};

constexpr const char* kWorkingFormat = "yuv420p";

// The mean of the file where the drawing comes nearest to the colour of the letters: their inside, where they
// have one; in thin letters what the edges, whose chroma 4:2:0 mixes with what lies beside, leave of it.
std::optional<std::array<double, 3>> letters_in(const TextPatches& p, Rgba fill) {
  const double r = fill.r, g = fill.g, b = fill.b;
  const double luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;  // ITU-R BT.709
  const double cb = (b - luma) / 1.8556, cr = (r - luma) / 1.5748;
  const std::size_t area = static_cast<std::size_t>(p.width) * static_cast<std::size_t>(p.height);
  // 8-bit steps: the same colour, a change worth looking at, and so far from the fill that it tells nothing.
  const double kSame = 20, kChanged = 24, kOther = 90;
  constexpr std::size_t kLeastPixels = 12;
  std::vector<std::pair<double, std::size_t>> changed;  // distance of the drawing from the fill, pixel
  for (std::size_t i = 0; i < area; ++i) {
    const auto at = [&](const std::vector<float>& planes, std::size_t k) {
      return static_cast<double>(planes[k * area + i]);
    };
    if (std::hypot(at(p.drawn, 0) - at(p.bare, 0), at(p.drawn, 1) - at(p.bare, 1),
                   at(p.drawn, 2) - at(p.bare, 2)) > kChanged)
      changed.emplace_back(std::hypot(at(p.drawn, 0) - luma, at(p.drawn, 1) - cb, at(p.drawn, 2) - cr), i);
  }
  std::sort(changed.begin(), changed.end());
  const std::size_t inside = static_cast<std::size_t>(
      std::count_if(changed.begin(), changed.end(), [=](const auto& c) { return c.first < kSame; }));
  const std::size_t count = std::max(inside, changed.size() / 20);
  if (count < kLeastPixels || changed[count - 1].first > kOther) return {};
  double y = 0, u = 0, v = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t i = changed[k].second;
    y += static_cast<double>(p.file[i]);
    u += static_cast<double>(p.file[area + i]);
    v += static_cast<double>(p.file[2 * area + i]);
  }
  const double n = static_cast<double>(count);
  y /= n, u /= n, v /= n;
  const auto sample = [](double value) { return std::clamp(value, 0.0, 255.0); };
  const double red = y + 1.5748 * v, blue = y + 1.8556 * u;
  return std::array{sample(red), sample((y - 0.2126 * red - 0.0722 * blue) / 0.7152), sample(blue)};
}

Result<Drawing> draw(const EditPlan& plan, std::span<const EditSource> sources, int tallest, const Job& job) {
  Drawing drawing;
  TRY_ASSIGN(CompiledEdit edit, compile_plan(plan, sources, {.max_height = tallest}));
  drawing.timeline = std::make_unique<Timeline>(std::move(edit.timeline));
  TRY_ASSIGN(auto compositor, Compositor::create(*drawing.timeline, kWorkingFormat, 0, job.stop));
  drawing.compositor.emplace(std::move(compositor));
  return drawing;
}

EditPlan without(EditPlan plan, const std::string* decision) {
  std::erase_if(plan.decisions, [&](const Decision& d) {
    return decision ? d.id == *decision : d.type == DecisionType::text_overlay;
  });
  return plan;
}

double number_of(const Json& params, const char* key, double fallback) {
  const auto it = params.find(key);
  return it != params.end() && it->is_number() ? it->get<double>() : fallback;
}

// Is any other text on screen within a frame of this moment? Then only its own absence tells what it draws.
bool shares_the_screen(const EditPlan& plan, const TextMoment& moment, double frame_s) {
  return std::any_of(plan.decisions.begin(), plan.decisions.end(), [&](const Decision& d) {
    if (d.type != DecisionType::text_overlay || d.id == moment.decision) return false;
    if (d.params.value("kind", "") == "subtitles") return true;
    const double at = number_of(d.params, "at_s", 0), length = number_of(d.params, "duration_s", 2.5);
    return moment.time_s > at - 2 * frame_s && moment.time_s < at + length + 2 * frame_s;
  });
}

class Looker {
 public:
  Looker(const EditPlan& plan, std::span<const EditSource> sources, bool texts, const Job& job)
      : plan_(plan),
        sources_(sources),
        texts_(texts),
        tallest_(texts ? kTallest : kTallestChange),
        job_(job) {}

  Result<void> open(const Path& file) {
    TRY_ASSIGN(drawn_, draw(plan_, sources_, tallest_, job_));
    TRY_ASSIGN(const MediaFacts facts, probe(file));
    if (!facts.video)
      return fail(ErrorKind::unsupported,
                  fmt::format("look for texts in {}: it has no picture", file.string()));
    start_ = facts.video->start.value_or(Time{});
    duration_s_ = facts.video->duration.value_or(facts.duration.value_or(Time{})).seconds();
    VideoReaderOptions reading;
    reading.width = drawn_.timeline->width;
    reading.height = drawn_.timeline->height;
    reading.format = "rgb24";
    reading.stop = job_.stop;
    TRY_ASSIGN(auto reader, VideoReader::open(file, reading));
    reader_.emplace(std::move(reader));
    return {};
  }

  // Moments come in order of time.
  Result<TextLook> look(const TextMoment& moment, bool last_of_decision) {
    const Rational rate = drawn_.timeline->frame_rate;
    const std::int64_t n = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(std::floor(moment.time_s * rate.to_double() + 1e-6)), 0,
        drawn_.compositor->frames() - 1);
    TRY_ASSIGN(const Frame with, drawn_.compositor->frame(n));
    TRY_ASSIGN(Drawing * bare, bare_drawing(moment, 1 / rate.to_double()));
    TRY_ASSIGN(const Frame without, bare->compositor->frame(n));
    if (last_of_decision) alone_.erase(moment.decision);
    const FramePlanes drawn = with.picture(), under = without.picture();
    const PatchBox changed = changed_box(drawn, under);
    TextLook look;
    // The middle of the frame: containers round the times of its ends.
    const double t = (static_cast<double>(n) + 0.5) / rate.to_double();
    look.reached = duration_s_ <= 0 || t < duration_s_ + 0.5 / rate.to_double();
    if (changed.empty() || !look.reached) return look;
    const PatchBox box = grown(changed, std::clamp(changed.height / 4, 4, 24), drawn.width, drawn.height);
    TRY(reader_->seek(start_ + Time::from_seconds(t)));
    TRY_ASSIGN(const auto shown, reader_->next());
    if (!shown) return TextLook{};
    TextPatches patches{box.width, box.height, cut_of_planes(drawn, box), cut_of_planes(under, box),
                        cut_of_rgb(shown->picture, box)};
    if (!texts_) return judge_change(patches);
    look = judge_text(patches);
    look.letters = letters_in(patches, fill_of(moment.decision));
    return look;
  }

 private:
  // The colour in which a text is drawn.
  Rgba fill_of(const std::string& decision) const {
    for (const Decision& d : plan_.decisions)
      if (d.id == decision && has_param(d, "color"))
        return parse_color(text_param(d, "color")).value_or(Rgba{255, 255, 255, 255});
    return {255, 255, 255, 255};
  }

  Result<Drawing*> bare_drawing(const TextMoment& moment, double frame_s) {
    if (texts_ && !shares_the_screen(plan_, moment, frame_s)) {
      if (!bare_.compositor) {
        TRY_ASSIGN(bare_, draw(without(plan_, nullptr), sources_, tallest_, job_));
      }
      return &bare_;
    }
    auto [it, fresh] = alone_.try_emplace(moment.decision);
    if (fresh) {
      TRY_ASSIGN(it->second, draw(without(plan_, &moment.decision), sources_, tallest_, job_));
    }
    return &it->second;
  }

  const EditPlan& plan_;
  std::span<const EditSource> sources_;
  bool texts_ = true;
  int tallest_ = kTallest;
  const Job& job_;
  Drawing drawn_, bare_;
  std::map<std::string, Drawing> alone_;  // by the decision that is left out
  std::optional<VideoReader> reader_;
  Time start_;
  double duration_s_ = 0;
};

Result<std::vector<TextLook>> look(Looker& looker, const Path& file, std::span<const TextMoment> moments,
                                   const Job& job) {
  std::vector<TextLook> looks(moments.size());
  if (moments.empty()) return looks;
  TRY(looker.open(file));
  std::vector<std::size_t> order(moments.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return moments[a].time_s < moments[b].time_s; });
  std::map<std::string, std::size_t> last;
  for (const std::size_t i : order) last[moments[i].decision] = i;
  for (const std::size_t i : order) {
    if (job.cancelled()) return fail(ErrorKind::interrupted, "look for what was planned: stopped");
    TRY_ASSIGN(looks[i], looker.look(moments[i], last[moments[i].decision] == i));
  }
  return looks;
}

}  // namespace

Result<std::vector<TextLook>> look_for_texts(const Path& file, const EditPlan& plan,
                                             std::span<const EditSource> sources,
                                             std::span<const TextMoment> moments, const Job& job) {
  Looker looker(plan, sources, true, job);
  return look(looker, file, moments, job);
}

Result<std::vector<TextLook>> look_for_changes(const Path& file, const EditPlan& plan,
                                               std::span<const EditSource> sources,
                                               std::span<const TextMoment> moments, const Job& job) {
  Looker looker(plan, sources, false, job);
  return look(looker, file, moments, job);
}

}  // namespace studio
