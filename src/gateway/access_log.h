// One line a request, gathered on each loop and written together: never prompts, never keys.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace studio {

struct AccessLine {
  std::string_view id, remote, method, path, model, engine, key, cache;
  int status = 0;
  double seconds = 0, first_piece_s = 0;
  long long prompt_tokens = -1, completion_tokens = -1;  // -1: not known
  std::string_view error;                                // a code; empty when answered
};

// Writes to stderr (a file, the journal). add() appends to a buffer; what is there is written when it
// has grown to 32 KiB, by flush(), or at the end.
class AccessLog {
 public:
  explicit AccessLog(int fd = 2) : fd_(fd) {}
  ~AccessLog() { flush(); }
  void add(const AccessLine& line);
  void flush();

 private:
  int fd_;
  std::mutex mutex_;  // guards buffer_
  std::string buffer_;
};

}  // namespace studio
