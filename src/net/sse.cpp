// The line machine of server-sent events.
#include "net/sse.h"

#include <utility>

#include <fmt/format.h>

namespace studio {

Result<std::vector<SseEvent>> SseReader::feed(std::string_view piece) {
  std::vector<SseEvent> events;
  for (const char c : piece) {
    // A line ends at CR, LF or CR LF; the LF of a pair may come in the next piece.
    if (std::exchange(after_cr_, false) && c == '\n') continue;
    if (c == '\r' || c == '\n') {
      after_cr_ = c == '\r';
      take_line(line_, events);
      line_.clear();
      continue;
    }
    line_ += c;
    if (line_.size() + pending_.data.size() > max_event_bytes_)
      return fail(ErrorKind::limit_exceeded,
                  fmt::format("read an event stream: one event is larger than {} bytes", max_event_bytes_));
  }
  return events;
}

void SseReader::take_line(std::string_view line, std::vector<SseEvent>& events) {
  if (line.empty()) {
    if (has_data_) events.push_back(std::move(pending_));
    pending_ = SseEvent{};
    has_data_ = false;
    return;
  }
  const std::size_t colon = line.find(':');
  if (colon == 0) return;  // a comment
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (has_data_) pending_.data += '\n';
    pending_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    pending_.event = value;
  } else if (field == "id") {
    pending_.id = value;
  }
}

}  // namespace studio
