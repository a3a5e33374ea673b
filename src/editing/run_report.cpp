// Writes the report of a run as one HTML file: no scripts, no fonts or pictures from elsewhere.
#include "editing/run_report.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/html.h"
#include "editing/result_strip.h"

namespace studio {
namespace {

constexpr std::string_view kStyle = R"(
:root { --ink: #1c2330; --soft: #5d6675; --line: #dfe3ea; --paper: #fff; --wash: #f5f7fa; --good: #1d7f4e; --bad: #c2362b; --mid: #b7791f; --bar: #3b6fd4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf3; --soft: #9aa4b5; --line: #313a49; --paper: #161b24; --wash: #1e2531; --good: #4cc38a; --bad: #ff7b6e; --mid: #e6b455; --bar: #6f9bf0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 6px; } h2 { font-size: 18px; margin: 38px 0 10px; }
p { margin: 6px 0; } .soft { color: var(--soft); } .mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px; overflow-wrap: anywhere; }
.head { display: flex; gap: 28px; align-items: center; justify-content: space-between; flex-wrap: wrap; }
.head > div:first-child { flex: 1 1 480px; }
.score { text-align: center; min-width: 150px; padding: 14px 20px; border: 1px solid var(--line); border-radius: 10px; background: var(--wash); }
.score b { display: block; font-size: 40px; line-height: 1.1; font-variant-numeric: tabular-nums; }
.pass { color: var(--good); } .fail { color: var(--bad); } .unknown { color: var(--mid); }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 8px; }
.strip figure { margin: 0; } .strip img { width: 100%; display: block; border-radius: 4px; background: #000; }
.strip figcaption { font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; padding: 7px 12px 7px 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); font-size: 13px; } td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { background: var(--line); border-radius: 3px; height: 8px; width: 120px; margin-top: 7px; } .bar i { display: block; height: 8px; border-radius: 3px; background: var(--bar); }
.tag { display: inline-block; border: 1px solid var(--line); border-radius: 4px; padding: 0 6px; font-size: 12px; color: var(--soft); white-space: nowrap; }
svg { display: block; width: 100%; height: auto; } svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--soft); }
.note { border-left: 3px solid var(--mid); padding: 6px 12px; background: var(--wash); margin: 8px 0; }
)";

std::string bar(double value) {
  return fmt::format("<div class=bar><i style=\"width:{:.0f}%\"></i></div>",
                     100 * std::clamp(value, 0.0, 1.0));
}

std::string verdict(const std::optional<bool>& met) {
  if (!met) return "<span class=unknown>not known</span>";
  return *met ? "<span class=pass>met</span>" : "<span class=fail>not met</span>";
}

std::string head(const EditRun& run) {
  const bool rendered = !run.iterations.empty();
  std::string made = run.plan.origin == "rules" ? "planned by rules"
                     : run.plan.model           ? "planned by " + run.plan.model->id
                                                : "planned by " + run.plan.origin;
  if (rendered) made += ", judged by " + run.iterations[run.best].evaluation.judge;
  std::string html = "<div class=head><div><h1>" + html_escaped(run.goal.empty() ? "Edit" : run.goal) +
                     "</h1><p class=soft>" + html_escaped(made) + "</p>";
  if (!run.output.empty()) html += "<p class=mono>" + html_escaped(run.output.string()) + "</p>";
  html += "</div>";
  if (rendered)
    html += fmt::format("<div class=score><b class={}>{:.3f}</b>{} the threshold of {:.2f}</div>",
                        run.passed ? "pass" : "fail", run.score,
                        run.passed                   ? "passes"
                        : run.score >= run.threshold ? "a wish is not met; over"
                                                     : "below",
                        run.threshold);
  return html + "</div>";
}

std::string unmet(const EditRun& run) {
  std::string html;
  for (const Unmet& u : run.unmet)
    html += "<p class=note><b>Not met:</b> " + html_escaped(u.wish) + " <span class=soft>" +
            html_escaped(u.reason) + "</span></p>";
  return html;
}

std::string iterations(const EditRun& run) {
  std::string html =
      "<h2>Iterations</h2><div "
      "class=scroll><table><tr><th>#</th><th>Score</th><th></th><th>Time</th><th>What led to "
      "it</th><th>Worst issues</th></tr>";
  for (std::size_t i = 0; i < run.iterations.size(); ++i) {
    const Iteration& it = run.iterations[i];
    std::string led = "the first plan";
    if (it.patch.is_object()) {
      led.clear();
      for (const Json& step : it.patch.value("steps", Json::array()))
        led += fmt::format("{} {} <span class=soft>{}</span><br>", html_escaped(step.value("action", "")),
                           html_escaped(step.value("target", "")), html_escaped(step.value("reason", "")));
      if (led.empty()) led = "changed wishes";
    }
    std::vector<const EvaluationIssue*> worst;
    for (const EvaluationIssue& issue : it.evaluation.issues) worst.push_back(&issue);
    std::stable_sort(worst.begin(), worst.end(), [](auto* a, auto* b) { return a->penalty > b->penalty; });
    std::string issues;
    for (std::size_t n = 0; n < std::min<std::size_t>(3, worst.size()); ++n)
      issues += fmt::format("<span class=tag>{} &minus;{:.2f}</span> ", html_escaped(worst[n]->issue.kind),
                            worst[n]->penalty);
    html += fmt::format(
        "<tr><td class=n>{}{}</td><td class=n><b>{:.3f}</b></td><td>{}</td><td class=n>{:.1f} "
        "s</td><td>{}</td><td>{}</td></tr>",
        i + 1, i == run.best ? " <span class=tag>delivered</span>" : "", it.evaluation.score,
        bar(it.evaluation.score), it.seconds, led, issues.empty() ? "<span class=soft>none</span>" : issues);
  }
  return html + "</table></div>";
}

std::string wishes(const Evaluation& e) {
  if (e.constraints.empty())
    return "<h2>Wishes</h2><p class=soft>The goal names nothing that can be measured.</p>";
  std::string html =
      "<h2>What was wished, what was measured</h2><div "
      "class=scroll><table><tr><th>Wish</th><th>Wanted</th><th>Measured on the file</th><th></th></tr>";
  for (const ConstraintCheck& c : e.constraints)
    html += "<tr><td><span class=tag>" + html_escaped(c.kind) + "</span></td><td>" + html_escaped(c.wanted) +
            "</td><td>" + html_escaped(c.measured) + "</td><td>" + verdict(c.met) + "</td></tr>";
  return html + "</table></div>";
}

std::string scores(const Evaluation& e) {
  std::string html =
      "<h2>Scores</h2><div "
      "class=scroll><table><tr><th>Quality</th><th>Score</th><th></th><th>Weight</th><th>Evidence</th></tr>";
  for (const auto& [group, list] : {std::pair("technical", &e.technical), std::pair("creative", &e.creative)})
    for (const QualityScore& s : *list) {
      std::string name = s.name;
      std::replace(name.begin(), name.end(), '_', ' ');
      html += fmt::format(
          "<tr><td>{} <span class=soft>{}</span></td><td class=n>{:.2f}</td><td>{}</td><td "
          "class=n>{:.2f}</td><td>{}</td></tr>",
          html_escaped(name), group, s.value, bar(s.value), s.weight, html_escaped(s.evidence));
    }
  return html + "</table></div>";
}

// The start of a text, whole characters only.
std::string beginning(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes) + "\u2026";
}

// Texts, looks and sounds under the pieces, each in the first row that is free there; returns the lowest y.
double draw_marks(const std::vector<TimelineMark>& marks, const std::function<double(double)>& x,
                  double width, std::string& svg) {
  constexpr double kTop = 60, kRow = 17, kLetter = 6.2;
  constexpr std::size_t kMostRows = 12;
  std::vector<double> taken;  // by row: where it is free again
  for (const TimelineMark& m : marks) {
    if (m.type == DecisionType::transition) continue;
    const double a = x(m.start_s), b = std::max(a + 4, x(m.end_s));
    const std::string name = beginning(m.name, 40);
    const double words = kLetter * static_cast<double>(name.size());
    const bool before = b + 6 + words > width && a > width / 2;
    const double left = before ? a - 6 - words : a, right = before ? b : b + 12 + words;
    std::size_t row = 0;
    while (row < taken.size() && taken[row] > left) ++row;
    if (row >= kMostRows) continue;  // all of them stand in the table of decisions
    if (row == taken.size()) taken.push_back(0);
    taken[row] = right;
    const double y = kTop + kRow * static_cast<double>(row);
    const char* colour = m.type == DecisionType::text_overlay ? "var(--good)"
                         : m.type == DecisionType::audio      ? "var(--soft)"
                                                              : "var(--mid)";
    const bool inside = b - a > words + 12;
    svg += fmt::format(
        "<rect x={:.1f} y={:.0f} width={:.1f} height=13 rx=3 fill=\"{}\" opacity=0.9><title>{}"
        "</title></rect><text x={:.1f} y={:.0f}{}>{}</text>",
        a, y, b - a, colour, html_escaped(m.label),
        inside   ? a + 5
        : before ? left
                 : b + 5,
        y + 10, inside ? " style=\"fill:var(--paper)\"" : "", html_escaped(name));
  }
  return kTop + kRow * static_cast<double>(taken.size());
}

// Two triangles over a join: the old picture goes as the new one comes; at an end of the film one of them.
std::string drawn_transition(const TimelineMark& m, const std::function<double(double)>& x, double width) {
  const double a = x(m.start_s), b = std::max(a + 6, x(m.end_s)), middle = (a + b) / 2;
  const bool starts = a<1, ends = b> width - 1;
  const std::string shape =
      starts ? fmt::format("{0:.1f},18 {0:.1f},52 {1:.1f},18", a, b)
      : ends ? fmt::format("{1:.1f},18 {1:.1f},52 {0:.1f},52", a, b)
             : fmt::format("{0:.1f},18 {1:.1f},18 {2:.1f},35 {1:.1f},52 {0:.1f},52 {2:.1f},35", a, b, middle);
  return fmt::format("<polygon points=\"{}\" fill=\"var(--ink)\" opacity=0.75><title>{}</title></polygon>",
                     shape, html_escaped(m.label));
}

// The output from left to right: pieces as they play with their transitions, what lies over them, issues.
std::string timeline(const EditRun& run, const std::vector<TimelinePiece>& pieces,
                     const std::vector<TimelineMark>& marks) {
  const Evaluation& e = run.iterations[run.best].evaluation;
  const double length = std::max(0.1, e.duration_s), width = 1000;
  const auto x = [&](double t) { return std::clamp(t / length, 0.0, 1.0) * width; };
  std::string svg;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const double a = x(pieces[i].start_s), b = x(pieces[i].end_s);
    svg += fmt::format(
        "<rect x={:.1f} y=18 width={:.1f} height=34 rx=3 fill=\"var(--bar)\" "
        "opacity={}><title>{}</title></rect>",
        a, std::max(1.0, b - a - 2), i % 2 ? "0.55" : "0.8", html_escaped(pieces[i].label));
    if (b - a > 44)
      svg += fmt::format("<text x={:.1f} y=39 style=\"fill:#fff\">{}</text>", a + 6,
                         html_escaped(pieces[i].name));
  }
  const double seconds = length > 60 ? 10 : length > 20 ? 5 : length > 8 ? 2 : 1;
  for (double t = 0; t <= length + 1e-6; t += seconds)
    svg += fmt::format("<text x={:.1f} y=12>{:g} s</text>", std::min(x(t), width - 26), t);
  for (const TimelineMark& m : marks)
    if (m.type == DecisionType::transition) svg += drawn_transition(m, x, width);
  double y = draw_marks(marks, x, width, svg);
  std::vector<const EvaluationIssue*> shown;
  for (const EvaluationIssue& i : e.issues) shown.push_back(&i);
  std::stable_sort(shown.begin(), shown.end(), [](auto* a, auto* b) { return a->penalty > b->penalty; });
  if (shown.size() > 8) shown.resize(8);
  const double rate = e.frame_rate > 0 ? e.frame_rate : 25;
  for (const EvaluationIssue* i : shown) {
    const double a = x(static_cast<double>(i->issue.first_frame) / rate),
                 b = x(static_cast<double>(i->issue.last_frame + 1) / rate);
    svg += fmt::format(
        "<rect x={:.1f} y={:.0f} width={:.1f} height=8 rx=2 fill=\"var(--bad)\"/><text x={:.1f} "
        "y={:.0f}>{}</text>",
        a, y, std::max(3.0, b - a), a > width * 0.8 ? a - 90 : std::min(b + 6, width - 90), y + 9,
        html_escaped(i->issue.kind));
    y += 16;
  }
  return fmt::format(
      "<h2>The cut</h2><svg viewBox=\"0 0 {:.0f} {:.0f}\" role=img aria-label=\"pieces over time\">{}</svg>",
      width, y + 4, svg);
}

std::string issues(const Evaluation& e) {
  std::string html = "<h2>Issues at their frames</h2>";
  if (e.issues.empty()) return html + "<p class=soft>None found.</p>";
  html +=
      "<div class=scroll><table><tr><th>Frames</th><th>Kind</th><th>Severity</th><th>What</th><th>What to "
      "do</th></tr>";
  for (const EvaluationIssue& i : e.issues)
    html += fmt::format(
        "<tr><td class=n>{}&ndash;{}</td><td><span class=tag>{}</span></td><td "
        "class=n>{:.2f}</td><td>{}{}</td><td>{}</td></tr>",
        i.issue.first_frame, i.issue.last_frame, html_escaped(i.issue.kind), i.issue.severity,
        html_escaped(i.issue.message),
        i.decision.empty() ? "" : " <span class=tag>" + html_escaped(i.decision) + "</span>",
        html_escaped(i.issue.suggestion));
  return html + "</table></div>";
}

std::string decisions(const EditPlan& plan) {
  std::string html =
      "<h2>Decisions</h2><div "
      "class=scroll><table><tr><th>Id</th><th>Type</th><th>What</th><th>Why</th><th>Evidence</th></tr>";
  for (const Decision& d : plan.decisions) {
    std::string params;
    if (d.params.is_object())
      for (const auto& [key, value] : d.params.items()) {
        const std::string text = value.is_string()         ? value.get<std::string>()
                                 : value.is_number_float() ? fmt::format("{:.2f}", value.get<double>())
                                                           : to_text(value, -1);
        params += fmt::format("{}<span class=soft>{}</span>&nbsp;{}", params.empty() ? "" : ", ",
                              html_escaped(key), html_escaped(text));
      }
    std::string evidence;
    for (const std::string& line : d.evidence) evidence += html_escaped(line) + "<br>";
    html += fmt::format(
        "<tr><td class=n>{}{}</td><td>{}</td><td>{}</td><td>{} <span class=tag>{}</span></td><td "
        "class=soft>{}</td></tr>",
        html_escaped(d.id), d.locked ? " <span class=tag>locked</span>" : "",
        html_escaped(std::string(name_of(d.type))), params, html_escaped(d.reason),
        html_escaped(d.origin.empty() ? "unknown" : d.origin), evidence);
  }
  html += "</table></div>";
  if (!plan.repairs.empty()) {
    html +=
        "<h2>Repairs made by code</h2><div "
        "class=scroll><table><tr><th>Decision</th><th>What</th><th>Why</th></tr>";
    for (const Repair& r : plan.repairs)
      html += "<tr><td class=n>" + html_escaped(r.decision) + "</td><td>" + html_escaped(r.what) +
              "</td><td>" + html_escaped(r.why) + "</td></tr>";
    html += "</table></div>";
  }
  return html;
}

std::string times(const EditRun& run) {
  double most = 0.01;
  for (const StageTime& t : run.timing) most = std::max(most, t.seconds);
  std::string html = "<h2>Where the time went</h2><div class=scroll><table>";
  for (const StageTime& t : run.timing)
    html += fmt::format("<tr><td>{}</td><td class=n>{:.2f} s</td><td style=\"width:60%\">{}</td></tr>",
                        html_escaped(t.stage), t.seconds, bar(t.seconds / most));
  double all = 0;
  for (const StageTime& t : run.timing) all += t.seconds;
  html += fmt::format("<tr><td><b>together</b></td><td class=n><b>{:.2f} s</b></td><td></td></tr>", all);
  return html + "</table></div>";
}

std::string warnings(const EditRun& run) {
  if (run.warnings.empty()) return {};
  std::string html = "<h2>Said on the way</h2>";
  for (const std::string& w : run.warnings) html += "<p class=note>" + html_escaped(w) + "</p>";
  return html;
}

std::string strip(const std::vector<StripPicture>& pictures) {
  if (pictures.empty()) return {};
  std::string html = "<h2>The result</h2><div class=strip>";
  for (const StripPicture& p : pictures)
    html += fmt::format(
        "<figure><img alt=\"frame at {0:.1f} s\" src=\"{1}\"><figcaption>{0:.1f} s</figcaption></figure>",
        p.time_s, p.data_uri);
  return html + "</div>";
}

}  // namespace

Result<std::string> run_report_html(const EditRun& run, const Job& job) {
  std::string body = head(run) + unmet(run);
  if (!run.iterations.empty()) {
    const Iteration& best = run.iterations[run.best];
    // Pictures are for the eye: a report without them still says everything.
    if (auto pictures = result_strip(best.output, best.evaluation.duration_s, job)) body += strip(*pictures);
    if (job.cancelled()) return fail(ErrorKind::interrupted, "write the report: stopped");
    body += timeline(run, timeline_pieces(best.plan), timeline_marks(best.plan)) + iterations(run) +
            wishes(best.evaluation) + scores(best.evaluation) + issues(best.evaluation);
  }
  body += decisions(run.plan) + times(run) + warnings(run);
  return fmt::format(
      "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport "
      "content=\"width=device-width\">"
      "<title>Edit report</title><style>{}</style></head><body><main>{}</main></body></html>\n",
      kStyle, body);
}

}  // namespace studio
