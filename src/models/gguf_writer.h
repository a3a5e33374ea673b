// Writes GGUF files: metadata first, then tensors, in the order they were added.
#pragma once

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace studio {

// The same calls give the same bytes on every machine, so that a converted model has one SHA-256.
class GgufWriter {
 public:
  void text(std::string_view key, std::string_view value);
  void u32(std::string_view key, std::uint32_t value);
  void f32(std::string_view key, float value);
  void flag(std::string_view key, bool value);
  void texts(std::string_view key, const std::vector<std::string>& values);
  void i32s(std::string_view key, const std::vector<std::int32_t>& values);
  // `type` by ggml's number; `bytes` must be what `write` gives to the stream.
  void tensor(std::string_view name, std::uint32_t type, const std::vector<std::uint64_t>& dimensions,
              std::uint64_t bytes, std::function<Result<void>(std::ostream&)> write);

  // io, no_space; what a tensor's own function returned.
  Result<void> write(const Path& file) const;

 private:
  struct Tensor {
    std::uint64_t bytes = 0;
    std::function<Result<void>(std::ostream&)> write;
  };
  void key(std::string_view key, std::uint32_t type);

  std::string metadata_, table_;
  std::uint64_t pairs_ = 0, data_bytes_ = 0;
  std::vector<Tensor> tensors_;
};

}  // namespace studio
