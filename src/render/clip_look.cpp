// A clip's way from source to canvas: framing, pixel effects, placing.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "render/effect_registry.h"
#include "render/framing.h"
#include "render/samples.h"

namespace studio {

namespace {

struct Named {
  std::string id;
  EffectValues values;
};

int even_up(double value) {
  return std::max(2, static_cast<int>(std::lround(value / 2)) * 2);
}

std::unexpected<Error> misplaced(const Effect& effect, std::string_view why, std::string hint) {
  return fail(ErrorKind::invalid_input, fmt::format("effect {} {}", effect.id, why), std::move(hint));
}

Result<std::unique_ptr<PictureEffect>> make_picture_effect(const EffectDefinition& definition,
                                                           const Effect& effect, const EffectStage& stage) {
  return definition.make(EffectValues(effect, definition.info, stage), stage);
}

const Named* active_one(const std::vector<Named>& all, Time at) {
  for (auto it = all.rbegin(); it != all.rend(); ++it)
    if (it->values.active_at(at)) return &*it;
  return nullptr;
}

bool acting(const std::vector<std::unique_ptr<PictureEffect>>& effects, Time at) {
  return std::ranges::any_of(effects, [&](const auto& effect) { return effect->acts_at(at); });
}

void apply_all(const std::vector<std::unique_ptr<PictureEffect>>& effects, const RasterView& picture,
               Time at) {
  for (const auto& effect : effects)
    if (effect->acts_at(at)) effect->apply(picture, at);
}

}  // namespace

struct ClipLook::Parts {
  EffectStage stage;
  Framing framing;
  std::vector<Named> framings, placings;
  std::vector<std::unique_ptr<PictureEffect>> effects;
  double cell_aspect = 1;

  Fit fit(Time at) const;
  Place place(Time at) const;
  void size_cell();
  void settle_framing();
};

namespace {

// Placed clips fill their cell; whole ones keep all of the picture.
Fit default_fit(const EffectStage& stage, int width, int height, bool placed) {
  return placed ? cover(stage.source_width, stage.source_height, width, height, 0.5, 0.5)
                : contain(stage.source_width, stage.source_height, width, height);
}

bool steady(const Named& named) {
  if (!named.values.whole_item()) return false;
  return named.values.constant("x") && named.values.constant("y") && named.values.constant("zoom");
}

}  // namespace

Fit ClipLook::Parts::fit(Time at) const {
  if (const Named* named = active_one(framings, at))
    return fit_at(named->values, named->id, stage.source_width, stage.source_height, framing.cell_width,
                  framing.cell_height, at);
  return default_fit(stage, framing.cell_width, framing.cell_height, !placings.empty());
}

Place ClipLook::Parts::place(Time at) const {
  if (const Named* named = active_one(placings, at))
    return place_at(named->values, named->id, stage, cell_aspect, at);
  return {0, 0, static_cast<double>(stage.width), static_cast<double>(stage.height), 1, 0, {}};
}

// A cell that never changes its size is rendered at that size; one that does is rendered at canvas size.
void ClipLook::Parts::size_cell() {
  framing.cell_width = stage.width;
  framing.cell_height = stage.height;
  cell_aspect = static_cast<double>(stage.width) / stage.height;
  if (placings.size() != 1 || !placings[0].values.whole_item() || !placings[0].values.constant("width"))
    return;
  if (placings[0].id == "picture_in_picture")
    cell_aspect = static_cast<double>(stage.source_width) / stage.source_height;
  const Place place = place_at(placings[0].values, placings[0].id, stage, cell_aspect, Time{});
  framing.cell_width = even_up(place.width);
  framing.cell_height = even_up(place.height);
}

void ClipLook::Parts::settle_framing() {
  const Fit fit = this->fit(Time{});
  framing.crop = fit.crop;
  framing.x = fit.x;
  framing.y = fit.y;
  framing.width = fit.width;
  framing.height = fit.height;
  framing.fixed = std::ranges::all_of(framings, steady) && !fit.blurred_bars;
}

Result<ClipLook> ClipLook::create(std::span<const Effect> effects, const EffectStage& stage) {
  if (stage.source_width <= 0 || stage.source_height <= 0 || stage.width <= 0 || stage.height <= 0)
    return fail(ErrorKind::invalid_input,
                fmt::format("prepare effects for a source of {}x{} on a canvas of {}x{}", stage.source_width,
                            stage.source_height, stage.width, stage.height));
  auto parts = std::make_unique<Parts>();
  parts->stage = stage;
  for (const Effect& effect : effects) {
    TRY(check_effect(effect, "clip"));
    const EffectDefinition& definition = *find_effect(effect.id);
    const EffectValues values(effect, definition.info, stage);
    switch (definition.step) {
      case EffectStep::retime:
        return misplaced(effect, "changes time, not pixels", "set it as the clip's retime");
      case EffectStep::framing: parts->framings.push_back({effect.id, values}); break;
      case EffectStep::placing: parts->placings.push_back({effect.id, values}); break;
      case EffectStep::picture: {
        TRY_ASSIGN(auto made, make_picture_effect(definition, effect, stage));
        parts->effects.push_back(std::move(made));
        break;
      }
      case EffectStep::sound: break;
    }
  }
  parts->size_cell();
  parts->settle_framing();
  return ClipLook(std::move(parts));
}

ClipLook::ClipLook(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ClipLook::ClipLook(ClipLook&&) noexcept = default;
ClipLook& ClipLook::operator=(ClipLook&&) noexcept = default;
ClipLook::~ClipLook() = default;

const ClipLook::Framing& ClipLook::framing() const {
  return parts_->framing;
}

void ClipLook::frame(const RasterView& source, const RasterView& cell, Time at) const {
  const Fit fit = parts_->fit(at);
  const bool bars = fit.width < cell.width || fit.height < cell.height;
  if (bars && fit.blurred_bars) {
    // The copy behind is out of focus anyway: blurring it at an eighth of the size looks the same.
    const Fit behind = cover(source.width, source.height, cell.width, cell.height, 0.5, 0.5, 1.05);
    RasterFormat small = format_of(cell);
    small.width = std::max(2, cell.width / 8);
    small.height = std::max(2, cell.height / 8);
    Raster backdrop(small);
    resample(source, behind.crop, backdrop.view());
    blur(backdrop.view(), 0.03);
    resample(backdrop.view(), {0, 0, static_cast<double>(small.width), static_cast<double>(small.height)},
             cell);
  } else if (bars) {
    fill(cell, {0, 0, 0, 255});
  }
  resample(source, fit.crop, part_of(cell, fit.x, fit.y, fit.width, fit.height));
}

bool ClipLook::acts_at(Time at) const {
  return acting(parts_->effects, at);
}
void ClipLook::apply(const RasterView& cell, Time at) {
  apply_all(parts_->effects, cell, at);
}

bool ClipLook::full_canvas(Time at) const {
  if (parts_->placings.empty()) return true;
  const Place place = parts_->place(at);
  return place.x == 0 && place.y == 0 && place.width == parts_->stage.width &&
         place.height == parts_->stage.height && place.opacity >= 1 && place.border <= 0;
}

void ClipLook::compose(const RasterView& cell, const RasterView& canvas, Time at) const {
  const Place place = parts_->place(at);
  const int border = static_cast<int>(std::lround(place.border / 2)) * 2;
  const bool inset = active_one(parts_->placings, at) && parts_->placings.back().id == "picture_in_picture";
  const bool whole = place.x == std::floor(place.x) && place.y == std::floor(place.y) &&
                     static_cast<int>(std::lround(place.width)) == cell.width &&
                     static_cast<int>(std::lround(place.height)) == cell.height;
  const int x = static_cast<int>(std::floor(place.x / 2)) * 2,
            y = static_cast<int>(std::floor(place.y / 2)) * 2;
  const int width = whole ? cell.width : even_up(place.width),
            height = whole ? cell.height : even_up(place.height);
  // The border of an inset lies around it, that of a part of a split screen inside.
  if (border > 0 && inset) {
    Rgba color = place.border_color;
    color.a = static_cast<std::uint8_t>(std::lround(color.a * place.opacity));
    blend_rectangle(canvas, x - border, y - border, width + 2 * border, height + 2 * border, color);
  }
  if (whole) {
    blend(canvas, cell, x, y, place.opacity);
  } else {
    RasterFormat format = format_of(cell);
    format.width = width;
    format.height = height;
    Raster drawn(format);
    const double shift_x = (place.x - x) * cell.width / place.width;
    const double shift_y = (place.y - y) * cell.height / place.height;
    resample(cell, {-shift_x, -shift_y, static_cast<double>(cell.width), static_cast<double>(cell.height)},
             drawn.view());
    blend(canvas, drawn.view(), x, y, place.opacity);
  }
  if (border > 0 && !inset) {
    blend_rectangle(canvas, x, y, width, border, place.border_color);
    blend_rectangle(canvas, x, y + height - border, width, border, place.border_color);
    blend_rectangle(canvas, x, y, border, height, place.border_color);
    blend_rectangle(canvas, x + width - border, y, border, height, place.border_color);
  }
}

struct PictureEffects::Parts {
  std::vector<std::unique_ptr<PictureEffect>> effects;
};

Result<PictureEffects> PictureEffects::create(std::span<const Effect> effects, const EffectStage& stage) {
  auto parts = std::make_unique<Parts>();
  for (const Effect& effect : effects) {
    TRY(check_effect(effect, "track"));
    const EffectDefinition& definition = *find_effect(effect.id);
    if (definition.step == EffectStep::sound) continue;
    if (definition.step != EffectStep::picture)
      return misplaced(effect, "belongs to a clip", "put it on the clips of the track");
    TRY_ASSIGN(auto made, make_picture_effect(definition, effect, stage));
    parts->effects.push_back(std::move(made));
  }
  return PictureEffects(std::move(parts));
}

PictureEffects::PictureEffects(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PictureEffects::PictureEffects(PictureEffects&&) noexcept = default;
PictureEffects& PictureEffects::operator=(PictureEffects&&) noexcept = default;
PictureEffects::~PictureEffects() = default;
bool PictureEffects::empty() const {
  return parts_->effects.empty();
}
bool PictureEffects::acts_at(Time at) const {
  return acting(parts_->effects, at);
}
void PictureEffects::apply(const RasterView& picture, Time at) {
  apply_all(parts_->effects, picture, at);
}

}  // namespace studio
