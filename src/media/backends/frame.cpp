// Frame over AVFrame: references, plane views, fresh pictures.
#include "media/frame.h"

#include "media/backends/ffmpeg.h"

extern "C" {
#include <libavutil/imgutils.h>
}

namespace studio {

Frame::Frame(AVFrame* frame) : frame_(frame, ffmpeg::Delete{}) {}

int Frame::width() const {
  return frame_ ? frame_->width : 0;
}
int Frame::height() const {
  return frame_ ? frame_->height : 0;
}

std::string_view Frame::format() const {
  if (!frame_) return {};
  const char* name = frame_->nb_samples > 0
                         ? av_get_sample_fmt_name(static_cast<AVSampleFormat>(frame_->format))
                         : av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame_->format));
  return name == nullptr ? std::string_view{} : std::string_view{name};
}

std::int64_t Frame::samples() const {
  return frame_ ? frame_->nb_samples : 0;
}

std::int64_t Frame::bytes() const {
  std::int64_t total = 0;
  if (!frame_) return total;
  for (const AVBufferRef* buffer : frame_->buf)
    if (buffer != nullptr) total += static_cast<std::int64_t>(buffer->size);
  return total;
}

FramePlanes Frame::picture() const {
  FramePlanes view;
  if (!frame_ || frame_->width <= 0) return view;
  const auto format = static_cast<AVPixelFormat>(frame_->format);
  const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(format);
  if (desc == nullptr) return view;
  view.width = frame_->width;
  view.height = frame_->height;
  view.format = desc->name;
  view.bit_depth = desc->comp[0].depth;
  view.chroma_shift_x = desc->log2_chroma_w;
  view.chroma_shift_y = desc->log2_chroma_h;
  view.planes = av_pix_fmt_count_planes(format);
  const bool colour_model_is_rgb = (desc->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
  const int sample_bytes = desc->comp[0].depth > 8 ? 2 : 1;
  view.luma_plane = !colour_model_is_rgb && desc->comp[0].plane == 0 && desc->comp[0].step == sample_bytes &&
                    desc->comp[0].shift == 0 &&
                    (desc->flags & (AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_HWACCEL)) == 0;
  const bool jpeg_format = view.format.starts_with("yuvj");
  view.full_range = frame_->color_range == AVCOL_RANGE_JPEG || jpeg_format || colour_model_is_rgb ||
                    (view.format.starts_with("gray") && frame_->color_range != AVCOL_RANGE_MPEG);
  for (int i = 0; i < view.planes && i < 4; ++i) {
    PlaneView& plane = view.plane[static_cast<std::size_t>(i)];
    const bool chroma = (i == 1 || i == 2) && !colour_model_is_rgb;
    plane.data = frame_->data[i];
    plane.stride = frame_->linesize[i];
    plane.width = chroma ? AV_CEIL_RSHIFT(view.width, desc->log2_chroma_w) : view.width;
    plane.height = chroma ? AV_CEIL_RSHIFT(view.height, desc->log2_chroma_h) : view.height;
  }
  return view;
}

Frame Frame::with_pts(std::int64_t pts) const {
  if (!frame_) return {};
  AVFrame* clone = av_frame_clone(frame_.get());
  if (clone == nullptr) return {};
  clone->pts = pts;
  clone->pict_type = AV_PICTURE_TYPE_NONE;  // an encoder would take the source's type as an order
  // Captions and the like belong to the source's timeline, not to what is made of it.
  while (clone->nb_side_data > 0) av_frame_remove_side_data(clone, clone->side_data[0]->type);
  return Frame(clone);
}

std::int64_t Frame::pts() const {
  return frame_ ? frame_->pts : AV_NOPTS_VALUE;
}

Frame Frame::make_picture(int width, int height, std::string_view format) {
  const AVPixelFormat pixel_format = av_get_pix_fmt(std::string(format).c_str());
  AVFrame* raw = av_frame_alloc();
  if (raw == nullptr) return {};
  Frame out(raw);
  raw->width = width;
  raw->height = height;
  raw->format = pixel_format;
  raw->sample_aspect_ratio = {1, 1};
  if (pixel_format == AV_PIX_FMT_NONE || av_frame_get_buffer(raw, 0) < 0) return {};
  const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(pixel_format);
  if ((desc->flags & AV_PIX_FMT_FLAG_RGB) == 0 && desc->nb_components >= 3) {
    raw->color_range = AVCOL_RANGE_MPEG;
    raw->colorspace = AVCOL_SPC_BT709;
    raw->color_primaries = AVCOL_PRI_BT709;
    raw->color_trc = AVCOL_TRC_BT709;
  }
  return out;
}

Frame Frame::make_sound(int samples, int channels, int sample_rate) {
  AVFrame* raw = av_frame_alloc();
  if (raw == nullptr) return {};
  Frame out(raw);
  raw->format = AV_SAMPLE_FMT_FLTP;
  raw->nb_samples = samples;
  raw->sample_rate = sample_rate;
  av_channel_layout_default(&raw->ch_layout, channels);
  if (av_frame_get_buffer(raw, 0) < 0) return {};
  return out;
}

Frame Frame::unshared() && {
  if (!frame_) return {};
  if (frame_.use_count() == 1 && av_frame_is_writable(frame_.get()) > 0) return std::move(*this);
  AVFrame* clone = av_frame_clone(frame_.get());
  frame_.reset();
  if (clone == nullptr) return {};
  Frame out(clone);
  if (av_frame_make_writable(clone) < 0) return {};
  return out;
}

std::uint8_t* Frame::writable_plane(int index, int* stride) {
  if (!frame_ || av_frame_make_writable(frame_.get()) < 0) return nullptr;
  *stride = frame_->linesize[index];
  return frame_->data[index];
}

float* Frame::writable_channel(int index) {
  if (!frame_ || av_frame_make_writable(frame_.get()) < 0) return nullptr;
  return reinterpret_cast<float*>(frame_->extended_data[index]);
}

}  // namespace studio
