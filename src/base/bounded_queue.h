// Joins two stages: a queue of a few items that blocks instead of growing.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>

namespace studio {

// One producer, one consumer. close() from either side ends both: push() is refused, pop() gives
// what is left and then nothing. A stop request wakes whoever waits.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // False when the queue is closed or `stop` was requested: the item is dropped.
  bool push(T item, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!room_.wait(lock, stop, [this] { return closed_ || items_.size() < capacity_; }) || closed_)
      return false;
    items_.push_back(std::move(item));
    lock.unlock();
    filled_.notify_one();
    return true;
  }

  std::optional<T> pop(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    if (!filled_.wait(lock, stop, [this] { return closed_ || !items_.empty(); }) || items_.empty())
      return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return item;
  }

  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    room_.notify_all();
    filled_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;  // guards items_ and closed_
  std::condition_variable_any room_, filled_;
  std::deque<T> items_;
  bool closed_ = false;
};

}  // namespace studio
