// GGUF version 3, little-endian (format: ggml/docs/gguf.md).
#include "models/gguf_writer.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

namespace studio {
namespace {

constexpr std::uint64_t kAlignment = 32;

template <typename T>
void add(std::string& to, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof value);
  to.append(raw, sizeof raw);
}

void add_text(std::string& to, std::string_view value) {
  add(to, std::uint64_t{value.size()});
  to += value;
}

std::uint64_t padding(std::uint64_t size) {
  return (kAlignment - size % kAlignment) % kAlignment;
}

}  // namespace

void GgufWriter::key(std::string_view key, std::uint32_t type) {
  ++pairs_;
  add_text(metadata_, key);
  add(metadata_, type);
}
void GgufWriter::text(std::string_view name, std::string_view value) {
  key(name, 8);
  add_text(metadata_, value);
}
void GgufWriter::u32(std::string_view name, std::uint32_t value) {
  key(name, 4);
  add(metadata_, value);
}
void GgufWriter::f32(std::string_view name, float value) {
  key(name, 6);
  add(metadata_, value);
}
void GgufWriter::flag(std::string_view name, bool value) {
  key(name, 7);
  metadata_ += value ? '\1' : '\0';
}
void GgufWriter::texts(std::string_view name, const std::vector<std::string>& values) {
  key(name, 9);
  add(metadata_, std::uint32_t{8});
  add(metadata_, std::uint64_t{values.size()});
  for (const std::string& value : values) add_text(metadata_, value);
}
void GgufWriter::i32s(std::string_view name, const std::vector<std::int32_t>& values) {
  key(name, 9);
  add(metadata_, std::uint32_t{5});
  add(metadata_, std::uint64_t{values.size()});
  for (const std::int32_t value : values) add(metadata_, value);
}
void GgufWriter::tensor(std::string_view name, std::uint32_t type,
                        const std::vector<std::uint64_t>& dimensions, std::uint64_t bytes,
                        std::function<Result<void>(std::ostream&)> write) {
  add_text(table_, name);
  add(table_, static_cast<std::uint32_t>(dimensions.size()));
  for (const std::uint64_t size : dimensions) add(table_, size);
  add(table_, type);
  add(table_, data_bytes_);
  data_bytes_ += bytes + padding(bytes);
  tensors_.push_back({bytes, std::move(write)});
}

Result<void> GgufWriter::write(const Path& file) const {
  std::string head = "GGUF";
  add(head, std::uint32_t{3});
  add(head, std::uint64_t{tensors_.size()});
  add(head, pairs_);
  head += metadata_ + table_;
  head.append(padding(head.size()), '\0');
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(head.data(), static_cast<std::streamsize>(head.size()));
  static constexpr char kZeros[kAlignment] = {};
  for (const Tensor& tensor : tensors_) {
    if (!out) break;
    TRY(tensor.write(out));
    out.write(kZeros, static_cast<std::streamsize>(padding(tensor.bytes)));
  }
  out.flush();
  if (out) return {};
  const int code = errno;
  return fail(code == ENOSPC ? ErrorKind::no_space : ErrorKind::io,
              fmt::format("write {}: {}", file.string(), std::strerror(code)), "free some disk space");
}

}  // namespace studio
