// What a loop is made of: one io_context on one thread, and a list of things with deadlines.
#pragma once

#include <chrono>
#include <ctime>
#include <semaphore>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/loop.h"

namespace studio {

namespace asio = boost::asio;
using SteadyTime = std::chrono::steady_clock::time_point;

// Anything that is told once its deadline has passed, up to a quarter of a second late. Timers per
// read and write would cost more than the reads and writes.
class Timed {
 public:
  static constexpr SteadyTime kNever = SteadyTime::max();
  Timed() = default;
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  virtual ~Timed() { unlink(); }
  virtual void on_deadline() = 0;  // `deadline` was set to kNever before

  SteadyTime deadline = kNever;

 protected:
  void unlink() {
    if (!next_) return;
    next_->previous_ = previous_;
    previous_->next_ = next_;
    next_ = previous_ = nullptr;
  }

 private:
  friend struct Loop::Impl;
  Timed* next_ = nullptr;
  Timed* previous_ = nullptr;
};

struct Loop::Impl {
  Impl(std::size_t number, Loops::Pool& blocking_pool);

  // Only this loop's thread touches sockets and reactor, so their locks are left out; posting from
  // other threads stays safe.
  asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  std::size_t index;
  Loops::Pool& pool;
  std::stop_source ending;  // sleeps end with it
  std::thread thread;
  std::thread::id thread_id;
  std::binary_semaphore ended{0};  // the thread has nothing left to do

  void watch(Timed& timed);        // on the loop; ends with the object
  void end();                      // on the loop
  const std::string& http_date();  // "Sun, 06 Nov 1994 08:49:37 GMT", renewed each second

 private:
  struct Anchor final : Timed {
    void on_deadline() override {}
  };
  void arm();
  void sweep();

  Anchor anchor_;  // the list of watched objects is a ring through it
  asio::steady_timer timer_{io};
  bool armed_ = false;
  std::time_t date_second_ = 0;
  std::string date_;
};

using StreamSocket = asio::generic::stream_protocol::socket;

}  // namespace studio
