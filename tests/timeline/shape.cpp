// The shape of a track as text, for tests that read as statements.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "timeline/timelines.h"

namespace studio {

std::string shape_of(const Timeline& timeline, std::size_t track) {
  std::string out;
  for (const Item& item : timeline.tracks.at(track).items) {
    if (!out.empty()) out += " ";
    if (const auto* gap = std::get_if<Gap>(&item)) {
      out += fmt::format("gap({:g})", gap->duration.seconds());
    } else if (const auto* transition = std::get_if<Transition>(&item)) {
      out += fmt::format("x({:g},{:g})", transition->in.seconds(), transition->out.seconds());
    } else {
      const Clip& clip = std::get<Clip>(item);
      out += fmt::format("{}[{:g},{:g})", clip.id, clip.source_range.start.seconds(),
                         clip.source_range.end().seconds());
    }
  }
  return out;
}

std::string text_of(const Timeline& timeline) {
  return to_text(to_json(timeline));
}

}  // namespace studio
