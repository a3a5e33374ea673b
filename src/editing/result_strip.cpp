// Takes frames out of the finished file, and lays the plan's cuts along its time.
#include "editing/result_strip.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/base64.h"
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
