// The safetensors reader (format: huggingface/safetensors README), for files that may be damaged.
#include "models/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.h"

namespace studio {
namespace {

constexpr std::uint64_t kMaxTable = 100u << 20;  // the format's own bound

std::unexpected<Error> reject(const Path& file, std::string_view what) {
  return fail(ErrorKind::invalid_input, fmt::format("read the tensors of {}: {}", file.string(), what),
              "get the file again");
}

std::uint64_t bytes_of(std::string_view type) {
  if (type == "F64" || type == "I64" || type == "U64") return 8;
  if (type == "F32" || type == "I32" || type == "U32") return 4;
  if (type == "F16" || type == "BF16" || type == "I16" || type == "U16") return 2;
  if (type == "I8" || type == "U8" || type == "BOOL" || type == "F8_E4M3" || type == "F8_E5M2") return 1;
  return 0;
}

// The table's entry, checked against the bytes that follow the table.
Result<SafeTensor> read_entry(const std::string& name, const Json& item, std::uint64_t data,
                              std::uint64_t bytes, const Path& file) {
  SafeTensor tensor;
  tensor.name = name;
  const auto refuse = [&] { return reject(file, fmt::format("the tensor {} lies outside of it", name)); };
  JsonReader reader(item, name);
  tensor.type = reader.required_string("dtype");
  const Json& shape = reader.array("shape");
  const Json& range = reader.array("data_offsets");
  TRY(reader.result());
  const std::uint64_t width = bytes_of(tensor.type);
  if (width == 0)
    return reject(file, fmt::format("the tensor {} has the unknown type {}", name, tensor.type));
  tensor.values = 1;
  for (const Json& size : shape) {
    if (!size.is_number_unsigned()) return refuse();
    const auto length = size.get<std::uint64_t>();
    if (length != 0 && tensor.values > bytes / length) return refuse();
    tensor.values *= length;
    tensor.shape.push_back(length);
  }
  if (range.size() != 2 || !range[0].is_number_unsigned() || !range[1].is_number_unsigned()) return refuse();
  const auto begin = range[0].get<std::uint64_t>(), end = range[1].get<std::uint64_t>();
  if (begin > end || end > bytes || end - begin != tensor.values * width) return refuse();
  tensor.offset = data + begin;
  return tensor;
}

}  // namespace

Result<SafeTensors> SafeTensors::open(const Path& path) {
  std::error_code ec;
  const std::uint64_t size = std::filesystem::file_size(path, ec);
  std::ifstream in(path, std::ios::binary);
  if (ec || !in)
    return fail(ErrorKind::not_found, fmt::format("open {}: it cannot be read", path.string()),
                "check the path");
  std::uint64_t table_bytes = 0;
  in.read(reinterpret_cast<char*>(&table_bytes), sizeof table_bytes);
  if (!in || table_bytes > kMaxTable || table_bytes > size - 8)
    return reject(path, "it has no table of tensors");
  std::string text(table_bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in) return reject(path, "its table is cut off");
  TRY_ASSIGN(const Json table, parse_json(text, path.string()));
  if (!table.is_object()) return reject(path, "its table is no object");
  SafeTensors all;
  all.file_ = path;
  for (const auto& [name, item] : table.items()) {
    if (name == "__metadata__") continue;
    if (!item.is_object()) return reject(path, fmt::format("the tensor {} has no description", name));
    TRY_ASSIGN(SafeTensor tensor, read_entry(name, item, 8 + table_bytes, size - 8 - table_bytes, path));
    all.tensors_.push_back(std::move(tensor));
  }
  std::ranges::sort(all.tensors_, {}, &SafeTensor::name);
  return all;
}

Result<std::vector<float>> SafeTensors::floats(const SafeTensor& tensor) const {
  std::ifstream in(file_, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(tensor.offset));
  std::vector<float> values(tensor.values);
  if (tensor.type == "F32") {
    in.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  } else if (tensor.type == "F16" || tensor.type == "BF16") {
    std::vector<std::uint16_t> raw(tensor.values);
    in.read(reinterpret_cast<char*>(raw.data()),
            static_cast<std::streamsize>(raw.size() * sizeof(std::uint16_t)));
    std::ranges::transform(raw, values.begin(), [&](std::uint16_t bits) {
      return tensor.type == "F16" ? float_of_half(bits) : std::bit_cast<float>(std::uint32_t{bits} << 16);
    });
  } else {
    return fail(ErrorKind::unsupported, fmt::format("read the tensor {} of {}: its values are {}, no floats",
                                                    tensor.name, file_.string(), tensor.type));
  }
  if (!in) return reject(file_, fmt::format("the tensor {} is cut off", tensor.name));
  return values;
}

std::uint16_t half_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const std::uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;   // not a number
  if (magnitude >= 0x477ff000) return sign | 0x7c00;  // rounds past the largest: infinite
  if (magnitude < 0x38800000) {                       // below the smallest normal: in steps of 2^-24
    const double steps = std::nearbyint(static_cast<double>(std::bit_cast<float>(magnitude)) * 16777216.0);
    return sign | static_cast<std::uint16_t>(steps);
  }
  // Exponent from bias 127 to 15, then half of the lowest kept bit, to even on a tie.
  const std::uint32_t moved = magnitude - ((127u - 15u) << 23);
  return sign | static_cast<std::uint16_t>((moved + 0xfff + (moved >> 13 & 1)) >> 13);
}

float float_of_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction != 0 ? std::nanf("") : sign * HUGE_VALF;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

}  // namespace studio
