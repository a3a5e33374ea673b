// Requests with deadlines and the retries that cannot ask anything twice.
#include "llm/exchange.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "llm/openai_protocol.h"
#include "net/sse.h"

namespace studio {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::uint64_t kMaxAnswerBytes = 16u << 20;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Waits in small steps, so that a stop request ends it.
bool wait_unless_stopped(std::chrono::milliseconds time, const std::stop_token& stop) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end && !stop.stop_requested()) std::this_thread::sleep_for(20ms);
  return !stop.stop_requested();
}

HttpRequest post(const Access& access, std::string_view path, std::string body, const std::stop_token& stop) {
  HttpRequest http;
  http.method = "POST";
  http.endpoint = access.endpoint;
  http.path = path;
  http.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  if (!access.api_key.empty()) http.headers.emplace_back("Authorization", "Bearer " + access.api_key);
  http.body = std::move(body);
  http.max_response_bytes = kMaxAnswerBytes;
  http.stop = stop;
  return http;
}

// How long a server that took nothing of the request wants to be left alone; nothing: never mind.
std::optional<std::chrono::milliseconds> asked_to_wait(const HttpResponse& response) {
  if (response.status != 503 && response.status != 429) return std::nullopt;
  const std::string_view text = response.header("retry-after");
  int seconds = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc{})
    return std::clamp<std::chrono::milliseconds>(std::chrono::seconds(seconds), 300ms, 60s);
  if (response.status == 503) return 300ms;
  return std::nullopt;
}

// Sends until it is answered by something else than "later".
Result<HttpResponse> send_patiently(HttpRequest http, std::chrono::milliseconds timeout) {
  const auto start = Clock::now();
  while (true) {
    http.timeout = timeout - std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    TRY_ASSIGN(HttpResponse response, send_http(http));
    const auto pause = asked_to_wait(response);
    if (!pause || Clock::now() - start + *pause > timeout || !wait_unless_stopped(*pause, http.stop))
      return response;
  }
}

// What the events of a stream add up to.
class StreamedAnswer {
 public:
  StreamedAnswer(std::string_view from, const std::function<bool(std::string_view)>& piece, bool& told)
      : from_(from), piece_(piece), told_(told) {}

  // False ends the exchange; failure() then tells why, when it was not the caller's wish.
  bool take(std::string_view bytes) {
    const auto events = reader_.feed(bytes);
    if (!events) return give_up(events.error());
    for (const SseEvent& event : *events)
      if (!take_event(event)) return false;
    return true;
  }
  const std::optional<Error>& failure() const { return failure_; }
  bool ended_by_caller() const { return ended_by_caller_; }
  bool complete() const { return done_ || !answer_.finish_reason.empty(); }
  ChatAnswer& answer() { return answer_; }

 private:
  bool take_event(const SseEvent& event) {
    if (event.data == "[DONE]") return done_ = true;
    const auto json = parse_json(event.data, from_);
    if (!json || !json->is_object())
      return give_up({ErrorKind::engine_failed,
                      fmt::format("read the answer of {}: a piece is no JSON object", from_),
                      "check that the address is an OpenAI-compatible endpoint"});
    if (json->contains("error")) return give_up(read_chat_error(500, event.data, from_));
    const std::string text = read_chat_piece(*json, answer_);
    if (text.empty()) return true;
    answer_.content += text;
    told_ = true;
    if (piece_(text)) return true;
    ended_by_caller_ = true;
    return false;
  }
  bool give_up(Error error) {
    failure_ = std::move(error);
    return false;
  }

  const std::string from_;
  const std::function<bool(std::string_view)>& piece_;
  bool& told_;
  SseReader reader_;
  ChatAnswer answer_;
  std::optional<Error> failure_;
  bool done_ = false, ended_by_caller_ = false;
};

}  // namespace

Result<std::string> post_json(const Access& access, std::string_view path, const std::string& body,
                              std::chrono::milliseconds timeout, const std::stop_token& stop) {
  TRY_ASSIGN(HttpResponse response, send_patiently(post(access, path, body, stop), timeout));
  if (response.status == 200) return std::move(response.body);
  return std::unexpected(read_chat_error(response.status, response.body, access.name));
}

Result<ChatAnswer> exchange_chat(const Access& access, const ChatRequest& request) {
  const auto start = Clock::now();
  TRY_ASSIGN(const std::string body,
             post_json(access, "/chat/completions", to_text(chat_body(request, access.model), -1),
                       request.timeout, request.stop));
  TRY_ASSIGN(ChatAnswer answer, read_chat_answer(body, access.name));
  answer.seconds = seconds_since(start);
  return answer;
}

Result<ChatAnswer> exchange_stream(const Access& access, const ChatRequest& request,
                                   const std::function<bool(std::string_view)>& piece, bool& told) {
  const auto start = Clock::now();
  Json body = chat_body(request, access.model);
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  StreamedAnswer streamed(access.name, piece, told);
  HttpRequest http = post(access, "/chat/completions", to_text(body, -1), request.stop);
  http.headers[1].second = "text/event-stream";
  http.on_body = [&](std::string_view bytes) { return streamed.take(bytes); };
  const auto response = send_patiently(std::move(http), request.timeout);
  if (streamed.failure()) return std::unexpected(*streamed.failure());
  if (streamed.ended_by_caller())
    return fail(ErrorKind::interrupted, fmt::format("ask {}: the reader ended the answer", access.name));
  if (!response) return std::unexpected(response.error());
  if (response->status != 200)
    return std::unexpected(read_chat_error(response->status, response->body, access.name));
  if (!streamed.complete())
    return fail(ErrorKind::engine_failed, fmt::format("ask {}: the answer broke off", access.name),
                "look into the engine's log");
  streamed.answer().seconds = seconds_since(start);
  return std::move(streamed.answer());
}

}  // namespace studio
