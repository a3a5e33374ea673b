// Asks the model one small thing at a time: a 0.5B model answers an enum well and a plan badly
// (under a whole-plan schema it obeyed none of three explicit wishes).
#include "editing/questions.h"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "editing/choose.h"
#include "render/render.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostRows = 24;  // about 900 tokens of table
const std::vector<std::string> kMoods = {"funny", "dramatic",   "energetic", "calm",
                                         "happy", "mysterious", "neutral"};

class Interview {
 public:
  Interview(ChatModel& model, const Brief& brief, std::span<const EditSource> sources,
            const QuestionOptions& options, const Job& job)
      : model_(model), brief_(brief), options_(options), job_(job), started_(Clock::now()) {
    rows_ = evidence_table(sources);
    if (rows_.size() > kMostRows) {
      std::ranges::stable_sort(rows_, std::ranges::greater{}, &ShotRow::score);
      rows_.resize(kMostRows);
      std::ranges::sort(rows_, {}, &ShotRow::index);
    }
    prefix_ = "A film editor chooses shots. All numbers go from 0 (little) to 1 (much).\nShots:\n" +
              to_text(rows_) + "Goal: " + brief.goal.substr(0, 600) + "\n\n";
  }

  Result<ModelAnswers> run() {
    ModelAnswers answers;
    TRY(soft(answers));
    if (options_.soft_only) return answers;
    TRY(picks(answers));
    if (!brief_.described.empty() && left()) TRY(described(answers));
    if (brief_.order == Order::automatic && !brief_.whole && answers.picks.size() > 2 && left())
      TRY(order(answers));
    bool wants_effect =
        brief_.effects.empty() && !brief_.whole &&
        (answers.mood == "funny" || answers.mood == "dramatic" || answers.mood == "energetic");
    if (wants_effect && left()) TRY(effect(answers));
    return answers;
  }

 private:
  bool left() const {
    return std::chrono::duration<double>(Clock::now() - started_).count() < options_.patience_s;
  }

  Json enum_of(const std::vector<std::string>& values) const {
    return {{"type", "string"}, {"enum", values}};
  }
  Json object_of(const Json& properties) const {
    Json required = Json::array();
    for (const auto& [key, value] : properties.items()) required.push_back(key);
    return {{"type", "object"},
            {"properties", properties},
            {"required", required},
            {"additionalProperties", false}};
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const ShotRow& row : rows_) out.push_back(row.id);
    return out;
  }

  Result<Json> ask(const std::string& question, const Json& schema, int max_tokens) {
    if (job_.cancelled()) return fail(ErrorKind::interrupted, "planning was stopped");
    ChatRequest request;
    request.messages = {{"system", "You are a careful film editor. Answer with JSON only."},
                        {"user", prefix_ + question}};
    request.max_tokens = max_tokens;
    request.seed = options_.seed;
    request.stop = job_.stop;
    return ask_structured(model_, request, schema, 2);
  }

  Result<void> soft(ModelAnswers& answers) {
    Json properties{{"mood", enum_of(kMoods)}};
    bool ask_pace = !brief_.pace_asked && !brief_.cuts_per_minute && !brief_.clips && !brief_.whole;
    if (ask_pace) properties["pace"] = enum_of({"slow", "medium", "fast"});
    TRY_ASSIGN(Json answer, ask(ask_pace ? "Which mood and which cutting pace suit the goal?"
                                         : "Which mood suits the goal?",
                                object_of(properties), 40));
    answers.mood = answer.value("mood", "neutral");
    if (!ask_pace) return {};
    std::string pace = answer.value("pace", "");
    answers.pace = pace == "slow" ? Pace::slow : pace == "fast" ? Pace::fast : Pace::medium;
    return {};
  }

  Result<void> picks(ModelAnswers& answers) {
    std::size_t most = std::min<std::size_t>(rows_.size(), 8);
    if (most == 0) return {};
    Json item = object_of(
        {{"shot", enum_of(ids())}, {"why", enum_of({"action", "beauty", "sound", "calm", "contrast"})}});
    Json schema = object_of({{"shots",
                              {{"type", "array"},
                               {"items", item},
                               {"minItems", std::min<std::size_t>(most, 3)},
                               {"maxItems", most}}}});
    TRY_ASSIGN(
        Json answer,
        ask(fmt::format("Which shots serve the goal best? Name up to {} different shots, best first.", most),
            schema, 24 * static_cast<int>(most) + 20));
    std::set<std::string> seen;
    for (const Json& pick : answer["shots"]) {
      std::string id = pick.value("shot", "");
      if (seen.insert(id).second) answers.picks.push_back({id, pick.value("why", "")});
    }
    return {};
  }

  Result<void> described(ModelAnswers& answers) {
    Json schema = object_of(
        {{"shots", {{"type", "array"}, {"items", enum_of(ids())}, {"minItems", 1}, {"maxItems", 2}}}});
    TRY_ASSIGN(Json answer,
               ask(fmt::format("The goal describes: \"{}\". Which shot is most likely to show it?",
                               brief_.described.front()),
                   schema, 40));
    for (const Json& id : answer["shots"]) answers.described.push_back(id.get<std::string>());
    return {};
  }

  Result<void> order(ModelAnswers& answers) {
    TRY_ASSIGN(Json answer, ask("In which order should the shots play: as they happened (chronological), or "
                                "from calm to lively (build_up)?",
                                object_of({{"order", enum_of({"chronological", "build_up"})}}), 20));
    answers.order = answer.value("order", "chronological");
    return {};
  }

  Result<void> effect(ModelAnswers& answers) {
    std::vector<std::string> effects = {"none", "zoom_punch", "slow_zoom", "vignette", "shake"};
    std::vector<std::string> shots;
    for (const PickedShot& pick : answers.picks) shots.push_back(pick.id);
    if (shots.empty()) return {};
    TRY_ASSIGN(Json answer, ask("Would one effect help, and on which shot?",
                                object_of({{"effect", enum_of(effects)}, {"shot", enum_of(shots)}}), 40));
    answers.effect = answer.value("effect", "none");
    if (answers.effect == "none") answers.effect.clear();
    answers.effect_shot = answer.value("shot", "");
    return {};
  }

  ChatModel& model_;
  const Brief& brief_;
  QuestionOptions options_;
  const Job& job_;
  Clock::time_point started_;
  std::vector<ShotRow> rows_;
  std::string prefix_;
};

}  // namespace

Result<ModelAnswers> ask_model(ChatModel& model, const Brief& brief, std::span<const EditSource> sources,
                               const QuestionOptions& options, const Job& job) {
  return Interview(model, brief, sources, options, job).run();
}

}  // namespace studio
