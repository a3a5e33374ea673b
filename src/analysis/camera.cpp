// A shot's camera as four paths over time (x, y, log scale, angle), cut into rest and moves.
#include "analysis/camera.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace studio {
namespace {

constexpr float kTrusted = 0.25f;  // confidence below it: the frame's motion is unknown
// A zoom or roll moves the picture's edge by half a width; these make the four paths comparable.
constexpr double kEdge = 0.4;

enum Channel { x_path, y_path, zoom_path, roll_path, channels };

// Where the picture's background lies at each frame, against the shot's first frame.
struct CameraPath {
  std::vector<double> time;
  std::vector<char> sure;     // the border agrees on the step into this frame
  std::vector<char> at_edge;  // a clean move starts or ends here
  std::array<std::vector<double>, channels> at;
  double known_share = 0;

  std::size_t size() const { return time.size(); }
  double seconds() const { return size() > 1 ? time.back() - time.front() : 0; }
};

double component(const MotionFeatures& m, int channel) {
  switch (channel) {
    case x_path: return m.dx;
    case y_path: return m.dy;
    case zoom_path: return m.log_scale;
    default: return m.rotation;
  }
}

double edge_factor(int channel) {
  return channel == zoom_path || channel == roll_path ? kEdge : 1.0;
}

double step_size(const MotionFeatures& m) {
  return std::hypot(m.dx, m.dy) + kEdge * (std::abs(m.log_scale) + std::abs(m.rotation));
}

// Unknown steps get the velocity of their known neighbours.
CameraPath path_of(std::span<const MotionFeatures> motion, std::span<const double> time_s) {
  CameraPath path;
  path.time.assign(time_s.begin(), time_s.end());
  path.at_edge.assign(time_s.size(), 0);
  for (const MotionFeatures& m : motion) path.sure.push_back(m.confidence > 0.6f && m.border > 0.55f);
  const std::size_t n = motion.size();
  std::vector<char> known(n, 0);
  std::size_t count = 0;
  for (std::size_t i = 1; i < n; ++i) {
    known[i] = motion[i].confidence >= kTrusted;
    count += known[i] ? 1 : 0;
  }
  path.known_share = n > 1 ? static_cast<double>(count) / static_cast<double>(n - 1) : 0;
  for (int c = 0; c < channels; ++c) {
    auto& at = path.at[static_cast<std::size_t>(c)];
    at.assign(n, 0);
    double last_velocity = 0;
    for (std::size_t i = 1; i < n; ++i) {
      const double dt = std::max(time_s[i] - time_s[i - 1], 1e-6);
      double step = component(motion[i], c);
      if (known[i]) {
        last_velocity = step / dt;
      } else {
        std::size_t next = i;
        while (next < n && !known[next]) ++next;
        const double next_velocity =
            next < n ? component(motion[next], c) / std::max(time_s[next] - time_s[next - 1], 1e-6)
                     : last_velocity;
        const bool short_gap = next < n && time_s[next] - time_s[i] < 0.25;
        step = short_gap ? 0.5 * (last_velocity + next_velocity) * dt : 0;
      }
      at[i] = at[i - 1] + step;
    }
  }
  return path;
}

// Drawn animation holds each drawing for two or three frames. The stairs would look like shake:
// lay a straight line over the held frames when there are many of them.
void bridge_held_frames(std::span<const MotionFeatures> motion, CameraPath& path) {
  const std::size_t n = motion.size();
  std::vector<char> held(n, 0);
  std::size_t moving = 0, holding = 0;
  for (std::size_t i = 1; i + 1 < n; ++i) {
    double around = step_size(motion[i + 1]);
    for (std::size_t k = 1; k <= 2 && i > k; ++k) around = std::max(around, step_size(motion[i - k]));
    if (i + 2 < n) around = std::max(around, step_size(motion[i + 2]));
    if (around < 0.0015) continue;
    ++moving;
    if (step_size(motion[i]) < 0.12 * around) held[i] = 1, ++holding;
  }
  if (moving < 8 || holding * 4 < moving) return;
  for (auto& at : path.at) {
    for (std::size_t i = 1; i + 1 < n;) {
      if (!held[i]) {
        ++i;
        continue;
      }
      std::size_t end = i;
      while (end < n && held[end]) ++end;
      if (end >= n) break;
      for (std::size_t k = i; k < end; ++k) {
        const double part = (path.time[k] - path.time[i - 1]) / (path.time[end] - path.time[i - 1]);
        at[k] = at[i - 1] + part * (at[end] - at[i - 1]);
      }
      i = end;
    }
  }
}

// Slope of the least-squares line through the samples within `reach` seconds of each frame.
std::vector<double> velocity_of(const CameraPath& path, int channel, double reach) {
  const auto& at = path.at[static_cast<std::size_t>(channel)];
  const std::size_t n = path.size();
  std::vector<double> velocity(n, 0);
  std::size_t lo = 0, hi = 0;
  for (std::size_t i = 0; i < n; ++i) {
    while (path.time[i] - path.time[lo] > reach) ++lo;
    while (hi + 1 < n && path.time[hi + 1] - path.time[i] <= reach) ++hi;
    double t_mean = 0, p_mean = 0;
    const double count = static_cast<double>(hi - lo + 1);
    for (std::size_t k = lo; k <= hi; ++k) t_mean += path.time[k], p_mean += at[k];
    t_mean /= count, p_mean /= count;
    double tt = 0, tp = 0;
    for (std::size_t k = lo; k <= hi; ++k) {
      tt += (path.time[k] - t_mean) * (path.time[k] - t_mean);
      tp += (path.time[k] - t_mean) * (at[k] - p_mean);
    }
    velocity[i] = tt > 0 ? tp / tt : 0;
  }
  return velocity;
}

// How far the path strays from its own smooth course: from the local parabola over +-reach seconds.
// A pan with soft starts is smooth on that scale, a hand is not (it shakes at 1..10 Hz).
std::vector<double> shake_of(const CameraPath& path, int channel, double reach) {
  const auto& at = path.at[static_cast<std::size_t>(channel)];
  const std::size_t n = path.size();
  std::vector<double> stray(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    // Weighted quadratic about frame i, solved for its value there.
    double s[5] = {}, b[3] = {};
    std::size_t samples = 0;
    std::size_t lo = i, hi = i;
    while (lo > 0 && path.time[i] - path.time[lo - 1] <= reach) --lo;
    while (hi + 1 < n && path.time[hi + 1] - path.time[i] <= reach) ++hi;
    for (std::size_t k = lo; k <= hi; ++k, ++samples) {
      const double u = (path.time[k] - path.time[i]) / reach, p = at[k] - at[i];
      const double u2 = u * u;
      s[0] += 1, s[1] += u, s[2] += u2, s[3] += u2 * u, s[4] += u2 * u2;
      b[0] += p, b[1] += p * u, b[2] += p * u2;
    }
    if (samples < 6) continue;
    const double d = s[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (s[1] * s[4] - s[2] * s[3]) +
                     s[2] * (s[1] * s[3] - s[2] * s[2]);
    if (std::abs(d) < 1e-12) continue;
    const double value = (b[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (b[1] * s[4] - s[3] * b[2]) +
                          s[2] * (b[1] * s[3] - s[2] * b[2])) /
                         d;
    stray[i] = -value;
  }
  return stray;
}

double rms(const std::vector<double>& values) {
  if (values.empty()) return 0;
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

struct Shake {
  double amplitude = 0;   // rms, frame widths, all channels
  double swings = 0;      // changes of direction per second
  double calm_share = 1;  // of half seconds without shake: one bump is not a handheld camera
  double sure_share = 1;  // of the frames: a face that fills the picture shakes, too
};

Shake measure_shake(const CameraPath& path, double threshold) {
  Shake shake;
  if (path.size() < 8 || path.seconds() <= 0) return shake;
  std::vector<double> total(path.size(), 0);
  int turns = 0;
  for (int c = 0; c < channels; ++c) {
    const auto stray = shake_of(path, c, 0.4);
    const double factor = edge_factor(c);
    for (std::size_t i = 0; i < stray.size(); ++i) total[i] += stray[i] * stray[i] * factor * factor;
    if (c > y_path) continue;
    const double noise = 0.25 * rms(stray);
    int side = 0;
    for (const double v : stray) {
      const int now = v > noise ? 1 : v < -noise ? -1 : 0;
      if (now != 0 && side != 0 && now != side) ++turns;
      if (now != 0) side = now;
    }
  }
  shake.swings = turns / 2.0 / path.seconds();
  shake.sure_share = static_cast<double>(std::ranges::count(path.sure, 1)) / static_cast<double>(path.size());
  // The median of half seconds, not the mean: a jolt or the edges of one abrupt move do not count.
  std::vector<double> pieces;
  std::size_t begin = 0;
  while (begin < path.size()) {
    std::size_t end = begin;
    double sum = 0;
    int count = 0;
    for (; end < path.size() && path.time[end] - path.time[begin] < 0.5; ++end)
      if (path.sure[end] && !path.at_edge[end]) sum += total[end], ++count;
    if (count >= 4) pieces.push_back(std::sqrt(sum / count));
    begin = std::max(end, begin + 1);
  }
  if (pieces.empty()) return shake;
  const auto calm = std::ranges::count_if(pieces, [&](double p) { return p < threshold; });
  shake.calm_share = static_cast<double>(calm) / static_cast<double>(pieces.size());
  std::ranges::sort(pieces);
  shake.amplitude = pieces[pieces.size() / 2];
  return shake;
}

struct Run {
  std::size_t first = 0, last = 0;
  int sign = 0;
};

// Stretches where the smoothed velocity keeps its sign, is above half the threshold throughout and above it
// somewhere.
std::vector<Run> runs_of(const std::vector<double>& velocity, const std::vector<double>& time,
                         double threshold) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < velocity.size();) {
    const int sign = velocity[i] > threshold / 2 ? 1 : velocity[i] < -threshold / 2 ? -1 : 0;
    std::size_t end = i;
    double peak = 0;
    while (end < velocity.size() && sign != 0 && velocity[end] * sign > threshold / 2)
      peak = std::max(peak, velocity[end++] * sign);
    if (sign != 0 && peak > threshold) {
      // A short falter (a held frame, a passing subject) does not end a move.
      if (!runs.empty() && runs.back().sign == sign && time[i] - time[runs.back().last] < 0.2)
        runs.back().last = end - 1;
      else
        runs.push_back({i, end - 1, sign});
    }
    i = std::max(end, i + 1);
  }
  return runs;
}

// Where a path bends most sharply within [lo, hi]: least squares of two joined straight lines.
std::size_t bend_of(const CameraPath& path, int channel, std::size_t lo, std::size_t hi,
                    std::size_t fallback) {
  const auto& at = path.at[static_cast<std::size_t>(channel)];
  if (hi < lo + 4) return fallback;
  double best = 1e300;
  std::size_t where = fallback;
  for (std::size_t k = lo + 1; k < hi; ++k) {
    // p = c + a * min(t - tk, 0) + b * max(t - tk, 0)
    double m[3][4] = {};
    for (std::size_t i = lo; i <= hi; ++i) {
      const double t = path.time[i] - path.time[k];
      const double row[3] = {1, std::min(t, 0.0), std::max(t, 0.0)};
      for (int r = 0; r < 3; ++r) {
        for (int c = 0; c < 3; ++c) m[r][c] += row[r] * row[c];
        m[r][3] += row[r] * (at[i] - at[lo]);
      }
    }
    bool singular = false;
    for (int r = 0; r < 3 && !singular; ++r) {
      if (std::abs(m[r][r]) < 1e-14) singular = true;
      for (int q = r + 1; q < 3 && !singular; ++q) {
        const double f = m[q][r] / m[r][r];
        for (int c = r; c < 4; ++c) m[q][c] -= f * m[r][c];
      }
    }
    if (singular) continue;
    double solution[3];
    for (int r = 2; r >= 0; --r) {
      double sum = m[r][3];
      for (int c = r + 1; c < 3; ++c) sum -= m[r][c] * solution[c];
      solution[r] = sum / m[r][r];
    }
    double error = 0;
    for (std::size_t i = lo; i <= hi; ++i) {
      const double t = path.time[i] - path.time[k];
      const double e =
          at[i] - at[lo] - (solution[0] + solution[1] * std::min(t, 0.0) + solution[2] * std::max(t, 0.0));
      error += e * e;
    }
    if (error < best) best = error, where = k;
  }
  return where;
}

// Line through the middle of a move: its starts and stops are often soft.
double slope_between(const CameraPath& path, int channel, std::size_t first, std::size_t last) {
  const auto& at = path.at[static_cast<std::size_t>(channel)];
  const std::size_t trim = last - first >= 10 ? (last - first) / 10 : 0;
  first += trim;
  last -= trim;
  const double n = static_cast<double>(last - first + 1);
  double t_mean = 0, p_mean = 0, tt = 0, tp = 0;
  for (std::size_t i = first; i <= last; ++i) t_mean += path.time[i] / n, p_mean += at[i] / n;
  for (std::size_t i = first; i <= last; ++i) {
    tt += (path.time[i] - t_mean) * (path.time[i] - t_mean);
    tp += (path.time[i] - t_mean) * (at[i] - p_mean);
  }
  return tt > 0 ? tp / tt : 0;
}

MoveKind kind_of(int channel, int sign) {
  switch (channel) {
    case x_path: return sign < 0 ? MoveKind::pan_right : MoveKind::pan_left;
    case y_path: return sign > 0 ? MoveKind::tilt_up : MoveKind::tilt_down;
    case zoom_path: return sign > 0 ? MoveKind::zoom_in : MoveKind::zoom_out;
    default: return sign < 0 ? MoveKind::roll_cw : MoveKind::roll_ccw;
  }
}

void find_moves(const CameraPath& path, int channel, std::int64_t first_frame, const Shake& shake,
                bool handheld, const CameraOptions& options, std::vector<CameraMove>& moves) {
  const auto& at = path.at[static_cast<std::size_t>(channel)];
  double threshold = channel == zoom_path   ? options.slowest_zoom
                     : channel == roll_path ? options.slowest_roll
                                            : options.slowest_pan;
  double shortest = channel == zoom_path   ? options.shortest_zoom
                    : channel == roll_path ? options.shortest_roll
                                           : options.shortest_pan;
  double reach = std::min(0.25, path.seconds() / 4);
  if (handheld) {
    // A hand sways: only what goes clearly beyond the sway was meant.
    reach = std::min(0.6, path.seconds() / 4);
    threshold = std::max(threshold, std::max(0.02, 2.5 * shake.amplitude) / edge_factor(channel));
    shortest = std::max(shortest, std::max(0.035, 8 * shake.amplitude) / edge_factor(channel));
  }
  const auto velocity = velocity_of(path, channel, std::max(reach, 0.04));
  const std::size_t n = path.size();
  for (Run run : runs_of(velocity, path.time, threshold)) {
    // The smoothing has widened the move by its reach: look for the bends around both ends.
    const auto around = [&](std::size_t i, double before, double after) {
      std::size_t lo = i, hi = i;
      while (lo > 0 && path.time[i] - path.time[lo - 1] <= before) --lo;
      while (hi + 1 < n && path.time[hi + 1] - path.time[i] <= after) ++hi;
      return std::pair{lo, hi};
    };
    const double inner = std::min(3 * reach, (path.time[run.last] - path.time[run.first]) * 0.6);
    if (run.first > 0) {
      const auto [lo, hi] = around(run.first, reach, std::max(inner, 2 * reach));
      run.first = bend_of(path, channel, lo, hi, run.first);
    }
    if (run.last + 1 < n) {
      const auto [lo, hi] = around(run.last, std::max(inner, 2 * reach), reach);
      run.last = bend_of(path, channel, lo, hi, run.last);
    }
    if (run.last <= run.first) continue;
    const double covered = std::abs(at[run.last] - at[run.first]);
    if (covered < shortest) continue;
    // A twitch of a few frames is no move, unless it goes far.
    if (path.time[run.last] - path.time[run.first] < 0.35 && covered * edge_factor(channel) < 0.04) continue;
    // How straight: a wandering path is no move, even if it ends elsewhere.
    double length = 0;
    for (std::size_t i = run.first + 1; i <= run.last; ++i) length += std::abs(at[i] - at[i - 1]);
    if (covered < (handheld ? 0.3 : 0.5) * length) continue;
    // Most of the border must stand behind it.
    const auto sure = std::count(path.sure.begin() + static_cast<std::ptrdiff_t>(run.first) + 1,
                                 path.sure.begin() + static_cast<std::ptrdiff_t>(run.last) + 1, 1);
    if (static_cast<std::size_t>(sure) * 2 < run.last - run.first) continue;
    const double slope = slope_between(path, channel, run.first, run.last);
    if (slope * run.sign < threshold * 0.6) continue;
    CameraMove move;
    move.kind = kind_of(channel, run.sign);
    move.first_frame = first_frame + static_cast<std::int64_t>(run.first);
    move.last_frame = first_frame + static_cast<std::int64_t>(run.last);
    move.speed = std::abs(slope) * (channel == roll_path ? 180 / M_PI : 1);
    moves.push_back(move);
  }
}

// A pan that starts at once bends its path as sharply as a shake does. Where a move is a straight line, the
// frames around its ends say nothing about the hand.
void leave_out_edges(CameraPath& path, std::int64_t first_frame, const CameraOptions& options) {
  for (int c = 0; c < channels; ++c) {
    const auto& at = path.at[static_cast<std::size_t>(c)];
    std::vector<CameraMove> moves;
    find_moves(path, c, first_frame, {}, false, options, moves);
    for (const CameraMove& m : moves) {
      const auto first = static_cast<std::size_t>(m.first_frame - first_frame),
                 last = static_cast<std::size_t>(m.last_frame - first_frame);
      const double covered = at[last] - at[first], seconds = path.time[last] - path.time[first];
      if (seconds < 0.5 || std::abs(covered) * edge_factor(c) < 0.05) continue;
      double stray = 0;
      for (std::size_t i = first; i <= last; ++i) {
        const double line = at[first] + covered * (path.time[i] - path.time[first]) / seconds;
        stray += (at[i] - line) * (at[i] - line);
      }
      if (std::sqrt(stray / static_cast<double>(last - first + 1)) > 0.05 * std::abs(covered)) continue;
      for (std::size_t i = 0; i < path.size(); ++i)
        if (std::abs(path.time[i] - path.time[first]) < 0.3 || std::abs(path.time[i] - path.time[last]) < 0.3)
          path.at_edge[i] = 1;
    }
  }
}

double in_widths_per_second(const CameraMove& move) {
  switch (move.kind) {
    case MoveKind::zoom_in:
    case MoveKind::zoom_out: return move.speed * kEdge;
    case MoveKind::roll_cw:
    case MoveKind::roll_ccw: return move.speed * kEdge * M_PI / 180;
    default: return move.speed;
  }
}

// A diagonal zoom-pan is one gesture, but a trace of tilt in a fast pan (a camera not quite level) is no
// move of its own.
void drop_side_effects(std::vector<CameraMove>& moves) {
  std::erase_if(moves, [&](const CameraMove& weak) {
    return std::ranges::any_of(moves, [&](const CameraMove& strong) {
      const auto first = std::max(weak.first_frame, strong.first_frame);
      const auto last = std::min(weak.last_frame, strong.last_frame);
      const bool inside = (last - first) * 10 >= (weak.last_frame - weak.first_frame) * 7;
      return inside && in_widths_per_second(weak) < 0.07 * in_widths_per_second(strong);
    });
  });
}

double restlessness(const CameraPath& path) {
  double sum = 0;
  for (int c = 0; c < channels; ++c) {
    const auto velocity = velocity_of(path, c, 0.12);
    std::vector<double> acceleration;
    for (std::size_t i = 2; i + 2 < velocity.size(); ++i) {
      const double dt = path.time[i + 1] - path.time[i - 1];
      if (dt > 0) acceleration.push_back((velocity[i + 1] - velocity[i - 1]) / dt * edge_factor(c));
    }
    const double a = rms(acceleration);
    sum += a * a;
  }
  return std::sqrt(sum);
}

}  // namespace

std::vector<float> camera_speed(std::span<const MotionFeatures> motion, std::span<const double> time_s) {
  std::vector<float> speed(motion.size(), 0.0f);
  for (std::size_t i = 1; i < motion.size() && i < time_s.size(); ++i) {
    if (motion[i].confidence < kTrusted) continue;
    speed[i] = static_cast<float>(step_size(motion[i]) / std::max(time_s[i] - time_s[i - 1], 1e-3));
  }
  return speed;
}

std::vector<float> subject_speed(std::span<const MotionFeatures> motion, std::span<const double> time_s) {
  std::vector<float> speed(motion.size(), 0.0f);
  for (std::size_t i = 1; i < motion.size() && i < time_s.size(); ++i)
    speed[i] = static_cast<float>(motion[i].subject_motion * motion[i].subject_share /
                                  std::max(time_s[i] - time_s[i - 1], 1e-3));
  return speed;
}

CameraJudgement judge_camera(std::span<const MotionFeatures> motion, std::span<const double> time_s,
                             std::int64_t first_frame, const CameraOptions& options) {
  CameraJudgement judgement;
  const std::size_t n = std::min(motion.size(), time_s.size());
  if (n < 3) return judgement;
  motion = motion.first(n);
  time_s = time_s.first(n);
  CameraPath path = path_of(motion, time_s);
  if (path.known_share < 0.4 || path.seconds() < 0.08) return judgement;
  bridge_held_frames(motion, path);

  leave_out_edges(path, first_frame, options);
  const Shake shake = measure_shake(path, options.handheld_shake);
  const bool handheld = shake.amplitude > options.handheld_shake && shake.swings > 0.8 &&
                        shake.calm_share < 0.4 && shake.sure_share > 0.5;
  for (int c = 0; c < channels; ++c)
    find_moves(path, c, first_frame, shake, handheld, options, judgement.moves);
  drop_side_effects(judgement.moves);
  std::ranges::sort(judgement.moves, {},
                    [](const CameraMove& m) { return std::pair{m.first_frame, -in_widths_per_second(m)}; });

  double fastest = 0;
  for (const CameraMove& move : judgement.moves) fastest = std::max(fastest, in_widths_per_second(move));
  const double restless = restlessness(path);
  if (fastest >= options.dynamic_speed ||
      (!judgement.moves.empty() && restless > options.dynamic_acceleration))
    judgement.style = CameraStyle::dynamic;
  else if (handheld)
    judgement.style = CameraStyle::handheld;
  else if (!judgement.moves.empty())
    judgement.style = CameraStyle::smooth;
  judgement.steadiness = 1 / (1 + shake.amplitude / 0.003);
  const auto speed = camera_speed(motion, time_s);
  judgement.motion = std::accumulate(speed.begin() + 1, speed.end(), 0.0) / static_cast<double>(n - 1);
  return judgement;
}

}  // namespace studio
