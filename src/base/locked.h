// Reading a value that a lock guards.
#pragma once

#include <mutex>

namespace studio {

// The value as it is while `mutex` is held.
template <typename T>
T copy_locked(std::mutex& mutex, const T& value) {
  const std::lock_guard lock(mutex);
  return value;
}

}  // namespace studio
