// Event loops: one thread each, which runs coroutines and never blocks; blocking work goes to a pool.
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/task.h"

namespace studio {

class Loops;

// One thread's event loop. Everything that is awaited on a loop is resumed on its thread.
class Loop {
 public:
  struct Impl;  // backends/asio_loop.h
  using Work = std::move_only_function<void()>;

  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  std::size_t index() const;    // 0 ... Loops::size() - 1
  bool is_current() const;      // true on the loop's own thread
  void post(Work work);         // any thread; runs soon on the loop
  void spawn(Task<void> task);  // any thread; an exception that leaves the task ends the program
  // Ends early, without an error, when the stop is requested. On this loop only.
  Task<void> sleep(std::chrono::nanoseconds duration, std::stop_token stop = {});
  // Runs `work` on the pool of blocking threads (files, SQLite, name lookup) and resumes here with
  // its value or exception. Waits its turn when all of the pool is busy.
  template <typename F>
  Task<std::invoke_result_t<F>> run_blocking(F work);

  Impl& impl() { return *impl_; }

 private:
  friend class Loops;
  explicit Loop(std::unique_ptr<Impl> impl);
  void run_in_pool(Work work);

  std::unique_ptr<Impl> impl_;
};

struct LoopsOptions {
  int threads = 0;           // 0: one per core this process may use, at most `most_threads`
  int blocking_threads = 4;  // of the pool behind run_blocking
  int most_threads = 8;
};

// N loops and the pool. Destroy what uses them (servers, clients) first; the destructor lets
// coroutines that are at work end for up to five seconds.
class Loops {
 public:
  static Result<std::unique_ptr<Loops>> create(const LoopsOptions& options = {});
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;
  ~Loops();

  std::size_t size() const { return loops_.size(); }
  Loop& at(std::size_t index) const { return *loops_[index]; }

 private:
  class Pool;
  friend class Loop;
  Loops();
  std::unique_ptr<Pool> pool_;
  std::vector<std::unique_ptr<Loop>> loops_;
};

// A value set once, from any thread, and awaited once, on one loop. Copies share it.
template <typename T>
class Completion {
 public:
  Completion() : state_(std::make_shared<State>()) {}

  // Only the first call counts.
  void set(T value) const {
    std::unique_lock lock(state_->mutex);
    if (state_->value) return;
    state_->value.emplace(std::move(value));
    if (!state_->waiter) return;
    Loop* loop = state_->loop;
    const auto waiter = std::exchange(state_->waiter, nullptr);
    lock.unlock();
    loop->post([waiter, keep = state_] { waiter.resume(); });
  }

  auto wait(Loop& loop) const {
    struct Awaiter {
      std::shared_ptr<State> state;
      Loop* loop;
      bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> waiter) {
        const std::lock_guard lock(state->mutex);
        if (state->value) return false;
        state->loop = loop;
        state->waiter = waiter;
        return true;
      }
      T await_resume() { return *std::move(state->value); }
    };
    return Awaiter{state_, &loop};
  }

 private:
  struct State {
    std::mutex mutex;  // guards all below
    std::optional<T> value;
    Loop* loop = nullptr;
    std::coroutine_handle<> waiter;
  };
  std::shared_ptr<State> state_;
};

template <typename F>
Task<std::invoke_result_t<F>> Loop::run_blocking(F work) {
  using T = std::invoke_result_t<F>;
  using Value = std::conditional_t<std::is_void_v<T>, bool, T>;
  struct Ended {
    std::optional<Value> value;
    std::exception_ptr exception;
  };
  Completion<Ended> done;
  run_in_pool([done, work = std::move(work)]() mutable {
    Ended outcome;
    try {
      if constexpr (std::is_void_v<T>) {
        work();
        outcome.value = true;
      } else {
        outcome.value.emplace(work());
      }
    } catch (...) {
      outcome.exception = std::current_exception();
    }
    done.set(std::move(outcome));
  });
  Ended outcome = co_await done.wait(*this);
  if (outcome.exception) std::rethrow_exception(outcome.exception);
  if constexpr (!std::is_void_v<T>) co_return *std::move(outcome.value);
}

}  // namespace studio
