// The way back: what the engine wrote under the schema becomes OpenAI's tool calls, whole or streamed.
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "gateway/json_fields.h"
#include "gateway/tool_answer.h"
#include "gateway/tools.h"

namespace studio {
namespace {

ToolAnswerReader reader_for(const CompiledTools& tools) {
  ToolAnswerReader::Options options{
      tools.text_allowed ? tools.words_name : std::string(), tools.text_is_json, {}};
  for (const auto& [name, arguments] : tools.answered)
    if (tools.ask_again) options.answered.push_back({name, ToolAnswerReader::squeezed(arguments)});
  return ToolAnswerReader(std::move(options));
}

std::string call_id(const CompiledTools& tools, int choice, int call) {
  return "call_" + sha256_of(fmt::format("{}/{}/{}", tools.id_seed, choice, call)).substr(0, 24);
}

// The client's stop words, which the engine was not told of: words end before the first of them. A tail that
// may be the beginning of one is held back.
class StopWords {
 public:
  explicit StopWords(const std::vector<std::string>& stops) : stops_(stops) {}

  std::string pass(std::string_view words) {
    if (stops_.empty()) return std::string(words);
    if (stopped_) return {};
    held_ += words;
    std::size_t end = std::string::npos;
    for (const std::string& stop : stops_) end = std::min(end, held_.find(stop));
    if (end != std::string::npos) {
      stopped_ = true;
      return std::exchange(held_, {}).substr(0, end);
    }
    std::size_t keep = 0;
    for (const std::string& stop : stops_)
      for (std::size_t n = std::min(stop.size() - 1, held_.size()); n > keep; --n)
        if (held_.ends_with(std::string_view(stop).substr(0, n))) keep = n;
    std::string out = held_.substr(0, held_.size() - keep);
    held_.erase(0, out.size());
    return out;
  }
  std::string rest() { return stopped_ ? std::string() : std::exchange(held_, {}); }
  bool stopped() const { return stopped_; }

 private:
  const std::vector<std::string>& stops_;
  std::string held_;
  bool stopped_ = false;
};

std::string finish_of(const CompiledTools& tools, const std::string& engine, bool calls, bool stopped) {
  if (calls && (engine == "stop" || engine == "tool_calls" || engine.empty()))
    return tools.legacy ? "function_call" : "tool_calls";
  return stopped ? "stop" : engine;
}

// One choice of a whole answer.
void translate_choice(const CompiledTools& tools, Json& choice, int index, ToolAnswerReader& reader) {
  Json& message = choice["message"];
  StopWords stops(tools.stop);
  std::string words;
  Json calls = Json::array();
  const auto take = [&](const std::vector<ToolEvent>& events) {
    for (const ToolEvent& event : events) switch (event.kind) {
        case ToolEvent::Kind::words: words += stops.pass(event.text); break;
        case ToolEvent::Kind::call:
          calls.push_back({{"id", call_id(tools, index, event.call)},
                           {"type", "function"},
                           {"function", {{"name", event.text}, {"arguments", ""}}}});
          break;
        case ToolEvent::Kind::arguments: {
          auto& arguments = calls[static_cast<std::size_t>(event.call)]["function"]["arguments"];
          arguments = arguments.get<std::string>() + event.text;
          break;
        }
      }
  };
  take(reader.feed(text_of(message, "content")));
  take(reader.finish());
  words += stops.rest();
  const bool called = !calls.empty();
  message["content"] = called && words.empty() ? Json(nullptr) : Json(words);
  if (called && tools.legacy) message["function_call"] = calls.front()["function"];
  if (called && !tools.legacy) message["tool_calls"] = std::move(calls);
  choice["finish_reason"] = finish_of(tools, text_of(choice, "finish_reason"), called, stops.stopped());
  choice["logprobs"] = nullptr;
}

}  // namespace

Result<std::string> answer_from(const CompiledTools& tools, std::string_view engine_answer,
                                std::vector<std::string>* repeated) {
  if (!tools.constrained) return std::string(engine_answer);
  TRY_ASSIGN(Json answer, parse_json(engine_answer, "the engine's answer"));
  const auto choices = answer.is_object() ? answer.find("choices") : answer.end();
  if (!answer.is_object() || choices == answer.end() || !choices->is_array())
    return fail(ErrorKind::engine_failed, "read the engine's answer: it has no choices");
  if (repeated) repeated->clear();
  int index = 0;
  for (Json& choice : *choices) {
    if (!choice.is_object() || !choice.contains("message") || !choice["message"].is_object())
      return fail(ErrorKind::engine_failed, "read the engine's answer: a choice has no message");
    ToolAnswerReader reader = reader_for(tools);
    translate_choice(tools, choice, index++, reader);
    if (repeated && choices->size() == 1 && reader.calls() == 0 && !reader.has_words())
      *repeated = reader.repeated();
  }
  return to_text(answer, -1);
}

struct ToolStream::State {
  struct Choice {
    explicit Choice(const CompiledTools& tools) : reader(reader_for(tools)), stops(tools.stop) {}
    ToolAnswerReader reader;
    StopWords stops;
    bool begun = false, ended = false;
  };
  std::shared_ptr<const CompiledTools> tools;
  std::map<int, Choice> choices;
  std::vector<std::string> repeated;

  Choice& choice(int index) { return choices.try_emplace(index, *tools).first->second; }
  void put(std::vector<Json>& out, const Json& chunk, int index, Json delta, Json finish = nullptr);
  void translate(std::vector<Json>& out, const Json& chunk, int index, const std::vector<ToolEvent>& events);
  void translate_choice(std::vector<Json>& out, const Json& chunk, const Json& choice);
};

ToolStream::ToolStream(std::shared_ptr<const CompiledTools> tools) : state_(std::make_unique<State>()) {
  state_->tools = std::move(tools);
}
ToolStream::ToolStream(ToolStream&&) noexcept = default;
ToolStream& ToolStream::operator=(ToolStream&&) noexcept = default;
ToolStream::~ToolStream() = default;

const std::vector<std::string>& ToolStream::repeated() const {
  return state_->repeated;
}

void ToolStream::ask_again(std::shared_ptr<const CompiledTools> tools) {
  state_->repeated.clear();
  state_->choices.clear();
  state_->tools = std::move(tools);
}

// One chunk for the client: the engine's, with its choices replaced.
void ToolStream::State::put(std::vector<Json>& out, const Json& chunk, int index, Json delta, Json finish) {
  Choice& state = choice(index);
  if (!state.begun) {
    state.begun = true;
    Json first{{"role", "assistant"}, {"content", nullptr}};
    first.update(delta);
    delta = std::move(first);
  }
  Json made = chunk;
  // Figures of the whole answer belong to its last chunk.
  if (finish.is_null()) made.erase("timings");
  made["choices"] = Json::array({{{"index", index},
                                  {"delta", std::move(delta)},
                                  {"logprobs", nullptr},
                                  {"finish_reason", std::move(finish)}}});
  out.push_back(std::move(made));
}

void ToolStream::State::translate(std::vector<Json>& out, const Json& chunk, int index,
                                  const std::vector<ToolEvent>& events) {
  for (const ToolEvent& event : events) {
    if (event.kind == ToolEvent::Kind::words) {
      const std::string words = choice(index).stops.pass(event.text);
      if (!words.empty()) put(out, chunk, index, {{"content", words}});
      continue;
    }
    const bool begins = event.kind == ToolEvent::Kind::call;
    Json function = begins ? Json{{"name", event.text}, {"arguments", ""}} : Json{{"arguments", event.text}};
    if (tools->legacy) {
      if (event.call == 0) put(out, chunk, index, {{"function_call", std::move(function)}});
      continue;
    }
    Json call{{"index", event.call}};
    if (begins) {
      call["id"] = call_id(*tools, index, event.call);
      call["type"] = "function";
    }
    call["function"] = std::move(function);
    put(out, chunk, index, {{"tool_calls", Json::array({std::move(call)})}});
  }
}

void ToolStream::State::translate_choice(std::vector<Json>& out, const Json& chunk, const Json& engine) {
  const auto number = engine.is_object() ? engine.find("index") : engine.end();
  const int index =
      engine.is_object() && number != engine.end() && number->is_number_integer() ? number->get<int>() : 0;
  Choice& state = choice(index);
  if (state.ended) return;
  if (engine.is_object() && engine.contains("delta"))
    translate(out, chunk, index, state.reader.feed(text_of(engine["delta"], "content")));
  const std::string finish = text_of(engine, "finish_reason");
  if (finish.empty()) return;
  translate(out, chunk, index, state.reader.finish());
  if (const std::string rest = state.stops.rest(); !rest.empty()) put(out, chunk, index, {{"content", rest}});
  if (index == 0 && choices.size() == 1 && !state.begun && !state.reader.repeated().empty()) {
    repeated = state.reader.repeated();
    return;
  }
  state.ended = true;
  Json last = Json::object();
  if (!state.begun) last["content"] = "";
  put(out, chunk, index, std::move(last),
      finish_of(*tools, finish, state.reader.calls() > 0, state.stops.stopped()));
}

std::vector<std::string> ToolStream::feed(std::string_view data) {
  State& state = *state_;
  if (!state.repeated.empty()) return {};
  if (!state.tools->constrained) return {std::string(data)};
  const auto chunk = parse_json(data, "a chunk of the engine");
  const auto choices = chunk && chunk->is_object() ? chunk->find("choices") : Json::const_iterator();
  if (!chunk || !chunk->is_object() || choices == chunk->end() || !choices->is_array() || choices->empty())
    return {std::string(data)};
  std::vector<Json> out;
  for (const Json& choice : *choices) state.translate_choice(out, *chunk, choice);
  std::vector<std::string> texts;
  for (const Json& made : out) texts.push_back(to_text(made, -1));
  return texts;
}

}  // namespace studio
