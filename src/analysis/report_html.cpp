// The page: head, timeline, insights, issues, shots, sound. Sections are functions in the order they appear.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "analysis/report.h"
#include "analysis/report_parts.h"
#include "base/base64.h"
#include "base/html.h"
#include "media/image.h"

namespace studio {
namespace report {

double mean_over_time(const Analysis& a, double (*value)(const Shot&)) {
  double sum = 0, seconds = 0;
  for (const Shot& s : a.shots) {
    const double length = std::max(1e-6, (s.end - s.start).seconds());
    sum += value(s) * length;
    seconds += length;
  }
  return seconds > 0 ? sum / seconds : 0;
}

Clock::Clock(const Analysis& a) : time_s_(a.curves.time_s) {
  if (!time_s_.empty()) origin_ = time_s_.front();
  if (a.source.frame_rate.positive()) step_ = 1 / a.source.frame_rate.to_double();
  end_ = a.shots.empty() ? a.source.duration_s : a.shots.back().end.seconds() - origin_;
  if (end_ <= 0) end_ = std::max(a.source.duration_s, step_);
}

double Clock::at(std::int64_t frame) const {
  if (frame <= 0) return 0;
  if (frame < static_cast<std::int64_t>(time_s_.size()))
    return time_s_[static_cast<std::size_t>(frame)] - origin_;
  return time_s_.empty() ? std::min(end_, step_ * static_cast<double>(frame)) : end_;
}

std::string Clock::text(std::int64_t frame) const {
  return to_clock(Time::from_seconds(at(frame)));
}

}  // namespace report

namespace {

using report::Clock;
using report::Pictures;

// Which frames the page shows: keyframes (every n-th of very many) and where the issues begin.
std::vector<std::int64_t> frames_to_show(const Analysis& a, int most) {
  std::set<std::int64_t> frames;
  const std::size_t count =
      std::min<std::size_t>(a.shots.size(), static_cast<std::size_t>(std::max(1, most)));
  for (std::size_t i = 0; i < count; ++i) frames.insert(a.shots[i * a.shots.size() / count].keyframe);
  for (std::size_t i = 0; i < a.issues.size() && i < 40; ++i) frames.insert(a.issues[i].first_frame);
  const auto known = static_cast<std::int64_t>(a.curves.time_s.size());
  std::erase_if(frames, [&](std::int64_t f) { return f < 0 || f >= known; });
  return {frames.begin(), frames.end()};
}

Result<Pictures> take_pictures(const Analysis& a, const ReportOptions& options, const Job& job) {
  Pictures pictures;
  const auto frames = frames_to_show(a, options.most_pictures);
  std::vector<Time> times;
  for (const std::int64_t f : frames)
    times.push_back(Time::from_seconds(a.curves.time_s[static_cast<std::size_t>(f)]));
  auto grabbed = grab_frames(a.source.path, times, std::clamp(options.picture_width, 80, 1280), job);
  if (!grabbed) {
    if (grabbed.error().kind == ErrorKind::interrupted) return std::unexpected(std::move(grabbed).error());
    pictures.missing = grabbed.error().message;
    return pictures;
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Picture& p = (*grabbed)[i];
    auto jpeg = encode_jpeg(p.rgb, p.width, p.height, 82);
    if (!jpeg) {
      pictures.missing = jpeg.error().message;
      pictures.jpeg.clear();
      return pictures;
    }
    pictures.width = p.width;
    pictures.height = p.height;
    pictures.jpeg.emplace(frames[i], *std::move(jpeg));
  }
  if (frames.empty()) pictures.missing = "the analysis holds no frame times";
  return pictures;
}

// Each picture once; shown by reference.
std::string embedded(const Pictures& pictures) {
  std::string out = "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs>";
  for (const auto& [frame, jpeg] : pictures.jpeg)
    out += fmt::format("<image id=\"kf{}\" width=\"{}\" height=\"{}\" href=\"data:image/jpeg;base64,{}\"/>",
                       frame, pictures.width, pictures.height, base64_encode(jpeg));
  return out + "</defs></svg>\n";
}

std::string head_section(const Analysis& a) {
  const SourceFacts& s = a.source;
  const auto fact = [](const std::string& text) { return "<span>" + html_escaped(text) + "</span>"; };
  std::string out = fmt::format("<header><div><h1>{}</h1><div class=\"facts\">",
                                html_escaped(Path(s.path).filename().string()));
  out += fact(fmt::format("{} × {}", s.width, s.height));
  out += fact(fmt::format("{:.2f} fps{}", s.frame_rate.positive() ? s.frame_rate.to_double() : 0.0,
                          s.variable_frame_rate ? ", variable" : ""));
  out += fact(to_clock(Time::from_seconds(s.duration_s))) + fact(fmt::format("{} frames", s.frames));
  out += fact(fmt::format("{} shot{}", a.shots.size(), a.shots.size() == 1 ? "" : "s"));
  out += fact(a.issues.empty() ? "no issues"
                               : fmt::format("{} issue{}", a.issues.size(), a.issues.size() == 1 ? "" : "s"));
  out += fact(s.has_audio ? "sound" : "no sound") + "</div></div><div class=\"rings\">";
  out += report::score_ring(a.score, "overall");
  out += report::score_ring(report::mean_over_time(a, [](const Shot& x) { return x.composition.score; }),
                            "composition");
  out += report::score_ring(report::mean_over_time(a, [](const Shot& x) { return x.coherence.score; }),
                            "coherence");
  out += report::score_ring(report::mean_over_time(a, [](const Shot& x) { return x.camera.steadiness; }),
                            "steadiness");
  return out + "</div></header>\n";
}

std::string insight_section(const Analysis& a) {
  if (a.insights.empty()) return {};
  std::string out = "<h2>What an editor should know</h2><div class=\"three\">";
  for (const auto& [kind, title] : {std::pair{"strength", "Good for"}, std::pair{"weakness", "What hurts it"},
                                    std::pair{"recommendation", "What to do"}}) {
    out += fmt::format("<div class=\"panel {}\"><h3>{}</h3><ul>", kind, title);
    bool any = false;
    for (const Insight& i : a.insights)
      if (i.kind == kind)
        out += fmt::format("<li>{}<span class=\"evidence\">{}</span></li>", html_escaped(i.text),
                           html_escaped(i.evidence)),
            any = true;
    out += any ? "</ul></div>" : "<li class=\"empty\">nothing found</li></ul></div>";
  }
  return out + "</div>\n";
}

std::string issue_section(const Analysis& a, const Pictures& pictures, const Clock& clock) {
  std::string out = "<h2>Issues</h2><div class=\"panel\">";
  if (a.issues.empty())
    return out +
           "<span class=\"empty\">None found: no flicker, jumps, freezes, repeated, missing, black, dark, "
           "burnt or blurred frames.</span></div>\n";
  for (std::size_t i = 0; i < a.issues.size(); ++i) {
    const Issue& issue = a.issues[i];
    const std::string picture = pictures.has(issue.first_frame)
                                    ? fmt::format("<svg viewBox=\"0 0 {} {}\"><use href=\"#kf{}\"/></svg>",
                                                  pictures.width, pictures.height, issue.first_frame)
                                    : "<span></span>";
    // The shot in which it begins, to jump to.
    std::string shot;
    for (const Shot& s : a.shots)
      if (issue.first_frame >= s.first_frame && issue.first_frame <= s.last_frame) shot = s.id;
    out += fmt::format(
        "<div class=\"issue\" id=\"issue{}\">{}<div><div class=\"kind\">{}</div><div class=\"frames\">{} "
        "{}<br>{}{}</div></div>"
        "<div><div class=\"meter\"><i style=\"width:{:.0f}%;background:{}\"></i></div><span "
        "class=\"small\">severity {:.2f}</span></div>"
        "<div>{}<span class=\"evidence\">{}</span></div></div>",
        i + 1, picture, html_escaped(issue.kind), issue.first_frame == issue.last_frame ? "frame" : "frames",
        issue.first_frame == issue.last_frame ? std::to_string(issue.first_frame)
                                              : fmt::format("{}–{}", issue.first_frame, issue.last_frame),
        clock.text(issue.first_frame),
        shot.empty() ? "" : fmt::format(", <a href=\"#{0}\">{0}</a>", html_escaped(shot)),
        issue.severity * 100, report::severity_color(issue.severity), issue.severity,
        html_escaped(issue.message), html_escaped(issue.suggestion));
  }
  return out + "</div>\n";
}

std::string shot_card(const Shot& shot, const Pictures& pictures, const Clock& clock) {
  const auto bar = [](std::string_view name, double value) {
    return fmt::format(
        "<span>{}</span><div class=\"meter\"><i style=\"width:{:.0f}%\"></i></div><b>{:.2f}</b>", name,
        std::clamp(value, 0.0, 1.0) * 100, value);
  };
  const CompositionJudgement& c = shot.composition;
  std::string out = fmt::format(
      "<div class=\"shot\" id=\"{}\">{}<div class=\"body\"><div class=\"top\"><span "
      "class=\"id\">{}</span><span class=\"time\">{} – {} · {:.2f} s</span></div><div "
      "class=\"camera\">{}</div><div class=\"bars\">",
      html_escaped(shot.id), report::keyframe_picture(shot, pictures), html_escaped(shot.id),
      clock.text(shot.first_frame), clock.text(shot.last_frame + 1), (shot.end - shot.start).seconds(),
      html_escaped(camera_words(shot.camera)));
  out += bar("composition", c.score) + bar("thirds", c.rule_of_thirds) +
         bar("balance", c.balance_horizontal) + bar("exposure", c.exposure) + bar("clean", 1 - c.clutter) +
         bar("coherence", shot.coherence.score) + bar("steadiness", shot.camera.steadiness) + "</div>";
  if (!c.palette.empty()) {
    out += "<div class=\"swatches\">";
    for (std::size_t i = 0; i < c.palette.size(); ++i) {
      const double share = i < c.palette_share.size() ? c.palette_share[i] : 0.2;
      out += fmt::format(
          "<i style=\"flex:{0:.3f};background:#{1:02x}{2:02x}{3:02x}\" title=\"#{1:02x}{2:02x}{3:02x}, "
          "{4:.0f} %\"></i>",
          std::max(0.03, share), c.palette[i][0], c.palette[i][1], c.palette[i][2], share * 100);
    }
    out += fmt::format(
        "</div><div class=\"depth\"><span>foreground {:.0f} %</span><span>midground {:.0f} "
        "%</span><span>background {:.0f} %</span></div>",
        c.depth_layers[0] * 100, c.depth_layers[1] * 100, c.depth_layers[2] * 100);
  }
  return out + "</div></div>";
}

std::string shot_section(const Analysis& a, const Pictures& pictures, const Clock& clock) {
  if (a.shots.empty()) return {};
  std::string out =
      "<h2>Shots</h2><div class=\"panel\"><table><tr><th "
      "class=\"l\">shot</th><th>frames</th><th>from</th><th>length</th><th class=\"l\">begins "
      "with</th><th>motion</th><th>subject</th><th>sharpness</th><th>loudness</th><th>composition</"
      "th><th>coherence</th><th class=\"l\">camera</th></tr>";
  for (const Shot& s : a.shots)
    out += fmt::format(
        "<tr><td class=\"l\"><a href=\"#{0}\">{0}</a></td><td>{1}–{2}</td><td>{3}</td><td>{4:.2f} s</td><td "
        "class=\"l\">{5}</td><td>{6:.2f}</td><td>{7:.2f}</td><td>{8:.2f}</td><td>{9}</td><td>{10:.2f}</"
        "td><td>{11:.2f}</td><td class=\"l\">{12}</td></tr>",
        html_escaped(s.id), s.first_frame, s.last_frame, clock.text(s.first_frame),
        (s.end - s.start).seconds(), name_of(s.transition), s.motion, s.subject_motion, s.sharpness,
        a.audio && s.loudness_lufs > -69 ? fmt::format("{:.1f}", s.loudness_lufs) : "–", s.composition.score,
        s.coherence.score, html_escaped(camera_words(s.camera)));
  out += "</table></div><h2>Keyframes</h2><div class=\"shots\">";
  std::size_t shown = 0;
  for (const Shot& s : a.shots)
    if (pictures.jpeg.empty() ? shown < 60 : pictures.has(s.keyframe))
      out += shot_card(s, pictures, clock), ++shown;
  out += "</div>";
  if (shown < a.shots.size())
    out += fmt::format("<p class=\"small\">{} of {} shots are shown as pictures.</p>", shown, a.shots.size());
  return out + "\n";
}

std::string sound_section(const Analysis& a) {
  if (!a.audio) return {};
  const AudioJudgement& s = *a.audio;
  const auto number = [](const std::string& value, std::string_view label) {
    return fmt::format("<div><b>{}</b>{}</div>", value, label);
  };
  return "<h2>Sound</h2><div class=\"panel numbers\">" +
         number(fmt::format("{:.1f}", s.integrated_lufs), "LUFS integrated") +
         number(fmt::format("{:.1f}", s.loudness_range_lu), "LU range") +
         number(fmt::format("{:.1f}", s.true_peak_dbtp), "dBTP true peak") +
         number(s.tempo_bpm > 0 ? fmt::format("{:.0f}", s.tempo_bpm) : "–", "bpm") +
         number(std::to_string(s.onsets_s.size()), "onsets") +
         number(std::to_string(s.silences.size()), "silences") +
         number(fmt::format("{:.2f}", s.speech), "speech likelihood") +
         number(fmt::format("{:.2f}", s.music), "music likelihood") + "</div>\n";
}

}  // namespace

Result<std::string> html_report(const Analysis& analysis, const ReportOptions& options, const Job& job) {
  TRY_ASSIGN(const Pictures pictures, take_pictures(analysis, options, job));
  const Clock clock(analysis);
  const std::string name = html_escaped(Path(analysis.source.path).filename().string());
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>{} – "
      "analysis</title><style>{}</style></head><body>\n",
      name, report::kStyle);
  page += embedded(pictures) + "<main>\n" + head_section(analysis);
  if (!pictures.missing.empty())
    page += fmt::format("<p class=\"note\">There are no pictures in this report: {}</p>\n",
                        html_escaped(pictures.missing));
  page += "<div class=\"panel timeline\">" + report::timeline_chart(analysis, pictures, clock) + "</div>\n";
  page += insight_section(analysis) + issue_section(analysis, pictures, clock) +
          shot_section(analysis, pictures, clock) + sound_section(analysis);
  page += fmt::format(
      "<footer>{}<br>SHA-256 {}<br>Measured in {:.1f} s{}. Scores run from 0 to 1; motion is in frame widths "
      "per second; directions are the camera's.</footer>\n</main></body></html>\n",
      html_escaped(analysis.source.path),
      analysis.source.sha256.empty() ? "not computed" : html_escaped(analysis.source.sha256),
      analysis.seconds, analysis.from_cache ? " from cached features" : "");
  return page;
}

}  // namespace studio
