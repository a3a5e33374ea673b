// Leases on fake engines under a fake budget: loading, sharing, evicting, dying, ending.
#include "models/model_manager.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/locked.h"
#include "models/manager_fixture.h"
#include "models/process_memory.h"
#include "support/gguf_file.h"

namespace studio {
namespace {

using namespace std::chrono_literals;
using testing::ask;
using testing::is_alive;
using testing::kGB;
using testing::soon;

struct ModelManagerTest : testing::ManagerFixture {};

TEST_F(ModelManagerTest, TheFirstLeaseLoadsTheModelAndLaterOnesAreAtOnce) {
  add("a", 5);
  const auto manager = open();
  EXPECT_EQ(status(*manager, "a").state, ModelState::cold);
  EXPECT_FALSE(manager->try_lease("a").has_value());
  auto lease = manager->lease("a", {.holder = "test"});
  ASSERT_TRUE(lease.has_value()) << lease.error().message;
  EXPECT_EQ(ask(*lease)->status, 200);
  EXPECT_TRUE(is_alive(lease->pid()));
  EXPECT_TRUE(lease->capabilities().chat);
  auto second = manager->try_lease("a");
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->pid(), lease->pid());
  EXPECT_FALSE(manager->try_lease("a").has_value()) << "two places, two leases";
  const ModelStatus now = status(*manager, "a");
  EXPECT_EQ(now.state, ModelState::ready);
  EXPECT_EQ(now.leases, 2);
  EXPECT_EQ(now.pid, lease->pid());
  EXPECT_TRUE(now.last_used.has_value());
  EXPECT_TRUE(manager->any_ready());
}

TEST_F(ModelManagerTest, AThirdWaitsForAPlaceAndGetsItWhenOneEnds) {
  add("a", 5);
  const auto manager = open();
  auto first = manager->lease("a");
  auto second = manager->lease("a");
  std::promise<Result<ModelLease>> third;
  manager->lease_async("a", {}, [&](Result<ModelLease> lease) { third.set_value(std::move(lease)); });
  auto got = third.get_future();
  EXPECT_EQ(got.wait_for(50ms), std::future_status::timeout);
  {
    const ModelLease ends = *std::move(first);
  }
  ASSERT_EQ(got.wait_for(5s), std::future_status::ready);
  EXPECT_TRUE(got.get().has_value());
}

TEST_F(ModelManagerTest, TheSixteenGigabytePolicyOnFakeEngines) {
  add("vision", 9.5);
  add("chat", 10.2);
  add("embedder", 0.3, "{}", "embedding");
  const auto manager = open();
  EXPECT_EQ(manager->memory().budget_bytes, 15'500'000'000u);
  EXPECT_EQ(manager->memory().reading.source, "fake");
  const auto embedder = manager->lease("embedder");
  ASSERT_TRUE(embedder.has_value()) << embedder.error().message;
  EXPECT_TRUE(embedder->capabilities().embeddings);
  pid_t vision_pid = -1;
  {
    const auto vision = manager->lease("vision");
    ASSERT_TRUE(vision.has_value());
    vision_pid = vision->pid();
  }
  const auto chat = manager->lease("chat");
  ASSERT_TRUE(chat.has_value());
  EXPECT_FALSE(is_alive(vision_pid)) << "one heavy model at a time";
  EXPECT_EQ(status(*manager, "vision").state, ModelState::cold);
  EXPECT_TRUE(is_alive(embedder->pid())) << "the light one stays beside";
}

TEST_F(ModelManagerTest, WhatDoesNotFitIsRefusedWithTheArithmetic) {
  add("huge", 40);
  const auto manager = open();
  const auto lease = manager->lease("huge");
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().kind, ErrorKind::limit_exceeded);
  EXPECT_NE(lease.error().message.find("40.0 GB"), std::string::npos) << lease.error().message;
  EXPECT_NE(lease.error().message.find("15.5 GB"), std::string::npos) << lease.error().message;
  EXPECT_FALSE(busy_of(lease.error()).has_value()) << "asking again does not help";
}

TEST_F(ModelManagerTest, WhatOthersUseIsTakenOff) {
  add("a", 10);
  card->set_others(8 * kGB);
  const auto manager = open();
  const auto lease = manager->lease("a");
  ASSERT_FALSE(lease.has_value());
  EXPECT_NE(lease.error().message.find("7.50 GB"), std::string::npos) << lease.error().message;
  card->set_others(0);
  EXPECT_TRUE(manager->lease("a").has_value());
}

// A card on which each engine takes 9 GB from its first moment, as the driver tells: by process.
class CardOfProcesses : public MemoryMonitor {
 public:
  std::uint64_t bytes_of(pid_t pid) const override { return is_alive(pid) ? 9 * kGB : 0; }
  bool is_gpu() const override { return true; }

 protected:
  Result<MemoryReading> look(std::span<const pid_t> ours) const override {
    const pid_t self[] = {::getpid()};
    MemoryReading reading;
    reading.total_bytes = 40 * kGB;
    for (const pid_t pid : process_trees("/proc", self)) {
      if (pid == self[0]) continue;
      reading.used_bytes += bytes_of(pid);
      if (std::ranges::find(ours, pid) != ours.end()) reading.ours_bytes += bytes_of(pid);
    }
    reading.others_bytes = reading.used_bytes - reading.ours_bytes;
    return reading;
  }
};

TEST_F(ModelManagerTest, AnEngineThatIsStillLoadingIsOursAndNotOthers) {
  options.gpu = std::make_shared<CardOfProcesses>();
  add("a", 15);
  add("b", 15, R"({"ready_after_s": 2.5})");
  const auto manager = open();
  ASSERT_TRUE(manager->load("a").has_value());
  const pid_t first = status(*manager, "a").pid;
  ASSERT_TRUE(manager->load("b").has_value());
  EXPECT_EQ(status(*manager, "a").pid, first) << "nothing else took memory: the idle one stays";
  EXPECT_EQ(manager->memory().budget_bytes, 38'750'000'000u);
}

TEST_F(ModelManagerTest, AFullQueueSaysWhenToComeBack) {
  options.residency.max_waiting_per_model = 1;
  add("a", 5);
  const auto manager = open();
  const auto first = manager->lease("a");
  const auto second = manager->lease("a");
  std::stop_source stop;
  manager->lease_async("a", {.stop = stop.get_token()}, [](Result<ModelLease>) {});
  const auto refused = manager->lease("a");
  ASSERT_FALSE(refused.has_value());
  ASSERT_TRUE(busy_of(refused.error()).has_value());
  EXPECT_GE(busy_of(refused.error())->retry_after_s, 1);
}

TEST_F(ModelManagerTest, PatienceAndStopEndAWait) {
  add("a", 5, R"({"never_ready": true})");
  const auto manager = open();
  const auto impatient = manager->lease("a", {.patience = 200ms});
  ASSERT_FALSE(impatient.has_value());
  EXPECT_EQ(impatient.error().kind, ErrorKind::timeout);
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  const auto stopped = manager->lease("a", {.stop = stop.get_token()});
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().kind, ErrorKind::interrupted);
  std::stop_source before;
  before.request_stop();
  EXPECT_EQ(manager->lease("a", {.stop = before.get_token()}).error().kind, ErrorKind::interrupted);
}

TEST_F(ModelManagerTest, AnEngineThatDiesIsRestartedAndTheNextLeaseWorks) {
  add("a", 5);
  const auto manager = open();
  auto lease = manager->lease("a");
  ASSERT_TRUE(lease.has_value());
  const pid_t first = lease->pid();
  EXPECT_FALSE(lease->lost(0ms));
  ::kill(first, SIGKILL);
  EXPECT_TRUE(lease->lost(5s));
  {
    const ModelLease ends = *std::move(lease);
  }
  ASSERT_TRUE(soon([&] { return status(*manager, "a").restarts == 1; }));
  auto again = manager->lease("a");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_NE(again->pid(), first);
  EXPECT_EQ(ask(*again)->status, 200);
}

TEST_F(ModelManagerTest, AnEngineKilledInMidAnswerBreaksThatAnswerOnly) {
  add("a", 5, R"({"die_at": 1, "die_marker": ")" + (folder.path() / "died").string() + "\"}");
  const auto manager = open();
  {
    const auto lease = manager->lease("a");
    ASSERT_TRUE(lease.has_value());
    EXPECT_FALSE(ask(*lease).has_value());
    EXPECT_TRUE(lease->lost(5s));
  }
  ASSERT_TRUE(soon([&] {
    const auto lease = manager->lease("a");
    return lease && ask(*lease).has_value();
  }));
}

TEST_F(ModelManagerTest, ACrashLoopIsGivenUpAndNamedUntilLoadedByHand) {
  options.restarts = 2;
  add("a", 5);
  const auto manager = open();
  {
    const auto lease = manager->lease("a");
    ASSERT_TRUE(lease.has_value());
  }
  for (int death = 0; death < 3; ++death) {
    ASSERT_TRUE(soon([&] {
      return status(*manager, "a").state == ModelState::ready && is_alive(status(*manager, "a").pid);
    }));
    const pid_t pid = status(*manager, "a").pid;
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(soon([&] { return status(*manager, "a").pid != pid; }));
  }
  ASSERT_TRUE(soon([&] { return status(*manager, "a").state == ModelState::failed; }));
  const auto refused = manager->lease("a");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::engine_failed);
  EXPECT_NE(refused.error().message.find("restarted 2 times"), std::string::npos) << refused.error().message;
  EXPECT_FALSE(status(*manager, "a").failure.empty());
  EXPECT_TRUE(manager->load("a").has_value());
  EXPECT_TRUE(manager->lease("a").has_value());
}

TEST_F(ModelManagerTest, OneThatNeverGetsReadyFailsAtItsTimeAndLeavesNoProcess) {
  options.ready_timeout = 500ms;
  add("a", 5, R"({"never_ready": true})");
  const auto manager = open();
  const auto lease = manager->lease("a");
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().kind, ErrorKind::timeout);
  EXPECT_EQ(status(*manager, "a").state, ModelState::failed);
  EXPECT_EQ(status(*manager, "a").pid, -1);
  const auto early = manager->lease("a");
  ASSERT_FALSE(early.has_value()) << "not started again for every request";
}

TEST_F(ModelManagerTest, AnEngineThatEndsAtOnceIsToldWithItsLastWords) {
  add("truncated", 5, R"({"exit_code": 1})");
  const auto manager = open();
  const auto lease = manager->lease("truncated");
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().kind, ErrorKind::engine_failed);
  EXPECT_NE(lease.error().message.find("no such luck"), std::string::npos) << lease.error().message;
}

TEST_F(ModelManagerTest, ATruncatedModelFileIsRefusedByNameBeforeAnEngineStarts) {
  add("cut", 5);
  const std::string whole = testing::small_model(8).bytes();
  for (const std::size_t length : {std::size_t{10}, whole.size() / 2, whole.size() - 1}) {
    ASSERT_TRUE(write_file_atomic(folder.path() / "cut.gguf", whole.substr(0, length)).has_value());
    const auto manager = open();
    const auto lease = manager->lease("cut");
    ASSERT_FALSE(lease.has_value()) << length;
    EXPECT_EQ(lease.error().kind, ErrorKind::invalid_input);
    EXPECT_NE(lease.error().message.find("cut.gguf"), std::string::npos) << lease.error().message;
    EXPECT_EQ(status(*manager, "cut").pid, -1);
  }
}

TEST_F(ModelManagerTest, ChangesAreEventsInTheirOrder) {
  add("a", 10);
  add("b", 10);
  const auto manager = open();
  std::mutex mutex;
  std::vector<std::string> seen;
  std::uint64_t last = 0;
  auto subscription = manager->subscribe([&](const ModelEvent& event) {
    std::lock_guard lock(mutex);
    EXPECT_EQ(event.number, last + 1);
    last = event.number;
    seen.push_back(event.model + " " + std::string(name_of(event.to)));
    if (event.to == ModelState::draining) {
      EXPECT_EQ(event.why, "make room for b");
    }
  });
  (void)manager->lease("a");
  (void)manager->lease("b");
  const std::vector<std::string> expected = {"a loading", "a ready",   "a draining",
                                             "a cold",    "b loading", "b ready"};
  ASSERT_TRUE(soon([&] { return copy_locked(mutex, seen).size() == expected.size(); }));
  EXPECT_EQ(seen, expected);
  subscription.reset();
  (void)manager->unload("b");
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(copy_locked(mutex, seen).size(), expected.size()) << "the subscription has ended";
}

TEST_F(ModelManagerTest, SwitchingFreesTheOtherAndReportsItsParts) {
  add("a", 10);
  add("b", 10);
  add("embedder", 1, "{}", "embedding");
  const auto manager = open();
  ASSERT_TRUE(manager->load("embedder").has_value());
  ASSERT_TRUE(manager->load("a").has_value());
  const auto report = manager->switch_to("b");
  ASSERT_TRUE(report.has_value()) << report.error().message;
  EXPECT_EQ(report->from, "a");
  EXPECT_EQ(report->to, "b");
  double sum = 0;
  for (const auto& [name, seconds] : report->parts) sum += seconds;
  EXPECT_GT(sum, 0);
  EXPECT_EQ(status(*manager, "a").state, ModelState::cold);
  EXPECT_EQ(status(*manager, "b").state, ModelState::ready);
  EXPECT_EQ(status(*manager, "embedder").state, ModelState::ready) << "another task's model is left alone";
  EXPECT_EQ(manager->switch_to("b")->from, "");
}

TEST_F(ModelManagerTest, DrainWaitsForLeasesAndLeavesNoEngine) {
  add("a", 5);
  const auto manager = open();
  auto lease = manager->lease("a");
  ASSERT_TRUE(lease.has_value());
  const pid_t pid = lease->pid();
  std::jthread drainer([&] { manager->drain(20s); });
  ASSERT_TRUE(soon([&] { return manager->lease("a").error().kind == ErrorKind::interrupted; }));
  EXPECT_EQ(ask(*lease)->status, 200) << "what was accepted is answered";
  {
    const ModelLease ends = *std::move(lease);
  }
  drainer.join();
  EXPECT_FALSE(is_alive(pid));
}

TEST_F(ModelManagerTest, ALeaseOutlivesItsManagerSafely) {
  add("a", 5);
  auto manager = open();
  auto lease = manager->lease("a");
  ASSERT_TRUE(lease.has_value());
  const pid_t pid = lease->pid();
  manager.reset();
  EXPECT_FALSE(is_alive(pid));
  EXPECT_EQ(lease->model_id(), "a");
  EXPECT_TRUE(lease->lost(0ms));
}

TEST_F(ModelManagerTest, AManagerEndsWhileAModelLoads) {
  add("a", 5, R"({"never_ready": true})");
  auto manager = open();
  std::promise<Error> told;
  manager->lease_async("a", {}, [&](Result<ModelLease> lease) { told.set_value(lease.error()); });
  ASSERT_TRUE(soon([&] { return status(*manager, "a").state == ModelState::loading; }));
  manager.reset();
  EXPECT_EQ(told.get_future().get().kind, ErrorKind::interrupted);
}

TEST_F(ModelManagerTest, TheManagerMayEndInACallbackOfItsOwn) {
  add("a", 5);
  auto manager = std::make_shared<std::shared_ptr<ModelManager>>(open());
  std::promise<void> done;
  (*manager)->lease_async("a", {}, [&, manager](Result<ModelLease> lease) {
    EXPECT_TRUE(lease.has_value());
    manager->reset();
    done.set_value();
  });
  EXPECT_EQ(done.get_future().wait_for(30s), std::future_status::ready);
}

TEST_F(ModelManagerTest, ManyThreadsAskAndGiveBackAtOnce) {
  add("a", 10);
  add("b", 10);
  options.residency.turn = 300ms;
  options.residency.longest_turn = 300ms;
  const auto manager = open();
  std::atomic<int> answered{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 20; ++i) {
          const auto lease = manager->lease(t % 2 == 0 ? "a" : "b");
          if (lease) ++answered;
        }
      });
  }
  EXPECT_EQ(answered, 160);
}

// A studio killed with SIGKILL cannot tidy up: the kernel ends the engines for it.
TEST_F(ModelManagerTest, SigkillOfTheStudioLeavesNoEngine) {
  add("a", 5);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t studio = ::fork();
  if (studio == 0) {
    const auto manager = open();
    const auto lease = manager->lease("a");
    const pid_t pid = lease ? lease->pid() : -1;
    [[maybe_unused]] const auto n = ::write(ends[1], &pid, sizeof pid);
    ::pause();
    ::_exit(0);
  }
  pid_t engine = -1;
  ASSERT_EQ(::read(ends[0], &engine, sizeof engine), static_cast<ssize_t>(sizeof engine));
  ASSERT_TRUE(is_alive(engine));
  ::kill(studio, SIGKILL);
  ::waitpid(studio, nullptr, 0);
  EXPECT_TRUE(soon([&] { return !is_alive(engine); }));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace studio
