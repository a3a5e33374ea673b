// From one model to another until the first token: by the model manager, beside the engine started by hand.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/process.h"
#include "llm/chat.h"
#include "models/llama_server.h"
#include "models/model_manager.h"
#include "models/page_cache.h"
#include "net/http.h"

namespace {

using namespace studio;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Room for either of the small models, not for both.
constexpr std::uint64_t kRoomForOne = 2'600'000'000;
constexpr std::uint64_t kRoomForBoth = 6'000'000'000;
const char* const kSmall = "qwen2.5-coder-0.5b";
const char* const kLarger = "qwen2.5-coder-1.5b";

double since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.empty() ? 0 : values[values.size() / 2];
}

// Seconds from asking to the first piece of the answer.
Result<double> first_token(ChatModel& model) {
  const auto begun = Clock::now();
  double first = -1;
  ChatRequest request;
  request.messages = {{"user", "Say yes."}};
  request.max_tokens = 4;
  TRY(model.stream(request, [&](std::string_view) {
    if (first < 0) first = since(begun);
    return true;
  }));
  return first;
}

// The same command line, started by hand: no supervision, no budget, nothing to end before.
Result<double> by_hand(const ModelCatalog& catalog, const std::string& id) {
  LlamaServerOptions options;
  TRY_ASSIGN(options.program, find_llama_server());
  TRY_ASSIGN(const ModelEntry entry, catalog.entry(id));
  TRY_ASSIGN(options.model, catalog.local_path(entry));
  options.id = id;
  EngineSpec spec = llama_server_spec(options);
  TRY_ASSIGN(const ScratchFolder folder, ScratchFolder::create("switch"));
  const std::string socket = (folder.path() / "engine.sock").string();
  for (std::string& argument : spec.command)
    if (argument == "{socket}") argument = socket;
  const auto begun = Clock::now();
  TRY_ASSIGN(ChildProcess child,
             ChildProcess::start({spec.command, spec.environment, folder.path() / "log"}));
  HttpRequest probe;
  probe.endpoint = {"http://localhost", socket};
  probe.path = "/health";
  while (true) {
    if (const auto answer = send_http(probe); answer && answer->status == 200) break;
    if (child.poll() || since(begun) > 120)
      return fail(ErrorKind::engine_failed, "start the engine by hand: it is not ready");
    std::this_thread::sleep_for(5ms);
  }
  ChatModelOptions chat;
  chat.url = "unix:" + socket;
  chat.model = id;
  TRY_ASSIGN(const auto model, open_chat_model(chat));
  const double ready = since(begun);
  TRY_ASSIGN(const double token, first_token(*model));
  child.stop(0ms);
  return ready + token;
}

Result<std::shared_ptr<ModelManager>> open_manager(const ModelCatalog& catalog, std::uint64_t room) {
  ManagerOptions options;
  options.catalog = catalog;
  options.budget_bytes = room;
  options.slots = 1;
  return ModelManager::create(std::move(options));
}

Result<std::unique_ptr<ChatModel>> through(const std::shared_ptr<ModelManager>& manager,
                                           const std::string& id) {
  ChatModelOptions options;
  options.model = id;
  options.manager = manager;
  return open_chat_model(options);
}

struct Measured {
  std::vector<double> by_hand, by_lease, by_switch;
  std::vector<std::pair<std::string, std::vector<double>>> parts;
  void add_part(const std::string& name, double seconds) {
    auto found = std::ranges::find(parts, name, &std::pair<std::string, std::vector<double>>::first);
    if (found == parts.end()) found = parts.insert(parts.end(), {name, {}});
    found->second.push_back(seconds);
  }
};

Result<Json> measure(int rounds) {
  TRY_ASSIGN(const ModelCatalog catalog, ModelCatalog::load());
  TRY_ASSIGN(const auto narrow, open_manager(catalog, kRoomForOne));
  TRY_ASSIGN(const auto wide, open_manager(catalog, kRoomForBoth));
  Json result{{"schema", "studio.bench_switch/1"}};
  std::vector<std::pair<std::string, Measured>> towards = {{kSmall, {}}, {kLarger, {}}};
  for (const auto& [id, unused] : towards) {
    TRY_ASSIGN(const ModelEntry entry, catalog.entry(id));
    TRY_ASSIGN(const Path file, catalog.local_path(entry));
    TRY(warm_file(file));
  }
  for (int round = 0; round < rounds; ++round)
    for (auto& [id, measured] : towards) {
      const std::string other = id == kSmall ? kLarger : kSmall;
      TRY_ASSIGN(const double hand, by_hand(catalog, id));
      measured.by_hand.push_back(hand);
      TRY_ASSIGN(const auto before, through(narrow, other));
      TRY(first_token(*before));
      // A request for the one while the other has the room.
      TRY_ASSIGN(const auto model, through(narrow, id));
      TRY_ASSIGN(const double lease, first_token(*model));
      measured.by_lease.push_back(lease);
      for (const char* each : {kSmall, kLarger}) TRY(narrow->unload(each));
      // `studio switch`, with room for both while the one ends.
      TRY(wide->load(other));
      TRY_ASSIGN(const SwitchReport report, wide->switch_to(id));
      TRY_ASSIGN(const auto switched, through(wide, id));
      TRY_ASSIGN(const double token, first_token(*switched));
      measured.by_switch.push_back(report.seconds + token);
      for (const auto& [name, seconds] : report.parts) measured.add_part(name, seconds);
      measured.add_part("first token", token);
      for (const char* each : {kSmall, kLarger}) TRY(wide->unload(each));
    }
  for (const auto& [id, measured] : towards) {
    Json parts = Json::object();
    for (const auto& [name, seconds] : measured.parts) parts[name] = median(seconds);
    result["towards"][id] = {{"by_hand_s", median(measured.by_hand)},
                             {"by_lease_s", median(measured.by_lease)},
                             {"by_switch_s", median(measured.by_switch)},
                             {"parts", std::move(parts)}};
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 3;
  ::setenv("STUDIO_SERVER", "off", 1);
  const auto result = measure(rounds);
  if (!result) {
    fmt::print(stderr, "{}\n{}\n", result.error().message, result.error().hint);
    return 1;
  }
  fmt::print("{}\n", to_text(*result));
  return 0;
}
