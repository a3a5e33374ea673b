// Talking to a language model: one interface for a running studio server, engines of our own and any URL.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace studio {

// A picture that a vision model is shown; its file's bytes.
struct ChatImage {
  std::string mime = "image/jpeg";
  std::string bytes;
};

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
  std::vector<ChatImage> images{};  // after the text
};

struct ChatRequest {
  std::vector<ChatMessage> messages;
  double temperature = 0;
  int max_tokens = 512;
  std::uint64_t seed = 0;
  std::optional<std::string> json_schema;  // JSON Schema text that constrains the answer
  // From asking to the last byte; waiting until a model is loaded is not counted.
  std::chrono::milliseconds timeout = std::chrono::seconds(120);
  std::stop_token stop;
};

struct ChatAnswer {
  std::string content;
  std::string finish_reason;  // "stop", "length"
  int prompt_tokens = 0, completion_tokens = 0;
  int cached_tokens = 0;  // of the prompt, taken from the engine's prefix cache
  double seconds = 0;
};

struct ModelIdentity {
  std::string id, sha256;
};

// Sums over the life of a model object; safe to read at any time.
struct ChatUsage {
  int calls = 0, retries = 0, prompt_tokens = 0, cached_tokens = 0, completion_tokens = 0;
  double seconds = 0;
};

// The child process behind a model of our own, once it was started.
struct EngineStatus {
  int pid = -1;  // -1 while no child runs
  int restarts = 0;
  Path log;
  double start_seconds = 0;  // from fork to ready, the first time
};

// May be used from several threads.
class ChatModel {
 public:
  virtual ~ChatModel() = default;
  virtual Result<ChatAnswer> chat(const ChatRequest& request) = 0;
  // The same; each piece of the text is given to `piece` as it comes, on the calling thread. False
  // from it ends the answer with `interrupted`. After the first piece nothing is asked a second time:
  // what breaks then is an error. Models that cannot stream give the whole text as one piece.
  virtual Result<ChatAnswer> stream(const ChatRequest& request,
                                    const std::function<bool(std::string_view piece)>& piece);
  virtual ModelIdentity identity() const = 0;
  virtual ChatUsage usage() const = 0;
  // ask_structured tells that it asks once more because an answer was not valid.
  virtual void count_retry() {}
  // Nothing for a model that somebody else runs.
  virtual std::optional<EngineStatus> engine() const { return std::nullopt; }
  // Who answers: "http://127.0.0.1:8420 (studio serve)", "this process", or the URL.
  virtual std::string where() const { return {}; }
};

class ModelManager;

// Which model: url wins over file, file over model; nothing set is the catalog's default for the task.
struct ChatModelOptions {
  std::string url;      // any OpenAI-compatible endpoint, "http://host:port/v1" or "unix:/path.sock"
  std::string api_key;  // for url; never logged
  std::string model;    // catalog id ("qwen2.5-coder-0.5b"), or the name sent to url
  std::string file;     // a GGUF file on disk; wins over model
  int context = 8192, threads = 0;
  std::string task = "chat";  // "vision" for a model that looks at pictures
  // Use the `studio serve` of this machine when there is one (server_state.h). STUDIO_SERVER=off
  // forbids it too; the key it wants is read from STUDIO_API_KEY.
  bool through_server = true;
  // Leases are held there; null: a manager of its own, made at the first question.
  std::shared_ptr<ModelManager> manager{};
};

// Opens an endpoint; or goes through the running studio server; or leases an engine of our own (which
// starts at the first question and stays until this value ends). When the server ends in between, the
// next question is asked of an engine of our own. missing_part names the model, its size and the
// command that gets it.
Result<std::unique_ptr<ChatModel>> open_chat_model(const ChatModelOptions& options);

// How to ask cheaply. Reading a prompt is the slow part on a CPU (about 300 tokens/s with the default
// model on two cores, against 55 written), and the engine keeps what it has read: a request whose
// beginning equals an earlier one's pays only for the rest. So put what stays first and what changes
// last: one system message for all questions, then the clip's table, then the question. Few questions
// in a row on one table beat questions that alternate between two tables, although the engine keeps
// some earlier beginnings aside too. A schema costs no prompt tokens: say its fields in words as well.
// Give enums of real ids, `maxItems` on every array and `maxLength` on every free text, else a small
// model repeats itself up to max_tokens. Property order is the order of writing: the reason first,
// then the choice.
//
// Asks under a schema, parses, validates against the schema, retries with the error shown to the
// model (up to `attempts`), then fails by name (engine_failed: "the model gave no valid answer ...").
Result<Json> ask_structured(ChatModel& model, ChatRequest request, const Json& schema, int attempts = 3);

}  // namespace studio
