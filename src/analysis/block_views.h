// Whether two frames can be views of one scene: patches of block means, looked for in the other frame.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "analysis/block_grid.h"

namespace studio {

// The patches of one frame without mean and contrast: 4 x 4 blocks each, smaller ones are alike by chance.
struct BlockPatches {
  static constexpr int kSide = 4, kParts = kSide * kSide;
  static constexpr int kColumns = kLumaColumns - kSide + 1, kRows = kLumaRows - kSide + 1;
  static constexpr int kStride = kLumaColumns;  // of a row, whole vectors

  explicit BlockPatches(const FrameFeatures& frame);

  // Unit vectors times kUnit, two parts of a patch side by side: [pair][row][2 * column + part].
  static constexpr float kUnit = 8192;
  std::array<std::array<std::array<std::int16_t, 2 * kStride>, kRows>, kParts / 2> pairs{};
  std::array<std::array<float, kStride>, kRows> weight{};  // 0..1: how much there is to recognise
};

// 0..1: how much of the two pictures is not to be found in the other: of the textured patches, those without
// a like patch up to three blocks away. Blind to gain and offset of the light; small through slow motion and
// exposure, near 1 between different views. 0.5 when neither picture has texture.
float unlike(const BlockPatches& a, const BlockPatches& b, const ActiveArea& area);

// Patches of the frames last asked for: neighbouring windows ask for the same ones. Not thread-safe.
class PatchCache {
 public:
  static constexpr std::int64_t kSlots = 512;
  // `frames` must be the same at every call. Good until a frame a multiple of kSlots away is asked for.
  const BlockPatches& of(std::span<const FrameFeatures> frames, std::int64_t frame);

 private:
  struct Slot {
    std::int64_t frame = -1;
    BlockPatches patches;
  };
  std::vector<Slot> slots_;
};

}  // namespace studio
