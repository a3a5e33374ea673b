// Speed, ramp, freeze and reverse as catalog entries: plans name them, timelines carry a Retime.
#include "render/effect_registry.h"

namespace studio {
namespace {

EffectDefinition retime(std::string id, std::string description, std::vector<EffectParameter> params) {
  EffectDefinition d;
  d.step = EffectStep::retime;
  d.info.id = std::move(id);
  d.info.description = std::move(description);
  d.info.on = EffectInfo::On::both;
  d.info.params = std::move(params);
  return d;
}

EffectParameter keep_pitch() {
  return number_parameter("keep_pitch", "", 0, 1, 1, "1: voices keep their pitch, 0: they rise and fall",
                          false);
}

}  // namespace

std::vector<EffectDefinition> retime_effects() {
  return {
      retime("speed", "plays faster or slower",
             {number_parameter("factor", "times", 0.05, 100, 2, "2: twice as fast, half as long", false),
              keep_pitch()}),
      retime("ramp", "speed that changes on the way",
             {number_parameter("from", "times", 0.05, 100, 1, "speed at the start", false),
              number_parameter("to", "times", 0.05, 100, 2, "speed at the end", false), keep_pitch()}),
      retime("freeze", "holds one picture, silent",
             {number_parameter("at_s", "s", 0, 86400, 0, "the picture, from the start of the clip", false),
              number_parameter("hold_s", "s", 0.01, 3600, 1, "how long it stands", false)}),
      retime("reverse", "plays backwards", {})};
}

}  // namespace studio
