// Event loops: where coroutines run, how they sleep, and how blocking work comes back.
#include "net/loop.h"

#include <future>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

namespace studio {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<Loops> loops_of(int threads) {
  return Loops::create({.threads = threads, .blocking_threads = 2}).value();
}

template <typename T>
Task<void> tell(Task<T> task, std::promise<T>& told) {
  try {
    T value = co_await std::move(task);
    told.set_value(std::move(value));
  } catch (...) {
    told.set_exception(std::current_exception());
  }
}

// Runs a task on a loop and waits for its value.
template <typename T>
T run_on(Loop& loop, Task<T> task) {
  std::promise<T> told;
  auto value = told.get_future();
  loop.spawn(tell(std::move(task), told));
  return value.get();
}

Task<int> plus_one(int value) {
  co_return value + 1;
}

Task<int> sum_of_many() {
  int sum = 0;
  for (int i = 0; i < 1'000'000; ++i) sum = co_await plus_one(sum);
  co_return sum;
}

Task<int> throws() {
  throw std::runtime_error("told to the one who awaits");
  co_return 0;
}

TEST(Loop, TasksHandTheirValuesAndExceptionsOn) {
  const auto loops = loops_of(1);
  EXPECT_EQ(run_on(loops->at(0), sum_of_many()), 1'000'000);
  EXPECT_THROW(run_on(loops->at(0), throws()), std::runtime_error);
}

Task<bool> blocking_comes_back(Loop& loop) {
  const auto where = [] { return std::this_thread::get_id(); };
  const auto here = std::this_thread::get_id();
  const auto there = co_await loop.run_blocking(where);
  co_return loop.is_current() && std::this_thread::get_id() == here&& there != here;
}

Task<int> blocking_throws(Loop& loop) {
  const auto work = []() -> int { throw std::runtime_error("from the pool"); };
  co_return co_await loop.run_blocking(work);
}

TEST(Loop, BlockingWorkRunsElsewhereAndResumesHere) {
  const auto loops = loops_of(2);
  EXPECT_TRUE(run_on(loops->at(1), blocking_comes_back(loops->at(1))));
  EXPECT_THROW(run_on(loops->at(0), blocking_throws(loops->at(0))), std::runtime_error);
}

Task<int> waits_for(Completion<int> completion, Loop& loop) {
  const int value = co_await completion.wait(loop);
  co_return loop.is_current() ? value : -1;
}

TEST(Loop, ACompletionIsSetFromAnyThreadBeforeOrAfterItIsAwaited) {
  const auto loops = loops_of(1);
  const Completion<int> before;
  before.set(1);
  before.set(2);  // only the first counts
  EXPECT_EQ(run_on(loops->at(0), waits_for(before, loops->at(0))), 1);
  const Completion<int> after;
  std::jthread setter([&] {
    std::this_thread::sleep_for(20ms);
    after.set(3);
  });
  EXPECT_EQ(run_on(loops->at(0), waits_for(after, loops->at(0))), 3);
}

Task<bool> sleeps(Loop& loop, std::chrono::milliseconds duration, std::stop_token stop) {
  const auto start = std::chrono::steady_clock::now();
  co_await loop.sleep(duration, stop);
  co_return std::chrono::steady_clock::now() - start >= duration;
}

TEST(Loop, SleepEndsInTimeOrWhenStopped) {
  const auto loops = loops_of(1);
  EXPECT_TRUE(run_on(loops->at(0), sleeps(loops->at(0), 20ms, {})));
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  });
  EXPECT_FALSE(run_on(loops->at(0), sleeps(loops->at(0), 1h, stop.get_token())));
}

TEST(Loop, TheEndWakesSleepers) {
  std::promise<bool> told;
  auto slept_through = told.get_future();
  {
    const auto loops = loops_of(1);
    loops->at(0).spawn(tell(sleeps(loops->at(0), 1h, {}), told));
  }
  EXPECT_FALSE(slept_through.get());
}

TEST(Loop, RefusesNumbersThatMakeNoSense) {
  EXPECT_EQ(Loops::create({.threads = -1, .blocking_threads = 1}).error().kind, ErrorKind::wrong_usage);
  EXPECT_EQ(Loops::create({.threads = 1, .blocking_threads = 0}).error().kind, ErrorKind::wrong_usage);
}

}  // namespace
}  // namespace studio
