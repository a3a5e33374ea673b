// How sure the evidence makes us: models learned from generated clips by bench/shots/train.py.
#pragma once

#include <span>

namespace studio {

// 0..1, from the evidence of transitions.h in its order.
double cut_probability(std::span<const float> evidence);
double blend_probability(std::span<const float> evidence);

}  // namespace studio
