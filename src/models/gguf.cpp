// The GGUF header reader (format: ggml/docs/gguf.md), written for files that lie about their lengths.
#include "models/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <functional>

#include <fmt/format.h>

namespace studio {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read as it lies");

constexpr std::uint64_t kMaxKey = 65535;         // the format's own bound
constexpr std::uint64_t kMaxText = 16u << 20;    // a chat template has some 10 kB
constexpr std::uint64_t kMaxKeptNumbers = 4096;  // a number a layer, at most
constexpr std::uint64_t kMaxTensors = 1u << 20;
constexpr std::uint64_t kMaxMetadata = 1u << 16;
constexpr std::uint32_t kMaxDimensions = 4;  // GGML_MAX_DIMS

enum class Kind : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, text, array, u64, i64, f64 };

// Bytes of a number or boolean in the file; 0 for the others.
std::uint64_t width(Kind kind) {
  switch (kind) {
    case Kind::u8:
    case Kind::i8:
    case Kind::boolean: return 1;
    case Kind::u16:
    case Kind::i16: return 2;
    case Kind::u32:
    case Kind::i32:
    case Kind::f32: return 4;
    case Kind::u64:
    case Kind::i64:
    case Kind::f64: return 8;
    case Kind::text:
    case Kind::array: return 0;
  }
  return 0;
}

// What is wrong, without the file's name; turned into an Error at one place.
struct Wrong {
  std::string what;
};

// The bytes of the header in order. `more` gives the next block of the file, empty at its end.
class Cursor {
 public:
  Cursor(std::function<std::string_view()> more, std::uint64_t file_bytes)
      : more_(std::move(more)), file_bytes_(file_bytes) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return file_bytes_ - std::min(file_bytes_, position_); }

  bool read(void* into, std::uint64_t size) {
    auto* out = static_cast<char*>(into);
    return take(size, [&out](std::string_view piece) {
      std::memcpy(out, piece.data(), piece.size());
      out += piece.size();
    });
  }
  bool skip(std::uint64_t size) {
    return take(size, [](std::string_view) {});
  }
  template <typename T>
  bool number(T& value) {
    return read(&value, sizeof value);
  }
  // Grows with what is really there, so that a false length costs no memory.
  bool text(std::string& value, std::uint64_t size) {
    value.clear();
    return take(size, [&value](std::string_view piece) { value.append(piece); });
  }

 private:
  template <typename Use>
  bool take(std::uint64_t size, Use use) {
    if (size > left()) return false;
    while (size > 0) {
      if (block_.empty()) block_ = more_();
      if (block_.empty()) return false;
      const std::string_view piece = block_.substr(0, std::min<std::uint64_t>(size, block_.size()));
      use(piece);
      block_.remove_prefix(piece.size());
      position_ += piece.size();
      size -= piece.size();
    }
    return true;
  }

  std::function<std::string_view()> more_;
  std::uint64_t file_bytes_;
  std::uint64_t position_ = 0;
  std::string_view block_;
};

class Reader {
 public:
  Reader(Cursor cursor, std::uint64_t file_bytes) : in_(std::move(cursor)) {
    header_.file_bytes = file_bytes;
  }

  std::expected<GgufHeader, Wrong> read() {
    if (auto wrong = read_all()) return std::unexpected(*std::move(wrong));
    return std::move(header_);
  }

 private:
  using Outcome = std::optional<Wrong>;
  static Wrong cut_off(std::string_view where) { return {fmt::format("it is cut off in {}", where)}; }

  Outcome read_all() {
    char magic[4] = {};
    if (!in_.read(magic, sizeof magic) || std::string_view(magic, 4) != "GGUF")
      return Wrong{"it does not begin with GGUF"};
    if (!in_.number(header_.version)) return cut_off("its first line");
    if (header_.version == 0x02000000 || header_.version == 0x03000000)
      return Wrong{"it is big-endian, which no engine here reads"};
    if (header_.version != 2 && header_.version != 3)
      return Wrong{fmt::format("its version is {}; 2 and 3 are known", header_.version)};
    std::uint64_t tensors = 0, pairs = 0;
    if (!in_.number(tensors) || !in_.number(pairs)) return cut_off("its counts");
    if (tensors > kMaxTensors || pairs > kMaxMetadata)
      return Wrong{fmt::format("it claims {} tensors and {} metadata keys", tensors, pairs)};
    for (std::uint64_t i = 0; i < pairs; ++i)
      if (auto wrong = read_pair()) return wrong;
    for (std::uint64_t i = 0; i < tensors; ++i)
      if (auto wrong = read_tensor()) return wrong;
    return place_data();
  }

  Outcome read_pair() {
    std::string key;
    if (auto wrong = read_text(key, kMaxKey, "a metadata key")) return wrong;
    std::uint32_t type = 0;
    if (!in_.number(type)) return cut_off("the metadata");
    if (type > static_cast<std::uint32_t>(Kind::f64))
      return Wrong{fmt::format("the metadata key {} has the unknown type {}", printable(key), type)};
    GgufValue value;
    if (auto wrong = read_value(static_cast<Kind>(type), key, value)) return wrong;
    if (!header_.metadata.emplace(key, std::move(value)).second)
      return Wrong{fmt::format("the metadata key {} is there twice", printable(key))};
    return {};
  }

  Outcome read_value(Kind kind, const std::string& key, GgufValue& value) {
    if (kind == Kind::array) return read_array(key, value);
    if (kind == Kind::text) {
      std::string text;
      if (auto wrong = read_text(text, kMaxText, "the metadata")) return wrong;
      value = std::move(text);
      return {};
    }
    if (!read_scalar(kind, value)) return cut_off("the metadata");
    return {};
  }

  bool read_scalar(Kind kind, GgufValue& value) {
    const auto as = [&]<typename From, typename To>(From, To) {
      From raw{};
      if (!in_.number(raw)) return false;
      value = static_cast<To>(raw);
      return true;
    };
    switch (kind) {
      case Kind::u8: return as(std::uint8_t{}, std::uint64_t{});
      case Kind::u16: return as(std::uint16_t{}, std::uint64_t{});
      case Kind::u32: return as(std::uint32_t{}, std::uint64_t{});
      case Kind::u64: return as(std::uint64_t{}, std::uint64_t{});
      case Kind::i8: return as(std::int8_t{}, std::int64_t{});
      case Kind::i16: return as(std::int16_t{}, std::int64_t{});
      case Kind::i32: return as(std::int32_t{}, std::int64_t{});
      case Kind::i64: return as(std::int64_t{}, std::int64_t{});
      case Kind::f32: return as(float{}, double{});
      case Kind::f64: return as(double{}, double{});
      case Kind::boolean: return as(std::uint8_t{}, bool{});
      case Kind::text:
      case Kind::array: break;
    }
    return false;
  }

  Outcome read_array(const std::string& key, GgufValue& value) {
    std::uint32_t type = 0;
    GgufArray array;
    if (!in_.number(type) || !in_.number(array.count)) return cut_off("the metadata");
    if (type > static_cast<std::uint32_t>(Kind::f64) || static_cast<Kind>(type) == Kind::array)
      return Wrong{
          fmt::format("the metadata key {} is an array of the unknown type {}", printable(key), type)};
    const auto kind = static_cast<Kind>(type);
    // Each string takes at least its length's eight bytes.
    const std::uint64_t each = kind == Kind::text ? 8 : width(kind);
    if (array.count > in_.left() / each) return cut_off(fmt::format("the array {}", printable(key)));
    if (kind == Kind::text) {
      for (std::uint64_t i = 0; i < array.count; ++i) {
        std::uint64_t size = 0;
        if (!in_.number(size) || !in_.skip(size)) return cut_off(fmt::format("the array {}", printable(key)));
      }
    } else if (array.count > kMaxKeptNumbers) {
      if (!in_.skip(array.count * each)) return cut_off(fmt::format("the array {}", printable(key)));
    } else {
      for (std::uint64_t i = 0; i < array.count; ++i) {
        GgufValue item;
        if (!read_scalar(kind, item)) return cut_off(fmt::format("the array {}", printable(key)));
        array.numbers.push_back(std::visit(
            [](const auto& number) -> double {
              if constexpr (std::is_arithmetic_v<std::decay_t<decltype(number)>>)
                return static_cast<double>(number);
              else
                return 0;
            },
            item));
      }
    }
    value = std::move(array);
    return {};
  }

  Outcome read_tensor() {
    GgufTensor tensor;
    if (auto wrong = read_text(tensor.name, kMaxKey, "the table of tensors")) return wrong;
    std::uint32_t dimensions = 0;
    if (!in_.number(dimensions)) return cut_off("the table of tensors");
    if (dimensions > kMaxDimensions)
      return Wrong{fmt::format("the tensor {} has {} dimensions", printable(tensor.name), dimensions)};
    std::uint64_t elements = 1;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      std::uint64_t size = 0;
      if (!in_.number(size)) return cut_off("the table of tensors");
      // No tensor has more values than 8 for each byte of the file (1 bit each).
      if (size == 0 || elements > header_.file_bytes * 8 / size)
        return Wrong{fmt::format("it is cut off or damaged: the tensor {} is larger than the file",
                                 printable(tensor.name))};
      elements *= size;
      tensor.dimensions.push_back(size);
    }
    if (!in_.number(tensor.type) || !in_.number(tensor.offset)) return cut_off("the table of tensors");
    tensor.bytes = ggml_bytes(tensor.type, elements).value_or(0);
    header_.tensors.push_back(std::move(tensor));
    return {};
  }

  // Where the data begins, and whether it is all there.
  Outcome place_data() {
    const std::uint64_t alignment = header_.integer("general.alignment").value_or(32);
    if (alignment == 0 || alignment > (1u << 20) || !std::has_single_bit(alignment))
      return Wrong{fmt::format("its alignment is {}", alignment)};
    header_.data_offset = (in_.position() + alignment - 1) / alignment * alignment;
    const std::uint64_t data = header_.file_bytes - std::min(header_.file_bytes, header_.data_offset);
    measure_unknown_types(data);
    for (const GgufTensor& tensor : header_.tensors)
      if (tensor.offset > data || tensor.bytes > data - tensor.offset)
        return Wrong{fmt::format("it is cut off: the tensor {} needs {} bytes at {}, the file has {}",
                                 printable(tensor.name), tensor.bytes, header_.data_offset + tensor.offset,
                                 header_.file_bytes)};
    return {};
  }

  // A type newer than this reader: its tensor reaches to the next one.
  void measure_unknown_types(std::uint64_t data) {
    std::vector<std::uint64_t> starts;
    for (const GgufTensor& tensor : header_.tensors) starts.push_back(tensor.offset);
    std::ranges::sort(starts);
    for (GgufTensor& tensor : header_.tensors) {
      if (tensor.bytes > 0 || tensor.offset >= data) continue;
      const auto next = std::ranges::upper_bound(starts, tensor.offset);
      tensor.bytes = (next == starts.end() ? data : std::min(*next, data)) - tensor.offset;
    }
  }

  Outcome read_text(std::string& text, std::uint64_t limit, std::string_view where) {
    std::uint64_t size = 0;
    if (!in_.number(size)) return cut_off(where);
    if (size > in_.left()) return cut_off(where);
    if (size > limit) return Wrong{fmt::format("a text of {} bytes is in {}", size, where)};
    if (!in_.text(text, size)) return cut_off(where);
    return {};
  }

  static std::string printable(std::string_view text) {
    std::string out(text.substr(0, 80));
    for (char& c : out)
      if (c < 0x20 || c > 0x7e) c = '?';
    return out;
  }

  Cursor in_;
  GgufHeader header_;
};

Result<GgufHeader> told(std::expected<GgufHeader, Wrong> header, std::string_view origin) {
  if (header) return *std::move(header);
  return fail(ErrorKind::invalid_input,
              fmt::format("read the model file {}: {}", origin, header.error().what),
              "get it again, or give a whole GGUF file");
}

// Block length and bytes of a block (ggml-common.h).
struct TypeSize {
  std::string_view name;
  std::uint64_t values = 0, bytes = 0;
};

constexpr TypeSize kTypes[] = {
    {"F32", 1, 4},
    {"F16", 1, 2},
    {"Q4_0", 32, 18},
    {"Q4_1", 32, 20},
    {},
    {},
    {"Q5_0", 32, 22},
    {"Q5_1", 32, 24},
    {"Q8_0", 32, 34},
    {"Q8_1", 32, 36},
    {"Q2_K", 256, 84},
    {"Q3_K", 256, 110},
    {"Q4_K", 256, 144},
    {"Q5_K", 256, 176},
    {"Q6_K", 256, 210},
    {"Q8_K", 256, 292},
    {"IQ2_XXS", 256, 66},
    {"IQ2_XS", 256, 74},
    {"IQ3_XXS", 256, 98},
    {"IQ1_S", 256, 50},
    {"IQ4_NL", 32, 18},
    {"IQ3_S", 256, 110},
    {"IQ2_S", 256, 82},
    {"IQ4_XS", 256, 136},
    {"I8", 1, 1},
    {"I16", 1, 2},
    {"I32", 1, 4},
    {"I64", 1, 8},
    {"F64", 1, 8},
    {"IQ1_M", 256, 56},
    {"BF16", 1, 2},
    {},
    {},
    {},
    {"TQ1_0", 256, 54},
    {"TQ2_0", 256, 66},
    {},
    {},
    {},
    {"MXFP4", 32, 17},
    {"NVFP4", 64, 36},
    {"Q1_0", 128, 18},
    {"Q2_0", 64, 18},
};

}  // namespace

std::optional<std::uint64_t> ggml_bytes(std::uint32_t type, std::uint64_t elements) {
  if (type >= std::size(kTypes) || kTypes[type].values == 0) return std::nullopt;
  const TypeSize& size = kTypes[type];
  const std::uint64_t blocks = elements / size.values + (elements % size.values != 0);
  if (blocks > UINT64_MAX / size.bytes) return std::nullopt;
  return blocks * size.bytes;
}

std::string_view ggml_type_name(std::uint32_t type) {
  return type < std::size(kTypes) && !kTypes[type].name.empty() ? kTypes[type].name : "?";
}

std::optional<std::uint64_t> GgufHeader::integer(std::string_view key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  if (const auto* value = std::get_if<std::uint64_t>(&found->second)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&found->second); value != nullptr && *value >= 0)
    return static_cast<std::uint64_t>(*value);
  return std::nullopt;
}

std::optional<double> GgufHeader::number(std::string_view key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  if (const auto* value = std::get_if<double>(&found->second)) return *value;
  if (const auto whole = integer(key)) return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<bool> GgufHeader::boolean(std::string_view key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return std::nullopt;
  if (const auto* value = std::get_if<bool>(&found->second)) return *value;
  return std::nullopt;
}

std::string GgufHeader::text(std::string_view key) const {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return {};
  const auto* value = std::get_if<std::string>(&found->second);
  return value != nullptr ? *value : std::string();
}

const GgufArray* GgufHeader::array(std::string_view key) const {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : std::get_if<GgufArray>(&found->second);
}

Result<GgufHeader> parse_gguf_header(std::string_view bytes, std::uint64_t file_bytes,
                                     std::string_view origin) {
  bool given = false;
  const auto more = [&]() -> std::string_view {
    if (std::exchange(given, true)) return {};
    return bytes;
  };
  return told(Reader(Cursor(more, file_bytes), file_bytes).read(), origin);
}

Result<GgufHeader> read_gguf_header(const Path& file) {
  std::error_code ec;
  if (!std::filesystem::exists(file, ec))
    return fail(ErrorKind::not_found, fmt::format("open {}: no such file", file.string()), "check the path");
  if (!std::filesystem::is_regular_file(file, ec))
    return fail(ErrorKind::invalid_input, fmt::format("open {}: it is not a file", file.string()),
                "give a GGUF file");
  const std::uint64_t size = std::filesystem::file_size(file, ec);
  std::ifstream in(file, std::ios::binary);
  if (!in)
    return fail(ErrorKind::io, fmt::format("open {}: not allowed", file.string()), "check its permissions");
  std::string block(256 * 1024, '\0');
  const auto more = [&]() -> std::string_view {
    in.read(block.data(), static_cast<std::streamsize>(block.size()));
    return {block.data(), static_cast<std::size_t>(in.gcount())};
  };
  return told(Reader(Cursor(more, size), size).read(), file.string());
}

std::vector<Path> gguf_split_files(const Path& file) {
  constexpr std::size_t kTail = std::string_view("-00001-of-00003.gguf").size();
  const std::string name = file.filename().string();
  if (name.size() <= kTail) return {file};
  const std::string stem = name.substr(0, name.size() - kTail);
  const std::string tail = name.substr(stem.size());
  const auto digits = [&tail](std::size_t at) {
    return std::ranges::all_of(tail.substr(at, 5), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf" || !digits(1) ||
      !digits(10))
    return {file};
  const int count = std::stoi(tail.substr(10, 5));
  if (count < 1 || count > 1000) return {file};
  std::vector<Path> files;
  for (int i = 1; i <= count; ++i)
    files.push_back(file.parent_path() / fmt::format("{}-{:05}-of-{:05}.gguf", stem, i, count));
  return files;
}

}  // namespace studio
