// The camera is what the picture's regions agree on, the border's most of all; the rest are subjects.
#include "analysis/camera_motion.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "analysis/lucas_kanade.h"

namespace studio {
namespace {

// q = (a, b; -b, a) p + t about the picture's centre: scale, rotation and shift (partial affine).
struct Similarity {
  float a = 1, b = 0, tx = 0, ty = 0;

  Point2 operator()(Point2 p) const { return {a * p.x - b * p.y + tx, b * p.x + a * p.y + ty}; }
  float scale() const { return std::hypot(a, b); }
  float angle() const { return std::atan2(b, a); }
};

// first, then second.
Similarity then(const Similarity& first, const Similarity& second) {
  const Point2 t = second({first.tx, first.ty});
  return {second.a * first.a - second.b * first.b, second.b * first.a + second.a * first.b, t.x, t.y};
}

Similarity inverse(const Similarity& m) {
  const float d = m.a * m.a + m.b * m.b;
  const float a = m.a / d, b = -m.b / d;
  return {a, b, -(a * m.tx - b * m.ty), -(b * m.tx + a * m.ty)};
}

// How far two motions of a picture of this width lie apart, in pixels, at its centre and half-way to its
// edge.
float difference(const Similarity& m, const Similarity& n, float width) {
  return std::hypot(m.tx - n.tx, m.ty - n.ty) + 0.3f * width * (std::abs(m.a - n.a) + std::abs(m.b - n.b));
}

float distance(Point2 p, Point2 q) {
  return std::hypot(p.x - q.x, p.y - q.y);
}

// The picture divided into regions that vote with one voice each, however many corners they hold.
constexpr int kColumns = 6, kRows = 4, kRegions = kColumns * kRows;
constexpr float kInnerWeight = 0.5f;  // of a region that does not touch the border

bool on_border(int region) {
  const int column = region % kColumns, row = region / kColumns;
  return column == 0 || row == 0 || column == kColumns - 1 || row == kRows - 1;
}

// One corner, followed from the anchor frame.
struct Track {
  Point2 origin;       // in the anchor frame, from the centre
  Point2 before, now;  // in the last frame and in this one, from the centre
  bool seen_before = false, seen = false;
  int region = 0;
  float trust = 0.6f;  // 0..1: how often it moved with the background so far
};

struct Vote {
  float all = 0;     // weighted share of regions, 0..1
  float border = 0;  // share of the border's regions
  int regions = 0;   // that hold at least half of their trust with the background
  int voters = 0;    // regions with corners at all
  int inliers = 0;
};

Vote vote_for(const Similarity& model, const std::vector<Track>& tracks, float tolerance) {
  std::array<float, kRegions> agree{}, total{};
  Vote vote;
  for (const Track& t : tracks) {
    if (!t.seen) continue;
    const std::size_t region = static_cast<std::size_t>(t.region);
    total[region] += t.trust;
    if (distance(model(t.origin), t.now) < tolerance) {
      agree[region] += t.trust;
      ++vote.inliers;
    }
  }
  float all = 0, border = 0, all_total = 0, border_total = 0;
  for (int region = 0; region < kRegions; ++region) {
    const float sum = total[static_cast<std::size_t>(region)];
    if (sum <= 0) continue;
    const float share = agree[static_cast<std::size_t>(region)] / sum;
    // A region whose corners were never part of the background has little say.
    const float weight = (on_border(region) ? 1.0f : kInnerWeight) * std::min(sum, 0.5f);
    all += share * weight;
    all_total += weight;
    if (on_border(region)) border += share * std::min(sum, 0.5f), border_total += std::min(sum, 0.5f);
    ++vote.voters;
    if (share >= 0.5f) ++vote.regions;
  }
  vote.all = all_total > 0 ? all / all_total : 0;
  vote.border = border_total > 0 ? border / border_total : vote.all;
  return vote;
}

Similarity through(const Track& i, const Track& j) {
  const float px = j.origin.x - i.origin.x, py = j.origin.y - i.origin.y;
  const float qx = j.now.x - i.now.x, qy = j.now.y - i.now.y;
  const float d = px * px + py * py;
  Similarity m;
  m.a = (px * qx + py * qy) / d;
  m.b = (px * qy - py * qx) / d;
  m.tx = i.now.x - (m.a * i.origin.x - m.b * i.origin.y);
  m.ty = i.now.y - (m.b * i.origin.x + m.a * i.origin.y);
  return m;
}

// Weighted least squares over the tracks near `model`, repeated with a shrinking tolerance. Few or huddled
// corners say nothing about scale and rotation: then these two are kept as they are in `model`.
Similarity refine(Similarity model, const std::vector<Track>& tracks, float tolerance, float picture_width,
                  bool with_scale = true) {
  for (const float narrower : {1.0f, 0.7f, 0.6f}) {
    double w = 0, px = 0, py = 0, qx = 0, qy = 0;
    const auto weight_of = [&](const Track& t) {
      if (!t.seen) return 0.0;
      const double r = distance(model(t.origin), t.now) / (tolerance * narrower);
      return r >= 1 ? 0.0 : (1 - r * r) * (1 - r * r) * t.trust;  // Tukey's biweight
    };
    int count = 0;
    for (const Track& t : tracks) {
      const double k = weight_of(t);
      if (k <= 0) continue;
      w += k, px += k * t.origin.x, py += k * t.origin.y, qx += k * t.now.x, qy += k * t.now.y;
      ++count;
    }
    if (count < 3) return model;
    px /= w, py /= w, qx /= w, qy /= w;
    double pp = 0, a = 0, b = 0;
    for (const Track& t : tracks) {
      const double k = weight_of(t);
      if (k <= 0) continue;
      const double ux = t.origin.x - px, uy = t.origin.y - py, vx = t.now.x - qx, vy = t.now.y - qy;
      pp += k * (ux * ux + uy * uy);
      a += k * (ux * vx + uy * vy);
      b += k * (ux * vy - uy * vx);
    }
    const double spread = std::sqrt(pp / w) / picture_width;
    Similarity next = model;
    if (with_scale && count >= 6 && spread > 0.08)
      next.a = static_cast<float>(a / pp), next.b = static_cast<float>(b / pp);
    next.tx = static_cast<float>(qx - (next.a * px - next.b * py));
    next.ty = static_cast<float>(qy - (next.b * px + next.a * py));
    model = next;
  }
  return model;
}

// Deterministic: the same film always gives the same camera.
struct Dice {
  std::uint32_t state = 0x9E3779B9u;
  std::uint32_t below(std::size_t n) {
    state = state * 1664525u + 1013904223u;
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(state) * n) >> 32);
  }
};

// Whole shift of the coarse picture that fits best, for jumps that Lucas-Kanade cannot bridge (whip pans).
// In pixels of level 0; the mean of both parts is taken out, so that a change of light does not matter.
Point2 coarse_shift(const Pyramid& before, const Pyramid& after) {
  const int level = before.levels() - 1;
  const Plane &p = before.level(level), &q = after.level(level);
  const int reach_x = p.width / 3, reach_y = p.height / 4;
  float best = 1e30f;
  Point2 shift;
  for (int dy = -reach_y; dy <= reach_y; ++dy) {
    for (int dx = -reach_x; dx <= reach_x; ++dx) {
      float sum = 0, magnitude = 0;
      int count = 0;
      for (int y = std::max(0, dy); y < p.height + std::min(0, dy); y += 2) {
        const float *a = p.row(y - dy), *b = q.row(y);
        for (int x = std::max(0, dx); x < p.width + std::min(0, dx); ++x) {
          const float d = b[x] - a[x - dx];
          sum += d;
          magnitude += d * d;
          ++count;
        }
      }
      const float n = static_cast<float>(count);
      const float cost = (magnitude - sum * sum / n) / n;
      if (cost < best) best = cost, shift = {static_cast<float>(dx), static_cast<float>(dy)};
    }
  }
  const float scale = static_cast<float>(1 << level);
  return {shift.x * scale, shift.y * scale};
}

}  // namespace

struct MotionTracker::State {
  MotionOptions options;
  Pyramid anchor_picture, last, current;
  PatchSet patches;
  std::vector<Track> tracks;
  Similarity total;     // anchor -> last frame
  Similarity velocity;  // last frame but one -> last frame: the guess for the next
  int frames = 0;       // seen since restart()
  int since_anchor = 0;
  float confidence = 0;
  Point2 center;

  void set_anchor(const Pyramid& picture);
  int follow_tracks(const Similarity& guess, int first_level);
  Similarity background(float tolerance, const Similarity& guess);
  MotionFeatures measure(const Similarity& model, float tolerance) const;
  bool worn_out(const Vote& vote) const;
  MotionFeatures step();
};

void MotionTracker::State::set_anchor(const Pyramid& picture) {
  const Plane& base = picture.level(0);
  const int width = base.width, height = base.height;
  center = {(width - 1) / 2.0f, (height - 1) / 2.0f};
  const ActiveArea area = active_area(base);
  const bool upright = height > width;
  const int cells = std::max(options.max_corners, 12);
  const int columns = upright ? static_cast<int>(std::lround(std::sqrt(cells / 1.5)))
                              : static_cast<int>(std::lround(std::sqrt(cells * 1.5)));
  const auto corners =
      find_corners(base, area, columns, std::max(1, cells / columns), static_cast<float>(options.quality));
  // What is known about the old corners' neighbourhood is passed on: the background stays the background.
  std::vector<Track> old = std::move(tracks);
  patches.take(picture, corners);
  tracks.clear();
  for (std::size_t i = 0; i < corners.size(); ++i) {
    Track t;
    t.origin = {patches.center(i).x - center.x, patches.center(i).y - center.y};
    t.before = t.now = t.origin;
    t.seen = t.seen_before = true;
    const float u =
        (patches.center(i).x - static_cast<float>(area.left)) / static_cast<float>(area.right - area.left);
    const float v =
        (patches.center(i).y - static_cast<float>(area.top)) / static_cast<float>(area.bottom - area.top);
    // Regions are cut along the longer side, so that an upright picture has them upright.
    const int column = std::clamp(static_cast<int>((upright ? v : u) * kColumns), 0, kColumns - 1);
    const int row = std::clamp(static_cast<int>((upright ? u : v) * kRows), 0, kRows - 1);
    t.region = row * kColumns + column;
    float nearest = static_cast<float>(width) * 0.06f;
    for (const Track& o : old)
      if (o.seen && distance(o.now, t.origin) < nearest)
        nearest = distance(o.now, t.origin), t.trust = o.trust;
    tracks.push_back(t);
  }
  total = {};
  since_anchor = 0;
}

// Looks for every corner in the current picture; returns how many were found.
int MotionTracker::State::follow_tracks(const Similarity& guess, int first_level) {
  int found = 0;
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    Track& t = tracks[i];
    const Point2 expected = guess(t.origin);
    Point2 position{expected.x + center.x, expected.y + center.y};
    t.seen = patches.find(i, current, first_level, position);
    // A subject does not follow the camera's guess: look where it was last, too.
    if (!t.seen && t.seen_before && distance(expected, t.before) > 1.5f) {
      position = {t.before.x + center.x, t.before.y + center.y};
      t.seen = patches.find(i, current, first_level, position);
    }
    if (t.seen) {
      t.now = {position.x - center.x, position.y - center.y};
      ++found;
    }
  }
  return found;
}

// The motion anchor -> current that most regions stand behind.
Similarity MotionTracker::State::background(float tolerance, const Similarity& guess) {
  std::vector<const Track*> seen;
  for (const Track& t : tracks)
    if (t.seen) seen.push_back(&t);
  Similarity best = guess;
  float best_vote = vote_for(guess, tracks, tolerance).all + 0.02f;  // continuity
  const auto consider = [&](const Similarity& model) {
    const float vote = vote_for(model, tracks, tolerance).all;
    if (vote > best_vote) best_vote = vote, best = model;
  };
  consider(total);
  // Plain shifts, one candidate a corner: the commonest camera motion, and robust with few corners.
  for (std::size_t i = 0; i < seen.size(); i += 1 + seen.size() / 40) {
    Similarity shift = guess;
    const Point2 p = guess(seen[i]->origin);
    shift.tx += seen[i]->now.x - p.x;
    shift.ty += seen[i]->now.y - p.y;
    consider(shift);
  }
  Dice dice;
  const float far = static_cast<float>(current.level(0).width) * 0.2f;
  for (int k = 0; k < 48 && seen.size() >= 4 && best_vote < 0.95f; ++k) {
    const Track &i = *seen[dice.below(seen.size())], &j = *seen[dice.below(seen.size())];
    if (distance(i.origin, j.origin) < far) continue;
    const Similarity m = through(i, j);
    if (m.scale() > 0.5f && m.scale() < 2) consider(m);
  }
  // Too little agreement to believe in a sudden turn of the camera: unless it is clearly better supported, it
  // goes on as it did. Otherwise a face that fills the picture of a dark room carries the camera along.
  if (best_vote < 0.6f) {
    for (const Similarity& calm : {guess, total})
      if (vote_for(calm, tracks, tolerance).all > best_vote - 0.2f) {
        best = calm;
        break;
      }
  }
  return refine(best, tracks, tolerance, static_cast<float>(current.level(0).width), best_vote >= 0.55f);
}

MotionFeatures MotionTracker::State::measure(const Similarity& model, float tolerance) const {
  const float width = static_cast<float>(current.level(0).width);
  MotionFeatures f;
  const Similarity step = then(inverse(total), model);
  f.dx = step.tx / width;
  f.dy = step.ty / width;
  f.log_scale = std::log(step.scale());
  f.rotation = step.angle();
  const Vote vote = vote_for(model, tracks, tolerance);
  int seen = 0, others = 0;
  std::array<int, kRegions> outside{}, held{};
  float speed = 0;
  for (const Track& t : tracks) {
    if (!t.seen) continue;
    ++seen;
    ++held[static_cast<std::size_t>(t.region)];
    if (distance(model(t.origin), t.now) < tolerance || !t.seen_before) continue;
    ++others;
    ++outside[static_cast<std::size_t>(t.region)];
    speed += distance(step(t.before), t.now);
  }
  int subjects = 0, regions = 0;
  for (std::size_t r = 0; r < outside.size(); ++r) {
    if (held[r] > 0) ++regions;
    if (held[r] > 0 && outside[r] * 2 >= held[r]) ++subjects;
  }
  f.corners = static_cast<std::uint16_t>(seen);
  f.inlier_share = seen > 0 ? static_cast<float>(vote.inliers) / static_cast<float>(seen) : 0;
  f.spread = static_cast<float>(vote.regions) / kRegions;
  f.border = vote.border;
  f.subject_motion = others > 0 ? speed / static_cast<float>(others) / width : 0;
  f.subject_share = regions > 0 ? static_cast<float>(subjects) / static_cast<float>(regions) : 0;
  const float enough = std::min(1.0f, static_cast<float>(vote.inliers) / 10.0f);
  const float wide = std::min(1.0f, static_cast<float>(vote.regions) / (kRegions * 0.3f));
  // Regions at odds with each other: below a quarter nobody knows, from six tenths on it is sure.
  const float agreed = std::clamp((vote.all - 0.25f) / 0.35f, 0.0f, 1.0f);
  f.confidence = enough * wide * agreed;
  return f;
}

// Time for a new anchor: corners lost, or the picture has changed its size or place so much that
// patches no longer look alike.
bool MotionTracker::State::worn_out(const Vote& vote) const {
  const float width = static_cast<float>(current.level(0).width);
  std::size_t seen = 0;
  for (const Track& t : tracks) seen += t.seen ? 1 : 0;
  return seen * 10 < tracks.size() * 6 || vote.inliers < 12 ||
         std::hypot(total.tx, total.ty) > width * 0.16f || std::abs(std::log(total.scale())) > 0.05f ||
         std::abs(total.angle()) > 0.06f ||
         // Light and shadows wander: even a fixed camera gets fresh corners now and then.
         since_anchor >= 250;
}

MotionFeatures MotionTracker::State::step() {
  const float width = static_cast<float>(current.level(0).width);
  // Corners of a real scene do not follow one model exactly (depth, lens, rolling shutter).
  const auto tolerance_of = [&](const Similarity& m) {
    return width * 0.0025f + 0.04f * std::hypot(m.tx, m.ty) + 0.25f * std::abs(m.scale() - 1) * width * 0.1f;
  };
  const bool trusted = confidence > 0.4f;
  Similarity guess = trusted ? then(total, velocity) : total;
  const auto good = [&](int found) {
    return found * 10 >= static_cast<int>(tracks.size()) * 4 && found >= 6;
  };

  int found = follow_tracks(guess, trusted ? 1 : Pyramid::kLevels - 1);
  if (!good(found) && trusted) found = follow_tracks(total, Pyramid::kLevels - 1);
  bool fresh = false;
  if (!good(found) && since_anchor > 0) {  // perhaps only the anchor has grown old
    set_anchor(last);
    fresh = true;
    guess = trusted ? velocity : Similarity{};
    found = follow_tracks(guess, Pyramid::kLevels - 1);
  }
  if (!good(found) && tracks.size() >= 6) {
    const Point2 jump = coarse_shift(last, current);
    Similarity shifted = total;
    shifted.tx += jump.x;
    shifted.ty += jump.y;
    const int again = follow_tracks(shifted, Pyramid::kLevels - 1);
    if (again > found)
      found = again, guess = shifted;
    else
      found = follow_tracks(guess, Pyramid::kLevels - 1);
  }
  if (found < 4) {  // a cut, black, or nothing to see
    set_anchor(current);
    velocity = {};
    confidence = 0;
    MotionFeatures f;
    f.corners = static_cast<std::uint16_t>(std::max(found, 0));
    f.anchor = true;
    return f;
  }

  Similarity model = background(tolerance_of(guess), guess);
  float tolerance = tolerance_of(model);
  // A fixed camera in front of a large moving subject: when much of the border is at rest, the camera is,
  // however many corners ride on the subject. Only a pan with broad overlays could look the same.
  // At rest against the last frame, or against the anchor: a slow subject's single step is too small to see.
  const float tight = width * 0.0022f;
  const Vote move = vote_for(model, tracks, tolerance);
  for (const Similarity& resting : {Similarity{}, total}) {
    if (difference(resting, model, width) <= tight) continue;
    const Vote rest = vote_for(resting, tracks, tight);
    if (rest.border >= options.zero_vote && rest.inliers >= 6 &&
        rest.border > options.zero_against_move * move.border) {
      model = refine(resting, tracks, tight, width);
      tolerance = tight * 1.5f;
      break;
    }
  }
  // A subject before a plain wall is all there is to follow: no proof of a moving camera.
  if (move.regions < 6 && difference(total, model, width) > tight) model = total;
  MotionFeatures f = measure(model, tolerance);
  velocity = then(inverse(total), model);
  total = model;
  confidence = f.confidence;
  for (Track& t : tracks) {
    if (!t.seen) continue;
    const bool inlier = distance(model(t.origin), t.now) < tolerance;
    // Quick to lose trust, slow to gain it.
    t.trust = inlier ? std::min(1.0f, t.trust + 0.05f) : std::max(0.12f, t.trust * 0.75f);
  }
  ++since_anchor;
  if (fresh || worn_out(vote_for(model, tracks, tolerance))) {
    set_anchor(current);
    f.anchor = true;
  }
  for (Track& t : tracks) {
    t.seen_before = t.seen;
    t.before = t.now;
  }
  return f;
}

MotionTracker::MotionTracker(const MotionOptions& options) : state_(std::make_unique<State>()) {
  state_->options = options;
}
MotionTracker::MotionTracker(MotionTracker&&) noexcept = default;
MotionTracker& MotionTracker::operator=(MotionTracker&&) noexcept = default;
MotionTracker::~MotionTracker() = default;

void MotionTracker::restart() {
  const MotionOptions options = state_->options;
  *state_ = State{};
  state_->options = options;
}

MotionFeatures MotionTracker::follow(const GrayView& frame, bool same_as_before) {
  State& s = *state_;
  if (frame.empty()) return {};
  if (s.frames > 0 && (frame.width != s.last.level(0).width || frame.height != s.last.level(0).height))
    restart();
  if (s.frames == 0) {
    s.last.build(frame);
    s.set_anchor(s.last);
    s.frames = 1;
    MotionFeatures first;
    first.anchor = true;
    return first;
  }
  ++s.frames;
  if (same_as_before) {
    MotionFeatures still;
    // Equal pixels are no guess: where there was something to follow, it did not move.
    still.confidence = s.tracks.size() >= 6 ? 1.0f : 0.0f;
    still.inlier_share = still.border = still.spread = still.confidence;
    still.corners = static_cast<std::uint16_t>(s.tracks.size());
    return still;
  }
  s.current.build(frame);
  const MotionFeatures f = s.step();
  std::swap(s.last, s.current);
  return f;
}

MotionFeatures estimate_motion(const GrayView& before, const GrayView& after, const MotionOptions& options) {
  MotionTracker tracker(options);
  tracker.follow(before);
  return tracker.follow(after);
}

}  // namespace studio
