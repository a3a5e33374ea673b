// configs/gateway.yaml as a value: where to listen, limits, keys, engines by URL, routes, cache, images.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace studio {

struct ListenConfig {
  std::string host = "127.0.0.1";
  int port = 8420;   // 0: any free one, printed
  Path unix_socket;  // empty: none
  int threads = 0;   // event loops; 0: one per core, 4 at most
};

struct LimitConfig {
  std::uint64_t body_bytes = 32u << 20, header_bytes = 32u << 10;
  int connections = 4096;
  std::chrono::milliseconds header_time{10000}, body_time{60000}, idle_time{75000}, write_time{60000};
  std::chrono::seconds request_time{600};  // from the first byte to the last, waiting for a model included
  std::chrono::seconds queue_time{300};    // of it, waiting for a model
  // A stream that waits for its model gets a comment each time; 0: none.
  std::chrono::milliseconds loading_comment_time{3000};
  std::chrono::seconds drain_time{30};  // SIGTERM: running requests may finish for this long
};

struct KeyConfig {
  Path file;  // empty: data_folder()/keys.db
  std::string required =
      "auto";  // "auto": beyond loopback, or as soon as a key exists; "always"; "never" (loopback only)
  std::vector<std::string> env;                           // variables that hold further keys with all scopes
  double requests_per_minute = 0, tokens_per_minute = 0;  // of keys without limits of their own; 0: none
};

// An engine that somebody else runs, reached by URL.
struct EngineConfig {
  std::string name;
  std::string kind = "openai";           // "openai", "vllm", "compose", "llama-server"
  std::vector<std::string> urls;         // several: equal, weighted alike
  std::vector<std::string> models;       // empty: asked from the engine's /v1/models
  std::vector<std::string> tasks;        // what its models do: "chat" when empty
  int weight = 1;                        // of each url
  std::string api_key_env;               // the variable that holds its key; keys are never in a file
  Path ca_file;                          // https: PEM of authorities to trust beside the machine's
  std::vector<std::string> start, stop;  // commands, for kind compose
  std::string tools = "auto";            // "native": passed on; "compiled": by our schemas; "auto": by kind
  std::uint64_t memory_bytes = 0;        // taken from the budget while it runs; 0: on another machine
  int concurrency = 0;                   // requests at a time; 0: no bound
  std::chrono::milliseconds connect_time{3000};
  std::chrono::seconds ready_time{300};
};

struct ModelConfig {
  std::string default_chat;               // empty: the catalog's
  std::vector<std::string> pinned;        // never evicted
  std::vector<std::string> preload;       // loaded at start
  std::uint64_t budget_bytes = 0;         // 0: 15.5/16 of the device's memory
  std::chrono::seconds idle_unload{600};  // 0: never
  int queue = 64;                         // requests waiting for one model; past it 429
  int context = 8192, slots = 0;          // of our own engines; slots 0: by the memory
  std::string cache_type = "f16";         // of the KV cache of our own engines
  std::string draft;                      // model that drafts for the others; empty: none
};

struct RouteConfig {
  std::vector<std::pair<std::string, std::string>> aliases;
  std::vector<std::pair<std::string, std::vector<std::string>>> fallbacks;
  std::vector<std::pair<std::string, std::string>> defaults;  // task -> model of auto:TASK
  int breaker_failures = 5;
  std::chrono::milliseconds breaker_open{5000};
  int retries = 2;  // further targets tried after the first
};

struct CacheConfig {
  bool enabled = true;
  std::string store = "sqlite";  // "sqlite", "memory", or a redis URL
  Path file;                     // empty: cache_folder()/responses.db
  std::uint64_t memory_bytes = 64u << 20, max_bytes = 1u << 30, max_response_bytes = 4u << 20;
  std::chrono::seconds max_age{86400};
  bool shared = false;  // one answer for all API keys
};

struct ImageConfig {
  std::vector<std::string> allowed_hosts;  // "example.org", "*.example.org"; empty: images by URL are refused
  std::uint64_t max_bytes = 20u << 20;
  std::chrono::milliseconds time{10000};
  int max_redirects = 3;
};

struct GatewayConfig {
  ListenConfig listen;
  LimitConfig limits;
  KeyConfig keys;
  std::vector<EngineConfig> engines;
  ModelConfig models;
  RouteConfig routes;
  CacheConfig cache;
  ImageConfig images;
  std::string log_level = "info";  // "error", "warning", "info", "debug"
  bool log_requests = true;        // one line each, without prompts
};

// Every key is documented in configs/gateway.yaml. invalid_input names file, line and key
// ("gateway.yaml:12: limits.body_bytes: expected a size such as 32MiB, found \"big\""), also for unknown
// keys. `file` empty: ./gateway.yaml is not looked for; config_folder()/gateway.yaml where it exists, else
// the shipped one.
Result<GatewayConfig> read_gateway_config(const Path& file = {});
// Keys that are not given keep the value of `base`. `origin` names the text in errors.
Result<GatewayConfig> parse_gateway_config(std::string_view yaml, std::string_view origin,
                                           GatewayConfig base = {});

// `--engine NAME=URL`: added, or replacing the one of that name. wrong_usage when it reads otherwise.
Result<void> add_engine_option(GatewayConfig& config, std::string_view name_and_url);

// wrong_usage for what may not be: listening beyond loopback without keys, doubled names.
Result<void> check_gateway_config(const GatewayConfig& config, bool any_key_exists);
bool is_loopback(std::string_view host);

}  // namespace studio
