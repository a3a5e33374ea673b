// The report's pictures: one time axis with everything that happens on it, and the keyframes.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "analysis/report.h"
#include "analysis/report_parts.h"
#include "base/html.h"

namespace studio::report {
namespace {

constexpr double kLeft = 84, kRight = 1216, kWidth = 1230;

// Rows of the timeline, from the top.
struct Row {
  double top = 0, height = 0;
  double bottom() const { return top + height; }
};

class TimelineChart {
 public:
  TimelineChart(const Analysis& a, const Pictures& p, const Clock& c) : a_(a), pictures_(p), clock_(c) {}

  std::string draw() {
    axis();
    keyframes();
    issues();
    camera();
    std::vector<double> motion(a_.curves.motion.begin(), a_.curves.motion.end());
    std::vector<double> brightness(a_.curves.brightness.begin(), a_.curves.brightness.end());
    double top = 0.1;
    for (const double m : motion) top = std::max(top, m);
    top = std::ceil(top * 10) / 10;
    frame_curve("motion", fmt::format("0 to {:.1f} widths/s", top), motion, top, "#f0b23e", true);
    frame_curve("brightness", "0 to 255", brightness, 1, "#e9e7e1", false);
    if (a_.audio) loudness();
    cut_lines();
    return fmt::format("<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-label=\"timeline\">{}</svg>", kWidth,
                       y_ + 4, out_);
  }

 private:
  double x_of(double seconds) const {
    return kLeft + (kRight - kLeft) * std::clamp(clock_.end() > 0 ? seconds / clock_.end() : 0, 0.0, 1.0);
  }
  double x_of_frame(std::int64_t frame) const { return x_of(clock_.at(frame)); }
  Row next_row(double height, std::string_view name, std::string_view scale = {}) {
    const Row row{y_, height};
    out_ += fmt::format("<text class=\"row\" x=\"{}\" y=\"{:.1f}\">{}</text>", kLeft - 10,
                        scale.empty() ? row.top + height / 2 + 4 : row.top + height / 2 + 1, name);
    if (!scale.empty())
      out_ += fmt::format("<text class=\"row\" x=\"{}\" y=\"{:.1f}\" style=\"font-size:9px\">{}</text>",
                          kLeft - 10, row.top + height / 2 + 13, scale);
    y_ += height + 10;
    return row;
  }

  // Ticks at a round distance, some 8 to 14 of them.
  void axis() {
    const double end = std::max(clock_.end(), 1e-3);
    double step = 0.1;
    for (const double s : {0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0,
                           1800.0, 3600.0, 7200.0})
      if (end / (step = s) <= 13) break;
    for (int i = 0; i * step <= end && i < 200; ++i) {
      const double t = i * step, x = x_of(t);
      const std::string label =
          step < 1 ? fmt::format("{:.1f} s", t)
                   : fmt::format("{}:{:02}", static_cast<int>(t) / 60, static_cast<int>(t) % 60);
      out_ += fmt::format("<text x=\"{:.1f}\" y=\"12\" text-anchor=\"{}\">{}</text>", x,
                          i == 0 ? "start" : "middle", label);
      ticks_.push_back(x);
    }
    y_ = 20;
  }

  void keyframes() {
    const Row row = next_row(92, "shots");
    const Shot* shown = nullptr;
    for (const Shot& shot : a_.shots) {
      const double x0 = x_of_frame(shot.first_frame), x1 = x_of_frame(shot.last_frame + 1);
      const double w = std::max(0.5, x1 - x0 - 1);
      out_ += fmt::format(
          "<a href=\"#{0}\"><g><title>{0}: {1} to {2}, {3}</title><rect x=\"{4:.1f}\" y=\"{5}\" "
          "width=\"{6:.1f}\" height=\"{7}\" fill=\"#000\"/>",
          html_escaped(shot.id), clock_.text(shot.first_frame), clock_.text(shot.last_frame + 1),
          html_escaped(camera_words(shot.camera)), x0, row.top, w, row.height);
      if (pictures_.has(shot.keyframe) && w >= 3) {
        // Long shots repeat their keyframe like a strip of film.
        const double cell = row.height * pictures_.width / std::max(1, pictures_.height);
        const int count = std::clamp(static_cast<int>(w / cell + 0.35), 1, 12);
        for (int i = 0; i < count; ++i)
          out_ += fmt::format(
              "<svg x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" viewBox=\"0 0 {} {}\" "
              "preserveAspectRatio=\"xMidYMid slice\"{}><use href=\"#kf{}\"/></svg>",
              x0 + w * i / count, row.top, w / count, row.height, pictures_.width, pictures_.height,
              i > 0 ? " opacity=\".45\"" : "", shot.keyframe);
      }
      if (w > 7.0 * static_cast<double>(shot.id.size()) + 8)
        out_ += fmt::format(
            "<rect x=\"{0:.1f}\" y=\"{1:.1f}\" width=\"{2:.1f}\" height=\"15\" fill=\"#15171b\" "
            "opacity=\".78\"/><text x=\"{3:.1f}\" y=\"{4:.1f}\" style=\"fill:#e9e7e1\">{5}</text>",
            x0, row.bottom() - 15, 7.0 * static_cast<double>(shot.id.size()) + 8, x0 + 4, row.bottom() - 4,
            html_escaped(shot.id));
      out_ += "</g></a>";
      shown = &shot;
    }
    if (shown == nullptr)
      out_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#000\"/>", kLeft,
                          row.top, kRight - kLeft, row.height);
    bottom_of_strip_ = row.bottom();
  }

  void issues() {
    const Row row = next_row(16, "issues");
    lane(row);
    for (std::size_t i = 0; i < a_.issues.size(); ++i) {
      const Issue& issue = a_.issues[i];
      const double x0 = x_of_frame(issue.first_frame),
                   x1 = std::max(x0 + 4, x_of_frame(issue.last_frame + 1));
      const std::string label = x1 - x0 > 7.0 * static_cast<double>(issue.kind.size()) + 6
                                    ? fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", x0 + 4,
                                                  row.top + 12, html_escaped(issue.kind))
                                    : "";
      out_ += fmt::format(
          "<a href=\"#issue{}\"><title>{}</title><rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" "
          "rx=\"3\" fill=\"{}\"/>{}</a>",
          i + 1, html_escaped(issue.kind + ": " + issue.message), x0, row.top, x1 - x0, row.height,
          severity_color(issue.severity), label);
    }
  }

  void camera() {
    // Moves at the same time lie in lanes of their own.
    std::vector<const CameraMove*> moves;
    for (const Shot& shot : a_.shots)
      for (const CameraMove& m : shot.camera.moves) moves.push_back(&m);
    std::vector<std::int64_t> ends;
    std::vector<std::size_t> lane_of;
    for (const CameraMove* m : moves) {
      std::size_t lane_index = 0;
      while (lane_index < ends.size() && ends[lane_index] >= m->first_frame) ++lane_index;
      if (lane_index == ends.size()) ends.push_back(0);
      ends[lane_index] = m->last_frame;
      lane_of.push_back(lane_index);
    }
    const double lanes = std::clamp<double>(static_cast<double>(ends.size()), 1, 4);
    const Row row = next_row(15 * lanes + 1, "camera");
    lane(row);
    for (std::size_t i = 0; i < moves.size(); ++i) {
      if (lane_of[i] >= 4) continue;
      const CameraMove& m = *moves[i];
      const double x0 = x_of_frame(m.first_frame), x1 = std::max(x0 + 3, x_of_frame(m.last_frame + 1));
      const double y = row.top + 15 * static_cast<double>(lane_of[i]);
      std::string name(name_of(m.kind));
      std::ranges::replace(name, '_', ' ');
      const bool roll = m.kind == MoveKind::roll_cw || m.kind == MoveKind::roll_ccw,
                 zoom = m.kind == MoveKind::zoom_in || m.kind == MoveKind::zoom_out;
      const std::string title = fmt::format("{} at {:.3g} {}, frames {} to {}", name, m.speed,
                                            roll   ? "degrees/s"
                                            : zoom ? "log scale/s"
                                                   : "widths/s",
                                            m.first_frame, m.last_frame);
      out_ += fmt::format(
          "<g><title>{}</title><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"14\" rx=\"3\" "
          "fill=\"#38506b\"/>",
          html_escaped(title), x0, y, x1 - x0);
      if (x1 - x0 > 6.2 * static_cast<double>(name.size()) + 8)
        out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" style=\"fill:#c9dcf0\">{}</text>", x0 + 5,
                            y + 11, name);
      out_ += "</g>";
    }
  }

  void lane(const Row& row) {
    out_ += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"3\" fill=\"#15171b\"/>",
                        kLeft, row.top, kRight - kLeft, row.height);
  }

  // Many frames share a pixel: each column takes its largest value (motion) or its mean.
  void frame_curve(std::string_view name, std::string_view scale, const std::vector<double>& values,
                   double top, std::string_view color, bool peaks) {
    const Row row = next_row(62, name, scale);
    lane(row);
    if (values.size() < 2 || top <= 0) return;
    std::vector<std::pair<double, double>> points;
    const std::size_t step = std::max<std::size_t>(1, values.size() / 1100);
    for (std::size_t i = 0; i < values.size(); i += step) {
      double value = 0, sum = 0;
      const std::size_t end = std::min(values.size(), i + step);
      for (std::size_t k = i; k < end; ++k) value = std::max(value, values[k]), sum += values[k];
      points.emplace_back(x_of_frame(static_cast<std::int64_t>(i)),
                          peaks ? value : sum / static_cast<double>(end - i));
    }
    draw_curve(row, points, 0, top, color, true);
  }

  void draw_curve(const Row& row, const std::vector<std::pair<double, double>>& points, double low,
                  double high, std::string_view color, bool filled) {
    std::string path;
    for (const auto& [x, value] : points)
      path += fmt::format(
          "{}{:.1f},{:.1f}", path.empty() ? "M" : "L", x,
          row.bottom() - 2 - (row.height - 4) * std::clamp((value - low) / (high - low), 0.0, 1.0));
    if (path.empty()) return;
    if (filled)
      out_ += fmt::format("<path d=\"{}L{:.1f},{}L{:.1f},{}Z\" fill=\"{}\" opacity=\".16\"/>", path,
                          points.back().first, row.bottom(), points.front().first, row.bottom(), color);
    out_ += fmt::format(
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.3\" stroke-linejoin=\"round\"/>", path,
        color);
  }

  void loudness() {
    const AudioJudgement& audio = *a_.audio;
    constexpr double low = -60, high = 0;
    const Row row = next_row(62, "loudness", "-60 to 0 LUFS");
    lane(row);
    const auto at = [&](double t) { return x_of(t - clock_.origin()); };
    for (const auto& s : audio.speech_spans)
      out_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"#6fa8dc\" "
          "opacity=\".13\"><title>speech</title></rect>",
          at(s.start_s), row.top, std::max(0.5, at(s.end_s) - at(s.start_s)), row.height);
    for (const auto& s : audio.silences)
      out_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"#000\" "
          "opacity=\".45\"><title>silence</title></rect>",
          at(s.start_s), row.top, std::max(0.5, at(s.end_s) - at(s.start_s)), row.height);
    if (audio.beats_s.size() < 400)
      for (const double b : audio.beats_s)
        out_ += fmt::format(
            "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#a3a8b1\" opacity=\".55\"/>",
            at(b), row.bottom() - 5, row.bottom());
    std::vector<std::pair<double, double>> points;
    const std::size_t step = std::max<std::size_t>(1, audio.loudness_curve.size() / 1100);
    for (std::size_t i = 0; i < audio.loudness_curve.size(); i += step) {
      double value = low;
      for (std::size_t k = i; k < std::min(audio.loudness_curve.size(), i + step); ++k)
        if (std::isfinite(audio.loudness_curve[k])) value = std::max<double>(value, audio.loudness_curve[k]);
      points.emplace_back(at(audio.start_s + 0.1 * static_cast<double>(i)), value);
    }
    draw_curve(row, points, low, high, "#6fa8dc", true);
  }

  void cut_lines() {
    for (std::size_t i = 1; i < a_.shots.size(); ++i) {
      const double x = x_of_frame(a_.shots[i].first_frame);
      out_ += fmt::format(
          "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#6d737e\" stroke-width=\".7\" "
          "opacity=\".7\"/>",
          x - 0.5, bottom_of_strip_, y_ - 10);
    }
  }

  const Analysis& a_;
  const Pictures& pictures_;
  const Clock& clock_;
  std::string out_;
  std::vector<double> ticks_;
  double y_ = 0, bottom_of_strip_ = 0;
};

}  // namespace

std::string timeline_chart(const Analysis& analysis, const Pictures& pictures, const Clock& clock) {
  return TimelineChart(analysis, pictures, clock).draw();
}

std::string keyframe_picture(const Shot& shot, const Pictures& pictures) {
  if (!pictures.has(shot.keyframe)) return {};
  const double w = pictures.width, h = pictures.height;
  std::string out = fmt::format("<svg viewBox=\"0 0 {} {}\"><use href=\"#kf{}\"/>", w, h, shot.keyframe);
  for (const double third : {1.0 / 3, 2.0 / 3})
    out += fmt::format(
        "<path d=\"M{0:.1f},0V{1}M0,{2:.1f}H{3}\" stroke=\"#fff\" stroke-width=\".5\" opacity=\".28\"/>",
        w * third, h, h * third, w);
  const Box& b = shot.composition.subject;
  if (shot.composition.subject_confidence > 0.15)
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"none\" stroke=\"#f0b23e\" "
        "stroke-width=\"1.4\"><title>subject, confidence {:.2f}</title></rect>",
        b.x * w, b.y * h, b.width * w, b.height * h, shot.composition.subject_confidence);
  return out + "</svg>";
}

std::string severity_color(double severity) {
  return severity >= 0.6 ? "#e0685c" : severity >= 0.35 ? "#f0b23e" : "#b9a36a";
}

std::string score_ring(double score, std::string_view label) {
  const double s = std::clamp(score, 0.0, 1.0), around = 2 * M_PI * 31;
  const char* color = s >= 0.7 ? "#6fbf8b" : s >= 0.45 ? "#f0b23e" : "#e0685c";
  return fmt::format(
      "<div class=\"ring\"><svg width=\"76\" height=\"76\" viewBox=\"0 0 76 76\"><circle cx=\"38\" cy=\"38\" "
      "r=\"31\" fill=\"none\" stroke=\"#2c3038\" stroke-width=\"6\"/>"
      "<circle cx=\"38\" cy=\"38\" r=\"31\" fill=\"none\" stroke=\"{}\" stroke-width=\"6\" "
      "stroke-linecap=\"round\" stroke-dasharray=\"{:.1f} {:.1f}\" transform=\"rotate(-90 38 38)\"/>"
      "<text x=\"38\" y=\"46\">{:.0f}</text></svg>{}</div>",
      color, around * s, around, s * 100, label);
}

}  // namespace studio::report
