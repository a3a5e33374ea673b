// One request to a model: from its key to the last byte of its answer.
#pragma once

#include <array>

#include "gateway/api_shape.h"
#include "gateway/core.h"
#include "gateway/request_scan.h"
#include "gateway/tools.h"

namespace studio {

struct InferencePath {
  std::string_view path;
  std::string_view task;   // what `auto` means here
  bool anthropic = false;  // errors have Anthropic's shape
};
// Null for paths that ask no model.
const InferencePath* inference_path(std::string_view path);

// What an engine says it took.
struct TokenUsage {
  long long prompt = -1, completion = -1, cached = -1;  // -1: not told
};
// Reads the last "usage" of a piece of JSON text; nothing is parsed but the figures.
void read_usage(std::string_view text, TokenUsage& usage);

//   client ---> admit: key, limits --> scan --> route --> cache: hit, join or miss
//                                                            |
//          <--- pieces, as they lie in the engine's buffer <-- a place, the engine, its answer
class InferenceRequest {
 public:
  InferenceRequest(GatewayCore& core, HttpExchange& exchange, const InferencePath& path);
  Task<void> run();

 private:
  using Failure = std::optional<ApiError>;
  using Pieces = std::span<const std::string_view>;
  using Clock = std::chrono::steady_clock;

  Failure admit();
  Failure find_route();
  void prefer_the_last_engine();
  Task<Failure> serve();
  Task<Failure> serve_cached(const CacheKey& key, bool refresh);
  Task<Failure> replay(const CachedResponse& response);
  Task<bool> follow(Flight& flight);

  Task<Failure> ask_engines(Producer* producer);
  Task<Failure> ask(const RouteStep& step, Producer* producer, bool& again);
  ApiError broken_off(const Error& error) const;
  Task<Result<EnginePlace>> wait_for_place(const RouteTarget& target);
  Task<void> comment_on_loading(std::stop_token until, Completion<bool> ended);
  void begin_stream();
  Task<Result<Json>> document() const;
  Task<Failure> prepare(const EnginePlace& place);
  Result<Json> as_chat(const Json& document);
  void reshape(const std::string& data);
  Task<void> decide_next_step(const EnginePlace& place, const Json& document, const CompiledTools& tools,
                              ToolOptions& options);
  Task<Failure> relay(const RouteStep& step, UpstreamResponse& response, Producer* producer);
  Task<Failure> relay_whole(UpstreamResponse& response, Producer* producer);
  Task<Failure> relay_stream(UpstreamResponse& response, Producer* producer);
  Task<bool> relay_piece(Pieces pieces, bool last, Producer* producer);
  Pieces whole_events(Pieces pieces, bool last);
  Pieces translated(Pieces pieces);

  Task<void> tell(const ApiError& failure);
  std::string error_text(const ApiError& failure, bool as_event) const;
  bool client_gone() const { return exchange_.stop().stop_requested(); }
  void first_piece();
  void account();

  GatewayCore& core_;
  HttpExchange& exchange_;
  const InferencePath& path_;
  const std::shared_ptr<const GatewaySettings> settings_;
  const Clock::time_point started_ = Clock::now();
  std::string id_;
  Caller caller_;
  RequestScan scan_;
  Route route_;
  std::optional<Conversation> conversation_;

  // The request as the engine gets it.
  std::vector<std::string_view> body_;
  std::string name_json_, rewritten_;
  std::shared_ptr<const CompiledTools> tools_;
  std::unique_ptr<AnswerShape> shape_;  // where tools of another API go through chat completions
  std::vector<std::string> without_;    // tools that may not be called again: see ToolOptions::ask_again

  // The answer on its way.
  std::stop_source work_;  // of the engine's work when others may join it
  std::optional<ToolStream> tool_stream_;
  std::string held_back_;  // the begun event that is not whole yet
  std::string joined_;
  std::vector<std::string> made_;
  std::vector<std::string_view> views_;
  bool answering_ = false;        // a piece of an answer went out, not only comments on a model being loaded
  bool sink_gone_ = false;        // the client is gone, others still read
  bool stream_complete_ = false;  // its "[DONE]" went by

  // What is told afterwards.
  std::string engine_;
  std::string_view cache_state_;
  std::string error_code_;
  int status_ = 0;
  TokenUsage usage_;
  long long events_seen_ = 0, tool_calls_ = 0;
  bool admitted_ = false;
  std::optional<Clock::time_point> first_piece_, asked_;
};

}  // namespace studio
