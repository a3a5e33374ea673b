// What the shapes of both other APIs have in common: the walk over a chunk of a chat completion.
#include "gateway/api_shape.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "gateway/json_fields.h"

namespace studio {

void AnswerShape::chunk(const Json& chunk, std::vector<std::string>& events) {
  begin(events);
  take_figures(chunk);
  const Json* choices = member(chunk, "choices");
  if (!choices || !choices->is_array() || choices->empty()) return;
  const Json& choice = (*choices)[0];
  if (const Json* delta = member(choice, "delta")) {
    if (const std::string words = text_of(*delta, "content"); !words.empty()) add_words(words, events);
    if (const Json* calls = member(*delta, "tool_calls"))
      for (const Json& call : *calls) add_call(call, events);
  }
  if (const std::string finish = text_of(choice, "finish_reason"); !finish.empty()) finish_ = finish;
}

std::string AnswerShape::event_text(const char* type, Json event) {
  event["type"] = type;
  return fmt::format("event: {}\ndata: {}\n\n", type, to_text(event, -1));
}

}  // namespace studio
