// The edit plan's JSON form: what is known is typed, what is not is carried along.
#include "timeline/plan.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>

#include <fmt/format.h>

#include "base/files.h"

namespace studio {
namespace {

constexpr int kNewestPlan = 1;

constexpr std::array<std::pair<DecisionType, std::string_view>, 8> kTypes{{
    {DecisionType::cut, "cut"},
    {DecisionType::speed, "speed"},
    {DecisionType::composite, "composite"},
    {DecisionType::concatenate, "concatenate"},
    {DecisionType::text_overlay, "text_overlay"},
    {DecisionType::effect, "effect"},
    {DecisionType::transition, "transition"},
    {DecisionType::audio, "audio"},
}};

// The fields of `object` that are not in `known`, or null when there are none.
Json unknown_fields(const Json& object, std::initializer_list<std::string_view> known) {
  Json extra = nullptr;
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end()) extra[key] = value;
  return extra;
}

void add_unknown_fields(Json& object, const Json& extra) {
  if (!extra.is_object()) return;
  for (const auto& [key, value] : extra.items())
    if (!object.contains(key)) object[key] = value;
}

Json to_json(const PlanSource& source) {
  Json out = {{"id", source.id}, {"path", source.path}, {"sha256", source.sha256}};
  add_unknown_fields(out, source.extra);
  return out;
}

Json to_json(const Decision& decision) {
  Json out;
  out["id"] = decision.id;
  out["type"] = name_of(decision.type);
  out["params"] = decision.params.is_object() ? decision.params : Json::object();
  out["reason"] = decision.reason;
  out["confidence"] = decision.confidence;
  out["evidence"] = decision.evidence;
  out["locked"] = decision.locked;
  if (!decision.origin.empty()) out["origin"] = decision.origin;
  add_unknown_fields(out, decision.extra);
  return out;
}

Json to_json(const Repair& repair) {
  Json out = {{"decision", repair.decision}, {"what", repair.what}, {"why", repair.why}};
  add_unknown_fields(out, repair.extra);
  return out;
}

Result<PlanSource> source_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  PlanSource source{
      .id = r.required_string("id"), .path = r.required_string("path"), .sha256 = r.string("sha256", "")};
  TRY(r.result());
  source.extra = unknown_fields(json, {"id", "path", "sha256"});
  return source;
}

Result<Decision> decision_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Decision decision;
  decision.id = r.required_string("id");
  const std::string type = r.required_string("type");
  decision.params = r.object("params");
  decision.reason = r.string("reason", "");
  decision.confidence = r.number("confidence", 0.5);
  decision.evidence = r.strings("evidence");
  decision.locked = r.boolean("locked", false);
  decision.origin = r.string("origin", "");
  const auto known = decision_type_from(type);
  if (!known && r.has("type"))
    r.reject("type",
             fmt::format("'{}' is no decision type; the types are cut, speed, composite, concatenate, "
                         "text_overlay, effect, transition and audio",
                         type));
  if (decision.id.empty()) r.reject("id", "is empty");
  if (decision.confidence < 0 || decision.confidence > 1) r.reject("confidence", "is not within 0 and 1");
  TRY(r.result());
  decision.type = *known;
  decision.extra =
      unknown_fields(json, {"id", "type", "params", "reason", "confidence", "evidence", "locked", "origin"});
  return decision;
}

Result<Repair> repair_from(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Repair repair{
      .decision = r.string("decision", ""), .what = r.string("what", ""), .why = r.string("why", "")};
  TRY(r.result());
  repair.extra = unknown_fields(json, {"decision", "what", "why"});
  return repair;
}

// Seeds use all 64 bits, which JsonReader::integer does not.
Result<std::uint64_t> seed_from(const Json& json, std::string_view origin) {
  const auto it = json.find("seed");
  if (it == json.end() || it->is_null()) return 0;
  if (it->is_number_unsigned()) return it->get<std::uint64_t>();
  return fail(ErrorKind::invalid_input,
              fmt::format("{}.seed: expected a whole number from 0 to 2^64-1", origin));
}

template <typename T>
Result<void> require_unique_ids(const std::vector<T>& values, std::string_view path) {
  std::set<std::string_view> seen;
  for (const T& value : values)
    if (!seen.insert(value.id).second)
      return fail(ErrorKind::invalid_input, fmt::format("{}: the id '{}' is used twice", path, value.id),
                  "give each its own id");
  return {};
}

}  // namespace

std::string_view name_of(DecisionType type) {
  for (const auto& [value, name] : kTypes)
    if (value == type) return name;
  return "cut";
}

std::optional<DecisionType> decision_type_from(std::string_view name) {
  for (const auto& [value, text] : kTypes)
    if (name == text) return value;
  return std::nullopt;
}

Json to_json(const EditPlan& plan) {
  Json out;
  out["schema"] = fmt::format("studio.plan/{}", kNewestPlan);
  out["goal"] = plan.goal;
  out["origin"] = plan.origin;
  out["model"] = plan.model ? Json{{"id", plan.model->id}, {"sha256", plan.model->sha256}} : Json(nullptr);
  out["seed"] = plan.seed;
  out["sources"] = Json::array();
  for (const PlanSource& source : plan.sources) out["sources"].push_back(to_json(source));
  out["brief"] = plan.brief.is_null() ? Json::object() : plan.brief;
  out["decisions"] = Json::array();
  for (const Decision& decision : plan.decisions) out["decisions"].push_back(to_json(decision));
  out["repairs"] = Json::array();
  for (const Repair& repair : plan.repairs) out["repairs"].push_back(to_json(repair));
  add_unknown_fields(out, plan.extra);
  return out;
}

Result<EditPlan> plan_from_json(const Json& json, std::string_view origin) {
  // With a second version, its upgrade function goes here: one small step per version.
  TRY_ASSIGN([[maybe_unused]] const int version, check_schema(json, "studio.plan", kNewestPlan, origin));
  JsonReader r(json, std::string(origin));
  EditPlan plan;
  plan.goal = r.string("goal", "");
  plan.origin = r.string("origin", "person");
  plan.brief = r.object("brief");
  const Json& sources = r.array("sources");
  const Json& decisions = r.array("decisions");
  const Json& repairs = r.array("repairs");
  const Json& model = r.object("model");
  TRY(r.result());
  TRY_ASSIGN(plan.seed, seed_from(json, origin));
  if (r.has("model")) {
    JsonReader m(model, r.path_of("model"));
    plan.model = PlanModel{.id = m.string("id", ""), .sha256 = m.string("sha256", "")};
    TRY(m.result());
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    TRY_ASSIGN(PlanSource source, source_from(sources[i], fmt::format("{}.sources[{}]", origin, i)));
    plan.sources.push_back(std::move(source));
  }
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    TRY_ASSIGN(Decision decision, decision_from(decisions[i], fmt::format("{}.decisions[{}]", origin, i)));
    plan.decisions.push_back(std::move(decision));
  }
  for (std::size_t i = 0; i < repairs.size(); ++i) {
    TRY_ASSIGN(Repair repair, repair_from(repairs[i], fmt::format("{}.repairs[{}]", origin, i)));
    plan.repairs.push_back(std::move(repair));
  }
  TRY(require_unique_ids(plan.sources, r.path_of("sources")));
  TRY(require_unique_ids(plan.decisions, r.path_of("decisions")));
  plan.extra = unknown_fields(
      json, {"schema", "goal", "origin", "model", "seed", "sources", "brief", "decisions", "repairs"});
  return plan;
}

Result<EditPlan> read_plan(const std::string& path) {
  TRY_ASSIGN(const Json json, read_json_file(path));
  return plan_from_json(json, path);
}

Result<void> write_plan(const std::string& path, const EditPlan& plan) {
  return write_json_file(path, to_json(plan));
}

}  // namespace studio
