// What a model will take: computed, then corrected by what was measured on this machine.
#include <algorithm>

#include <fmt/format.h>

#include "models/model_roster.h"

namespace studio {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

std::uint64_t size_of(const Path& file) {
  std::error_code ec;
  const auto size = std::filesystem::file_size(file, ec);
  return ec ? 0 : size;
}

// Nothing of the header can be read: the file, a fifth more for the cache, and the process.
std::uint64_t by_size(const RosterModel& model) {
  if (model.known_bytes > 0) return model.known_bytes;
  const std::uint64_t files =
      size_of(model.start.file) + size_of(model.start.mmproj) + size_of(model.start.draft);
  return files + files / 5 + 128 * kMiB;
}

std::string settings_of(const EngineStart& start, std::optional<int> gpu_layers, bool card) {
  return fmt::format("bytes={} ctx={} slots={} kv={}/{} layers={}{}{}", size_of(start.file), start.context,
                     start.slots, start.cache_type_k, start.cache_type_v,
                     !card        ? "0"
                     : gpu_layers ? std::to_string(*gpu_layers)
                                  : "all",
                     start.draft.empty() ? "" : " draft=" + start.draft.filename().string(),
                     start.mmproj.empty() ? "" : " mmproj=" + start.mmproj.filename().string());
}

// A life that saw little use must not make a model look small: never less than 0.7 of what is computed.
std::uint64_t corrected(std::uint64_t computed, std::uint64_t measured) {
  if (measured == 0) return computed;
  return std::max(measured + measured / 20, computed - computed * 3 / 10);
}

}  // namespace

ShapeCache::Known ShapeCache::look(const Path& file) {
  std::error_code ec;
  const auto time = std::filesystem::last_write_time(file, ec);
  const auto bytes = size_of(file);
  {
    std::lock_guard lock(mutex_);
    const auto found = known_.find(file);
    if (found != known_.end() && found->second.time == time && found->second.bytes == bytes)
      return found->second;
  }
  Known known{time, bytes, nullptr, std::nullopt};
  if (auto shape = read_gguf_shape(file)) {
    known.shape = std::make_shared<const ModelShape>(*std::move(shape));
  } else {
    // A whole file may still be something else than a language model; the engine knows.
    for (const Path& part : gguf_split_files(file))
      if (const auto header = read_gguf_header(part); !header && !known.broken) known.broken = header.error();
  }
  std::lock_guard lock(mutex_);
  known_[file] = known;
  return known;
}

std::shared_ptr<const ModelShape> ShapeCache::of(const Path& file) {
  return file.empty() ? nullptr : look(file).shape;
}

Result<void> ShapeCache::sound(const Path& file) {
  if (const auto known = look(file); known.broken) return std::unexpected(*known.broken);
  return {};
}

NeedEstimate estimate_need(const RosterModel& model, const MemoryRoom& room, MeasuredPeaks& peaks,
                           ShapeCache& shapes) {
  NeedEstimate estimate;
  if (model.remote) {
    (room.card ? estimate.need.gpu : estimate.need.host) = model.known_bytes;
    return estimate;
  }
  const auto shape = shapes.of(model.start.file);
  if (!shape) {
    (room.card ? estimate.need.gpu : estimate.need.host) = by_size(model);
  } else {
    const auto projector = shapes.of(model.start.mmproj);
    const auto draft = shapes.of(model.start.draft);
    NeedOptions options = usual_need(model.task, shape->context, room.card);
    options.context = model.start.context;
    options.slots = model.start.slots;
    options.cache_k = cache_type_of(model.start.cache_type_k).value_or(CacheType::f16);
    options.cache_v = cache_type_of(model.start.cache_type_v).value_or(CacheType::f16);
    options.projector = projector.get();
    options.draft = draft.get();
    MemoryNeed need = memory_need(*shape, options);
    if (room.card && need.on_gpu > room.most.gpu) {
      const auto layers = layers_that_fit(*shape, options, room.most.gpu, room.most.host);
      if (layers) {
        estimate.gpu_layers = *layers;
        options.gpu_layers = *layers;
        need = memory_need(*shape, options);
      }
    }
    estimate.need = {need.on_gpu, need.on_host};
  }
  estimate.settings = settings_of(model.start, estimate.gpu_layers, room.card);
  if (const auto peak = peaks.find(model.id, estimate.settings)) {
    estimate.need.gpu = corrected(estimate.need.gpu, peak->bytes.gpu);
    estimate.need.host = corrected(estimate.need.host, peak->bytes.host);
  }
  return estimate;
}

}  // namespace studio
