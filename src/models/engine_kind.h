// What kinds of engines there are: each is one file in backends/, behind this face.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/files.h"
#include "base/result.h"
#include "net/http.h"

namespace studio {

// What an engine can answer for one model.
struct EngineCapabilities {
  bool chat = false, completions = false, embeddings = false, rerank = false;
  bool vision = false;                       // images in messages
  bool native_tools = false;                 // proper tool calls of its own
  bool responses = false, messages = false;  // /v1/responses, /v1/messages
};

// An engine that somebody else runs, or that is started by a command.
struct RemoteEngine {
  std::string name{};
  std::string kind = "openai";        // "openai", "vllm", "compose", "llama-server"
  std::string url{};                  // Endpoint::parse reads it
  std::string ca_file{};              // https: whose certificates are trusted too, see Endpoint
  std::vector<std::string> models{};  // names it knows; empty: asked for at the first use
  int weight = 1;
  std::string api_key_env{};                 // the key is in this environment variable
  std::vector<std::string> start{}, stop{};  // compose: commands that bring it up and down
  std::uint64_t memory_bytes = 0;            // of the card, while it is up (a vLLM that is asleep: none)
  int concurrency = 256;
  bool native_tools = true, vision = false, embeddings = false, rerank = false;
  bool responses = false, messages = false;
};

// What starting one needs to know.
struct EngineStart {
  std::string model_id;
  std::string task;          // "chat", "vision", "embedding", "rerank"
  Path file, mmproj, draft;  // local engines; the last two may be empty
  int context = 8192, slots = 1, threads = 0;
  std::optional<int> gpu_layers;           // none: all that the engine can put there
  std::string cache_type_k, cache_type_v;  // empty: the engine's own (f16)
  RemoteEngine remote;                     // for engines by URL and by command
  std::string upstream;                    // the name such an engine knows the model by; empty: its first
  int restarts = 5;                        // within restart_window; more is a crash loop
  std::chrono::seconds restart_window{120};
  std::chrono::milliseconds ready_timeout = std::chrono::seconds(300);
  // A child of ours was started (again): its memory is ours from now on. From another thread.
  std::function<void(pid_t)> forked;
  std::stop_token stop;
};

enum class EngineChange { restarting, ready_again, failed };

// A model that an engine serves now.
class ServedModel {
 public:
  // A child of ours and a service that we started end with it; an engine somebody else runs goes on.
  virtual ~ServedModel() = default;
  // The API's address with its prefix ("http://localhost/v1"): "/chat/completions" is appended to it.
  virtual Endpoint endpoint() const = 0;
  virtual std::string upstream_model() const = 0;  // the name the engine knows it by
  virtual std::string api_key() const { return {}; }
  virtual pid_t pid() const { return -1; }  // -1: not a child of ours
  virtual int restarts() const { return 0; }
  virtual Path log() const { return {}; }
  // Whether the engine that ran after `restarts_before` deaths is known to be dead within `patience`.
  virtual bool wait_for_death(int, std::chrono::milliseconds) const { return false; }
  // Blocks while it restarts; the named failure when it does not come back.
  virtual Result<void> wait_ready(std::stop_token) { return {}; }
  // Gives its memory back: SIGTERM then SIGKILL, sleep, or the stop command. Idempotent.
  virtual Result<void> end() = 0;
};

class EngineKind {
 public:
  virtual ~EngineKind() = default;
  virtual std::string_view name() const = 0;
  virtual EngineCapabilities capabilities(const EngineStart& start) const = 0;
  // Blocks until it can answer. `changed` is called from another thread, until end() returns.
  virtual Result<std::unique_ptr<ServedModel>> serve(
      const EngineStart& start, std::function<void(EngineChange, const Error&)> changed) const = 0;
};

// "llama-server", "openai", "vllm", "compose"; null for others. A new kind: one file in backends/
// and one line in engine_kind.cpp.
const EngineKind* engine_kind(std::string_view name);
std::vector<std::string_view> engine_kinds();

}  // namespace studio
