// Leases on fake engines under a fake budget: what the tests of the model manager share.
#pragma once

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "models/model_manager.h"
#include "net/http.h"
#include "support/fake_engine.h"

namespace studio::testing {

using namespace std::chrono_literals;

inline constexpr std::uint64_t kGB = 1'000'000'000;

inline bool is_alive(pid_t pid) {
  return pid > 0 && ::kill(pid, 0) == 0;
}

// Waits for what another thread is about to do; false when it does not come.
template <typename Condition>
bool soon(Condition condition, std::chrono::milliseconds patience = 10s) {
  for (const auto end = std::chrono::steady_clock::now() + patience;
       std::chrono::steady_clock::now() < end;) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return condition();
}

inline Result<HttpResponse> ask(const ModelLease& lease) {
  HttpRequest request;
  request.method = "POST";
  request.endpoint = lease.endpoint();
  request.path = "/chat/completions";
  request.body = R"({"model": ")" + lease.upstream_model() + R"(", "messages": []})";
  request.timeout = 10s;
  return send_http(request);
}

// A card of 16 GB that a test plays, and models that are fake engines; each says how many GB it takes.
struct ManagerFixture : ::testing::Test {
  ScratchFolder folder = *ScratchFolder::create();
  std::shared_ptr<FakeMemory> card = std::make_shared<FakeMemory>(16 * kGB);
  std::shared_ptr<FakeMemory> host = std::make_shared<FakeMemory>(64 * kGB, false);
  std::string catalog_yaml = "models:\n";
  ManagerOptions options;

  ManagerFixture() {
    ::setenv("XDG_CACHE_HOME", folder.path().c_str(), 1);
    ::setenv("STUDIO_LLAMA_SERVER", testing::fake_engine_program().c_str(), 1);
    options.gpu = card;
    options.host = host;
    options.slots = 2;
  }

  void add(const std::string& id, double gb, const std::string& scenario = "{}",
           const std::string& task = "chat") {
    const Path file = fake_model(folder, scenario, id);
    catalog_yaml += "  - {id: " + id + ", task: " + task + ", engine: llama-server, file: " + id +
                    ".gguf, memory_bytes: " + std::to_string(static_cast<std::uint64_t>(gb * 1e9)) +
                    ", sources: [{path: " + file.string() + "}]}\n";
  }

  std::shared_ptr<ModelManager> open() {
    const Path shipped = folder.path() / "models.yaml";
    const Path lock = folder.path() / "lock.json";
    EXPECT_TRUE(write_file_atomic(shipped, catalog_yaml).has_value());
    EXPECT_TRUE(write_file_atomic(lock, R"({"schema": "studio.lock/1", "models": []})").has_value());
    auto catalog = ModelCatalog::load(
        {.shipped = shipped, .lock = lock, .own = folder.path() / "none.yaml", .models = folder.path()});
    EXPECT_TRUE(catalog.has_value()) << catalog.error().message;
    options.catalog = *catalog;
    auto manager = ModelManager::create(options);
    EXPECT_TRUE(manager.has_value()) << manager.error().message;
    return *manager;
  }

  static ModelStatus status(const ModelManager& manager, const std::string& id) {
    for (ModelStatus& status : manager.models())
      if (status.id == id) return status;
    return {};
  }
};

}  // namespace studio::testing
