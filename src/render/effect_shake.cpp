// shake: the camera trembles, from a seed, the same every time.
#include <cmath>
#include <cstdint>

#include "render/window_effect.h"

namespace studio {
namespace {

// A well mixed number in -1..1 from a seed and a place (SplitMix64, Steele et al. 2014).
double noise_at(std::uint64_t seed, std::int64_t place) {
  std::uint64_t z = seed + static_cast<std::uint64_t>(place) * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) / static_cast<double>(1ULL << 52) - 1.0;
}

// Value noise: random points `frequency` times a second, smooth between them.
double smooth_noise(std::uint64_t seed, double position) {
  const double whole = std::floor(position);
  const auto place = static_cast<std::int64_t>(whole);
  const double t = smoothstep(position - whole);
  return noise_at(seed, place) * (1 - t) + noise_at(seed, place + 1) * t;
}

class Shake final : public WindowEffect {
 public:
  explicit Shake(const EffectValues& values)
      : WindowEffect(values), seed_(static_cast<std::uint64_t>(values.number("seed")) * 7919 + 1) {}

 private:
  View view_at(Time at) const override {
    const double in = std::max(0.0, values_.seconds_in(at));
    const double decay = values_.number("decay_s");
    const double widest = values_.number("amount", at);
    const double amount = decay > 0 ? widest * std::exp(-3 * in / decay) : widest;
    const double position = in * values_.number("frequency", at);
    View view;
    // Zoomed in just enough that no edge shows at the largest swing.
    view.scale = 1 / (1 - 2 * std::min(amount, 0.2));
    view.shift_x = amount * smooth_noise(seed_, position);
    view.shift_y = amount * smooth_noise(seed_ + 1'000'003, position);
    return view;
  }
  std::uint64_t seed_;
};

}  // namespace

EffectDefinition shake_effect() {
  EffectDefinition d;
  d.info.id = "shake";
  d.info.description = "the camera trembles";
  d.info.params = {
      number_parameter("amount", "", 0, 0.2, 0.02, "largest swing, fraction of the picture"),
      number_parameter("frequency", "Hz", 0.5, 30, 9, "how many swings a second"),
      number_parameter("decay_s", "s", 0, 60, 0, "dies away over this time; 0: stays", false),
      number_parameter("seed", "", 0, 4294967295.0, 1, "another number, another tremble", false)};
  d.make = [](const EffectValues& values, const EffectStage&) { return std::make_unique<Shake>(values); };
  return d;
}

}  // namespace studio
