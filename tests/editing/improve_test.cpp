// Patches: from issues and from a person's note; what is locked stays.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "editing/improve.h"
#include "editing/planner.h"
#include "editing/repair.h"
#include "llm/chat.h"
#include "synthetic.h"

namespace studio {
namespace {

std::vector<EditSource> sources() {
  return {synthetic::source("s1", {{6, 0.2}, {6, 0.6}, {6, 0.1}, {6, 0.8}, {6, 0.4}})};
}

EditPlan planned(const std::string& goal, std::span<const EditSource> from) {
  PlannerOptions options;
  options.mode = PlannerMode::rules;
  auto plan = create_edit_plan(goal, from, nullptr, options);
  EXPECT_TRUE(plan) << (plan ? "" : plan.error().message);
  return plan ? plan->plan : EditPlan{};
}

Result<RepairedPlan> noted(const EditPlan& plan, const std::string& note, std::span<const EditSource> from,
                           PlanPatch* out = nullptr) {
  auto patch = suggest_improvements(plan, {}, from, {.note = note});
  if (!patch) return std::unexpected(patch.error());
  if (out) *out = *patch;
  return apply_patch(plan, *patch, from);
}

std::size_t count(const EditPlan& plan, DecisionType type) {
  return static_cast<std::size_t>(std::count_if(plan.decisions.begin(), plan.decisions.end(),
                                                [&](const Decision& d) { return d.type == type; }));
}

TEST(Note, MakeItShorterShortens) {
  const auto from = sources();
  const EditPlan plan = planned("a 16 second edit", from);
  ASSERT_NEAR(output_length_s(plan, from), 16, 0.3);
  for (const char* note : {"make it shorter", "più corto"}) {
    const auto next = noted(plan, note, from);
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_NEAR(output_length_s(next->plan, from), 12, 0.4) << note;
  }
  const auto exact = noted(plan, "make it 10 seconds", from);
  ASSERT_TRUE(exact) << exact.error().message;
  EXPECT_NEAR(output_length_s(exact->plan, from), 10, 0.3);
}

TEST(Note, RemoveTheTitleRemovesItAndItsWish) {
  const auto from = sources();
  const EditPlan plan = planned("a 12 second edit with the title \"Hello\"", from);
  ASSERT_EQ(count(plan, DecisionType::text_overlay), 1u);
  for (const char* note : {"remove the title", "togli il titolo", "no title please"}) {
    const auto next = noted(plan, note, from);
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(count(next->plan, DecisionType::text_overlay), 0u) << note;
    EXPECT_NEAR(output_length_s(next->plan, from), 12, 0.3) << note;
  }
}

TEST(Note, ATitleOfTheNoteTakesTheOldOnesPlace) {
  const auto from = sources();
  const EditPlan plan = planned("a 12 second edit with the title \"Hello\"", from);
  const auto next = noted(plan, "change the title to \"Goodbye\"", from);
  ASSERT_TRUE(next) << next.error().message;
  ASSERT_EQ(count(next->plan, DecisionType::text_overlay), 1u);
  for (const Decision& d : next->plan.decisions)
    if (d.type == DecisionType::text_overlay) {
      EXPECT_EQ(d.params.value("text", ""), "Goodbye");
    }
}

TEST(Note, UseShotThreeBringsItIn) {
  const auto from = sources();
  EditPlan plan = planned("a 6 second highlight", from);
  const auto next = noted(plan, "use shot 3", from);
  ASSERT_TRUE(next) << next.error().message;
  const bool there =
      std::any_of(next->plan.decisions.begin(), next->plan.decisions.end(), [](const Decision& d) {
        return d.type == DecisionType::cut && d.params.value("start_s", 0.0) >= 11.9 &&
               d.params.value("end_s", 0.0) <= 18.1;
      });
  EXPECT_TRUE(there);
}

TEST(Note, FasterGivesMorePiecesInTheSameTime) {
  const auto from = sources();
  const EditPlan plan = planned("a slow 15 second edit", from);
  const auto next = noted(plan, "faster", from);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_GE(count(next->plan, DecisionType::cut), count(plan, DecisionType::cut));
  EXPECT_NEAR(output_length_s(next->plan, from), 15, 0.4);
}

TEST(Note, LockedDecisionsSurvive) {
  const auto from = sources();
  EditPlan plan = planned("a 12 second edit with the title \"Hello\"", from);
  std::vector<std::pair<std::string, Json>> locked;
  for (Decision& d : plan.decisions)
    if (d.type == DecisionType::text_overlay || (d.type == DecisionType::cut && locked.empty())) {
      d.locked = true;
      locked.emplace_back(d.id, d.params);
    }
  ASSERT_GE(locked.size(), 2u);
  for (const char* note :
       {"remove the title", "make it shorter", "much faster", "more dramatic", "remove shot 1"}) {
    PlanPatch patch;
    const auto next = noted(plan, note, from, &patch);
    ASSERT_TRUE(next) << note << ": " << next.error().message;
    for (const auto& [id, params] : locked) {
      const auto it = std::find_if(next->plan.decisions.begin(), next->plan.decisions.end(),
                                   [&](const Decision& d) { return d.id == id; });
      ASSERT_NE(it, next->plan.decisions.end()) << id << " after " << note;
      EXPECT_EQ(it->params, params) << id << " after " << note;
      EXPECT_TRUE(it->locked);
    }
    if (std::string(note) == "remove the title") {
      EXPECT_FALSE(patch.refused.empty());
    }
  }
}

TEST(Note, WordsThatMeanNothingChangeNothingAndAreNamed) {
  const auto from = sources();
  const EditPlan plan = planned("a 12 second edit", from);
  const auto patch = suggest_improvements(plan, {}, from, {.note = "banana"});
  ASSERT_TRUE(patch);
  EXPECT_TRUE(patch->steps.empty());
  EXPECT_FALSE(patch->notes.empty());
}

// What the steps say, done without any repair: ids with what they hold.
std::map<std::string, Json> done_by_steps(const EditPlan& plan, const PlanPatch& patch) {
  std::map<std::string, Json> decisions;
  for (const Decision& d : plan.decisions) decisions[d.id] = {name_of(d.type), d.params};
  for (const PatchStep& step : patch.steps) {
    const std::string& id = step.action == PatchAction::add ? step.decision.id : step.target;
    if (step.action == PatchAction::remove) {
      decisions.erase(id);
    } else if (step.action == PatchAction::alter) {
      for (const auto& [key, value] : step.params.items()) decisions[id][1][key] = value;
    } else {
      decisions[id] = {name_of(step.decision.type), step.decision.params};
    }
  }
  return decisions;
}

std::map<std::string, Json> held_by(const EditPlan& plan) {
  std::map<std::string, Json> decisions;
  for (const Decision& d : plan.decisions) decisions[d.id] = {name_of(d.type), d.params};
  return decisions;
}

const char* const kNotes[] = {"più veloce, bianco e nero",
                              "shorter and add a title \"X\" and no music",
                              "make it shorter",
                              "remove the title and the vignette",
                              "slower, with crossfades",
                              "in black and white",
                              "play it at double speed",
                              "mute it and make it 9:16",
                              "più corto, senza titolo",
                              "add the caption \"LOL\" at the bottom",
                              "rallenta tutto a metà velocità",
                              "end with a fade to black",
                              "remove shot 2",
                              "use shot 3, 10 seconds",
                              "change the title to \"Ciao\", faster",
                              "togli il titolo, aggiungi un letterbox",
                              "louder, and reverse it",
                              "fast pace, vertical, no title",
                              "in reverse order",
                              "metti il titolo \"Fine\" alla fine e sfuma a nero"};

TEST(Note, TheStepsToldAreTheStepsDoneAndWhatIsLockedIsNamed) {
  const auto from = sources();
  const EditPlan fresh = planned("a 16 second edit with the title \"Hello\" and a vignette", from);
  for (const char* note : kNotes)
    for (const int locks : {0, 1, 2}) {  // none, every second decision, all
      EditPlan plan = fresh;
      if (locks > 0)
        for (std::size_t i = 0; i < plan.decisions.size(); i += locks == 1 ? 2 : 1)
          plan.decisions[i].locked = true;
      PlanPatch patch;
      const auto next = noted(plan, note, from, &patch);
      ASSERT_TRUE(next) << note << ": " << next.error().message;
      EXPECT_EQ(done_by_steps(plan, patch), held_by(next->plan)) << note << ", locks " << locks;
      EXPECT_FALSE(patch.steps.empty() && patch.refused.empty() && patch.notes.empty()) << note;
      for (const Decision& d : plan.decisions) {
        if (!d.locked) continue;
        const auto it = std::find_if(next->plan.decisions.begin(), next->plan.decisions.end(),
                                     [&](const Decision& other) { return other.id == d.id; });
        ASSERT_NE(it, next->plan.decisions.end()) << d.id << " after " << note;
        EXPECT_EQ(it->params, d.params) << d.id << " after " << note;
      }
    }
}

TEST(Note, TheTitleThatIsThereGetsItsColour) {
  const auto from = sources();
  const EditPlan plan = planned("a 16 second edit with the title \"Hello\"", from);
  for (const char* note : {"make the title blue", "titolo blu"}) {
    auto next = noted(plan, note, from);
    ASSERT_TRUE(next) << note;
    EXPECT_EQ(count(next->plan, DecisionType::text_overlay), 1u) << note;
    for (const Decision& d : next->plan.decisions)
      if (d.type == DecisionType::text_overlay) {
        EXPECT_EQ(d.params.value("color", ""), "blue") << note;
      }
  }
}

TEST(Note, ALockedTextIsNotDrawnTwice) {
  const auto from = sources();
  EditPlan plan = planned("a 16 second edit with the title \"Hello\"", from);
  for (Decision& d : plan.decisions)
    if (d.type == DecisionType::text_overlay) d.locked = true, d.params["duration_s"] = 1.7;
  for (const char* note : {"faster cuts", "make it 8 seconds", "shorter"}) {
    auto next = noted(plan, note, from);
    ASSERT_TRUE(next) << note;
    EXPECT_EQ(count(next->plan, DecisionType::text_overlay), 1u) << note;
  }
}

TEST(Note, EachWishOfANoteIsTaken) {
  const auto from = sources();
  const EditPlan plan = planned("a 16 second edit with the title \"Hello\" and a vignette", from);
  const auto has_effect = [](const EditPlan& p, const char* id) {
    return std::any_of(p.decisions.begin(), p.decisions.end(),
                       [&](const Decision& d) { return d.params.value("effect", "") == id; });
  };
  auto next = noted(plan, "più veloce, bianco e nero", from);
  ASSERT_TRUE(next);
  EXPECT_GT(count(next->plan, DecisionType::cut), count(plan, DecisionType::cut));
  EXPECT_TRUE(has_effect(next->plan, "black_and_white"));
  EXPECT_TRUE(has_effect(next->plan, "vignette"));
  next = noted(plan, "remove the title and the vignette", from);
  ASSERT_TRUE(next);
  EXPECT_EQ(count(next->plan, DecisionType::text_overlay), 0u);
  EXPECT_FALSE(has_effect(next->plan, "vignette"));
  next = noted(plan, "shorter and add a title \"X\" and no music", from);
  ASSERT_TRUE(next);
  EXPECT_NEAR(output_length_s(next->plan, from), 12, 0.4);
  EXPECT_TRUE(std::any_of(next->plan.decisions.begin(), next->plan.decisions.end(),
                          [](const Decision& d) { return d.params.value("text", "") == "X"; }));
  next = noted(plan, "rallenta tutto a metà velocità", from);
  ASSERT_TRUE(next);
  EXPECT_TRUE(std::any_of(next->plan.decisions.begin(), next->plan.decisions.end(), [](const Decision& d) {
    return d.type == DecisionType::speed && d.params.value("factor", 1.0) == 0.5;
  }));
}

Evaluation with_issue(const std::string& kind, std::int64_t first, std::int64_t last,
                      const std::string& decision = {}) {
  Evaluation e;
  e.frame_rate = 25;
  e.frames = 300;
  e.duration_s = 12;
  e.score = 0.6;
  EvaluationIssue issue;
  issue.issue = {kind, first, last, 0.8, "found", "mend it"};
  issue.penalty = 0.2;
  issue.decision = decision;
  e.issues.push_back(issue);
  return e;
}

TEST(Issues, BlackFilmIsTrimmedOut) {
  const auto from = sources();
  const EditPlan plan = planned("a 12 second edit", from);
  const auto patch = suggest_improvements(plan, with_issue("black", 0, 24), from);
  ASSERT_TRUE(patch);
  ASSERT_FALSE(patch->steps.empty());
  EXPECT_NE(patch->steps.front().reason.find("black"), std::string::npos);
  EXPECT_TRUE(patch->steps.front().action == PatchAction::alter ||
              patch->steps.front().action == PatchAction::replace);
  const auto next = apply_patch(plan, *patch, from);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_TRUE(problems_of(next->plan, from).empty());
}

TEST(Issues, AnUnreadableTitleIsDrawnLarger) {
  const auto from = sources();
  const EditPlan plan = planned("a 12 second edit with the title \"Hello\"", from);
  std::string title;
  for (const Decision& d : plan.decisions)
    if (d.type == DecisionType::text_overlay) title = d.id;
  const auto patch = suggest_improvements(plan, with_issue("missing_title", 0, 50, title), from);
  ASSERT_TRUE(patch);
  ASSERT_FALSE(patch->steps.empty());
  EXPECT_EQ(patch->steps.front().target, title);
}

// Answers what it is told to; counts how often it was asked.
class ScriptedModel : public ChatModel {
 public:
  explicit ScriptedModel(std::string answer) : answer_(std::move(answer)) {}
  Result<ChatAnswer> chat(const ChatRequest&) override {
    ++calls;
    return ChatAnswer{answer_, "stop", 1, 1, 0};
  }
  ModelIdentity identity() const override { return {"scripted", ""}; }
  ChatUsage usage() const override { return {}; }
  int calls = 0;

 private:
  std::string answer_;
};

TEST(Issues, TheModelChoosesOnlyAmongWhatIsPossible) {
  const auto from = sources();
  const EditPlan plan = planned("a 12 second edit", from);
  Evaluation e = with_issue("black", 0, 24);
  e.issues.push_back(with_issue("freeze", 200, 240).issues.front());
  ScriptedModel invents(R"({"reason": "because", "first": "explode_everything"})");
  const auto patch = suggest_improvements(plan, e, from, {.model = &invents, .note = {}});
  ASSERT_TRUE(patch);
  EXPECT_FALSE(patch->steps.empty());
  EXPECT_EQ(patch->origin, "rules");
  EXPECT_GE(invents.calls, 1);
}

}  // namespace
}  // namespace studio
