// Event loops on Boost.Asio, and the pool of threads for what blocks.
#include <condition_variable>
#include <ctime>
#include <deque>
#include <latch>

#include <fmt/format.h>
#include <sched.h>
#include <boost/asio/post.hpp>

#include "net/backends/asio_loop.h"

namespace studio {
namespace {

constexpr auto kSweepEvery = std::chrono::milliseconds(250);
constexpr auto kEndWithin = std::chrono::seconds(5);

int cores_of_this_process() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

// The top of every spawned coroutine: starts at once, frees itself at its end.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    // What is spawned handles its own errors; an exception here is a broken invariant.
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

Detached run_detached(Task<void> task) {
  co_await std::move(task);
}

}  // namespace

class Loops::Pool {
 public:
  explicit Pool(int threads) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this](std::stop_token stop) { run(stop); });
  }
  ~Pool() {
    for (auto& thread : threads_) thread.request_stop();
  }
  void add(Loop::Work work) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(work));
    }
    ready_.notify_one();
  }

 private:
  // Work that still waits at the end is done before, since coroutines wait for it.
  void run(std::stop_token stop) {
    for (;;) {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, stop, [this] { return !waiting_.empty(); });
      if (waiting_.empty()) return;
      Loop::Work work = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      work();
    }
  }

  std::mutex mutex_;  // guards waiting_
  std::condition_variable_any ready_;
  std::deque<Loop::Work> waiting_;
  std::vector<std::jthread> threads_;
};

Loop::Impl::Impl(std::size_t number, Loops::Pool& blocking_pool) : index(number), pool(blocking_pool) {
  anchor_.next_ = anchor_.previous_ = &anchor_;
}

void Loop::Impl::watch(Timed& timed) {
  timed.next_ = anchor_.next_;
  timed.previous_ = &anchor_;
  timed.next_->previous_ = timed.previous_->next_ = &timed;
  if (!armed_) arm();
}

void Loop::Impl::arm() {
  if (ending.stop_requested()) return;
  armed_ = true;
  timer_.expires_after(kSweepEvery);
  timer_.async_wait([this](const boost::system::error_code& error) {
    armed_ = false;
    if (!error) sweep();
  });
}

// on_deadline may take any object out of the ring, so the ring is walked anew after each call.
void Loop::Impl::sweep() {
  const auto now = std::chrono::steady_clock::now();
  for (Timed* timed = anchor_.next_; timed != &anchor_;) {
    if (timed->deadline > now) {
      timed = timed->next_;
      continue;
    }
    timed->deadline = Timed::kNever;
    timed->on_deadline();
    timed = anchor_.next_;
  }
  if (anchor_.next_ != &anchor_) arm();
}

void Loop::Impl::end() {
  ending.request_stop();
  timer_.cancel();
}

const std::string& Loop::Impl::http_date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_) {
    date_second_ = now;
    std::tm utc{};
    gmtime_r(&now, &utc);
    char text[64];
    date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc));
  }
  return date_;
}

Loop::Loop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Loop::~Loop() = default;

std::size_t Loop::index() const {
  return impl_->index;
}

bool Loop::is_current() const {
  return impl_->thread_id == std::this_thread::get_id();
}

void Loop::post(Work work) {
  asio::post(impl_->io, std::move(work));
}

void Loop::spawn(Task<void> task) {
  if (is_current()) {
    run_detached(std::move(task));
    return;
  }
  post([task = std::move(task)]() mutable { run_detached(std::move(task)); });
}

void Loop::run_in_pool(Work work) {
  impl_->pool.add(std::move(work));
}

namespace {

// Shared with the stop callbacks, which may run on another thread while the sleep ends by itself.
struct Sleep {
  explicit Sleep(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  std::coroutine_handle<> waiter;
};

struct SleepAwaiter {
  std::shared_ptr<Sleep> sleep;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiter) {
    sleep->waiter = waiter;
    sleep->timer.async_wait([keep = sleep](const boost::system::error_code&) { keep->waiter.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace

Task<void> Loop::sleep(std::chrono::nanoseconds duration, std::stop_token stop) {
  if (stop.stop_requested() || impl_->ending.stop_requested()) co_return;
  auto sleep = std::make_shared<Sleep>(impl_->io);
  sleep->timer.expires_after(duration);
  const auto wake = [this, weak = std::weak_ptr(sleep)] {
    post([weak] {
      // In the past rather than cancelled: also right when the wait has not begun yet.
      if (const auto alive = weak.lock()) alive->timer.expires_at(SteadyTime::min());
    });
  };
  const std::stop_callback on_stop(std::move(stop), wake);
  const std::stop_callback on_end(impl_->ending.get_token(), wake);
  SleepAwaiter awaiter{sleep};
  co_await awaiter;
}

Loops::Loops() = default;

Result<std::unique_ptr<Loops>> Loops::create(const LoopsOptions& options) {
  if (options.threads < 0 || options.threads > 256 || options.blocking_threads < 1 ||
      options.blocking_threads > 256)
    return fail(ErrorKind::wrong_usage,
                fmt::format("start {} event loops and {} blocking threads: each is 1 to 256", options.threads,
                            options.blocking_threads));
  std::unique_ptr<Loops> loops(new Loops);
  loops->pool_ = std::make_unique<Pool>(options.blocking_threads);
  const int threads =
      options.threads > 0 ? options.threads : std::min(options.most_threads, cores_of_this_process());
  for (int i = 0; i < threads; ++i)
    loops->loops_.emplace_back(
        new Loop(std::make_unique<Loop::Impl>(static_cast<std::size_t>(i), *loops->pool_)));
  std::latch started(threads);
  for (auto& loop : loops->loops_) {
    auto& impl = *loop->impl_;
    impl.thread = std::thread([&impl, &started] {
      impl.thread_id = std::this_thread::get_id();
      started.count_down();
      impl.io.run();
      impl.ended.release();
    });
  }
  started.wait();  // from here on the ids are only read
  return loops;
}

Loops::~Loops() {
  for (auto& loop : loops_) {
    auto& impl = *loop->impl_;
    impl.work.reset();
    loop->post([&impl] { impl.end(); });
  }
  // A coroutine that waits for something that never comes must not keep the program.
  const auto latest = std::chrono::steady_clock::now() + kEndWithin;
  for (auto& loop : loops_) {
    auto& impl = *loop->impl_;
    if (!impl.thread.joinable()) continue;
    if (!impl.ended.try_acquire_until(latest)) impl.io.stop();
    impl.thread.join();
  }
}

}  // namespace studio
