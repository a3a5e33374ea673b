// Text to pixels: any script that the installed fonts know, wrapped and made smaller until it fits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "render/raster.h"

namespace studio {

enum class TextAlign { left, center, right };

// Sizes are in pixels of the canvas.
struct TextStyle {
  std::string family = "DejaVu Sans";  // any installed family; see font_catalog()
  double size = 48;                    // of the em square; taken smaller when the text does not fit
  double smallest = 6;                 // below this the text is cut with an ellipsis instead
  bool bold = true, italic = false;
  Rgba color{255, 255, 255, 255};
  double outline = 0;  // width around the letters, fraction of the size used
  Rgba outline_color{0, 0, 0, 255};
  double shadow = 0;     // offset to the lower right, fraction of the size used
  Rgba box{0, 0, 0, 0};  // behind the text; transparent: none
  double padding = 0;    // of the box, fraction of the size used
  TextAlign align = TextAlign::center;
};

// Straight (not premultiplied) RGBA.
struct RgbaImage {
  int width = 0, height = 0;
  std::vector<std::uint8_t> pixels;
  std::uint8_t* at(int x, int y) { return pixels.data() + 4 * (static_cast<std::size_t>(y) * width + x); }
  const std::uint8_t* at(int x, int y) const {
    return pixels.data() + 4 * (static_cast<std::size_t>(y) * width + x);
  }
};

struct RenderedText {
  RgbaImage image;  // just as large as the text with its outline, shadow and box
  double size = 0;  // that was used
  int lines = 0;
  bool cut = false;  // did not fit even at the smallest size
};

// Lays text out and draws it. The text is literal: no markup, no escapes; line feeds break lines,
// invalid UTF-8 becomes U+FFFD. Right-to-left and complex scripts are shaped.
class TextPainter {
 public:
  // Errors: missing_part (no font is installed at all).
  static Result<TextPainter> create();
  TextPainter(TextPainter&&) noexcept;
  TextPainter& operator=(TextPainter&&) noexcept;
  ~TextPainter();

  // The image is at most `width` x `height`. Errors: invalid_input (an area without pixels).
  Result<RenderedText> paint(std::string_view text, const TextStyle& style, int width, int height) const;

  // What would go wrong with this text in this font: a family that is not installed, characters
  // that no installed font has, each with what to install. Empty: nothing.
  std::vector<std::string> problems(std::string_view text, const std::string& family) const;

  std::vector<std::string> families() const;

 private:
  struct State;
  explicit TextPainter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// In capitals, by Unicode's rules ("straße" becomes "STRASSE").
std::string upper_case(std::string_view utf8);

// The image as a layer for blend(): in the format of `like`, with alpha, its sides made even.
Raster layer_of(const RgbaImage& image, const RasterView& like);

}  // namespace studio
