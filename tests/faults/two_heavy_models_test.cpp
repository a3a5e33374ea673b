// Two busy clients that want different models where only one fits, for a minute, on the real engines.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "models/model_manager.h"
#include "net/http.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kRoomForOne = 2'600'000'000;
constexpr auto kRun = 60s;

double since(Clock::time_point begun) {
  return std::chrono::duration<double>(Clock::now() - begun).count();
}

struct Client {
  int answers = 0;
  double longest_wait = 0, longest_answer = 0;
};

// Asks, waits for its lease, has a short answer written, and asks again at once.
Client be_busy(ModelManager& manager, const std::string& model, Clock::time_point end) {
  Client client;
  while (Clock::now() < end) {
    const auto asked = Clock::now();
    const auto lease = manager.lease(model);
    if (!lease) {
      ADD_FAILURE() << lease.error().message;
      return client;
    }
    client.longest_wait = std::max(client.longest_wait, since(asked));
    const auto granted = Clock::now();
    HttpRequest request;
    request.method = "POST";
    request.endpoint = lease->endpoint();
    request.path = "/chat/completions";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = R"({"messages": [{"role": "user", "content": "Count to five."}], "max_tokens": 16})";
    const auto answer = send_http(request);
    EXPECT_TRUE(answer && answer->status == 200) << (answer ? answer->body : answer.error().message);
    client.longest_answer = std::max(client.longest_answer, since(granted));
    ++client.answers;
  }
  return client;
}

TEST(TwoHeavyModels, TakeTurnsWithBoundedWaitsAndDoNotThrash) {
  ManagerOptions options;
  options.budget_bytes = kRoomForOne;
  options.slots = 1;
  const auto manager = ModelManager::create(options);
  ASSERT_TRUE(manager.has_value()) << manager.error().message;
  const std::string models[2] = {"qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"};
  for (const ModelStatus& status : (*manager)->models())
    for (const std::string& model : models)
      if (status.id == model && status.state == ModelState::absent)
        GTEST_SKIP() << model << " is not in the cache: studio models pull " << model;
  std::atomic<int> loads{0};
  std::mutex mutex;
  double longest_load = 0;
  const auto subscription = (*manager)->subscribe([&](const ModelEvent& event) {
    if (event.to != ModelState::ready) return;
    ++loads;
    std::lock_guard lock(mutex);
    longest_load = std::max(longest_load, event.seconds);
  });
  Client clients[2];
  const auto begun = Clock::now();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&, i] { clients[i] = be_busy(**manager, models[i], begun + kRun); });
  }
  const double minute = since(begun);
  // A turn is at least as long as its loads take four times, and at least five seconds. The first
  // loads teach how soon the clients come back.
  std::lock_guard lock(mutex);
  const double turn = std::clamp(4 * longest_load, 5.0, 30.0);
  const double answer = std::max(clients[0].longest_answer, clients[1].longest_answer);
  for (int i = 0; i < 2; ++i) {
    std::printf("%s: %d answers, longest wait %.1f s\n", models[i].c_str(), clients[i].answers,
                clients[i].longest_wait);
    EXPECT_GT(clients[i].answers, 0);
    EXPECT_LE(clients[i].longest_wait, turn + answer + 3 * longest_load + 2)
        << "turn " << turn << ", load " << longest_load;
  }
  std::printf("%d loads in %.0f s, the longest %.1f s, the longest answer %.1f s\n", loads.load(), minute,
              longest_load, answer);
  EXPECT_LE(loads, static_cast<int>(minute / 5) + 4);
}

}  // namespace
}  // namespace studio
