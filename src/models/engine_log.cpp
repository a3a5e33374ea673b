// Rotation by copy and truncate: the child keeps its descriptor, which appends at whatever is the end.
#include "models/engine_log.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

namespace studio {
namespace {

constexpr std::uintmax_t kOldLogBytes = 4u << 20;

Path numbered(const Path& log, int number) {
  return Path(fmt::format("{}.{}", log.string(), number));
}

std::string read_from(const Path& file, std::uintmax_t from, std::size_t at_most) {
  std::ifstream stream(file, std::ios::binary);
  stream.seekg(static_cast<std::streamoff>(from));
  std::string text(at_most, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(at_most));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
  return text;
}

}  // namespace

Result<Path> engine_log_folder() {
  const Path folder = cache_folder() / "logs";
  std::error_code ec;
  std::filesystem::create_directories(folder, ec);
  if (ec)
    return fail(ErrorKind::io, fmt::format("make the folder {}: {}", folder.string(), ec.message()),
                "set XDG_CACHE_HOME to a folder you may write to");
  return folder;
}

std::uintmax_t log_size(const Path& log) {
  std::error_code ec;
  const auto size = std::filesystem::file_size(log, ec);
  return ec ? 0 : size;
}

Result<Path> open_engine_log(const std::string& name) {
  TRY_ASSIGN(const Path folder, engine_log_folder());
  const Path log = folder / (name + ".log");
  if (log_size(log) > kOldLogBytes) {
    std::error_code ec;
    std::filesystem::rename(numbered(log, 1), numbered(log, 2), ec);
    std::filesystem::rename(log, numbered(log, 1), ec);
  }
  return log;
}

void rotate_engine_log(const Path& log, std::uintmax_t limit) {
  if (log_size(log) <= limit) return;
  std::error_code ec;
  std::filesystem::rename(numbered(log, 1), numbered(log, 2), ec);
  std::filesystem::copy_file(log, numbered(log, 1), std::filesystem::copy_options::overwrite_existing, ec);
  std::filesystem::resize_file(log, 0, ec);
}

std::string last_log_lines(const Path& log, std::uintmax_t from, std::size_t lines) {
  constexpr std::size_t kAtMost = 4000;
  const std::uintmax_t size = log_size(log);
  if (from > size) from = 0;  // it was rotated since
  const std::uintmax_t begin_byte = std::max<std::uintmax_t>(from, size > kAtMost ? size - kAtMost : 0);
  const std::string text = read_from(log, begin_byte, kAtMost);
  std::string_view tail(text);
  while (tail.ends_with('\n')) tail.remove_suffix(1);
  std::size_t begin = tail.size();
  for (; lines > 0 && begin != std::string_view::npos && begin > 0; --lines)
    begin = tail.rfind('\n', begin - 1);
  tail.remove_prefix(begin == std::string_view::npos ? 0 : begin);
  while (tail.starts_with('\n')) tail.remove_prefix(1);
  return std::string(tail);
}

}  // namespace studio
