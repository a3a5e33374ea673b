// Decoding thread -> small pictures -> measuring thread -> records; the sound on a thread of its own.
#include "analysis/watch.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "analysis/audio.h"
#include "analysis/frame_features.h"
#include "analysis/view_match.h"
#include "analysis/working_picture.h"
#include "base/bounded_queue.h"
#include "media/frame_clock.h"
#include "media/picture_scaler.h"
#include "media/video_reader.h"

namespace studio {
namespace {

constexpr std::size_t kQueueLength = 12;  // small pictures of 40 kB
constexpr int kDetailWidth = 480;
constexpr int kJump = 24;  // mean luma step that calls for a composition sample soon after
constexpr std::int64_t kSampleAfterJump = 5;

struct SmallPicture {
  std::int64_t index = 0;
  Time pts, end;
  WorkingPicture picture;
  bool sampled = false;
  DetailPlane detail;  // empty unless sampled
};

// Planes as the decoder left them when they hold luma and chroma apart; anything else (RGB, packed,
// palette, semi-planar) is first converted.
class PlaneSource {
 public:
  explicit PlaneSource(const VideoStream& stream) : stream_(stream) {}

  Result<PlanarPicture> planes_of(const VideoFrame& frame) {
    if (is_planar(frame.picture)) return describe(frame.picture);
    if (!scaler_) {
      TRY_ASSIGN(auto scaler, PictureScaler::create({.format = "yuv420p", .fast = true}));
      scaler_.emplace(std::move(scaler));
    }
    TRY_ASSIGN(converted_, scaler_->scale(frame.frame));
    return describe(converted_.picture());
  }

 private:
  static bool is_planar(const FramePlanes& picture) {
    const bool gray = picture.planes == 1 && picture.format.starts_with("gray") &&
                      picture.format.find('f') == std::string_view::npos;
    const bool yuv = picture.planes >= 3 && picture.format.starts_with("yuv");
    return picture.luma_plane && (gray || yuv) && picture.bit_depth >= 8 && picture.bit_depth <= 16;
  }

  PlanarPicture describe(const FramePlanes& picture) const {
    PlanarPicture out;
    for (int i = 0; i < 3 && i < picture.planes; ++i) {
      out.planes[i] = picture.plane[i].data;
      out.strides[i] = picture.plane[i].stride;
    }
    if (picture.planes < 3) out.planes[1] = out.planes[2] = nullptr;
    out.width = picture.width;
    out.height = picture.height;
    out.chroma_shift_x = picture.chroma_shift_x;
    out.chroma_shift_y = picture.chroma_shift_y;
    out.bits = picture.bit_depth;
    out.full_range = picture.full_range;
    const auto& matrix = stream_.color_matrix;
    out.bt709 = matrix == "bt709" || (matrix != "smpte170m" && matrix != "bt470bg" && picture.height >= 720);
    out.rotation = stream_.rotation;
    out.sample_aspect =
        stream_.sample_aspect.positive() ? std::clamp(stream_.sample_aspect.to_double(), 0.05, 20.0) : 1;
    return out;
  }

  const VideoStream& stream_;
  std::optional<PictureScaler> scaler_;
  Frame converted_;
};

// Which frames are sampled for composition: each n-th, and one soon after each jump of the picture,
// so that a shot of half a second has one too.
class Sampling {
 public:
  explicit Sampling(int every) : every_(every) {}

  bool wants(std::int64_t index, const WorkingPicture& picture) {
    if (jumped(picture)) due_ = index + kSampleAfterJump;
    const bool wanted = index % every_ == 0 || index == due_;
    if (wanted) due_ = -1;
    return wanted;
  }

 private:
  bool jumped(const WorkingPicture& picture) {
    long sum = 0;
    const bool comparable = previous_.size() == picture.luma.size();
    for (std::size_t i = 0; comparable && i < previous_.size(); i += 4)
      sum += std::abs(previous_[i] - picture.luma[i]);
    const bool jump = comparable && sum * 4 > static_cast<long>(previous_.size()) * kJump;
    previous_ = picture.luma;
    return jump;
  }

  int every_;
  std::int64_t due_ = -1;
  std::vector<std::uint8_t> previous_;
};

// Turns small pictures into records. Owned by the measuring thread while it runs.
struct Measuring {
  ClipFeatures& clip;
  const WatchOptions& options;
  FrameMeasurer measurer;
  ViewMatcher matcher;
  MotionTracker tracker;
  std::vector<std::uint8_t> rgb;

  void take(const SmallPicture& small) {
    FrameFeatures features = measurer.measure(small.picture);
    features.pts = small.pts;
    const bool same = !clip.frames.empty() && features.changed_share == 0 && features.luma_difference < 0.05f;
    const ViewMatch match = matcher.follow(small.picture, same);
    features.unmatched = match.unmatched;
    features.textured = same ? clip.frames.back().textured : match.textured;
    if (options.motion) {
      features.motion = tracker.follow(small.picture.view(), same);
      features.motion.dy *= small.picture.anisotropy;
    }
    clip.frames.push_back(features);
    clip.end = small.end;
    if (small.sampled && options.composition) {
      to_rgb(small.picture, rgb);
      const RgbView view{rgb.data(), small.picture.width, small.picture.height, 3L * small.picture.width};
      clip.composition.push_back({small.index, composition_features(view, small.detail.view())});
    }
  }
};

int sampling_step(const WatchOptions& options, const VideoStream& stream) {
  if (options.every > 0) return options.every;
  if (!stream.frame_rate.positive()) return 12;
  return std::clamp(static_cast<int>(std::lround(stream.frame_rate.to_double() / 2)), 1, 120);
}

double expected_frames(const VideoStream& stream) {
  if (stream.frames > 0) return static_cast<double>(stream.frames);
  if (stream.duration && stream.frame_rate.positive())
    return stream.duration->seconds() * stream.frame_rate.to_double();
  return 0;
}

bool is_variable(const std::vector<FrameFeatures>& frames) {
  std::vector<double> times;
  times.reserve(frames.size());
  for (const FrameFeatures& frame : frames) times.push_back(frame.pts.seconds());
  return is_variable_rate(times);
}

void complete_facts(ClipFeatures& clip, const MediaFacts& facts) {
  auto& source = clip.source;
  source.frames = static_cast<std::int64_t>(clip.frames.size());
  source.width = facts.video->width;
  source.height = facts.video->height;
  source.has_audio = facts.audio.has_value();
  source.duration_s = (clip.end - clip.frames.front().pts).seconds();
  source.variable_frame_rate = is_variable(clip.frames);
  source.frame_rate = credible_frame_rate(facts.video->frame_rate, source.frames, source.duration_s);
}

Result<VideoReader> open_reader(const Path& video, int threads) {
  VideoReaderOptions options;
  options.threads = threads;
  return VideoReader::open(video, options);
}

}  // namespace

Result<ClipFeatures> watch(const Path& video, const WatchOptions& options, const Job& job) {
  TRY_ASSIGN(auto reader, open_reader(video, options.threads));
  const MediaFacts facts = reader.facts();
  const VideoStream stream = reader.stream();

  ClipFeatures clip;
  clip.source.path = video.string();
  Measuring measuring{clip, options, {}, {}, MotionTracker{}, {}};
  BoundedQueue<SmallPicture> pictures(kQueueLength), spares(kQueueLength + 2);
  std::stop_source stop;
  const std::stop_callback forward(job.stop, [&] { stop.request_stop(); });

  Result<std::optional<AudioJudgement>> sound = std::optional<AudioJudgement>{};
  std::jthread listening;
  if (options.audio && facts.audio)
    listening =
        std::jthread([&] { sound = measure_audio(video, {.progress = {}, .stop = stop.get_token()}); });
  std::jthread measuring_thread([&] {
    while (auto small = pictures.pop(stop.get_token())) {
      measuring.take(*small);
      spares.push(std::move(*small), stop.get_token());
    }
  });

  Sampling sampling(sampling_step(options, stream));
  PlaneSource planes(stream);
  std::optional<Error> failure;
  const double expected = expected_frames(stream);
  const std::string stage = fmt::format("watch {}", video.filename().string());
  std::size_t made = 0;
  for (std::int64_t index = 0; !stop.stop_requested(); ++index) {
    auto next = reader.next();
    if (!next) {
      failure = next.error();
      break;
    }
    if (!*next) break;
    const auto planar = planes.planes_of(**next);
    if (!planar) {
      failure = planar.error();
      break;
    }
    SmallPicture small;
    if (made < kQueueLength + 2)
      ++made;
    else if (auto spare = spares.pop(stop.get_token()))
      small = std::move(*spare);
    small.index = index;
    small.pts = (*next)->pts;
    small.end = small.pts + (*next)->duration;
    shrink(*planar, small.picture);
    small.sampled = sampling.wants(index, small.picture);
    if (small.sampled && options.composition) shrink_detail(*planar, kDetailWidth, small.detail);
    if (!pictures.push(std::move(small), stop.get_token())) break;
    if (index % 8 == 0) job.report({stage, static_cast<double>(index), expected, "frames"});
  }
  pictures.close();
  measuring_thread.join();
  if (failure && clip.frames.empty()) {
    stop.request_stop();
    return std::unexpected(*failure);
  }
  if (listening.joinable()) listening.join();
  if (job.cancelled())
    return fail(ErrorKind::interrupted, fmt::format("watch {}: stopped as asked", video.string()));
  if (clip.frames.empty())
    return fail(ErrorKind::invalid_input,
                fmt::format("watch {}: no picture could be decoded", video.string()),
                "check that the file plays, or make it anew");
  clip.truncated = failure.has_value() || reader.damage().truncated;
  if (failure) clip.decode_error = failure->message;
  if (sound) clip.audio = *sound;
  complete_facts(clip, facts);
  return clip;
}

}  // namespace studio
