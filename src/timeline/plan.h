// The edit plan as a value: what was decided, why, on what evidence. "studio.plan/1".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/result.h"

namespace studio {

enum class DecisionType { cut, speed, composite, concatenate, text_overlay, effect, transition, audio };

std::string_view name_of(DecisionType type);
std::optional<DecisionType> decision_type_from(std::string_view name);

// One decision. `params` by type, checked by editing/validate (times in source seconds unless
// said otherwise; "source" is a source id, "shot" a shot id of that source's analysis):
//   cut          {source, shot?, start_s, end_s}: this piece is used; cuts play in the order
//                of the decisions unless a concatenate decision gives another
//   concatenate  {order: [cut decision ids]}
//   speed        {target: cut id | "all", factor} or {target, ramp: [[at_s, factor], ...]} or
//                {target, reverse: true} or {target, freeze_at_s, hold_s}; {keep_pitch}
//   effect       {target: cut id | "all", effect: id of the effect registry, at_s?, duration_s?, ...its
//   params}
//                at_s counts from the start of the target as it plays
//   transition   {after: cut id, kind, duration_s}
//   text_overlay {text, kind: title|lower_third|caption|subtitles, at_s, duration_s, position, ...}
//                at_s in output seconds
//   composite    {layout: picture_in_picture|split_screen, target: cut id, source, start_s, ...}
//   audio        {action: music|duck|volume|mute|normalize|sound|fade_in|fade_out|j_cut|l_cut, ...}
struct Decision {
  std::string id;
  DecisionType type = DecisionType::cut;
  Json params;
  std::string reason;
  double confidence = 0.5;            // 0..1
  std::vector<std::string> evidence;  // "shot 3: motion 0.8", ...
  bool locked = false;                // survives every patch
  std::string origin;                 // "model", "rules", "code" (repair), "person"
  Json extra = nullptr;               // unknown fields, written back
};

// What code changed in the plan, so that nothing is silently altered.
struct Repair {
  std::string decision;  // id; empty for the plan as a whole
  std::string what, why;
  Json extra = nullptr;
};

struct PlanSource {
  std::string id;  // "s1", "s2", ...
  std::string path;
  std::string sha256;
  Json extra = nullptr;
};

struct PlanModel {
  std::string id, sha256;
};

struct EditPlan {
  std::string goal;
  std::string origin;  // "model", "rules", "person", "mixed"
  std::optional<PlanModel> model;
  std::uint64_t seed = 0;
  std::vector<PlanSource> sources;
  Json brief;  // editing/brief.h has the typed form
  std::vector<Decision> decisions;
  std::vector<Repair> repairs;
  Json extra = nullptr;  // unknown top-level fields, written back
};

// schemas/plan.schema.json. The reader checks form only: types, ranges of confidence, known decision
// types, ids present and unique. What the params mean is checked by editing/. An older schema
// is upgraded, a newer one refused by name.
Json to_json(const EditPlan& plan);
Result<EditPlan> plan_from_json(const Json& json, std::string_view origin);
Result<EditPlan> read_plan(const std::string& path);
Result<void> write_plan(const std::string& path, const EditPlan& plan);  // "-" is stdout

}  // namespace studio
