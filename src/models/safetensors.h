// Reads safetensors files: a JSON table of tensors, then their bytes.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace studio {

struct SafeTensor {
  std::string name;
  std::string type;                  // "F32", "F16", "BF16", "I64", ...
  std::vector<std::uint64_t> shape;  // slowest first
  std::uint64_t offset = 0;          // from the start of the file
  std::uint64_t values = 0;
};

class SafeTensors {
 public:
  // invalid_input names what is wrong: not of this format, cut off, tensors outside of the file.
  static Result<SafeTensors> open(const Path& file);

  const std::vector<SafeTensor>& tensors() const { return tensors_; }  // by name
  // The values as 32 bit floats. unsupported for types that are none (F32, F16 and BF16 are read).
  Result<std::vector<float>> floats(const SafeTensor& tensor) const;

 private:
  Path file_;
  std::vector<SafeTensor> tensors_;
};

// IEEE 754 binary16, to nearest even: the same on every machine.
std::uint16_t half_of(float value);
float float_of_half(std::uint16_t bits);

}  // namespace studio
