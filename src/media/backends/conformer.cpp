// Conformer over libswscale, with zscale and tonemap for HDR.
#include "media/conformer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "media/backends/ffmpeg.h"
#include "media/filter_graph.h"
#include "media/picture_scaler.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

namespace studio {

namespace {

struct FreeScaler {
  void operator()(SwsContext* p) const { sws_freeContext(p); }
};

struct Rect {
  int x = 0, y = 0, width = 0, height = 0;
  friend bool operator==(const Rect&, const Rect&) = default;
};

bool is_hdr(const AVFrame& frame) {
  return frame.color_trc == AVCOL_TRC_SMPTE2084 || frame.color_trc == AVCOL_TRC_ARIB_STD_B67;
}

// Untagged material is what players take it for: BT.709 from 720 lines on, BT.601 below.
int matrix_of(const AVFrame& frame) {
  if (frame.colorspace != AVCOL_SPC_UNSPECIFIED && frame.colorspace != AVCOL_SPC_RGB) return frame.colorspace;
  return frame.height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601;
}

bool is_full_range(const AVFrame& frame, const AVPixFmtDescriptor& desc) {
  const std::string_view name = desc.name;
  return frame.color_range == AVCOL_RANGE_JPEG || name.starts_with("yuvj") ||
         (desc.flags & AV_PIX_FMT_FLAG_RGB) != 0 ||
         (name.starts_with("gray") && frame.color_range != AVCOL_RANGE_MPEG);
}

// Old names of full-range formats: swscale warns and the range is told apart anyway.
AVPixelFormat without_j(AVPixelFormat format) {
  switch (format) {
    case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
    default: return format;
  }
}

template <typename Sample>
void turn_plane(const std::uint8_t* from, std::ptrdiff_t from_stride, int from_width, int from_height,
                std::uint8_t* to, std::ptrdiff_t to_stride, int clockwise) {
  const int width = clockwise % 180 == 90 ? from_height : from_width;
  const int height = clockwise % 180 == 90 ? from_width : from_height;
  for (int y = 0; y < height; ++y) {
    auto* row = reinterpret_cast<Sample*>(to + y * to_stride);
    for (int x = 0; x < width; ++x) {
      const int sx = clockwise == 90 ? y : clockwise == 180 ? from_width - 1 - x : from_width - 1 - y;
      const int sy = clockwise == 90 ? from_height - 1 - x : clockwise == 180 ? from_height - 1 - y : x;
      row[x] = reinterpret_cast<const Sample*>(from + sy * from_stride)[sx];
    }
  }
}

void turn_planes(const AVFrame& from, AVFrame& to, const AVPixFmtDescriptor& desc, int clockwise) {
  const int planes = av_pix_fmt_count_planes(static_cast<AVPixelFormat>(from.format));
  for (int i = 0; i < planes; ++i) {
    const bool chroma = i == 1 || i == 2;
    const int width = chroma ? AV_CEIL_RSHIFT(from.width, desc.log2_chroma_w) : from.width;
    const int height = chroma ? AV_CEIL_RSHIFT(from.height, desc.log2_chroma_h) : from.height;
    if (desc.comp[0].depth > 8)
      turn_plane<std::uint16_t>(from.data[i], from.linesize[i], width, height, to.data[i], to.linesize[i],
                                clockwise);
    else
      turn_plane<std::uint8_t>(from.data[i], from.linesize[i], width, height, to.data[i], to.linesize[i],
                               clockwise);
  }
}

// Pointers to the part of a frame that begins at (x, y), which lie on whole chroma samples.
std::array<std::uint8_t*, 4> part_of(const AVFrame& frame, const AVPixFmtDescriptor& desc, int x, int y) {
  std::array<std::uint8_t*, 4> data{};
  std::array<int, 4> steps{};
  std::array<int, 4> components{};
  av_image_fill_max_pixsteps(steps.data(), components.data(), &desc);
  for (std::size_t i = 0; i < 4; ++i) {
    if (frame.data[i] == nullptr) continue;
    const bool palette = i == 1 && (desc.flags & AV_PIX_FMT_FLAG_PAL) != 0;
    const bool chroma = (i == 1 || i == 2) && (desc.flags & AV_PIX_FMT_FLAG_RGB) == 0;
    const int px = chroma ? x >> desc.log2_chroma_w : x;
    const int py = chroma ? y >> desc.log2_chroma_h : y;
    data[i] = palette ? frame.data[i]
                      : frame.data[i] + static_cast<std::ptrdiff_t>(py) * frame.linesize[i] +
                            static_cast<std::ptrdiff_t>(px) * steps[i];
  }
  return data;
}

}  // namespace

struct Conformer::State {
  VideoStream stream;
  ConformOptions options;
  AVPixelFormat format = AV_PIX_FMT_NONE;
  const AVPixFmtDescriptor* desc = nullptr;

  std::unique_ptr<SwsContext, FreeScaler> scaler;
  Rect scaled_from, scaled_to;  // what the scaler is set up for, coded pixels
  int in_format = -1, in_matrix = -1, in_full = -1;

  // 4:2:2 turned on its side would be 4:4:0: such pictures take the way over 4:4:4.
  std::optional<Conformer> by_444;
  std::optional<PictureScaler> from_444;

  std::optional<FilterGraph> tone_mapper;
  FilterGraph::Node tone_source = 0, tone_sink = 0;
  int tone_width = 0, tone_height = 0, tone_format = -1;

  Rect box() const {
    return {options.x, options.y, options.box_width > 0 ? options.box_width : options.width,
            options.box_height > 0 ? options.box_height : options.height};
  }
  Rect crop_in(const AVFrame& frame) const;
  bool fits(const AVFrame& frame) const;
  Result<Frame> tone_mapped(const Frame& frame);
  Result<void> set_up_scaler(const AVFrame& frame, const Rect& from, const Rect& to);
};

Conformer::Conformer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Conformer::Conformer(Conformer&&) noexcept = default;
Conformer& Conformer::operator=(Conformer&&) noexcept = default;
Conformer::~Conformer() = default;

Frame blank_picture(int width, int height, const std::string& format) {
  Frame out = Frame::make_picture(width, height, format);
  if (!out) return out;
  AVFrame* frame = out.native();
  const auto pixel_format = static_cast<AVPixelFormat>(frame->format);
  std::array<std::ptrdiff_t, 4> strides{};
  for (std::size_t i = 0; i < 4; ++i) strides[i] = frame->linesize[i];
  av_image_fill_black(frame->data, strides.data(), pixel_format, AVCOL_RANGE_MPEG, width, height);
  const AVPixFmtDescriptor* desc = av_pix_fmt_desc_get(pixel_format);
  if ((desc->flags & AV_PIX_FMT_FLAG_ALPHA) != 0 && frame->data[3] != nullptr)
    for (int y = 0; y < height; ++y)
      std::fill_n(frame->data[3] + static_cast<std::ptrdiff_t>(y) * frame->linesize[3],
                  std::abs(frame->linesize[3]), std::uint8_t{0});
  return out;
}

Result<Conformer> Conformer::create(const VideoStream& stream, const ConformOptions& options) {
  auto state = std::make_unique<State>();
  state->stream = stream;
  state->options = options;
  state->format = av_get_pix_fmt(options.format.c_str());
  state->desc = av_pix_fmt_desc_get(state->format);
  if (state->desc == nullptr || options.width <= 0 || options.height <= 0)
    return fail(ErrorKind::internal, fmt::format("conform pictures to {} at {}x{}", options.format,
                                                 options.width, options.height));
  if (stream.hdr && !(has_filter("zscale") && has_filter("tonemap")))
    return fail(ErrorKind::unsupported,
                fmt::format("show HDR material ({}): this FFmpeg has no zscale and tonemap filters",
                            stream.color_transfer),
                "convert it to SDR first, or install an FFmpeg with zscale");
  if (stream.rotation % 180 == 90 && state->desc->log2_chroma_w != state->desc->log2_chroma_h) {
    ConformOptions full_chroma = options;
    const bool alpha = (state->desc->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
    full_chroma.format =
        fmt::format("yuv{}444p{}", alpha ? "a" : "", state->desc->comp[0].depth > 8 ? "10le" : "");
    TRY_ASSIGN(auto inner, Conformer::create(stream, full_chroma));
    TRY_ASSIGN(auto scaler, PictureScaler::create({0, 0, options.format, false}));
    state->by_444.emplace(std::move(inner));
    state->from_444.emplace(std::move(scaler));
  }
  return Conformer(std::move(state));
}

// The wanted part in coded pixels: turned back, with the file's pixel aspect, on whole chroma samples.
Rect Conformer::State::crop_in(const AVFrame& frame) const {
  double w = stream.width, h = stream.height;
  double x = options.crop_x, y = options.crop_y;
  double cw = options.crop_width > 0 ? options.crop_width : w,
         ch = options.crop_height > 0 ? options.crop_height : h;
  if (stream.rotation == 90 || stream.rotation == 180 || stream.rotation == 270) {
    const double ux = x, uy = y;
    if (stream.rotation == 180) {
      x = w - ux - cw;
      y = h - uy - ch;
    } else {
      // Upright (ux, uy) of a picture turned clockwise by 90: coded x = uy, coded y = w - ux.
      x = stream.rotation == 90 ? uy : h - uy - ch;
      y = stream.rotation == 90 ? w - ux - cw : ux;
      std::swap(cw, ch);
      std::swap(w, h);
    }
  }
  const double sx = frame.width / w, sy = frame.height / h;
  const AVPixFmtDescriptor* in_desc = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  const int ax = 1 << in_desc->log2_chroma_w, ay = 1 << in_desc->log2_chroma_h;
  Rect r;
  r.x = std::clamp(static_cast<int>(std::lround(x * sx / ax)) * ax, 0, std::max(0, frame.width - ax));
  r.y = std::clamp(static_cast<int>(std::lround(y * sy / ay)) * ay, 0, std::max(0, frame.height - ay));
  r.width = std::clamp(static_cast<int>(std::lround(cw * sx)), 1, frame.width - r.x);
  r.height = std::clamp(static_cast<int>(std::lround(ch * sy)), 1, frame.height - r.y);
  return r;
}

bool Conformer::State::fits(const AVFrame& frame) const {
  if (stream.rotation != 0 || frame.format != format || frame.width != options.width ||
      frame.height != options.height)
    return false;
  if (box() != Rect{0, 0, options.width, options.height} || crop_in(frame) != box()) return false;
  return matrix_of(frame) == SWS_CS_ITU709 && !is_full_range(frame, *desc);
}

Result<Frame> Conformer::State::tone_mapped(const Frame& frame) {
  const AVFrame* in = frame.native();
  if (!tone_mapper || tone_width != in->width || tone_height != in->height || tone_format != in->format) {
    TRY_ASSIGN(auto graph, FilterGraph::create());
    TRY_ASSIGN(tone_source, graph.add_source_like(frame, {1, 25}, {25, 1}));
    // The usual chain: linear light at 100 nits, BT.709 primaries, Hable's curve, back to BT.709.
    FilterSpec linear{"zscale", {{"transfer", "linear"}, {"npl", std::int64_t{100}}}};
    if (in->colorspace == AVCOL_SPC_UNSPECIFIED) linear.options.emplace_back("matrixin", "2020_ncl");
    if (in->color_primaries == AVCOL_PRI_UNSPECIFIED) linear.options.emplace_back("primariesin", "2020");
    if (in->color_range == AVCOL_RANGE_UNSPECIFIED) linear.options.emplace_back("rangein", "limited");
    TRY_ASSIGN(
        const auto last,
        graph.append(tone_source,
                     chain({linear,
                            {"format", {{"pix_fmts", "gbrpf32le"}}},
                            {"zscale", {{"primaries", "709"}}},
                            {"tonemap", {{"tonemap", "hable"}, {"desat", 0.0}}},
                            {"zscale", {{"transfer", "709"}, {"matrix", "709"}, {"range", "limited"}}}})));
    TRY_ASSIGN(tone_sink, graph.add_picture_sink({desc->comp[0].depth > 8 ? "yuv420p10le" : "yuv420p"}));
    TRY(graph.link(last, 0, tone_sink, 0));
    TRY(graph.configure());
    tone_mapper = std::move(graph);
    tone_width = in->width;
    tone_height = in->height;
    tone_format = in->format;
  }
  TRY(tone_mapper->push(tone_source, frame));
  TRY_ASSIGN(auto out, tone_mapper->pull(tone_sink));
  if (!out) return fail(ErrorKind::internal, "tone-map a picture: the filters gave none back");
  return *std::move(out);
}

Result<void> Conformer::State::set_up_scaler(const AVFrame& frame, const Rect& from, const Rect& to) {
  const AVPixFmtDescriptor* in_desc = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(frame.format));
  const int matrix = matrix_of(frame);
  const int full = is_full_range(frame, *in_desc) ? 1 : 0;
  if (scaler && from == scaled_from && to == scaled_to && frame.format == in_format && matrix == in_matrix &&
      full == in_full)
    return {};
  scaler.reset(sws_alloc_context());
  if (!scaler) return fail(ErrorKind::limit_exceeded, "scale a picture: out of memory");
  const bool same_size = from.width == to.width && from.height == to.height;
  SwsContext* c = scaler.get();
  av_opt_set_int(c, "srcw", from.width, 0);
  av_opt_set_int(c, "srch", from.height, 0);
  av_opt_set_int(c, "src_format", without_j(static_cast<AVPixelFormat>(frame.format)), 0);
  av_opt_set_int(c, "dstw", to.width, 0);
  av_opt_set_int(c, "dsth", to.height, 0);
  av_opt_set_int(c, "dst_format", format, 0);
  av_opt_set_int(c, "src_range", full, 0);
  av_opt_set_int(c, "dst_range", 0, 0);
  av_opt_set_int(c, "sws_flags", same_size ? SWS_BILINEAR | SWS_ACCURATE_RND : SWS_BICUBIC, 0);
  if (sws_init_context(c, nullptr, nullptr) < 0)
    return fail(ErrorKind::unsupported,
                fmt::format("scale {} pictures of {}x{} to {} of {}x{}: not possible", in_desc->name,
                            from.width, from.height, desc->name, to.width, to.height));
  sws_setColorspaceDetails(c, sws_getCoefficients(matrix), full, sws_getCoefficients(SWS_CS_ITU709), 0, 0,
                           1 << 16, 1 << 16);
  scaled_from = from;
  scaled_to = to;
  in_format = frame.format;
  in_matrix = matrix;
  in_full = full;
  return {};
}

Result<Frame> Conformer::conform(const Frame& frame) {
  State& s = *state_;
  if (s.by_444) {
    TRY_ASSIGN(const Frame turned, s.by_444->conform(frame));
    return s.from_444->scale(turned);
  }
  Frame source = frame;
  if (is_hdr(*frame.native())) {
    if (!(has_filter("zscale") && has_filter("tonemap")))
      return fail(ErrorKind::unsupported, "show HDR material: this FFmpeg has no zscale and tonemap filters",
                  "convert it to SDR first, or install an FFmpeg with zscale");
    TRY_ASSIGN(source, s.tone_mapped(frame));
  }
  const AVFrame& in = *source.native();
  if (s.fits(in)) return source;
  const AVPixFmtDescriptor* in_desc = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(in.format));
  if (in_desc == nullptr) return fail(ErrorKind::unsupported, "conform a picture of an unknown pixel format");

  const Rect from = s.crop_in(in);
  const Rect box = s.box();
  const int rotation = s.stream.rotation;
  const bool sideways = rotation % 180 == 90;
  const Rect to{0, 0, sideways ? box.height : box.width, sideways ? box.width : box.height};
  TRY(s.set_up_scaler(in, from, to));

  const bool covers = box == Rect{0, 0, s.options.width, s.options.height};
  Frame out = covers ? Frame::make_picture(s.options.width, s.options.height, s.options.format)
                     : blank_picture(s.options.width, s.options.height, s.options.format);
  Frame unturned = rotation == 0 ? Frame{} : Frame::make_picture(to.width, to.height, s.options.format);
  if (!out || (rotation != 0 && !unturned))
    return fail(ErrorKind::limit_exceeded, "conform a picture: out of memory");
  const auto source_data = part_of(in, *in_desc, from.x, from.y);
  const auto box_data = part_of(*out.native(), *s.desc, box.x, box.y);
  std::uint8_t* const* target = rotation == 0 ? box_data.data() : unturned.native()->data;
  const int* target_stride = rotation == 0 ? out.native()->linesize : unturned.native()->linesize;
  if (sws_scale(s.scaler.get(), source_data.data(), in.linesize, 0, from.height, target, target_stride) <= 0)
    return fail(ErrorKind::internal, fmt::format("scale a {} picture: swscale failed", in_desc->name));
  if (rotation != 0) {
    AVFrame placed = *out.native();  // only pointers and strides are looked at
    for (std::size_t i = 0; i < 4; ++i) placed.data[i] = box_data[i];
    turn_planes(*unturned.native(), placed, *s.desc, rotation);
  }
  return out;
}

}  // namespace studio
