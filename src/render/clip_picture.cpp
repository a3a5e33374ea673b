// From a clip and a time to its picture on the canvas.
#include "render/clip_picture.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "render/effect_registry.h"
#include "render/raster_of.h"

namespace studio {

namespace {

// Effects that change the transparency of a clip on an upper track.
bool changes_alpha(const Clip& clip) {
  return std::ranges::any_of(
      clip.effects, [](const Effect& effect) { return effect.id == "fade_in" || effect.id == "fade_out"; });
}

bool has_picture_effects(const Clip& clip) {
  return std::ranges::any_of(clip.effects, [](const Effect& effect) {
    const EffectDefinition* definition = find_effect(effect.id);
    return definition == nullptr || definition->step != EffectStep::sound;
  });
}

// End of the showing of what a backward clip shows at `at`: its forward self at the mirrored offset.
Time backward_end(const Clip& clip, Time at) {
  Clip forward = clip;
  forward.retime.reverse = false;
  return source_time_at(forward, duration_of(clip) - at);
}

}  // namespace

Result<std::unique_ptr<ClipPicture>> ClipPicture::open(const Clip& clip, const Canvas& canvas, bool overlay,
                                                       ReaderPool& pool, std::vector<std::string>& warnings) {
  std::unique_ptr<ClipPicture> made(new ClipPicture(clip, canvas, warnings));
  if (const auto* file = std::get_if<MediaFile>(&clip.source)) {
    TRY(made->open_file(*file, overlay, pool));
  } else {
    TRY(made->open_generator(std::get<Generator>(clip.source), overlay));
  }
  return made;
}

Result<void> ClipPicture::open_file(const MediaFile& file, bool overlay, ReaderPool& pool) {
  TRY_ASSIGN(auto sampler, FrameSampler::open(pool, file.path, clip_.retime.reverse && !clip_.retime.freeze));
  sampler_.emplace(std::move(sampler));
  const VideoStream& stream = sampler_->stream();
  EffectStage stage{stream.width,       stream.height,      canvas_.width, canvas_.height,
                    canvas_.frame_rate, duration_of(clip_), overlay};
  TRY_ASSIGN(auto look, ClipLook::create(clip_.effects, stage));
  look_.emplace(std::move(look));
  cell_alpha_ = overlay && (stream.has_alpha || changes_alpha(clip_));

  const ClipLook::Framing& framing = look_->framing();
  ConformOptions conform;
  conform.format = with_alpha(canvas_.format, cell_alpha_);
  if (framing.fixed) {
    conform.width = framing.cell_width;
    conform.height = framing.cell_height;
    conform.crop_x = framing.crop.x;
    conform.crop_y = framing.crop.y;
    conform.crop_width = framing.crop.width;
    conform.crop_height = framing.crop.height;
    conform.x = framing.x;
    conform.y = framing.y;
    conform.box_width = framing.width;
    conform.box_height = framing.height;
  } else {
    // The look fits it in itself, from the whole upright picture.
    conform.width = std::max(2, stream.width);
    conform.height = std::max(2, stream.height);
  }
  TRY_ASSIGN(auto conformer, Conformer::create(stream, conform));
  conformer_.emplace(std::move(conformer));
  return {};
}

Result<void> ClipPicture::open_generator(const Generator& generator, bool overlay) {
  EffectStage stage{canvas_.width,      canvas_.height,     canvas_.width, canvas_.height,
                    canvas_.frame_rate, duration_of(clip_), overlay};
  TRY_ASSIGN(auto generated, GeneratedPicture::create(generator, stage, warnings_));
  generated_.emplace(std::move(generated));
  generator_has_look_ = has_picture_effects(clip_);
  if (!generator_has_look_) return {};
  TRY_ASSIGN(auto look, ClipLook::create(clip_.effects, stage));
  look_.emplace(std::move(look));
  return {};
}

Frame ClipPicture::fresh(bool alpha) const {
  return blank_picture(canvas_.width, canvas_.height, with_alpha(canvas_.format, alpha));
}

void ClipPicture::warn_of_the_source(const SampledFrame& sampled) {
  if (sampled.beyond_end && !std::exchange(warned_of_end_, true))
    warnings_.push_back(
        fmt::format("clip '{}' wants more than its file has: the last picture, at {}, is held", clip_.id,
                    to_clock(sampled.pts)));
  const ReadDamage& damage = sampler_->damage();
  if ((damage.bad_packets > 0 || damage.truncated) && !std::exchange(warned_of_damage_, true))
    warnings_.push_back(
        fmt::format("the file of clip '{}' is damaged: broken parts were passed over", clip_.id));
}

Result<Frame> ClipPicture::cell_at(Time at) {
  const bool backward = clip_.retime.reverse && !clip_.retime.freeze;
  const Time source = backward ? backward_end(clip_, at) : source_time_at(clip_, at);
  TRY_ASSIGN(const SampledFrame sampled, sampler_->at(source));
  warn_of_the_source(sampled);
  if (!conformed_pts_ || *conformed_pts_ != sampled.pts) {
    TRY_ASSIGN(conformed_, conformer_->conform(sampled.frame));
    conformed_pts_ = sampled.pts;
  }
  const ClipLook::Framing& framing = look_->framing();
  Frame cell = conformed_;
  if (!framing.fixed) {
    cell = blank_picture(framing.cell_width, framing.cell_height, with_alpha(canvas_.format, cell_alpha_));
    if (!cell) return fail(ErrorKind::limit_exceeded, "frame a picture: out of memory");
    look_->frame(raster_of(conformed_), raster_of(cell), at);
  }
  if (!look_->acts_at(at)) return cell;
  cell = std::move(cell).unshared();
  if (!cell) return fail(ErrorKind::limit_exceeded, "apply effects: out of memory");
  look_->apply(raster_of(cell), at);
  return cell;
}

Result<Frame> ClipPicture::over(Frame base, Time at, bool keep_alpha) {
  if (generated_) return generated_over(std::move(base), at, keep_alpha);
  TRY_ASSIGN(Frame cell, cell_at(at));
  if (!cell_alpha_ && !keep_alpha && look_->full_canvas(at)) return cell;
  Frame canvas = base ? std::move(base).unshared() : fresh(keep_alpha);
  if (!canvas) return fail(ErrorKind::limit_exceeded, "lay a clip over the canvas: out of memory");
  look_->compose(raster_of(cell), raster_of(canvas), at);
  return canvas;
}

Result<Frame> ClipPicture::generated_over(Frame base, Time at, bool keep_alpha) {
  if (!generated_->acts_at(at) && base) return base;
  if (!generator_has_look_) {
    Frame canvas = base ? std::move(base).unshared() : fresh(keep_alpha);
    if (!canvas) return fail(ErrorKind::limit_exceeded, "draw over the canvas: out of memory");
    if (generated_->acts_at(at)) generated_->draw(raster_of(canvas), at);
    return canvas;
  }
  // Effects act on the drawing alone: it gets a see-through sheet of its own.
  Frame sheet = fresh(true);
  if (!sheet) return fail(ErrorKind::limit_exceeded, "draw over the canvas: out of memory");
  if (generated_->acts_at(at)) generated_->draw(raster_of(sheet), at);
  look_->apply(raster_of(sheet), at);
  Frame canvas = base ? std::move(base).unshared() : fresh(keep_alpha);
  if (!canvas) return fail(ErrorKind::limit_exceeded, "draw over the canvas: out of memory");
  look_->compose(raster_of(sheet), raster_of(canvas), at);
  return canvas;
}

}  // namespace studio
