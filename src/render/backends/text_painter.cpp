// Text by Pango (layout, shaping, font fallback) and Cairo (drawing).
#include "render/text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <pango/pangocairo.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace studio {
namespace {

template <auto Release>
struct ReleaseWith {
  template <typename T>
  void operator()(T* pointer) const {
    Release(pointer);
  }
};
using FontMap = std::unique_ptr<PangoFontMap, ReleaseWith<g_object_unref>>;
using Context = std::unique_ptr<PangoContext, ReleaseWith<g_object_unref>>;
using Layout = std::unique_ptr<PangoLayout, ReleaseWith<g_object_unref>>;
using Description = std::unique_ptr<PangoFontDescription, ReleaseWith<pango_font_description_free>>;
using Surface = std::unique_ptr<cairo_surface_t, ReleaseWith<cairo_surface_destroy>>;
using Cairo = std::unique_ptr<cairo_t, ReleaseWith<cairo_destroy>>;
using FontOptions = std::unique_ptr<cairo_font_options_t, ReleaseWith<cairo_font_options_destroy>>;

// Longer texts would take seconds to lay out and could not be read anyway.
constexpr std::size_t kLongestText = 20000;

std::string clean(std::string_view text) {
  if (text.size() > kLongestText) text = text.substr(0, kLongestText);
  gchar* valid = g_utf8_make_valid(text.data(), static_cast<gssize>(text.size()));
  std::string cleaned;
  for (const gchar* p = valid; *p; ++p) {
    const auto c = static_cast<unsigned char>(*p);
    if (c == '\r') continue;
    cleaned.push_back(c < 0x20 && c != '\n' && c != '\t' ? ' ' : *p);
  }
  g_free(valid);
  return cleaned;
}

// Room around the letters for outline, shadow and box padding.
struct Margins {
  double left, right, top, bottom;
};

Margins margins_of(const TextStyle& style, double size) {
  const double around = std::max(style.outline, style.padding) * size + 1;
  const double below = std::max(around, (style.shadow + style.outline) * size + 1);
  return {around, below, around, below};
}

void set_color(cairo_t* cairo, Rgba color) {
  cairo_set_source_rgba(cairo, color.r / 255.0, color.g / 255.0, color.b / 255.0, color.a / 255.0);
}

bool has_family(const std::vector<std::string>& families, const std::string& wanted) {
  return std::ranges::any_of(
      families, [&](const std::string& f) { return g_ascii_strcasecmp(f.c_str(), wanted.c_str()) == 0; });
}

std::string package_for(gunichar c) {
  if ((c >= 0x1F000 && c <= 0x1FAFF) || (c >= 0x2600 && c <= 0x27BF) || (c >= 0x2B00 && c <= 0x2BFF) ||
      c == 0xFE0F)
    return "fonts-noto-color-emoji";
  const bool cjk = (c >= 0x2E80 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7FF) ||
                   (c >= 0xF900 && c <= 0xFAFF) || (c >= 0xFF00 && c <= 0xFFEF) ||
                   (c >= 0x1100 && c <= 0x11FF) || (c >= 0x20000 && c <= 0x3FFFF);
  return cjk ? "fonts-noto-cjk" : "fonts-noto-core";
}

std::string shown(gunichar c) {
  char utf8[8] = {};
  const int length = g_unichar_to_utf8(c, utf8);
  const bool printable = g_unichar_isprint(c);
  return printable ? fmt::format("{} (U+{:04X})", std::string_view(utf8, static_cast<std::size_t>(length)), c)
                   : fmt::format("U+{:04X}", c);
}

}  // namespace

struct TextPainter::State {
  FontMap fonts;
  std::vector<std::string> families;

  Context context() const {
    Context context(pango_font_map_create_context(fonts.get()));
    // No hinting: letters keep their shape and place at any size, and animate without jumping.
    FontOptions options(cairo_font_options_create());
    cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
    pango_cairo_context_set_font_options(context.get(), options.get());
    return context;
  }
};

namespace {

Layout lay_out(PangoContext* context, const std::string& text, const TextStyle& style, double size,
               double width, PangoWrapMode wrap) {
  Layout layout(pango_layout_new(context));
  Description font(pango_font_description_new());
  pango_font_description_set_family(font.get(), style.family.c_str());
  pango_font_description_set_weight(font.get(), style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_font_description_set_style(font.get(), style.italic ? PANGO_STYLE_ITALIC : PANGO_STYLE_NORMAL);
  pango_font_description_set_absolute_size(font.get(), std::max(1.0, size) * PANGO_SCALE);
  pango_layout_set_font_description(layout.get(), font.get());
  pango_layout_set_width(layout.get(), static_cast<int>(std::max(1.0, width) * PANGO_SCALE));
  pango_layout_set_wrap(layout.get(), wrap);
  pango_layout_set_alignment(layout.get(), style.align == TextAlign::left    ? PANGO_ALIGN_LEFT
                                           : style.align == TextAlign::right ? PANGO_ALIGN_RIGHT
                                                                             : PANGO_ALIGN_CENTER);
  pango_layout_set_text(layout.get(), text.c_str(), static_cast<int>(text.size()));
  return layout;
}

struct Extent {
  double x = 0, y = 0, width = 0, height = 0;
};

// Ink and logical box together: italics and accents reach over their lines.
Extent extent_of(PangoLayout* layout) {
  PangoRectangle ink, logical;
  pango_layout_get_extents(layout, &ink, &logical);
  const double left = std::min(ink.x, logical.x), top = std::min(ink.y, logical.y);
  const double right = std::max(ink.x + ink.width, logical.x + logical.width);
  const double bottom = std::max(ink.y + ink.height, logical.y + logical.height);
  return {left / PANGO_SCALE, top / PANGO_SCALE, (right - left) / PANGO_SCALE, (bottom - top) / PANGO_SCALE};
}

struct Fitted {
  Layout layout;
  double size = 0;
  bool cut = false;
};

// The largest size up to the wanted one at which all lines fit and no word is broken. A single word
// as long as a sentence would make the letters unreadable: below this share of the wanted size words
// are broken, if that makes the letters much larger.
constexpr double kUnreadable = 0.25, kWorthBreaking = 1.6;

Fitted fit_text(PangoContext* context, const std::string& text, const TextStyle& style, int width,
                int height) {
  auto inner = [&](double size) {
    const Margins m = margins_of(style, size);
    return std::pair{std::max(1.0, width - m.left - m.right), std::max(1.0, height - m.top - m.bottom)};
  };
  auto attempt = [&](double size, PangoWrapMode wrap) {
    const auto [w, h] = inner(size);
    Layout layout = lay_out(context, text, style, size, w, wrap);
    const Extent e = extent_of(layout.get());
    const bool fits = e.width <= w + 0.5 && e.height <= h + 0.5;
    return std::pair{std::move(layout), fits};
  };
  const double largest = std::max(1.0, style.size), smallest = std::min(style.smallest, largest);
  // 0: not even the smallest fits.
  auto largest_fitting = [&](PangoWrapMode wrap) {
    if (attempt(largest, wrap).second) return largest;
    if (!attempt(smallest, wrap).second) return 0.0;
    double low = smallest, high = largest;
    while (high - low > std::max(0.25, low * 0.02)) {
      const double middle = (low + high) / 2;
      (attempt(middle, wrap).second ? low : high) = middle;
    }
    return low;
  };
  const double whole = largest_fitting(PANGO_WRAP_WORD);
  if (whole >= kUnreadable * largest) return {attempt(whole, PANGO_WRAP_WORD).first, whole, false};
  const double broken = largest_fitting(PANGO_WRAP_WORD_CHAR);
  if (whole > 0 && broken < whole * kWorthBreaking)
    return {attempt(whole, PANGO_WRAP_WORD).first, whole, false};
  if (broken > 0) return {attempt(broken, PANGO_WRAP_WORD_CHAR).first, broken, false};
  // Not even the smallest: cut with an ellipsis.
  const auto [w, h] = inner(smallest);
  Layout layout = lay_out(context, text, style, smallest, w, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_height(layout.get(), static_cast<int>(h * PANGO_SCALE));
  pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
  return {std::move(layout), smallest, true};
}

void draw(cairo_t* cairo, PangoLayout* layout, const TextStyle& style, double size, double x, double y) {
  if (style.shadow > 0) {
    cairo_move_to(cairo, x + style.shadow * size, y + style.shadow * size);
    pango_cairo_layout_path(cairo, layout);
    set_color(cairo, {0, 0, 0, 170});
    cairo_fill(cairo);
  }
  if (style.outline > 0) {
    cairo_move_to(cairo, x, y);
    pango_cairo_layout_path(cairo, layout);
    set_color(cairo, style.outline_color);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_width(cairo, 2 * style.outline * size);
    cairo_stroke(cairo);
  }
  // show_layout, not the path: colour emoji have no path.
  cairo_move_to(cairo, x, y);
  set_color(cairo, style.color);
  pango_cairo_show_layout(cairo, layout);
}

RgbaImage straight(cairo_surface_t* surface) {
  cairo_surface_flush(surface);
  RgbaImage image;
  image.width = cairo_image_surface_get_width(surface);
  image.height = cairo_image_surface_get_height(surface);
  image.pixels.resize(static_cast<std::size_t>(image.width) * image.height * 4);
  const unsigned char* data = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      std::uint32_t argb;  // Cairo's ARGB32: native-endian words, colours multiplied by alpha
      std::copy_n(data + y * stride + x * 4, 4, reinterpret_cast<unsigned char*>(&argb));
      const std::uint32_t a = argb >> 24;
      auto divided = [&](std::uint32_t c) {
        return static_cast<std::uint8_t>(a == 0 ? 0 : std::min(255u, ((c & 255) * 255 + a / 2) / a));
      };
      std::uint8_t* out = image.at(x, y);
      out[0] = divided(argb >> 16);
      out[1] = divided(argb >> 8);
      out[2] = divided(argb);
      out[3] = static_cast<std::uint8_t>(a);
    }
  return image;
}

std::set<gunichar> unknown_characters(PangoLayout* layout) {
  std::set<gunichar> unknown;
  PangoLayoutIter* iter = pango_layout_get_iter(layout);
  do {
    const PangoLayoutRun* run = pango_layout_iter_get_run_readonly(iter);
    if (!run) continue;
    for (int i = 0; i < run->glyphs->num_glyphs; ++i)
      if (const PangoGlyph glyph = run->glyphs->glyphs[i].glyph; glyph & PANGO_GLYPH_UNKNOWN_FLAG)
        unknown.insert(glyph & ~PANGO_GLYPH_UNKNOWN_FLAG);
  } while (pango_layout_iter_next_run(iter));
  pango_layout_iter_free(iter);
  return unknown;
}

}  // namespace

Result<TextPainter> TextPainter::create() {
  auto state = std::make_unique<State>();
  state->fonts.reset(pango_cairo_font_map_new());
  PangoFontFamily** families = nullptr;
  int count = 0;
  pango_font_map_list_families(state->fonts.get(), &families, &count);
  for (int i = 0; i < count; ++i) state->families.emplace_back(pango_font_family_get_name(families[i]));
  g_free(families);
  std::ranges::sort(state->families);
  if (state->families.empty())
    return fail(ErrorKind::missing_part, "draw text: no font is installed", "install fonts-dejavu-core");
  return TextPainter(std::move(state));
}

TextPainter::TextPainter(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextPainter::TextPainter(TextPainter&&) noexcept = default;
TextPainter& TextPainter::operator=(TextPainter&&) noexcept = default;
TextPainter::~TextPainter() = default;

std::vector<std::string> TextPainter::families() const {
  return state_->families;
}

Result<RenderedText> TextPainter::paint(std::string_view text, const TextStyle& style, int width,
                                        int height) const {
  if (width < 4 || height < 4)
    return fail(ErrorKind::invalid_input, fmt::format("draw text in an area of {}x{} pixels", width, height),
                "make the picture larger");
  const Context context = state_->context();
  const Fitted fitted = fit_text(context.get(), clean(text), style, width, height);
  const Extent extent = extent_of(fitted.layout.get());
  const Margins margins = margins_of(style, fitted.size);
  const double wanted_width = extent.width + margins.left + margins.right;
  const double wanted_height = extent.height + margins.top + margins.bottom;
  RenderedText rendered;
  rendered.size = fitted.size;
  rendered.cut = fitted.cut;
  rendered.lines = pango_layout_get_line_count(fitted.layout.get());
  Surface surface(cairo_image_surface_create(
      CAIRO_FORMAT_ARGB32, std::clamp(static_cast<int>(std::ceil(wanted_width)), 1, width),
      std::clamp(static_cast<int>(std::ceil(wanted_height)), 1, height)));
  if (cairo_surface_status(surface.get()) != CAIRO_STATUS_SUCCESS)
    return fail(ErrorKind::limit_exceeded,
                fmt::format("draw text of {:.0f}x{:.0f} pixels: out of memory", wanted_width, wanted_height));
  {
    const Cairo cairo(cairo_create(surface.get()));
    if (style.box.a > 0) {
      set_color(cairo.get(), style.box);
      cairo_paint(cairo.get());
    }
    draw(cairo.get(), fitted.layout.get(), style, fitted.size, margins.left - extent.x,
         margins.top - extent.y);
  }
  rendered.image = straight(surface.get());
  return rendered;
}

std::vector<std::string> TextPainter::problems(std::string_view text, const std::string& family) const {
  std::vector<std::string> found;
  const bool generic = family == "sans" || family == "serif" || family == "monospace" || family == "Sans" ||
                       family == "Serif" || family == "Monospace";
  if (!generic && !has_family(state_->families, family))
    found.push_back(fmt::format("the font \"{}\" is not installed: another one is used instead", family));
  TextStyle style;
  style.family = family;
  const Context context = state_->context();
  const Layout layout = lay_out(context.get(), clean(text), style, 20, 4000, PANGO_WRAP_WORD);
  std::map<std::string, std::vector<std::string>> missing;
  for (const gunichar c : unknown_characters(layout.get()))
    if (!g_unichar_iszerowidth(c) && !g_unichar_iscntrl(c)) missing[package_for(c)].push_back(shown(c));
  for (const auto& [package, characters] : missing)
    found.push_back(fmt::format("no installed font has {}: boxes are drawn; install {}",
                                fmt::join(characters, ", "), package));
  return found;
}

std::string upper_case(std::string_view utf8) {
  const std::string valid = clean(utf8);
  gchar* upper = g_utf8_strup(valid.c_str(), static_cast<gssize>(valid.size()));
  std::string result(upper);
  g_free(upper);
  return result;
}

}  // namespace studio
