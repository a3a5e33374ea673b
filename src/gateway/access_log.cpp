// One line a request, as key=value pairs.
#include "gateway/access_log.h"

#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

namespace studio {
namespace {

constexpr std::size_t kWriteAt = 32u << 10;

// Values come from clients: nothing in them may end the line or look like another field.
void append(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out.append(" ").append(name).append("=");
  for (const char c : value.substr(0, 200)) out += (c > ' ' && c != '"' && c < 0x7f) ? c : '_';
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return;  // a log that cannot be written must not end the service
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void AccessLog::add(const AccessLine& line) {
  std::string text;
  text.reserve(256);
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char when[32];
  text.append(when, std::strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc));
  append(text, "id", line.id);
  append(text, "from", line.remote);
  append(text, "method", line.method);
  append(text, "path", line.path.substr(0, line.path.find('?')));
  fmt::format_to(std::back_inserter(text), " status={} ms={:.2f}", line.status, line.seconds * 1e3);
  if (line.first_piece_s > 0)
    fmt::format_to(std::back_inserter(text), " first_ms={:.2f}", line.first_piece_s * 1e3);
  append(text, "model", line.model);
  append(text, "engine", line.engine);
  append(text, "key", line.key);
  append(text, "cache", line.cache);
  if (line.prompt_tokens >= 0) fmt::format_to(std::back_inserter(text), " in={}", line.prompt_tokens);
  if (line.completion_tokens >= 0)
    fmt::format_to(std::back_inserter(text), " out={}", line.completion_tokens);
  append(text, "error", line.error);
  text += '\n';
  const std::lock_guard lock(mutex_);
  buffer_ += text;
  if (buffer_.size() < kWriteAt) return;
  write_all(fd_, buffer_);
  buffer_.clear();
}

void AccessLog::flush() {
  const std::lock_guard lock(mutex_);
  write_all(fd_, buffer_);
  buffer_.clear();
}

}  // namespace studio
