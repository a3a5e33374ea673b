// A small boosted ensemble of decision trees: evidence in, probability out. The tables are written by
// bench/shots/train.py.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

namespace studio {

// One complete tree of depth 3: node i has children 2i+1 and 2i+2; evidence <= threshold goes left.
struct BoostedTree {
  std::array<std::uint8_t, 7> feature{};
  std::array<float, 7> threshold{};
  std::array<float, 8> value{};
};

// 0..1. Every feature index must be below evidence.size().
inline double probability(std::span<const BoostedTree> trees, double prior, std::span<const float> evidence) {
  double sum = prior;
  for (const auto& tree : trees) {
    int node = 0;
    while (node < 7) node = 2 * node + (evidence[tree.feature[node]] <= tree.threshold[node] ? 1 : 2);
    sum += tree.value[node - 7];
  }
  return 1 / (1 + std::exp(-sum));
}

}  // namespace studio
