// Keyframes as files, and all of them on one sheet.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "analysis/frame_grabs.h"
#include "analysis/report.h"
#include "media/image.h"

namespace studio {
namespace {

using Color = std::array<std::uint8_t, 3>;
constexpr Color kPaper{22, 24, 29}, kInk{232, 230, 225}, kFaint{140, 144, 152}, kAccent{240, 178, 62};

// Exact time of a frame: curves have it as seconds; half a frame is added so that rounding cannot fall short.
Result<std::vector<Time>> keyframe_times(const Analysis& a, const std::vector<const Shot*>& shots) {
  std::vector<Time> times;
  for (const Shot* shot : shots) {
    const auto k = static_cast<std::size_t>(std::max<std::int64_t>(0, shot->keyframe));
    if (k >= a.curves.time_s.size())
      return fail(ErrorKind::invalid_input,
                  fmt::format("find keyframe {} of {}: the analysis holds times of {} frames", shot->keyframe,
                              shot->id, a.curves.time_s.size()),
                  "analyse the clip again");
    times.push_back(Time::from_seconds(a.curves.time_s[k]));
  }
  return times;
}

void fill(Picture& p, int x, int y, int w, int h, Color color) {
  for (int v = std::max(0, y); v < std::min(p.height, y + h); ++v)
    for (int u = std::max(0, x); u < std::min(p.width, x + w); ++u)
      std::copy(color.begin(), color.end(), p.at(u, v));
}

void paste(Picture& sheet, const Picture& picture, int x, int y) {
  for (int v = 0; v < picture.height && y + v < sheet.height; ++v)
    std::copy_n(picture.at(0, v), static_cast<std::size_t>(std::min(picture.width, sheet.width - x)) * 3,
                sheet.at(x, y + v));
}

std::string fitted(const std::string& text, int width, int scale) {
  const auto most = static_cast<std::size_t>(std::max(3, width / (6 * scale)));
  return text.size() <= most ? text : text.substr(0, most - 2) + "..";
}

Result<std::string> encoded(const Picture& picture, const Path& file) {
  std::string extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(), [](unsigned char c) { return std::tolower(c); });
  if (extension == ".jpg" || extension == ".jpeg")
    return encode_jpeg(picture.rgb, picture.width, picture.height, 90);
  if (extension == ".png") return encode_png(picture.rgb, picture.width, picture.height);
  return fail(ErrorKind::wrong_usage,
              fmt::format("write {}: pictures are written as .jpg or .png", file.string()),
              "give a file name with one of these extensions");
}

}  // namespace

Result<std::vector<Path>> write_keyframes(const Analysis& analysis, const Path& folder, const Job& job) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code)
    return fail(ErrorKind::io, fmt::format("make the folder {}: {}", folder.string(), code.message()),
                "choose a writable place");
  std::vector<Path> files;
  const auto write_all = [&]() -> Result<void> {
    // One at a time at full size: a thousand shots must not fill the memory.
    for (const Shot& shot : analysis.shots) {
      TRY_ASSIGN(const auto times, keyframe_times(analysis, {&shot}));
      TRY_ASSIGN(const auto pictures, grab_frames(analysis.source.path, times, 0, job));
      TRY_ASSIGN(const auto bytes, encode_jpeg(pictures[0].rgb, pictures[0].width, pictures[0].height, 92));
      const Path file = folder / fmt::format("{}_frame{}.jpg", shot.id, shot.keyframe);
      TRY(write_file_atomic(file, bytes));
      files.push_back(file);
    }
    return {};
  };
  if (auto written = write_all(); !written) {
    for (const Path& file : files) std::filesystem::remove(file, code);
    return std::unexpected(with_context(std::move(written).error(), "write keyframes"));
  }
  return files;
}

Result<void> write_contact_sheet(const Analysis& analysis, const Path& file,
                                 const ContactSheetOptions& options, const Job& job) {
  TRY(encoded(Picture(1, 1), file));  // a wrong extension is told before the work
  std::vector<const Shot*> shots;
  const std::size_t most = static_cast<std::size_t>(std::max(1, options.most_cells));
  const std::size_t cells = std::min(most, analysis.shots.size());
  for (std::size_t i = 0; i < cells; ++i) shots.push_back(&analysis.shots[i * analysis.shots.size() / cells]);
  if (shots.empty())
    return fail(ErrorKind::invalid_input, "make a contact sheet: the analysis has no shots",
                "analyse with --only shots, or without --only");
  TRY_ASSIGN(const auto times, keyframe_times(analysis, shots));
  const int width = std::clamp(options.cell_width, 80, 1920);
  auto grabbed = grab_frames(analysis.source.path, times, width, job);
  if (!grabbed) return std::unexpected(with_context(std::move(grabbed).error(), "make a contact sheet"));

  const int columns =
      options.columns > 0
          ? options.columns
          : std::clamp(static_cast<int>(std::ceil(std::sqrt(static_cast<double>(cells)))), 1, 6);
  const int rows = (static_cast<int>(cells) + columns - 1) / columns;
  int height = 0;
  for (const Picture& p : *grabbed) height = std::max(height, p.height);
  constexpr int gap = 14, label = 42, head = 50;
  Picture sheet(gap + columns * (width + gap), head + rows * (height + label + gap) + gap / 2);
  fill(sheet, 0, 0, sheet.width, sheet.height, kPaper);
  const std::string title = Path(analysis.source.path).filename().string();
  const std::string facts =
      fmt::format("{}x{}  {:.2f} fps  {}  {} shots", analysis.source.width, analysis.source.height,
                  analysis.source.frame_rate.positive() ? analysis.source.frame_rate.to_double() : 0.0,
                  to_clock(Time::from_seconds(analysis.source.duration_s)), analysis.shots.size());
  draw_text(sheet, gap, 12, fitted(title, sheet.width - 2 * gap, 2), 2, kInk);
  draw_text(sheet, gap, 33, fitted(facts, sheet.width - 2 * gap, 1), 1, kFaint);
  const Time origin = analysis.shots.front().start;
  for (std::size_t i = 0; i < cells; ++i) {
    const Shot& shot = *shots[i];
    const int x = gap + static_cast<int>(i) % columns * (width + gap);
    const int y = head + static_cast<int>(i) / columns * (height + label + gap);
    paste(sheet, (*grabbed)[i], x, y);
    const int text = y + height + 6;
    fill(sheet, x, y + height, static_cast<int>(width * std::clamp(shot.composition.score, 0.0, 1.0)), 2,
         kAccent);
    draw_text(sheet, x, text, fitted(fmt::format("{} {}", shot.id, to_clock(shot.start - origin)), width, 2),
              2, kInk);
    draw_text(sheet, x, text + 20,
              fitted(fmt::format("{:.2f} s  {}  {}", (shot.end - shot.start).seconds(),
                                 name_of(shot.transition), camera_words(shot.camera)),
                     width, 1),
              1, kFaint);
  }
  TRY_ASSIGN(const auto bytes, encoded(sheet, file));
  return write_file_atomic(file, bytes);
}

}  // namespace studio
