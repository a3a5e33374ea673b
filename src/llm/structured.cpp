// ask_structured: a schema in, a valid value out, or a named failure.
#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json_schema.h"
#include "llm/chat.h"

namespace studio {
namespace {

constexpr std::size_t kShownAnswer = 1500;
constexpr int kMostTokens = 4096;

// What is wrong with an answer, in words for the model; nothing when `value` is filled.
std::optional<std::string> judge(const ChatAnswer& answer, const Json& schema, Json& value) {
  auto json = parse_json(answer.content, "the answer");
  if (!json) {
    // A grammar keeps the form; what is then not JSON was cut off.
    if (answer.finish_reason == "length")
      return fmt::format("it was cut off after {} tokens: give a shorter answer", answer.completion_tokens);
    return json.error().message;
  }
  if (auto valid = validate_schema(*json, schema, "the answer"); !valid) return valid.error().message;
  value = *std::move(json);
  return std::nullopt;
}

}  // namespace

Result<Json> ask_structured(ChatModel& model, ChatRequest request, const Json& schema, int attempts) {
  request.json_schema = to_text(schema, -1);
  const double first_temperature = request.temperature;
  std::string problem;
  for (int attempt = 1; attempt <= std::max(1, attempts); ++attempt) {
    TRY_ASSIGN(const ChatAnswer answer, model.chat(request));
    Json value;
    const auto wrong = judge(answer, schema, value);
    if (!wrong) return value;
    problem = *wrong;
    if (attempt == attempts) break;
    model.count_retry();
    // The beginning stays as it was, so that the engine's prompt cache still holds.
    request.messages.push_back({"assistant", answer.content.substr(0, kShownAnswer)});
    request.messages.push_back(
        {"user",
         fmt::format("That answer is not valid: {}\nAnswer again, as JSON that fits the schema.", problem)});
    if (answer.finish_reason == "length") request.max_tokens = std::min(2 * request.max_tokens, kMostTokens);
    // At temperature 0 a small model repeats itself, loops included.
    request.temperature = std::max(first_temperature, 0.3);
    ++request.seed;
  }
  return fail(ErrorKind::engine_failed,
              fmt::format("the model {} gave no valid answer in {} attempt{}: {}", model.identity().id,
                          attempts, attempts == 1 ? "" : "s", problem),
              "use a larger model, or --planner rules");
}

}  // namespace studio
