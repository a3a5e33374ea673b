// PictureScaler over libswscale, and right-angle turns of packed pictures.
#include "media/picture_scaler.h"

#include <fmt/format.h>

#include "media/backends/ffmpeg.h"

extern "C" {
#include <libswscale/swscale.h>
}

namespace studio {

struct PictureScaler::State {
  PictureScalerOptions options;
  AVPixelFormat format = AV_PIX_FMT_NONE;
  SwsContext* context = nullptr;

  ~State() { sws_freeContext(context); }
};

PictureScaler::PictureScaler(std::unique_ptr<State> state) : state_(std::move(state)) {}
PictureScaler::PictureScaler(PictureScaler&&) noexcept = default;
PictureScaler& PictureScaler::operator=(PictureScaler&&) noexcept = default;
PictureScaler::~PictureScaler() = default;

Result<PictureScaler> PictureScaler::create(const PictureScalerOptions& options) {
  auto state = std::make_unique<State>();
  state->options = options;
  if (!options.format.empty()) {
    state->format = av_get_pix_fmt(options.format.c_str());
    if (state->format == AV_PIX_FMT_NONE || sws_isSupportedOutput(state->format) == 0)
      return fail(ErrorKind::wrong_usage,
                  fmt::format("convert pictures to '{}': no such pixel format", options.format),
                  "use gray, rgb24, bgr24, rgba or yuv420p");
  }
  return PictureScaler(std::move(state));
}

namespace {

int matrix_of(const AVFrame& frame) {
  if (frame.colorspace != AVCOL_SPC_UNSPECIFIED && frame.colorspace != AVCOL_SPC_RGB) return frame.colorspace;
  return frame.height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

bool full_range_of(const AVFrame& frame, const AVPixFmtDescriptor& desc) {
  const std::string_view name = desc.name;
  return frame.color_range == AVCOL_RANGE_JPEG || name.starts_with("yuvj") ||
         (desc.flags & AV_PIX_FMT_FLAG_RGB) != 0 ||
         (name.starts_with("gray") && frame.color_range != AVCOL_RANGE_MPEG);
}

}  // namespace

Result<Frame> PictureScaler::scale(const Frame& frame) {
  const AVFrame* in = frame.native();
  State& s = *state_;
  const auto in_format = static_cast<AVPixelFormat>(in->format);
  const AVPixelFormat out_format = s.format == AV_PIX_FMT_NONE ? in_format : s.format;
  const int width = s.options.width > 0 ? s.options.width : in->width;
  const int height = s.options.height > 0 ? s.options.height : in->height;
  const bool shrinks = width < in->width || height < in->height;
  const int flags = s.options.fast ? SWS_BILINEAR : (shrinks ? SWS_AREA : SWS_BICUBIC) | SWS_ACCURATE_RND;
  s.context = sws_getCachedContext(s.context, in->width, in->height, in_format, width, height, out_format,
                                   flags, nullptr, nullptr, nullptr);
  const AVPixFmtDescriptor* in_desc = av_pix_fmt_desc_get(in_format);
  const AVPixFmtDescriptor* out_desc = av_pix_fmt_desc_get(out_format);
  if (s.context == nullptr || in_desc == nullptr || out_desc == nullptr)
    return fail(
        ErrorKind::unsupported,
        fmt::format("convert a {} picture of {}x{} to {} at {}x{}: not possible", frame.format(), in->width,
                    in->height, out_desc != nullptr ? out_desc->name : "?", width, height));
  const int* coefficients = sws_getCoefficients(matrix_of(*in));
  const bool gray_out = std::string_view(out_desc->name).starts_with("gray");
  const bool rgb_out = (out_desc->flags & AV_PIX_FMT_FLAG_RGB) != 0;
  sws_setColorspaceDetails(s.context, coefficients, full_range_of(*in, *in_desc) ? 1 : 0, coefficients,
                           rgb_out || gray_out ? 1 : 0, 0, 1 << 16, 1 << 16);
  Frame out = Frame::make_picture(width, height, out_desc->name);
  if (!out)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("convert a picture to {}x{}: out of memory", width, height));
  out.native()->pts = in->pts;
  if (!rgb_out && !gray_out) out.native()->colorspace = static_cast<AVColorSpace>(matrix_of(*in));
  if (sws_scale(s.context, in->data, in->linesize, 0, in->height, out.native()->data,
                out.native()->linesize) <= 0)
    return fail(ErrorKind::internal,
                fmt::format("convert a {} picture to {}: swscale failed", frame.format(), out_desc->name));
  return out;
}

Result<Frame> rotated(const Frame& frame, int clockwise) {
  if (clockwise == 0) return frame;
  const AVFrame* in = frame.native();
  const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(in->format));
  if (desc == nullptr || av_pix_fmt_count_planes(static_cast<AVPixelFormat>(in->format)) != 1 ||
      desc->comp[0].depth != 8)
    return fail(ErrorKind::unsupported,
                fmt::format("turn a {} picture: only packed 8-bit pictures can be turned", frame.format()),
                "ask the reader for gray, rgb24, bgr24 or rgba");
  const int step = desc->comp[0].step;
  const bool sideways = clockwise % 180 == 90;
  const int width = sideways ? in->height : in->width;
  const int height = sideways ? in->width : in->height;
  Frame out = Frame::make_picture(width, height, desc->name);
  if (!out) return fail(ErrorKind::limit_exceeded, "turn a picture: out of memory");
  AVFrame* to = out.native();
  to->pts = in->pts;
  to->color_range = in->color_range;
  for (int y = 0; y < height; ++y) {
    std::uint8_t* row = to->data[0] + static_cast<std::ptrdiff_t>(y) * to->linesize[0];
    for (int x = 0; x < width; ++x) {
      const int sx = clockwise == 90 ? y : clockwise == 180 ? in->width - 1 - x : in->width - 1 - y;
      const int sy = clockwise == 90 ? in->height - 1 - x : clockwise == 180 ? in->height - 1 - y : x;
      const std::uint8_t* from = in->data[0] + static_cast<std::ptrdiff_t>(sy) * in->linesize[0] +
                                 static_cast<std::ptrdiff_t>(sx) * step;
      for (int b = 0; b < step; ++b) row[x * step + b] = from[b];
    }
  }
  return out;
}

}  // namespace studio
