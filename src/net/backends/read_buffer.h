// What a connection has read and not yet used: one block of memory that grows and is closed up.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace studio {

// Parsers keep views of what lies in it, so nothing moves unless make_room() or close_up() is called;
// neither may be while a read into space() is under way.
class ReadBuffer {
 public:
  explicit ReadBuffer(std::size_t first_bytes) : first_bytes_(first_bytes) {}

  std::size_t size() const { return size_; }
  // Where what was not used yet begins.
  std::size_t next() const { return next_; }
  std::size_t unused() const { return size_ - next_; }
  std::string_view from(std::size_t at) const { return {bytes_.get() + at, size_ - at}; }
  std::string_view rest() const { return from(next_); }

  // Where a read may put bytes; arrived() says how many it put there.
  char* space() { return bytes_.get() + size_; }
  std::size_t room() const { return capacity_ - size_; }
  void arrived(std::size_t bytes) { size_ += bytes; }
  void use(std::size_t bytes) { next_ += bytes; }

  void make_room(std::size_t least) {
    if (room() >= least) return;
    const std::size_t larger = std::max({first_bytes_, capacity_ * 2, size_ + least});
    auto moved = std::make_unique_for_overwrite<char[]>(larger);
    if (size_ > 0) std::memcpy(moved.get(), bytes_.get(), size_);
    bytes_ = std::move(moved);
    capacity_ = larger;
  }
  // Moves what is unused to `to`; what lies before `to` stays, as the head of a message does.
  void close_up(std::size_t to) {
    const std::size_t rest = unused();
    if (rest > 0 && next_ > to) std::memmove(bytes_.get() + to, bytes_.get() + next_, rest);
    next_ = to;
    size_ = to + rest;
  }
  void clear() { size_ = next_ = 0; }

 private:
  std::size_t first_bytes_;
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, size_ = 0, next_ = 0;
};

}  // namespace studio
