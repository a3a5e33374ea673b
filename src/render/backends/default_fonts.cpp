// Reads fonts.yaml.
#include "render/default_fonts.h"

#include <yaml-cpp/yaml.h>

#include "base/files.h"

namespace studio {
namespace {

// An unreadable file is no reason not to draw text: the next one is asked.
std::string font_in(const Path& file, std::string_view kind) {
  const auto text = read_file(file, 1 << 20);
  if (!text) return {};
  try {
    const YAML::Node node = YAML::Load(*text)[std::string(kind)];
    return node && node.IsScalar() ? node.as<std::string>() : std::string{};
  } catch (const YAML::Exception&) {
    return {};
  }
}

}  // namespace

std::string default_font(std::string_view kind) {
  if (const std::string own = font_in(config_folder() / "fonts.yaml", kind); !own.empty()) return own;
  if (const auto shipped = shipped_config("fonts.yaml"))
    if (const std::string font = font_in(*shipped, kind); !font.empty()) return font;
  return "DejaVu Sans";
}

}  // namespace studio
