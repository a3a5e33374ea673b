// Server-sent events (WHATWG HTML, section 9.2), read from pieces of any length.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace studio {

struct SseEvent {
  std::string event = "message";
  std::string data;  // lines joined by \n
  std::string id;
};

// Feed pieces as they arrive; whole events come out. A cut in the middle of a line, a CR LF or
// a UTF-8 character is fine. Comments (": ping") give nothing.
class SseReader {
 public:
  explicit SseReader(std::size_t max_event_bytes = 8u << 20) : max_event_bytes_(max_event_bytes) {}
  // limit_exceeded when one event grows past the limit.
  Result<std::vector<SseEvent>> feed(std::string_view piece);

 private:
  void take_line(std::string_view line, std::vector<SseEvent>& events);

  std::size_t max_event_bytes_;
  std::string line_;
  SseEvent pending_;
  bool has_data_ = false;
  bool after_cr_ = false;
};

}  // namespace studio
