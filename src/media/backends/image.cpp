// One picture through FFmpeg's mjpeg and png encoders.
#include "media/image.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "media/backends/ffmpeg.h"

namespace studio {
namespace {

Result<void> check_size(std::span<const std::uint8_t> rgb, int width, int height) {
  if (width < 1 || height < 1 || width > 16384 || height > 16384 ||
      rgb.size() != static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3)
    return fail(ErrorKind::wrong_usage, fmt::format("encode a picture of {} x {}: {} bytes of RGB do not fit",
                                                    width, height, rgb.size()));
  return {};
}

std::uint8_t byte(float v) {
  return static_cast<std::uint8_t>(std::clamp(v + 0.5f, 0.0f, 255.0f));
}

// JFIF is full-range BT.601; chroma is the mean of each 2 x 2 block.
void fill_yuv420(std::span<const std::uint8_t> rgb, AVFrame& frame) {
  const int width = frame.width, height = frame.height;
  const auto pixel = [&](int x, int y) {
    return rgb.data() +
           (static_cast<std::size_t>(std::min(y, height - 1)) * width + std::min(x, width - 1)) * 3;
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const std::uint8_t* p = pixel(x, y);
      frame.data[0][y * frame.linesize[0] + x] = byte(0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2]);
    }
  for (int y = 0; y < (height + 1) / 2; ++y)
    for (int x = 0; x < (width + 1) / 2; ++x) {
      float r = 0, g = 0, b = 0;
      for (int k = 0; k < 4; ++k) {
        const std::uint8_t* p = pixel(2 * x + (k & 1), 2 * y + (k >> 1));
        r += p[0], g += p[1], b += p[2];
      }
      r /= 4, g /= 4, b /= 4;
      frame.data[1][y * frame.linesize[1] + x] = byte(128 - 0.168736f * r - 0.331264f * g + 0.5f * b);
      frame.data[2][y * frame.linesize[2] + x] = byte(128 + 0.5f * r - 0.418688f * g - 0.081312f * b);
    }
}

void fill_rgb(std::span<const std::uint8_t> rgb, AVFrame& frame) {
  for (int y = 0; y < frame.height; ++y)
    std::memcpy(frame.data[0] + static_cast<std::ptrdiff_t>(y) * frame.linesize[0],
                rgb.data() + static_cast<std::size_t>(y) * frame.width * 3,
                static_cast<std::size_t>(frame.width) * 3);
}

Result<std::string> encode(std::span<const std::uint8_t> rgb, int width, int height, AVCodecID id,
                           int quantizer) {
  ffmpeg::keep_quiet();
  const bool jpeg = id == AV_CODEC_ID_MJPEG;
  const std::string what =
      fmt::format("encode a {} x {} picture as {}", width, height, jpeg ? "JPEG" : "PNG");
  const AVCodec* codec = avcodec_find_encoder(id);
  if (codec == nullptr)
    return fail(ErrorKind::unsupported, what + ": this FFmpeg build has no such encoder",
                "install a full FFmpeg build");
  ffmpeg::Owned<AVCodecContext> context(avcodec_alloc_context3(codec));
  ffmpeg::Owned<AVFrame> frame = ffmpeg::make_frame();
  ffmpeg::Owned<AVPacket> packet = ffmpeg::make_packet();
  if (!context || !frame || !packet) return fail(ErrorKind::limit_exceeded, what + ": out of memory");
  context->width = width;
  context->height = height;
  context->time_base = {1, 25};
  context->pix_fmt = jpeg ? AV_PIX_FMT_YUVJ420P : AV_PIX_FMT_RGB24;
  context->thread_count = 1;
  if (jpeg) {
    context->color_range = AVCOL_RANGE_JPEG;
    context->flags |= AV_CODEC_FLAG_QSCALE;
    context->global_quality = FF_QP2LAMBDA * quantizer;
  }
  if (const int code = avcodec_open2(context.get(), codec, nullptr); code < 0)
    return ffmpeg::fail_with(code, what);
  frame->width = width;
  frame->height = height;
  frame->format = context->pix_fmt;
  frame->quality = context->global_quality;
  if (const int code = av_frame_get_buffer(frame.get(), 0); code < 0) return ffmpeg::fail_with(code, what);
  jpeg ? fill_yuv420(rgb, *frame) : fill_rgb(rgb, *frame);
  frame->pts = 0;
  if (const int code = avcodec_send_frame(context.get(), frame.get()); code < 0)
    return ffmpeg::fail_with(code, what);
  avcodec_send_frame(context.get(), nullptr);
  if (const int code = avcodec_receive_packet(context.get(), packet.get()); code < 0)
    return ffmpeg::fail_with(code, what);
  return std::string(reinterpret_cast<const char*>(packet->data), static_cast<std::size_t>(packet->size));
}

}  // namespace

Result<std::string> encode_jpeg(std::span<const std::uint8_t> rgb, int width, int height, int quality) {
  TRY(check_size(rgb, width, height));
  // FFmpeg's quantizer runs from 2 (best) to 31.
  const int quantizer =
      std::clamp(31 - static_cast<int>(29 * (std::clamp(quality, 1, 100) - 1) / 99.0 + 0.5), 2, 31);
  return encode(rgb, width, height, AV_CODEC_ID_MJPEG, quantizer);
}

Result<std::string> encode_png(std::span<const std::uint8_t> rgb, int width, int height) {
  TRY(check_size(rgb, width, height));
  return encode(rgb, width, height, AV_CODEC_ID_PNG, 0);
}

}  // namespace studio
