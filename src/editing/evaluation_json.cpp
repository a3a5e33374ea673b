// "studio.evaluation/1": written and read back; a summary for the terminal.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "editing/evaluate.h"

namespace studio {
namespace {

constexpr int kVersion = 1;

Json scores_json(const std::vector<QualityScore>& scores) {
  Json json = Json::object();
  for (const QualityScore& s : scores)
    json[s.name] = {{"value", s.value}, {"weight", s.weight}, {"evidence", s.evidence}};
  return json;
}

std::vector<QualityScore> scores_from(JsonReader& reader, std::string_view key) {
  std::vector<QualityScore> scores;
  for (const auto& [name, value] : reader.object(key).items()) {
    JsonReader r(value, reader.path_of(key) + "." + name);
    QualityScore score{name, r.number("value", 0), r.number("weight", 0), r.string("evidence", "")};
    if (auto fine = r.result(); !fine) reader.reject(key, fine.error().message);
    scores.push_back(std::move(score));
  }
  return scores;
}

}  // namespace

Json to_json(const Evaluation& e) {
  Json json;
  json["schema"] = "studio.evaluation/1";
  json["file"] = {{"path", e.file},     {"sha256", e.sha256},         {"duration_s", e.duration_s},
                  {"frames", e.frames}, {"frame_rate", e.frame_rate}, {"width", e.width},
                  {"height", e.height}, {"has_audio", e.has_audio}};
  json["score"] = e.score;
  json["threshold"] = e.threshold;
  json["passed"] = e.passed;
  json["compared_with"] = e.compared_with;
  json["judge"] = e.judge;
  json["technical"] = scores_json(e.technical);
  json["creative"] = scores_json(e.creative);
  json["constraints"] = Json::array();
  for (const ConstraintCheck& c : e.constraints) {
    Json item = {{"kind", c.kind}, {"wanted", c.wanted}, {"measured", c.measured}};
    item["met"] = c.met ? Json(*c.met) : Json(nullptr);
    item["explicit"] = c.explicit_wish;
    if (!c.suggestion.empty()) item["suggestion"] = c.suggestion;
    json["constraints"].push_back(std::move(item));
  }
  json["issues"] = Json::array();
  for (const EvaluationIssue& i : e.issues) {
    Json item = to_json(i.issue);
    item["penalty"] = i.penalty;
    if (!i.decision.empty()) item["decision"] = i.decision;
    json["issues"].push_back(std::move(item));
  }
  json["notes"] = e.notes;
  json["seconds"] = e.seconds;
  return json;
}

Result<Evaluation> evaluation_from_json(const Json& json, std::string_view origin) {
  TRY(check_schema(json, "studio.evaluation", kVersion, origin));
  JsonReader r(json, std::string(origin));
  Evaluation e;
  {
    JsonReader f(r.object("file"), r.path_of("file"));
    e.file = f.string("path", "");
    e.sha256 = f.string("sha256", "");
    e.duration_s = f.number("duration_s", 0);
    e.frames = f.integer("frames", 0);
    e.frame_rate = f.number("frame_rate", 0);
    e.width = static_cast<int>(f.integer("width", 0));
    e.height = static_cast<int>(f.integer("height", 0));
    e.has_audio = f.boolean("has_audio", false);
    TRY(f.result());
  }
  e.score = r.required_number("score");
  e.threshold = r.number("threshold", 0.8);
  e.passed = r.boolean("passed", e.score >= e.threshold);
  e.compared_with = r.string("compared_with", "nothing");
  e.judge = r.string("judge", "rules");
  e.technical = scores_from(r, "technical");
  e.creative = scores_from(r, "creative");
  std::size_t index = 0;
  for (const Json& item : r.array("constraints")) {
    JsonReader c(item, fmt::format("{}[{}]", r.path_of("constraints"), index++));
    ConstraintCheck check;
    check.kind = c.required_string("kind");
    check.wanted = c.string("wanted", "");
    check.measured = c.string("measured", "");
    if (c.has("met")) check.met = c.boolean("met", false);
    check.explicit_wish = c.boolean("explicit", true);
    check.suggestion = c.string("suggestion", "");
    TRY(c.result());
    e.constraints.push_back(std::move(check));
  }
  index = 0;
  for (const Json& item : r.array("issues")) {
    JsonReader i(item, fmt::format("{}[{}]", r.path_of("issues"), index++));
    EvaluationIssue issue;
    issue.issue.kind = i.required_string("kind");
    issue.issue.first_frame = i.integer("first_frame", 0);
    issue.issue.last_frame = i.integer("last_frame", issue.issue.first_frame);
    issue.issue.severity = i.number("severity", 0.5);
    issue.issue.message = i.string("message", "");
    issue.issue.suggestion = i.string("suggestion", "");
    issue.penalty = i.number("penalty", 0);
    issue.decision = i.string("decision", "");
    TRY(i.result());
    e.issues.push_back(std::move(issue));
  }
  e.notes = r.strings("notes");
  e.seconds = r.number("seconds", 0);
  TRY(r.result());
  return e;
}

Result<Evaluation> read_evaluation(const Path& path) {
  TRY_ASSIGN(const Json json, read_json_file(path));
  return evaluation_from_json(json, path.string());
}

std::string summary_of(const Evaluation& e) {
  std::string text =
      fmt::format("score {:.3f} of {:.2f} ({}), {:.2f} s, {} x {}, held against {}\n", e.score, e.threshold,
                  e.passed ? "passed" : "not passed", e.duration_s, e.width, e.height,
                  e.compared_with == "plan"      ? "its plan"
                  : e.compared_with == "sources" ? "its sources"
                                                 : "nothing but itself");
  for (const auto& [title, scores] :
       {std::pair("technical", &e.technical), std::pair("creative", &e.creative)}) {
    text += fmt::format("  {:<10}", title);
    for (const QualityScore& s : *scores) text += fmt::format(" {} {:.2f}", s.name, s.value);
    text += "\n";
  }
  for (const ConstraintCheck& c : e.constraints)
    text += fmt::format("  {} {:<12} {} -> {}\n",
                        !c.met   ? "?"
                        : *c.met ? "+"
                                 : "-",
                        c.kind, c.wanted, c.measured);
  std::vector<const EvaluationIssue*> worst;
  for (const EvaluationIssue& i : e.issues) worst.push_back(&i);
  std::stable_sort(worst.begin(), worst.end(),
                   [](const auto* a, const auto* b) { return a->penalty > b->penalty; });
  for (std::size_t n = 0; n < worst.size() && n < 8; ++n)
    text += fmt::format("  ! {:<14} frames {}-{}: {}\n", worst[n]->issue.kind, worst[n]->issue.first_frame,
                        worst[n]->issue.last_frame, worst[n]->issue.message);
  if (worst.size() > 8) text += fmt::format("  ! and {} more issues\n", worst.size() - 8);
  return text;
}

}  // namespace studio
