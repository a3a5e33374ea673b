// ASS subtitles drawn by libass: its coverage masks are laid over the picture one by one.
#include "render/backends/ass_drawing.h"

#include <ass/ass.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>

#include "render/samples.h"
#include "render/text.h"

namespace studio {
namespace {

struct CloseLibrary {
  void operator()(ASS_Library* library) const { ass_library_done(library); }
};
struct CloseRenderer {
  void operator()(ASS_Renderer* renderer) const { ass_renderer_done(renderer); }
};
struct FreeTrack {
  void operator()(ASS_Track* track) const { ass_free_track(track); }
};

void stay_quiet(int, const char*, va_list, void*) {}

class AssDrawing final : public GeneratedPicture::Drawing {
 public:
  std::unique_ptr<ASS_Library, CloseLibrary> library;
  std::unique_ptr<ASS_Renderer, CloseRenderer> renderer;
  std::unique_ptr<ASS_Track, FreeTrack> track;
  Time offset;

  bool acts_at(Time at) const override {
    const long long ms = millis(at);
    for (int i = 0; i < track->n_events; ++i)
      if (ms >= track->events[i].Start && ms < track->events[i].Start + track->events[i].Duration)
        return true;
    return false;
  }

  void draw(const RasterView& canvas, Time at) override {
    ass_set_frame_size(renderer.get(), canvas.width, canvas.height);
    ass_set_storage_size(renderer.get(), canvas.width, canvas.height);
    for (ASS_Image* image = ass_render_frame(renderer.get(), track.get(), millis(at), nullptr); image;
         image = image->next)
      lay(canvas, *image);
  }

 private:
  long long millis(Time at) const { return (at - offset).to_ticks({1, 1000}); }

  static void lay(const RasterView& canvas, const ASS_Image& image) {
    if (image.w <= 0 || image.h <= 0) return;
    RgbaImage colored;
    // Moved onto whole chroma samples: blend() places layers there.
    const int dx = image.dst_x & 1, dy = image.dst_y & 1;
    colored.width = image.w + dx;
    colored.height = image.h + dy;
    colored.pixels.resize(static_cast<std::size_t>(colored.width) * colored.height * 4);
    const std::uint32_t color = image.color;
    const int opacity = 255 - static_cast<int>(color & 255);
    for (int y = 0; y < image.h; ++y)
      for (int x = 0; x < image.w; ++x) {
        std::uint8_t* p = colored.at(x + dx, y + dy);
        p[0] = static_cast<std::uint8_t>(color >> 24);
        p[1] = static_cast<std::uint8_t>(color >> 16);
        p[2] = static_cast<std::uint8_t>(color >> 8);
        p[3] = static_cast<std::uint8_t>(scale_by_255(image.bitmap[y * image.stride + x] * opacity));
      }
    const Raster layer = layer_of(colored, canvas);
    blend(canvas, layer.view(), image.dst_x - dx, image.dst_y - dy);
  }
};

// Without {override blocks} and with \N, \n and \h as the spaces they are.
std::string shown_text(std::string_view text) {
  std::string shown;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') inside = true;
    const bool escape = text[i] == '\\' && i + 1 < text.size() &&
                        (text[i + 1] == 'N' || text[i + 1] == 'n' || text[i + 1] == 'h');
    if (!inside) shown += escape ? ' ' : text[i];
    if (escape) ++i;
    if (text[i] == '}') inside = false;
  }
  return shown;
}

}  // namespace

DrawingResult make_ass_drawing(const std::string& script, std::string_view origin,
                               const std::string& fallback_font, Time offset,
                               std::vector<std::string>& warnings) {
  auto drawing = std::make_unique<AssDrawing>();
  drawing->offset = offset;
  drawing->library.reset(ass_library_init());
  if (!drawing->library) return fail(ErrorKind::internal, "start libass: out of memory");
  ass_set_message_cb(drawing->library.get(), stay_quiet, nullptr);
  drawing->renderer.reset(ass_renderer_init(drawing->library.get()));
  if (!drawing->renderer) return fail(ErrorKind::internal, "start libass: out of memory");
  ass_set_fonts(drawing->renderer.get(), nullptr, fallback_font.c_str(), ASS_FONTPROVIDER_AUTODETECT, nullptr,
                1);
  std::string copy = script;  // libass writes into it
  drawing->track.reset(ass_read_memory(drawing->library.get(), copy.data(), copy.size(), nullptr));
  if (!drawing->track || drawing->track->n_events == 0)
    return fail(ErrorKind::invalid_input,
                fmt::format("read subtitles from {}: no ASS dialogue in it", origin),
                "give a file with a [Script Info] and an [Events] section");
  TRY_ASSIGN(const TextPainter painter, TextPainter::create());
  // By style: libass adds one of its own (Arial) that mostly nothing is drawn in.
  std::map<int, std::string> texts;
  for (int i = 0; i < drawing->track->n_events; ++i)
    if (const ASS_Event& event = drawing->track->events[i]; event.Text)
      texts[event.Style] += shown_text(event.Text);
  for (const auto& [style, text] : texts) {
    const char* font =
        style >= 0 && style < drawing->track->n_styles ? drawing->track->styles[style].FontName : nullptr;
    if (!font) continue;
    for (std::string& problem : painter.problems(text, font))
      if (std::ranges::find(warnings, problem) == warnings.end()) warnings.push_back(std::move(problem));
  }
  return drawing;
}

}  // namespace studio
