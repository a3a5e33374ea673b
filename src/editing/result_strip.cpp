// Takes frames out of the finished file, and lays the plan's cuts along its time.
#include "editing/result_strip.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "base/base64.h"
#include "editing/plan_cuts.h"
#include "editing/repair.h"
#include "media/image.h"
#include "media/video_reader.h"

namespace studio {
namespace {

constexpr int kPictures = 12, kPictureWidth = 240;

}  // namespace

Result<std::vector<StripPicture>> result_strip(const Path& file, double duration_s, const Job& job) {
  VideoReaderOptions options;
  options.width = kPictureWidth;
  options.format = "rgb24";
  TRY_ASSIGN(auto reader, VideoReader::open(file, options));
  const Time start = reader.stream().start.value_or(Time{});
  std::vector<StripPicture> pictures;
  for (int n = 0; n < kPictures; ++n) {
    if (job.cancelled()) return fail(ErrorKind::interrupted, "take pictures for the report: stopped");
    // In the middle of each twelfth, so that neither the first black nor the last fade is all there is.
    const double t = (n + 0.5) * duration_s / kPictures;
    TRY(reader.seek(start + Time::from_seconds(t)));
    TRY_ASSIGN(const auto frame, reader.next());
    if (!frame) break;
    const FramePlanes& view = frame->picture;
    std::vector<std::uint8_t> rgb(static_cast<std::size_t>(view.width) *
                                  static_cast<std::size_t>(view.height) * 3);
    const std::size_t row = static_cast<std::size_t>(view.width) * 3;
    for (int y = 0; y < view.height; ++y)
      std::copy_n(view.plane[0].data + static_cast<std::ptrdiff_t>(y) * view.plane[0].stride, row,
                  rgb.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(y) * row));
    TRY_ASSIGN(const std::string jpeg, encode_jpeg(rgb, view.width, view.height, 80));
    pictures.push_back({t, "data:image/jpeg;base64," + base64_encode(jpeg)});
  }
  return pictures;
}

namespace {

// Where a decision about a piece or about all of the film acts, in output seconds.
std::pair<double, double> reach(const Decision& d, const std::vector<Piece>& pieces, double length) {
  double start = 0, end = length;
  const std::string target = text_param(d, "target", "all");
  if (target != "all")
    for (auto [found, it] = std::pair{false, pieces.begin()}; it != pieces.end(); ++it)
      if (it->decision == target) {
        if (!found) start = it->output_start_s, found = true;
        end = it->output_end_s;
      }
  if (!has_param(d, "at_s")) return {start, end};
  const double at = (target == "all" ? 0 : start) + number_param(d, "at_s", 0);
  return {at,
          std::min(end, at + number_param(d, "duration_s", d.type == DecisionType::text_overlay ? 2.5 : 1))};
}

}  // namespace

std::vector<TimelineMark> timeline_marks(const EditPlan& plan) {
  const std::vector<Piece> pieces = pieces_of(plan, {});
  const double length = pieces.empty() ? 0 : pieces.back().output_end_s;
  std::vector<TimelineMark> marks;
  for (const Decision& d : plan.decisions) {
    TimelineMark mark{d.type, 0, length, {}, {}};
    switch (d.type) {
      case DecisionType::transition: {
        const double half = number_param(d, "duration_s", 0.5) / 2;
        const std::string where = text_param(d, "where", "between");
        double at = where == "start" ? half : length - half;
        if (where == "between")
          for (const Piece& p : pieces)
            if (p.decision == text_param(d, "after")) at = p.output_end_s;
        mark.start_s = std::max(0.0, at - half);
        mark.end_s = std::min(length, at + half);
        mark.name = text_param(d, "kind", "crossfade");
        break;
      }
      case DecisionType::text_overlay:
        std::tie(mark.start_s, mark.end_s) = reach(d, pieces, length);
        mark.name = text_param(d, "text");
        if (mark.name.empty()) mark.name = text_param(d, "kind");
        break;
      case DecisionType::effect:
        std::tie(mark.start_s, mark.end_s) = reach(d, pieces, length);
        mark.name = text_param(d, "effect");
        break;
      case DecisionType::composite:
        if (text_param(d, "layout") == "frame") continue;  // the picture's shape, all along
        std::tie(mark.start_s, mark.end_s) = reach(d, pieces, length);
        mark.name = text_param(d, "layout");
        break;
      case DecisionType::audio: {
        const std::string action = text_param(d, "action");
        mark.name = action == "sound" ? text_param(d, "sound") : action;
        if (action == "sound") mark.start_s = number_param(d, "at_s", 0), mark.end_s = mark.start_s + 0.6;
        if (action == "fade_in") mark.end_s = number_param(d, "duration_s", 1);
        if (action == "fade_out") mark.start_s = length - number_param(d, "duration_s", 1);
        if (has_param(d, "from_s")) mark.start_s = number_param(d, "from_s", 0);
        if (has_param(d, "to_s")) mark.end_s = number_param(d, "to_s", length);
        break;
      }
      default: continue;
    }
    mark.label = fmt::format("{} {}: {:.2f} to {:.2f} s", d.id, mark.name, mark.start_s, mark.end_s);
    marks.push_back(std::move(mark));
  }
  return marks;
}

std::vector<TimelinePiece> timeline_pieces(const EditPlan& plan) {
  std::vector<TimelinePiece> pieces;
  for (const Piece& p : pieces_of(plan, {})) {
    TimelinePiece piece{p.output_start_s, p.output_end_s, p.decision, {}};
    piece.label = fmt::format("{}: {} {:.2f} to {:.2f} s{}", p.decision, p.source, p.start_s, p.end_s,
                              p.factor != 1 ? fmt::format(" at {:.2f} times", p.factor) : "");
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace studio
