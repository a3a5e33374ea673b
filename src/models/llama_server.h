// llama.cpp's llama-server as an engine: finding the program, and the command line that runs a model.
#pragma once

#include <optional>
#include <string>

#include "models/engine.h"

namespace studio {

struct LlamaServerOptions {
  Path program;        // empty: find_llama_server()
  Path model;          // a GGUF file
  std::string id;      // for names and logs
  int context = 8192;  // tokens per slot
  int slots = 1;       // requests answered at the same time
  int threads = 0;     // 0: one per physical core this process may use
  enum class Task { chat, embeddings, rerank } task = Task::chat;
  Path projector{};  // mmproj of a vision model; may be empty
  Path draft{};      // a small model that drafts for this one (speculative decoding); may be empty
  // Layers on the card; none: all, when the engine was built for one.
  std::optional<int> gpu_layers{};
  std::string cache_type_k{}, cache_type_v{};  // "f16", "q8_0", ...; empty: f16
  // Prompts kept beside the slots, so that two alternating conversations keep their prefixes.
  int prompt_cache_mib = 256;
};

struct LlamaServerVersion {
  int major = 0, minor = 0;  // "0.5.0-dev"
  int build = 0;             // "6123" of older numbering; 0 in the newer one
  std::string text;
};

// Reads the first lines of `llama-server --version`, which go to stderr.
std::optional<LlamaServerVersion> parse_llama_version(std::string_view output);
// Unix sockets, JSON schema grammars and --no-ui: 0.5, or build 6000 of the older numbering.
bool is_new_enough(const LlamaServerVersion& version);

// $STUDIO_LLAMA_SERVER, else the one that setup built into the cache, else a new enough one on PATH.
// missing_part names the command that builds it, and why one on PATH was not taken.
Result<Path> find_llama_server();

// Whether this build of the engine sees a card. Runs it once (`--list-devices`).
bool llama_server_uses_card(const Path& program);

EngineSpec llama_server_spec(const LlamaServerOptions& options);

// Cores a computing thread should have to itself: physical ones, within this process's affinity
// mask and the cgroup's CPU quota. At least 1.
int usable_cores();

}  // namespace studio
